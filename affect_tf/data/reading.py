"""What a person is told where records cannot be read."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import tensorflow as tf

from affect_tf.errors import UserError


@contextlib.contextmanager
def readable(what: str = "The records of a folder") -> Iterator[None]:
    """Makes a reader's errors readable.

    Args:
      what: Is read, for the message.

    Raises:
      UserError: If a shard or a stored picture is damaged.
    """
    try:
        yield
    except (
        tf.errors.DataLossError,
        tf.errors.InvalidArgumentError,
        tf.errors.NotFoundError,
    ) as error:
        # The assertion's own words, without the trace of operations around them.
        found = re.search(r"assertion failed: \[b?['\"]?(.*?)['\"]?\]", error.message)
        if found:
            raise UserError(found.group(1)) from error
        reason = re.sub(r"\{\{.*?\}\} ?| ?\[Op:.*", "", error.message.splitlines()[0])
        raise UserError(
            f"{what} must be whole. Received: {reason.strip()}. Run 'python -m "
            "tfrecords_builder verify' on the folder, which names the file, and give "
            "the command that made it again."
        ) from error
