"""How every table of scores looks in a terminal."""

from __future__ import annotations

from rich import box
from rich.table import Table
from rich.text import Text


def titled(title: str) -> Table:
    """Returns an empty table under a title, which is taken as it is written."""
    return Table(
        title=Text(title, style="bold"),
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )


def add_names(table: Table, *headers: str, no_wrap: bool = True) -> None:
    """Adds columns of words.

    Args:
      table: Of `titled`.
      headers: One a column, taken as they are written.
      no_wrap: Whether their cells stay on one line.
    """
    for header in headers:
        table.add_column(Text(header), no_wrap=no_wrap)


def add_numbers(
    table: Table, *headers: str, bold: bool = False, no_wrap: bool = True
) -> None:
    """Adds columns of numbers, which end at the same place.

    Args:
      table: Of `titled`.
      headers: One a column, taken as they are written.
      bold: Whether they stand out.
      no_wrap: Whether their cells stay on one line.
    """
    style = "bold" if bold else ""
    for header in headers:
        table.add_column(Text(header), justify="right", style=style, no_wrap=no_wrap)
