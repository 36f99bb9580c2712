"""One process at a time at a run, where studies that share runs go on side by side."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable
from collections.abc import Iterator

try:
    import fcntl
except ImportError:  # Windows: there, nobody is kept out.
    fcntl = None


@contextlib.contextmanager
def alone(path: pathlib.Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Holds the lock file `path`, made where it is not there, during the block.

    The system gives the lock back whatever way the process ends. File systems that
    have no locks give none: there the block runs at once.

    Args:
      path: Of the lock; a file of no content that stays.
      waiting: Called once if another process holds it, before waiting for that.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as stream:
        if fcntl is not None:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(stream, fcntl.LOCK_EX)
            except OSError:  # No locks here, as on some network disks.
                pass
        yield
