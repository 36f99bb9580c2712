"""What is asked of the flags of a command line, whichever they are."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence

from absl import flags

from affect_tf.errors import UserError


def parsed(arguments: Sequence[str]) -> list[str]:
    """Reads the flags; where one is wrong, says so in a line and exits with 2.

    Args:
      arguments: The command line, beginning with the program's name.

    Returns:
      What is no flag, beginning with the program's name.
    """
    known = flags.FLAGS
    try:
        return known(list(arguments))
    except flags.UnrecognizedFlagError as error:
        near = difflib.get_close_matches(error.flagname, list(known), n=1)
        guess = f" Did you mean --{near[0]}?" if near else ""
        said = f"A flag must be one that there is. Received: --{error.flagname}.{guess}"
    except flags.Error as error:
        why = " ".join(str(error).split()).removeprefix("flag ").rstrip(".")
        said = f"A flag must have a value that it takes. Received: {why}."
    sys.stderr.write(f"error: {said} See --helpfull.\n")
    sys.exit(2)


def check_used(used_in: Mapping[str, Sequence[str]], mode: str) -> None:
    """Refuses a flag that would be ignored.

    Args:
      used_in: {flag: the modes in which it has an effect}.
      mode: The mode that runs.

    Raises:
      UserError: For a flag that was given and has no effect in the mode.
    """
    for name, modes in used_in.items():
        if not flags.FLAGS[name].using_default_value and mode not in modes:
            raise UserError(
                f"--{name} must come with --mode={' or --mode='.join(modes)}. "
                f"Received: --mode={mode}. Leave one of the two out.",
                exit_code=2,
            )


def check_alone(name: str, others: Sequence[str]) -> None:
    """Refuses flags that another one leaves without an effect.

    Args:
      name: Of a flag that was given.
      others: Of those that would be ignored.

    Raises:
      UserError: If one of them was given as well.
    """
    for other in others:
        flag = flags.FLAGS[other]
        if not flag.using_default_value:
            raise UserError(
                f"--{name} must come without --{other}, which it leaves without an "
                f"effect. Received: --{name}={flags.FLAGS[name].value} and "
                f"--{other}={flag.value}. Leave one of the two out.",
                exit_code=2,
            )


def expand_home(names: Iterable[str]) -> None:
    """Makes "~" the user's home in flags of paths: after "=" no shell does.

    Args:
      names: Of the flags. In those with several values, commas part paths as well.
    """
    for name in names:
        flag = flags.FLAGS[name]
        # The flag's own value: whether it was given does not change by that.
        if isinstance(flag.value, list):
            flag.value = [
                ",".join(map(_expanded, [v] if os.path.exists(v) else v.split(",")))
                for v in flag.value
            ]
        elif flag.value:
            flag.value = _expanded(flag.value)


def _expanded(path: str) -> str:
    return path if os.path.exists(path) else os.path.expanduser(path)
