"""One build at a time in a folder."""

from __future__ import annotations

import os
from typing import TextIO


def hold(stream: TextIO) -> bool:
    """Returns whether the file is ours until it is closed, or the process ends."""
    try:
        import fcntl
    except ImportError:  # Windows has none: two builds there are up to the user.
        return True
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    # Whoever held it before may have removed it since: then it locks nothing.
    try:
        return os.path.samestat(os.fstat(stream.fileno()), os.stat(stream.name))
    except OSError:
        return False
