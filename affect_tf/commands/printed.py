"""Lines for a person, whatever bytes the names of files in them have."""

from __future__ import annotations

import rich.console


def say(console: rich.console.Console, text: str, style: str | None = None) -> None:
    """Prints a line as it is: no markup, no colours of its own, no folding.

    Args:
      console: Where a person reads.
      text: May hold what the console's encoding does not have, as names of files that
        are no UTF-8 do: that is written by its number, as in Python's code.
      style: Of the whole line, such as "red".
    """
    encoding = console.encoding
    shown = text.encode(encoding, "backslashreplace").decode(encoding)
    console.print(shown, style=style, markup=False, highlight=False, soft_wrap=True)
