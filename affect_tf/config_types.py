"""Whether a value fits what a field of a config declares.

A field declares a class, a union, a tuple, a protocol or a callable. The last two have
no class to ask: a part fits them when it can be called as they say.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import inspect
import types
import typing
from typing import Any


def options(hint: Any) -> tuple[Any, ...]:
    """Returns the members of a union, or the one type that `hint` is."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return typing.get_args(hint)
    return (hint,)


def of_entry(hint: Any, position: int) -> Any:
    """Returns the type of a tuple's entry; `Any` where the tuple does not say."""
    arguments = typing.get_args(hint)
    if not arguments:
        return Any
    return arguments[0] if arguments[-1] is Ellipsis else arguments[position]


def with_floats(value: Any, hint: Any) -> Any:
    """Returns `value` with whole numbers as floats where floats are declared."""
    wanted = options(hint)
    if isinstance(value, tuple):
        of_tuple = [each for each in wanted if typing.get_origin(each) is tuple]
        if len(of_tuple) == 1 and _holds(of_tuple[0], len(value)):
            return tuple(
                with_floats(entry, of_entry(of_tuple[0], i))
                for i, entry in enumerate(value)
            )
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if is_whole and float in wanted and int not in wanted else value


def fits(value: Any, hint: Any) -> bool:
    """Whether a field declared as `hint` may hold `value`.

    True and False are no whole numbers here. A protocol takes any part whose public
    attributes include those of the protocol, and whose methods have parameters of the
    same names; a callable type any part that takes as many arguments.
    """
    return any(_fits_one(value, option) for option in options(hint))


def _fits_one(value: Any, hint: Any) -> bool:
    if hint is Any:
        return True
    origin = typing.get_origin(hint)
    if origin is tuple:
        return isinstance(value, tuple) and (
            _holds(hint, len(value))
            and all(fits(entry, of_entry(hint, i)) for i, entry in enumerate(value))
        )
    if origin is collections.abc.Callable:
        arguments = typing.get_args(hint)[0]
        return arguments is Ellipsis or len(_parameters(value) or ()) == len(arguments)
    kind = origin or hint
    if not isinstance(kind, type):
        return False
    if getattr(kind, "_is_protocol", False):
        return _follows(value, kind)
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, kind)


def _holds(hint: Any, length: int) -> bool:
    """Whether a tuple type takes `length` entries."""
    arguments = typing.get_args(hint)
    return not arguments or arguments[-1] is Ellipsis or len(arguments) == length


def _follows(value: Any, protocol: type) -> bool:
    """Whether a part has the attributes and the methods of a protocol."""
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return False
    names = [name for name in protocol.__annotations__ if not name.startswith("_")]
    if not all(hasattr(value, name) for name in names):
        return False
    return all(
        _parameters(getattr(value, name, None)) == _parameters(method)[1:]
        for name, method in vars(protocol).items()
        if inspect.isfunction(method)
        and (name == "__call__" or not name.startswith("_"))
    )


def _parameters(function: Any) -> list[str] | None:
    """Returns the names of a callable's parameters; None where it is not callable."""
    if not callable(function) or isinstance(function, type):
        return None
    return list(inspect.signature(function).parameters)


def name_of(hint: Any) -> str:
    """Returns a type as a person would write it."""
    if hint is type(None):
        return "None"
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)
        return f"a tuple of {name_of(inner[0])}" if inner else "a tuple"
    if typing.get_origin(hint) is collections.abc.Callable:
        return "a part that can be called"
    return getattr(hint, "__name__", str(hint))
