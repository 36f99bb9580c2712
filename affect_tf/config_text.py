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
from collections.abc import Mapping
from typing import Any

from affect_tf import config_types


def override(
    config: Any, assignment: str, modules: Iterable[types.ModuleType] = ()
) -> Any:
    """Returns `config` with one field replaced, as `--set key.path=value` says.

    Entries of a tuple are reached by position or by their `name`:
    `tasks.expr.distilled.temperature=2`; None leaves an entry out. The value is read as
    a Python literal, and as plain text where the field holds text. Whole parts are
    written as calls of the dataclasses that `modules` define: `batching=Sequential()`,
    `tasks.expr.supervised=SoftmaxFocal(gamma=1.0)`, `tasks=(Expression(),)`.

    Raises:
      ValueError: If the path or the type is wrong; the message names the closest.
    """
    path, separator, text = assignment.partition("=")
    if not separator or not path.strip():
        raise ValueError(
            "An override must read key.path=value. "
            f"Received: --set {assignment}. Write for example teacher.epochs=5."
        )
    reading = _Reading(text.strip(), path.strip(), _parts(modules))
    return _replace(config, path.strip().split("."), type(config), reading)


@dataclasses.dataclass(frozen=True)
class _Reading:
    """The right side of an override, its path, and the parts it may be made of."""

    text: str
    path: str
    parts: Mapping[str, type]


def _replace(node: Any, keys: list[str], hint: Any, reading: _Reading) -> Any:
    """Returns `node`, of the type `hint`, with the value put where `keys` lead."""
    if not keys:
        return _typed(reading, hint, node)
    key, path = keys[0], reading.path
    if isinstance(node, tuple):
        entries = {getattr(entry, "name", str(i)): i for i, entry in enumerate(node)}
        entries.update({str(i): i for i in range(len(node))})
        position = entries[_known(key, entries, path)]
        of_entry = config_types.of_entry(hint, position)
        if not keys[1:] and reading.text == "None":
            return (*node[:position], *node[position + 1 :])
        if not keys[1:] and not (reading.parts and _is_call(reading.text)):
            raise ValueError(
                "An override must end at a field, not at an entry of a tuple. "
                f"Received: {path}. Add the name of the field, or give None to "
                "leave the entry out."
            )
        changed = _replace(node[position], keys[1:], of_entry, reading)
        return (*node[:position], changed, *node[position + 1 :])
    if not dataclasses.is_dataclass(node):
        raise ValueError(
            "An override must follow the fields of the config. "
            f"Received: {path}, but {key!r} lies inside {node!r}. Shorten the path."
        )
    _known(key, [field.name for field in dataclasses.fields(node)], path)
    of_field = typing.get_type_hints(type(node))[key]
    value = _replace(getattr(node, key), keys[1:], of_field, reading)
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


def _typed(reading: _Reading, hint: Any, present: Any) -> Any:
    """Reads a text as a value of the type that the field declares."""
    text, path = reading.text, reading.path
    if _has_call(text) and reading.parts:
        value = _value_of(text, reading.parts)
    else:
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            value = text
    options = config_types.options(hint)
    if str in options and not (value is None and type(None) in options):
        return text.strip("'\"")
    value = config_types.with_floats(value, hint)
    if not config_types.fits(value, hint):
        names = " or ".join(map(config_types.name_of, options))
        is_part = dataclasses.is_dataclass(present)
        example = f" such as {type(present).__name__}(...)" if is_part else ""
        raise ValueError(
            f"Field {path} must be {names}. Received: {text!r}. Give a value of that "
            f"type{example}; parts of a config can also be set field by field."
        )
    return value


def _is_call(text: str) -> bool:
    return _has_call(text) and not text.startswith("(")


def _has_call(text: str) -> bool:
    """Whether a text is Python in which something is called, as parts are."""
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError):
        return False
    return any(isinstance(node, ast.Call) for node in ast.walk(tree))


def read(text: str, modules: Iterable[types.ModuleType]) -> Any:
    """Returns the config whose `repr` is `text`.

    Only calls of dataclasses that `modules` define, tuples and literals are
    accepted, so a stored config cannot run code.

    Raises:
      ValueError: If it holds anything else.
    """
    return _value_of(text, _parts(modules))


def _parts(modules: Iterable[types.ModuleType]) -> dict[str, type]:
    """Returns the dataclasses that modules define or use, by name."""
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type) and dataclasses.is_dataclass(value)
    }


def _value_of(text: str, parts: Mapping[str, type]) -> Any:
    def value_of(node: ast.AST) -> Any:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            name = node.func.id
            if name not in parts:
                near = difflib.get_close_matches(name, parts, n=1)
                raise ValueError(
                    "A config's text must be made of the toolkit's parts. "
                    f"Received: {name!r}. "
                    + (f"Did you mean {near[0]!r}? " if near else "")
                    + "A part of your own must come with a config file, by --config."
                )
            # Unpacked mappings (**) have no name and are not parts of a repr.
            fields = {str(word.arg): value_of(word.value) for word in node.keywords}
            return _made(parts[name], [value_of(each) for each in node.args], fields)
        if isinstance(node, ast.Tuple):
            return tuple(value_of(entry) for entry in node.elts)
        return ast.literal_eval(node)

    return value_of(ast.parse(text, mode="eval").body)


def _made(part: type, values: list[Any], fields: dict[str, Any]) -> Any:
    """Returns part(*values, **fields), with a wrong field named."""
    allowed = [field.name for field in dataclasses.fields(part) if field.init]
    for name in fields:
        _known(name, allowed, f"{part.__name__}(...)")
    hints = typing.get_type_hints(part)

    def fitted(name: str, value: Any) -> Any:
        return _fitted(part, name, value, hints[name])

    # Values beyond the fields are left for the part itself to refuse.
    listed = [fitted(*pair) for pair in zip(allowed, values, strict=False)]
    named = {name: fitted(name, value) for name, value in fields.items()}
    try:
        return part(*listed, *values[len(listed) :], **named)
    except TypeError as error:
        raise ValueError(
            f"{part.__name__} must be given fields that make one. "
            f"Received: {error}. Its fields: {', '.join(allowed) or 'none'}."
        ) from error


def _fitted(part: type, name: str, value: Any, hint: Any) -> Any:
    """Returns a value as the type that a part's field declares."""
    value = config_types.with_floats(value, hint)
    if not config_types.fits(value, hint):
        names = " or ".join(map(config_types.name_of, config_types.options(hint)))
        raise ValueError(
            f"{part.__name__}.{name} must be {names}. Received: {name}={value!r}. "
            "Give a value of that type."
        )
    return value
