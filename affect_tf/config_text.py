"""Configs as text: `--set key.path=value`, and reading back a printed config.

Knows dataclasses and tuples, and no config in particular.
"""

from __future__ import annotations

import ast
import dataclasses
import difflib
import types
import typing
from collections.abc import Iterable
from typing import Any


def override(config: Any, assignment: str) -> Any:
    """Returns `config` with one field replaced, as `--set key.path=value` says.

    Entries of a tuple are reached by position or by their `name`:
    `tasks.expr.distilled.temperature=2`. The value is read as a Python literal, and
    as plain text where the field holds text.

    Raises:
      ValueError: If the path or the type is wrong; the message names the closest.
    """
    path, separator, text = assignment.partition("=")
    if not separator or not path.strip():
        raise ValueError(
            "An override must read key.path=value. "
            f"Received: --set {assignment}. Write for example teacher.epochs=5."
        )
    return _replace(config, path.strip().split("."), text.strip(), path.strip())


def _replace(node: Any, keys: list[str], text: str, path: str) -> Any:
    key, rest = keys[0], keys[1:]
    if isinstance(node, tuple):
        entries = {getattr(entry, "name", str(i)): i for i, entry in enumerate(node)}
        entries.update({str(i): i for i in range(len(node))})
        position = entries[_known(key, entries, path)]
        if not rest:
            raise ValueError(
                "An override must end at a field, not at an entry of a tuple. "
                f"Received: {path}. Add the name of the field."
            )
        changed = _replace(node[position], rest, text, path)
        return (*node[:position], changed, *node[position + 1 :])
    if not dataclasses.is_dataclass(node):
        raise ValueError(
            "An override must follow the fields of the config. "
            f"Received: {path}, but {key!r} lies inside {node!r}. Shorten the path."
        )
    fields = {field.name for field in dataclasses.fields(node)}
    _known(key, fields, path)
    if rest:
        value = _replace(getattr(node, key), rest, text, path)
    else:
        value = _typed(text, typing.get_type_hints(type(node))[key], path)
    return dataclasses.replace(node, **{key: value})


def _known(key: str, allowed: Iterable[str], path: str) -> str:
    names = sorted(allowed)
    if key in names:
        return key
    near = difflib.get_close_matches(key, names, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    raise ValueError(
        f"An override must name a field of the config. Received: {key!r} in {path}. "
        f"{hint}Allowed here: {', '.join(names)}."
    )


def _typed(text: str, hint: Any, path: str) -> Any:
    """Reads `text` as a value of the type that the field declares."""
    options = typing.get_args(hint) if _is_union(hint) else (hint,)
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = text
    if str in options and not (value is None and type(None) in options):
        return text.strip("'\"")
    if isinstance(value, int) and not isinstance(value, bool) and float in options:
        value = float(value)
    plain = tuple(typing.get_origin(option) or option for option in options)
    accepted = tuple(option for option in plain if isinstance(option, type))
    wrong_bool = isinstance(value, bool) and bool not in accepted
    if wrong_bool or not isinstance(value, accepted):
        names = " or ".join(getattr(option, "__name__", "?") for option in accepted)
        raise ValueError(
            f"Field {path} must be {names}. Received: {text!r}. "
            "Give a value of that type; parts of a config are set field by field."
        )
    return value


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def read(text: str, modules: Iterable[types.ModuleType]) -> Any:
    """Returns the config whose `repr` is `text`.

    Only calls of dataclasses that `modules` define, tuples and literals are
    accepted, so a stored config cannot run code.

    Raises:
      ValueError: If it holds anything else.
    """
    known = {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type) and dataclasses.is_dataclass(value)
    }

    def value_of(node: ast.AST) -> Any:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id not in known:
                raise ValueError(
                    "A stored config must be made of the toolkit's parts. "
                    f"Received: {node.func.id!r}. "
                    "Name the config with --config, which may bring its own."
                )
            fields = {word.arg: value_of(word.value) for word in node.keywords}
            return known[node.func.id](*map(value_of, node.args), **fields)
        if isinstance(node, ast.Tuple):
            return tuple(value_of(entry) for entry in node.elts)
        return ast.literal_eval(node)

    return value_of(ast.parse(text, mode="eval").body)
