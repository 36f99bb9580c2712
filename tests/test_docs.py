"""Commands that the documentation gives are commands that work."""

import importlib
import pathlib
import re

import pytest

from affect_tf import config_text
from affect_tf.commands.run_folder import CONFIG_MODULES

_DOCS = pathlib.Path(__file__).resolve().parents[1] / "docs"
_SET = re.compile(r'--set (?:"([^"]+)"|(\S+?)(?=[`\s]))')


def _changes():
    """The config and the --set of each command in the tables of docs/papers.md."""
    text = (_DOCS / "papers.md").read_text(encoding="utf-8")
    found = []
    for section in text.split("\n## ")[1:]:
        below = re.findall(r"--config=(\w+)", section)
        for line in section.splitlines():
            for cell in re.findall(r"`[^`]+`", line):
                names = re.findall(r"--config=(\w+)", cell) or below[-1:]
                found += [(names[0], a or b) for a, b in _SET.findall(cell)]
    return found


@pytest.mark.parametrize(("name", "assignment"), _changes())
def test_every_change_that_a_table_of_the_papers_needs_fits_its_config(
    name, assignment
):
    config = importlib.import_module(f"configs.{name}").config()
    assert config_text.override(config, assignment, CONFIG_MODULES) != config


def test_the_tables_are_all_found():
    assert len(_changes()) >= 9
