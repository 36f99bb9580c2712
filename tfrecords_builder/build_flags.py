"""The flags that concern a whole build, and the parser that every command uses."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from collections.abc import Mapping
from typing import NoReturn

from affect_tf.errors import UserError
from tfrecords_builder import balance_flags
from tfrecords_builder import sound_flags
from tfrecords_builder import writer

_USAGE = """
  python -m tfrecords_builder --dataset=NAME [its flags] [--dataset=...] --out=D
  python -m tfrecords_builder verify DIR
  python -m tfrecords_builder stats DIR
  python -m tfrecords_builder drop DIR --subject=ID"""

_DESCRIPTION = """\
Turns annotated pictures and films of faces into TFRecords: shards, a
manifest.json that says what is in them, and a rejected.csv that says what was
left out and why.

A build that was stopped continues where it was: give the same command again.
Several --dataset are joined in one folder, by the names of classes and units."""


class Parser(argparse.ArgumentParser):
    """Reports a wrong command line the way every other error is reported."""

    def error(self, message: str) -> NoReturn:
        """Raises instead of printing the usage."""
        raise UserError(f"{message}. See --help.", exit_code=2)


def build_parser(datasets: Mapping[str, str]) -> Parser:
    """Returns the parser of the flags that concern the whole build.

    Args:
      datasets: What --dataset may name -> what it is, in a line.
    """
    known = "\n".join(f"  {name:<10} {text}" for name, text in datasets.items())
    parser = Parser(
        prog="python -m tfrecords_builder",
        usage=_USAGE,
        description=f"{_DESCRIPTION}\n\ndata sets (--dataset=NAME --help has the "
        f"flags of one):\n{known}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument_group("what to build").add_argument
    add("--dataset", metavar="NAME", help="begins a data set: " + ", ".join(datasets))
    add("--out", metavar="DIR", help="folder for the records")
    add("--overwrite", action="store_true", help="replace another build in it")
    add("--dry_run", action="store_true", help="show what would be built, and stop")
    add(
        "--taxonomy",
        metavar="NAME",
        help="keep the classes and units of abaw1, abaw2 or abaw3 (default, or auto: "
        "all that the data sets have)",
    )
    add(
        "--leakage",
        default="refuse",
        metavar="WHAT",
        help="for a film or person in two splits, as in Aff-Wild2: refuse (default), "
        "or drop its training rows",
    )
    add(
        "--clip_frames",
        type=int,
        metavar="N",
        help="join the frames of a film and person to records of up to N (default: 1, "
        "stills; the frames of raw films: 1024)",
    )
    add = parser.add_argument_group(
        balance_flags.TITLE, balance_flags.DESCRIPTION
    ).add_argument
    balance_flags.add_flags(add)
    add("--balance_plot", metavar="FILE", help="draw before and after, as a PNG file")
    sound_flags.add_flags(parser.add_argument_group(sound_flags.TITLE).add_argument)
    add = parser.add_argument_group("the records").add_argument
    _add_record_flags(add)
    _add_work_flags(parser.add_argument_group("the work").add_argument)
    return parser


def _add_record_flags(add: Callable[..., object]) -> None:
    add(
        "--size",
        type=int,
        default=writer.SIZE,
        metavar="PIXELS",
        help="side of the stored pictures; one that has it is stored as it is, any "
        "other is resized (default %(default)s)",
    )
    add(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="seed of order, split and balance (default 0)",
    )
    add(
        "--frames_per_shard",
        type=int,
        default=writer.FRAMES_PER_SHARD,
        metavar="N",
        help="target size of a file (default %(default)s)",
    )
    add(
        "--max_rejects",
        type=float,
        default=writer.MAX_REJECTS,
        metavar="SHARE",
        help="share of the rows that may be rejected (default %(default)s)",
    )


def _add_work_flags(add: Callable[..., object]) -> None:
    add_workers(add)
    add(
        "--runner",
        default="local",
        choices=("local", "beam"),
        help="local (default): this machine; beam: an Apache Beam pipeline",
    )
    add(
        "--beam_flags",
        default="",
        metavar="FLAGS",
        help="Beam's own flags, as one text: '--runner=FlinkRunner --flink_master=...'",
    )


def add_workers(add: Callable[..., object]) -> None:
    """Adds the flag that every command has."""
    add(
        "--workers",
        type=int,
        metavar="N",
        help="threads or processes (default: one a core); the result does not depend "
        "on it",
    )
