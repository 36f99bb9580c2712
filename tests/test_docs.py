"""Commands that the documentation gives are commands that work."""

import importlib
import pathlib
import re
import shlex

import pytest

import main
from affect_tf import config_checks
from affect_tf import config_text
from affect_tf.commands.run_folder import CONFIG_MODULES

_DOCS = pathlib.Path(__file__).resolve().parents[1] / "docs"
_SET = re.compile(r'--set (?:"([^"]+)"|(\S+?)(?=[`\s]))')


def _config(name):
    return importlib.import_module(f"configs.{name}").config()


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


def _commands():
    """The arguments of each command of main.py in docs/sound.md and the README."""
    found = []
    for path in (_DOCS / "sound.md", _DOCS.parent / "README.md"):
        for block in re.findall(r"```sh\n(.*?)```", path.read_text("utf-8"), re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if words[:2] == ["python", "main.py"] and "&&" not in words:
                    found.append(tuple(words[2:]))
    return found


@pytest.mark.parametrize(("name", "assignment"), _changes())
def test_every_change_that_a_table_of_the_papers_needs_fits_its_config(
    name, assignment
):
    config = _config(name)
    assert config_text.override(config, assignment, CONFIG_MODULES) != config


def test_the_tables_are_all_found():
    assert len(_changes()) >= 12
    deltas = [change for name, change in _changes() if name == "jeong2022"]
    assert len(deltas) == 3


@pytest.mark.parametrize("arguments", _commands(), ids=" ".join)
def test_the_commands_of_a_walk_have_flags_and_fields_that_exist(arguments):
    given = [word.partition("=") for word in arguments]
    names = {name.removeprefix("--") for name, _, _ in given if name[:2] == "--"}
    assert names <= set(main.FLAGS)
    flags = {name.removeprefix("--"): value for name, _, value in given}
    if "study" in flags:
        return
    config = _config(flags.get("config", "sample"))
    for name, value in zip(arguments, arguments[1:], strict=False):
        if name == "--set":
            changed = config_text.override(config, value, CONFIG_MODULES)
            assert changed != config
            config = changed
    config_checks.check_together(config)


def test_the_walks_are_all_found():
    assert sum("jeong2022_small" in " ".join(each) for each in _commands()) >= 6
