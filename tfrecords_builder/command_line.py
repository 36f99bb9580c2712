"""The flags of a build: some of the whole, and some of each data set in it.

`--dataset` begins a data set, and the flags of its reader that follow belong to it:

    --dataset=affwild2 --root=A --dataset=disfa --root=B --threshold=3 --out=data/mixed
"""

from __future__ import annotations

import argparse
import importlib
import types
from collections.abc import Sequence
from typing import NamedTuple
from typing import NoReturn

from affect_tf.errors import UserError
from affect_tf.labels import taxonomy as taxonomy_lib
from tfrecords_builder import build_flags
from tfrecords_builder.annotations import Annotations


class Reader(NamedTuple):
    """A layout on disk.

    Attributes:
      module: In `tfrecords_builder.readers`; it has HELP, `add_flags` and `read`.
      rooted: Whether it reads a folder, named by --root.
      divided: Whether the layout says which rows validate; where it does not,
        --validation_fraction may.
      heard: Whether the sound of its films can be stored.
    """

    module: str
    rooted: bool = True
    divided: bool = False
    heard: bool = False


READERS = {
    "affwild2": Reader("affwild2", divided=True, heard=True),
    "abaw_mtl": Reader("abaw_mtl", divided=True, heard=True),
    "affectnet": Reader("affectnet", divided=True),
    "expw": Reader("expw"),
    "afew_va": Reader("afew_va"),
    "disfa": Reader("disfa"),
    "video": Reader("video", heard=True),
    "csv": Reader("csv_folder", rooted=False),
    "synthetic": Reader("synthetic", rooted=False, divided=True, heard=True),
}


#: What can be done with a finished folder.
COMMANDS = ("verify", "stats", "drop")


class Part(NamedTuple):
    """One data set of a command line.

    Attributes:
      name: What its keys begin with, where there are several.
      dataset: Its layout, of `READERS`.
      flags: Of its reader, beside those of the build that a reader may ask for.
    """

    name: str
    dataset: str
    flags: argparse.Namespace


def parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[Part]]:
    """Returns the flags of the build and its data sets.

    Raises:
      UserError: If a flag is unknown, misplaced or missing.
      SystemExit: After --help, which is shown.
    """
    general, pieces = _pieces(arguments)
    if any(flag in arguments for flag in ("-h", "--help")):
        _show_help(pieces)
    parts, rest = [], list(general)
    for piece in pieces:
        dataset = _dataset_parser().parse_known_args(piece)[0].dataset
        flags, unknown = reader_parser(dataset).parse_known_args(piece)
        parts.append((dataset, flags))
        rest += unknown
    build, unknown = build_parser_of_readers().parse_known_args(rest)
    _check_unknown(unknown, [dataset for dataset, _ in parts])
    missing = [
        *(["--dataset"] if not parts else []),
        *([] if build.out is not None else ["--out"]),
    ]
    if missing:
        raise UserError(
            f"the following arguments are required: {', '.join(missing)}. See --help.",
            exit_code=2,
        )
    named = [_part(dataset, flags, build) for dataset, flags in parts]
    names = [part.name for part in named]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UserError(
            "Every data set of a build must have a name of its own. Received: "
            f"{twice[0]!r} twice. Add --source=NAME after one --dataset.",
            exit_code=2,
        )
    return build, named


def read(part: Part) -> Annotations:
    """Reads one data set.

    Raises:
      UserError: If it, or a flag of it, is wrong.
    """
    return _module(READERS[part.dataset]).read(part.flags)


def _pieces(arguments: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Returns what stands before the first --dataset, and the rest, cut at each."""
    general: list[str] = []
    pieces: list[list[str]] = []
    for argument in arguments:
        if argument == "--dataset" or argument.startswith("--dataset="):
            pieces.append([])
        (pieces[-1] if pieces else general).append(argument)
    return general, pieces


def _dataset_parser() -> build_flags.Parser:
    parser = build_flags.Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("--dataset", required=True, choices=tuple(READERS))
    return parser


def reader_parser(dataset: str) -> build_flags.Parser:
    """Returns the parser of the flags of one data set."""
    reader = READERS[dataset]
    module = _module(reader)
    parser = build_flags.Parser(
        prog="python -m tfrecords_builder",
        usage=f"\n  python -m tfrecords_builder --dataset={dataset} [flags] --out=DIR",
        description=module.HELP,
        add_help=False,
        allow_abbrev=False,
    )
    add = parser.add_argument_group(f"--dataset={dataset}").add_argument
    add("--dataset", help=argparse.SUPPRESS)
    if reader.rooted:
        add("--root", metavar="DIR", help="the folder of the data set")
    add("--source", metavar="NAME", help=f"what its rows are called ({dataset})")
    if not reader.divided:
        add(
            "--validation_fraction",
            type=float,
            metavar="SHARE",
            help="share of the rows that becomes the validation split, by whole "
            "subjects, clips or films",
        )
    module.add_flags(add)
    return parser


def _show_help(pieces: Sequence[Sequence[str]]) -> NoReturn:
    """Prints the flags of the build, or those of the one data set that is named."""
    if not pieces:
        build_parser_of_readers().parse_args(["--help"])
    dataset = _dataset_parser().parse_known_args(pieces[0])[0].dataset
    parser = reader_parser(dataset)
    parser.epilog = "python -m tfrecords_builder --help has the flags of a build."
    parser.print_help()
    raise SystemExit(0)


def _part(dataset: str, flags: argparse.Namespace, build: argparse.Namespace) -> Part:
    """Returns a data set with what its reader may ask for."""
    if READERS[dataset].rooted and not flags.root:
        raise UserError(
            f"--dataset={dataset} must come with --root. Received: none. Add "
            "--root=DIR after it.",
            exit_code=2,
        )
    fields = {"validation_fraction": None, "root": None, **vars(build), **vars(flags)}
    return Part(flags.source or dataset, dataset, argparse.Namespace(**fields))


def _check_unknown(unknown: Sequence[str], datasets: Sequence[str]) -> None:
    """Raises for a flag that nobody takes, or that stands at the wrong data set."""
    if not unknown:
        return
    if not unknown[0].startswith("-"):
        raise UserError(
            "A command line must begin with --dataset or a command. Received: "
            f"{unknown[0]!r}. {taxonomy_lib.closest(unknown[0], COMMANDS)}",
            exit_code=2,
        )
    name = unknown[0].split("=")[0]
    takers = [d for d in READERS if name in reader_parser(d)._option_string_actions]
    if takers:
        given = ", ".join(f"--dataset={d}" for d in datasets) or "no --dataset"
        raise UserError(
            f"{name} must come with --dataset={' or '.join(takers)}, and after it. "
            f"Received: {given}. Move or remove it.",
            exit_code=2,
        )
    parsers = [
        build_parser_of_readers(),
        *(reader_parser(d) for d in datasets),
    ]
    allowed = sorted({n for p in parsers for n in p._option_string_actions})
    raise UserError(
        f"A flag must be one of those in --help. Received: {unknown[0]!r}. "
        f"{taxonomy_lib.closest(name, tuple(allowed))}",
        exit_code=2,
    )


def _module(reader: Reader) -> types.ModuleType:
    return importlib.import_module(f"tfrecords_builder.readers.{reader.module}")


def build_parser_of_readers() -> build_flags.Parser:
    """Returns the parser of a build, whose help has a line for each data set."""
    return build_flags.build_parser(
        {name: _module(r).HELP.splitlines()[0] for name, r in READERS.items()}
    )
