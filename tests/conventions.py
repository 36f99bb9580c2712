"""The rules of the house as functions: source text in, broken rules out.

Each message names the rule and the way back. Rules that ruff knows are left to ruff,
but for the few that a reader would look for here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

#: Imports run downwards only. Parts on one line do not import each other.
LAYERS = (
    ("errors", "files", "config_types"),
    ("config_text",),
    ("labels", "faces"),
    ("data", "objective", "models"),
    ("config_checks",),
    ("config",),
    ("evaluation",),
    ("training", "studies"),
    ("serving",),
    ("commands",),
)

#: All that the builder may use of the package, beside the package's own name.
BUILDER_MAY_IMPORT = (
    "affect_tf.labels",
    "affect_tf.faces",
    "affect_tf.data.records",
    "affect_tf.data.record_decoder",
    "affect_tf.data.sample",
    "affect_tf.data.manifest",
    "affect_tf.data.images",
    "affect_tf.files",
    "affect_tf.errors",
)

#: Modules that no file may load, and what to load instead.
FORBIDDEN_MODULES = {
    "tensorflow.python": "its private part changes without notice: use the public API",
    "tensorflow.compat.v1": "TensorFlow 1 keeps global state: use the TF 2 API",
    "keras": "that is Keras 3 on Python 3.12: write tf.keras",
    "tf_keras": "it exists on one lane only: write tf.keras",
}

MAX_LINES = 300
VAGUE_NAMES = re.compile(r"(.*_)?(utils?|helpers?|common|misc)\.py")

#: Methods whose meaning Keras fixes need no docstring.
_KNOWN_METHODS = ("build", "call", "get_config", "compute_output_shape")

_MACHINE_PATH = re.compile(
    r"(?<![\w.~:/-])/(?:home|Users|root|work|mnt|scratch|tmp/env)/\w|[A-Z]:\\Users"
)
_REGISTRY = re.compile(
    r"pypi\.(?:org|python)|pythonhosted\.org|download\.pytorch\.org|artifactory"
    r"|anaconda\.(?:org|com)|--?(?:extra-)?index-url|--find-links|PIP_INDEX_URL",
    re.IGNORECASE,
)


def broken_rules(path: str, text: str) -> list[str]:
    """Returns what is wrong with one Python file, as lines to be read by a person.

    Args:
      path: From the root of the checkout, with forward slashes.
      text: The source.
    """
    tree = ast.parse(text)
    found = [*_imports(path, tree), *_names_used(path, tree), *_size(path, text)]
    if path.startswith(("affect_tf/", "tfrecords_builder/", "configs/", "main")):
        found += [*_prints(tree), *_undocumented(tree)]
    return [f"{path}: {problem}" for problem in found]


def broken_text_rules(path: str, text: str) -> list[str]:
    """Returns what no tracked file, of whatever kind, may say."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if match := _MACHINE_PATH.search(line):
            found.append(
                f"{path}:{number}: files must not name a place on one machine. "
                f"Received: {match.group()!r}. Take the path from a flag or a fixture."
            )
        if match := _REGISTRY.search(line):
            found.append(
                f"{path}:{number}: files must not name a package registry. "
                f"Received: {match.group()!r}. Leave the choice to the user's pip."
            )
    return found


def unlisted_configs(names: list[str], readme: str) -> list[str]:
    """Returns the config files that the README does not name as code."""
    return [
        f"README.md must list every config. Received: configs/{name}.py, which it "
        f"does not name. Add a line with `{name}` and its paper."
        for name in names
        if not re.search(rf"[`=/]{name}(?:\.py)?\b", readme)
    ]


def imported(path: str, tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Gives the line and the full name of everything that a file imports."""
    package = path.split("/")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


def _imports(path: str, tree: ast.AST) -> Iterator[str]:
    for line, name in imported(path, tree):
        for forbidden, instead in FORBIDDEN_MODULES.items():
            if _inside(name, forbidden):
                yield f"line {line}: must not import {name}: {instead}."
        if path.startswith("affect_tf/"):
            yield from _package_import(path, line, name)
        elif path.startswith("tfrecords_builder/"):
            yield from _builder_import(line, name)


def _package_import(path: str, line: int, name: str) -> Iterator[str]:
    root = name.partition(".")[0]
    if root in ("configs", "tfrecords_builder", "main", "tests"):
        yield (
            f"line {line}: affect_tf must not import {root}, which stands above it. "
            "Pass what is needed as an argument."
        )
    if path.startswith("affect_tf/faces/") and root == "tensorflow":
        yield (
            f"line {line}: affect_tf.faces must not import TensorFlow: the builder's "
            "workers share it and would each load it. Use NumPy and OpenCV."
        )
    own, theirs = _layer(path.removesuffix(".py").replace("/", ".")), _layer(name)
    if root != "affect_tf" or own is None or theirs is None:
        return
    if theirs[0] > own[0] or (theirs[0] == own[0] and theirs != own):
        yield (
            f"line {line}: affect_tf.{own[1]} must not import affect_tf.{theirs[1]}: "
            f"imports run one way, {' <- '.join('|'.join(part) for part in LAYERS)}. "
            "Move what both need into a lower part, or pass it as an argument."
        )


def _builder_import(line: int, name: str) -> Iterator[str]:
    root, _, rest = name.partition(".")
    if root in ("configs", "main", "tests"):
        yield f"line {line}: the builder must not import {root}, which stands above it."
    whole_package = not rest or rest.startswith("__")
    if root != "affect_tf" or whole_package:
        return
    if not any(_inside(name, allowed) for allowed in BUILDER_MAY_IMPORT):
        yield (
            f"line {line}: the builder must not import {name}: it writes records and "
            f"knows nothing of models. Allowed: {', '.join(BUILDER_MAY_IMPORT)}."
        )


def _layer(module: str) -> tuple[int, str] | None:
    """Returns the height and the name of a module's part of the package."""
    part = module.split(".")[1] if module.startswith("affect_tf.") else ""
    for height, parts in enumerate(LAYERS):
        if part in parts:
            return height, part
    return None


def _inside(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


def _names_used(path: str, tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            if name in ("tf.compat.v1", "tf.python"):
                yield f"line {node.lineno}: must not use {name}: use the TF 2 API."
    file = path.rpartition("/")[2]
    if VAGUE_NAMES.fullmatch(file):
        yield f"a file must be named after the noun it defines. Received: {file}."


def _size(path: str, text: str) -> Iterator[str]:
    lines = len(text.splitlines())
    limit, _ = LONGER_FILES.get(path, (MAX_LINES, ""))
    if lines > limit:
        yield (
            f"a file must have at most {limit} lines. Received: {lines}. "
            "Split it where its nouns part; the allow-list does not grow."
        )
    elif path in LONGER_FILES and lines <= MAX_LINES:
        yield f"has {lines} lines again: take it off LONGER_FILES in conventions.py."


def _prints(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print":
            yield f"line {node.lineno}: must not print: use rich's console or a logger."


def _undocumented(tree: ast.Module) -> Iterator[str]:
    if not ast.get_docstring(tree):
        yield "a module must have a docstring that says what lives in it."
    bodies = [(False, tree.body)]
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            bodies.append((True, node.body))
            if not ast.get_docstring(node):
                yield f"line {node.lineno}: class {node.name} must have a docstring."
    for is_method, body in bodies:
        for node in body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                yield from _undocumented_function(node, is_method)


def _undocumented_function(node: ast.FunctionDef, is_method: bool) -> Iterator[str]:
    where = f"line {node.lineno}: public function {node.name}"
    if not ast.get_docstring(node) and not (is_method and node.name in _KNOWN_METHODS):
        yield f"{where} must have a docstring: types, shapes and the degenerate case."
    arguments = [*node.args.posonlyargs, *node.args.args]
    static = any(ast.unparse(each) == "staticmethod" for each in node.decorator_list)
    arguments = arguments[1:] if is_method and not static else arguments
    every = [*arguments, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
    bare = [each.arg for each in every if each is not None and not each.annotation]
    if bare or node.returns is None:
        missing = ", ".join(bare + ["its result"] * (node.returns is None))
        yield f"{where} must state types. Received none for: {missing}."


#: Files over the limit: the lines they had when they were let in, and why. An entry
#: may shrink or go; a new one needs a reason as good as these.
LONGER_FILES: dict[str, tuple[int, str]] = {}
