"""The checkout keeps the rules of `conventions`, and the rules catch their opposite."""

import pathlib
import re
import subprocess

import pytest

from tests import conventions

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDERS = ("affect_tf", "benchmarks", "configs", "docs", "tests", "tfrecords_builder")


def tracked_files():
    """Paths of what is, or would be, in a commit."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        names = listed.stdout.decode().split("\0")
    else:  # An unpacked archive: everything that is source.
        folders = ("affect_tf", "benchmarks", "configs", "docs", "tests")
        folders = (*folders, "tfrecords_builder")
        paths = [path for folder in folders for path in (ROOT / folder).rglob("*")]
        names = [
            path.relative_to(ROOT).as_posix() for path in [*ROOT.iterdir(), *paths]
        ]
        names = [name for name in names if "__pycache__" not in name]
    return sorted(name for name in names if name and (ROOT / name).is_file())


def text_of(name):
    try:
        return (ROOT / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""  # A picture.


def test_every_python_file_keeps_the_rules():
    names = [name for name in tracked_files() if name.endswith(".py")]
    assert "affect_tf/data/images.py" in names
    broken = [
        problem
        for name in names
        for problem in conventions.broken_rules(name, text_of(name))
    ]
    assert not broken, "\n".join(["", *broken])


def test_no_tracked_file_names_a_machine_or_a_registry():
    broken = [
        problem
        for name in tracked_files()
        if not name.endswith("conventions.py")  # Bad examples are their trade.
        for problem in conventions.broken_text_rules(name, text_of(name))
    ]
    assert not broken, "\n".join(["", *broken])


def test_the_readme_lists_every_config():
    configs = [path.stem for path in (ROOT / "configs").glob("[!_]*.py")]
    readme = ROOT / "README.md"
    assert readme.exists(), "the project must have a README.md that lists its configs"
    broken = conventions.unlisted_configs(configs, readme.read_text(encoding="utf-8"))
    assert not broken, "\n".join(["", *broken])


def test_every_part_of_the_package_has_a_layer():
    known = {part for parts in conventions.LAYERS for part in parts}
    for path in (ROOT / "affect_tf").iterdir():
        if path.suffix == ".py" or (path / "__init__.py").exists():
            assert path.stem in known | {"__init__"}, (
                f"{path.name} must have a place in conventions.LAYERS: "
                "decide what may import it, and what it may import."
            )


def test_the_allow_list_names_files_that_exist_and_says_why():
    for name, (_, reason) in conventions.LONGER_FILES.items():
        assert (ROOT / name).is_file(), f"{name} is gone: take it off LONGER_FILES"
        assert len(reason.split()) >= 4, f"{name} needs a reason"


HEAD = '"""Doc."""\n'
FUNCTION = HEAD + 'def area(side: int) -> int:\n    """Area."""\n'
TYPED = "def area({}) -> int:\n    {}return side\n"

BAD = {
    "upwards": ("affect_tf/data/a.py", "from affect_tf import training", "one way"),
    "sideways": ("affect_tf/data/a.py", "import affect_tf.models.layers", "one way"),
    "relative": ("affect_tf/data/a.py", "from ..serving import export", "one way"),
    "late": (
        "affect_tf/labels/a.py",
        "def _f():\n    from affect_tf.data import images",
        "one way",
    ),
    "configs": ("affect_tf/config.py", "from configs import sample", "stands above"),
    "builder": ("affect_tf/commands/a.py", "import tfrecords_builder", "stands above"),
    "faces": ("affect_tf/faces/a.py", "import tensorflow as tf", "NumPy and OpenCV"),
    "builder's": (
        "tfrecords_builder/a.py",
        "from affect_tf.data import input_pipeline",
        "knows nothing of models",
    ),
    "builder's main": ("tfrecords_builder/a.py", "import main", "stands above"),
    "private": (
        "tests/a.py",
        "from tensorflow.python.ops import nn",
        "use the public API",
    ),
    "keras": ("affect_tf/models/a.py", "import keras", "write tf.keras"),
    "v1 import": ("configs/a.py", "from tensorflow.compat import v1", "TF 2 API"),
    "v1 name": ("affect_tf/data/a.py", "x = tf.compat.v1.Session()", "TF 2 API"),
    "print": ("affect_tf/data/a.py", "print('hello')", "must not print"),
    "vague": ("affect_tf/data/image_utils.py", "", "noun it defines"),
    "long": ("tests/a.py", "x = 1\n" * 301, "at most 300 lines"),
    "no docstring": ("affect_tf/a.py", TYPED.format("side: int", ""), "docstring"),
    "no type": (
        "affect_tf/a.py",
        TYPED.format("side, *, scale", '"""Area."""\n    '),
        "none for: side, scale",
    ),
    "no result": (
        "configs/a.py",
        'def f():\n    """Makes one."""\n',
        "none for: its result",
    ),
    "class": ("affect_tf/a.py", "class Square:\n    pass\n", "class Square must have"),
    "method": (
        "affect_tf/a.py",
        'class Square:\n    """S."""\n    def area(self):\n        """A."""\n',
        "none for: its result",
    ),
}

GOOD = {
    "downwards": ("affect_tf/training/a.py", "from affect_tf.data import images"),
    "own part": ("affect_tf/models/a.py", "from affect_tf.models import layers"),
    "version": ("affect_tf/data/a.py", "from affect_tf import __version__"),
    "builder": ("tfrecords_builder/a.py", "from affect_tf.data import records"),
    "builder's version": ("tfrecords_builder/a.py", "import affect_tf"),
    "public": ("affect_tf/models/a.py", "import tensorflow as tf\ntf.keras.Input"),
    "test prints": ("tests/a.py", "print('hello')"),
    "private function": ("affect_tf/a.py", "def _f(x):\n    return x"),
    "keras's methods": (
        "affect_tf/a.py",
        'class L:\n    """L."""\n    def call(self, x: int) -> int:\n        return x',
    ),
    "typed": ("affect_tf/a.py", FUNCTION.removeprefix(HEAD)),
    "long enough": ("tests/a.py", "x = 1\n" * 299),
}


@pytest.mark.parametrize("name", BAD)
def test_a_broken_rule_is_found_and_explained(name):
    path, source, lesson = BAD[name]
    problems = conventions.broken_rules(path, HEAD + source)
    assert len(problems) == 1, problems
    assert problems[0].startswith(path)
    assert lesson in problems[0]


@pytest.mark.parametrize("name", GOOD)
def test_good_source_breaks_no_rule(name):
    path, source = GOOD[name]
    assert conventions.broken_rules(path, HEAD + source) == []


def test_an_allowed_long_file_may_not_grow_and_leaves_the_list_when_short(monkeypatch):
    monkeypatch.setattr(conventions, "LONGER_FILES", {"tests/a.py": (310, "a table")})
    lines = {length: "x = 1\n" * length for length in (310, 311, 300)}
    assert conventions.broken_rules("tests/a.py", lines[310]) == []
    assert "at most 310" in conventions.broken_rules("tests/a.py", lines[311])[0]
    assert "take it off" in conventions.broken_rules("tests/a.py", lines[300])[0]


@pytest.mark.parametrize(
    "line",
    [
        'DATA = "/home/ada/faces"',
        "see /home/somebody/notes.md",
        r"C:\Users\ada",
        "--index-url=somewhere",
        "wheels at https://files.pythonhosted.org/x",
    ],
)
def test_machine_paths_and_registries_are_found_with_their_line(line):
    problems = conventions.broken_text_rules("docs/a.md", f"fine\n{line}\n")
    assert len(problems) == 1
    assert problems[0].startswith("docs/a.md:2: files must not name")


@pytest.mark.parametrize(
    "line", ["runs/work/x", "pip install -r requirements.txt", "~/data", "a/home/b"]
)
def test_ordinary_lines_are_let_through(line):
    assert conventions.broken_text_rules("docs/a.md", line) == []


def test_a_config_that_the_readme_omits_is_named():
    readme = "| `sample` | ours |\npython main.py --config=deng2020\n`vu2021_rnn`"
    assert conventions.unlisted_configs(["sample", "deng2020"], readme) == []
    problems = conventions.unlisted_configs(["vu2021", "deng2020_rnn"], readme)
    assert ["configs/vu2021.py" in problems[0], len(problems)] == [True, 2]


def test_every_relative_link_of_the_documentation_leads_somewhere():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    dead = [
        f"{page.name}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert len(pages) > 5
    assert not dead, f"These links lead nowhere: {dead}"
