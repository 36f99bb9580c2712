"""`python -m tfrecords_builder`: annotations and pictures into TFRecords."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from collections.abc import Sequence

import rich.console

from affect_tf.errors import UserError
from affect_tf.labels import taxonomy as taxonomy_lib
from tfrecords_builder import folder
from tfrecords_builder import report
from tfrecords_builder import verify as verify_lib
from tfrecords_builder import writer
from tfrecords_builder.annotations import Annotations
from tfrecords_builder.readers import csv_folder
from tfrecords_builder.readers import synthetic

_USAGE = """
  python -m tfrecords_builder --dataset=csv --csv=FILE --images=DIR --out=data/faces
  python -m tfrecords_builder --dataset=synthetic --out=data/synthetic
  python -m tfrecords_builder verify data/faces"""

_DESCRIPTION = """\
Turns annotated pictures of faces into TFRecords: shards, a manifest.json that says
what is in them, and a rejected.csv that says what was left out and why.

A build that was stopped continues where it was: give the same command again."""

#: Number of problems that `verify` shows before it only counts.
_SHOWN = 20


class _Parser(argparse.ArgumentParser):
    """Reports a wrong command line the way every other error is reported."""

    def error(self, message: str) -> None:
        """Raises instead of printing the usage."""
        raise UserError(f"{message}. See --help.", exit_code=2)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line.

    Args:
      argv: Without the program; by default that of the process.

    Returns:
      The exit status: 0, 1 where the data is wrong, 2 where the command line is,
      130 after Ctrl-C.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    console = rich.console.Console(highlight=False, soft_wrap=True)
    errors = rich.console.Console(highlight=False, soft_wrap=True, stderr=True)
    try:
        if arguments[:1] == ["verify"]:
            return _verify(_verify_parser().parse_args(arguments[1:]), console)
        return _build(_build_parser(), arguments, console)
    except UserError as error:
        errors.print(f"error: {error}", markup=False)
        return error.exit_code
    except KeyboardInterrupt:
        kept = " Finished shards are kept: give the same command again to continue."
        errors.print(f"Stopped.{'' if arguments[:1] == ['verify'] else kept}")
        return 130
    except OSError as error:
        errors.print(f"error: {error}", markup=False)
        return 1


def _build(
    parser: argparse.ArgumentParser, arguments: list[str], console: rich.console.Console
) -> int:
    flags, unknown = parser.parse_known_args(arguments)
    if unknown:
        allowed = tuple(sorted(parser._option_string_actions))
        name = unknown[0].split("=")[0]
        raise UserError(
            f"A flag must be one of those in --help. Received: {unknown[0]!r}. "
            f"{taxonomy_lib.closest(name, allowed)}",
            exit_code=2,
        )
    annotations = _annotations(flags)
    console.print(
        f"{annotations.origin}: {report.counted(annotations.num_rows, 'row')}, "
        f"taxonomy {annotations.taxonomy.name}.",
        markup=False,
    )
    for note in annotations.notes:
        console.print(f"note: {note}", markup=False)
    with report.Reporter(console, "Writing") as reporter:
        manifest = writer.build(
            annotations,
            flags.out,
            size=flags.size,
            seed=flags.seed,
            frames_per_shard=flags.frames_per_shard,
            workers=flags.workers,
            max_rejects=flags.max_rejects,
            overwrite=flags.overwrite,
            progress=reporter,
        )
    report.summary(manifest, console)
    if manifest.rejected:
        console.print(
            f"Rejected {manifest.rejected:,} of "
            f"{report.counted(annotations.num_rows, 'row')}: see "
            f"{folder.REJECTS_FILE}.",
            markup=False,
        )
    size = sum(shard.bytes for shard in manifest.shards) / 1e6
    shards = report.counted(len(manifest.shards), "shard")
    what = f"{shards}, {size:,.1f} MB, in {flags.out}"
    if reporter.frames:
        console.print(f"Wrote {what}, in {reporter.seconds:.1f} s.", markup=False)
    else:
        console.print(f"Nothing to do: {what} was finished before.", markup=False)
    return 0


def _annotations(flags: argparse.Namespace) -> Annotations:
    """Calls the reader that the flags choose."""
    for dataset, names in _READER_FLAGS.items():
        given = [name for name in names if getattr(flags, name) is not None]
        if dataset != flags.dataset and given:
            raise UserError(
                f"--{given[0]} must come with --dataset={dataset}. Received: "
                f"--dataset={flags.dataset}. Remove one of the two.",
                exit_code=2,
            )
    if flags.dataset == "csv":
        for name in ("csv", "images"):
            if getattr(flags, name) is None:
                raise UserError(
                    f"--dataset=csv must come with --{name}. Received: none. Add "
                    f"--{name}=PATH.",
                    exit_code=2,
                )
        return csv_folder.annotations(
            flags.csv,
            flags.images,
            taxonomy=flags.taxonomy or "auto",
            validation_fraction=flags.validation_fraction,
            seed=flags.seed,
        )
    names = _READER_FLAGS["synthetic"]
    given = {n: getattr(flags, n) for n in names if getattr(flags, n) is not None}
    try:
        return synthetic.annotations(seed=flags.seed, size=flags.size, **given)
    except ValueError as error:
        raise UserError(f"--{error}", exit_code=2) from error


#: The flags that only one reader takes; each is None where it is not given.
_READER_FLAGS = {
    "csv": ("csv", "images", "taxonomy", "validation_fraction"),
    "synthetic": ("num_train", "num_validation", "frames_per_clip"),
}


def _build_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m tfrecords_builder",
        usage=_USAGE,
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument_group("what to build").add_argument
    add("--dataset", required=True, choices=tuple(_READER_FLAGS), help="the reader")
    add("--out", required=True, metavar="DIR", help="folder for the records")
    add(
        "--overwrite",
        action="store_true",
        help="replace another build in that folder",
    )
    _add_reader_flags(parser)
    add = parser.add_argument_group("the records").add_argument
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
        help="seed of order and split (default 0)",
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
    _add_workers(add)
    return parser


def _add_reader_flags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group(
        "--dataset=csv",
        "One row a picture. Columns: file, and any of split, subject, expression,\n"
        "valence, arousal, AU1, AU2, ..., source, video, frame, clip.\n"
        "A blank cell is a label that nobody gave.",
    ).add_argument
    add("--csv", metavar="FILE", help="the annotations")
    add("--images", metavar="DIR", help="the folder that 'file' is relative to")
    add(
        "--taxonomy",
        metavar="NAME",
        help="auto (default: what the file has), abaw1, abaw2 or abaw3",
    )
    add(
        "--validation_fraction",
        type=float,
        metavar="SHARE",
        help="without a split column: the share of the rows that becomes the "
        f"validation split, by subject (default {csv_folder.VALIDATION_FRACTION})",
    )
    add = parser.add_argument_group(
        "--dataset=synthetic", "Drawn faces, for trying things out."
    ).add_argument
    add("--num_train", type=int, metavar="N", help="training samples (default 3200)")
    add("--num_validation", type=int, metavar="N", help="others (default 800)")
    add("--frames_per_clip", type=int, metavar="N", help="1 (default) gives stills")


def _verify_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m tfrecords_builder verify",
        description="Reads a folder of records again: checksums, counts, every record "
        "and every picture. Says which file and record is wrong.",
        allow_abbrev=False,
    )
    parser.add_argument("directory", metavar="DIR", help="the folder")
    _add_workers(parser.add_argument)
    return parser


def _add_workers(add: Callable[..., object]) -> None:
    add(
        "--workers",
        type=int,
        metavar="N",
        help="threads (default: one a core); the result does not depend on it",
    )


def _verify(flags: argparse.Namespace, console: rich.console.Console) -> int:
    with report.Reporter(console, "Reading") as reporter:
        problems = verify_lib.verify(flags.directory, flags.workers, reporter)
    if problems:
        shown = "\n".join(f"  {problem}" for problem in problems[:_SHOWN])
        more = len(problems) - _SHOWN
        rest = f"\n  ... and {more} more" if more > 0 else ""
        wrong = f"{len(problems):,} things are" if len(problems) > 1 else "this is"
        raise UserError(
            f"A folder must hold what was built. Received: {flags.directory}, in which "
            f"{wrong} wrong:\n{shown}{rest}\n{_advice(problems)}"
        )
    console.print(
        f"{flags.directory}: {report.counted(reporter.frames, 'frame')}, all as they "
        f"were built ({reporter.seconds:.1f} s).",
        markup=False,
    )
    return 0


def _advice(problems: Sequence[verify_lib.Problem]) -> str:
    """Returns what mends a folder: a build does not touch files of others."""
    strangers = [p for p in problems if p.reason == verify_lib.STRANGER]
    remove = "Remove what is not in the manifest." if strangers else ""
    if len(strangers) == len(problems):
        return remove
    again = "Give the command that built it again, with --overwrite."
    return f"{again} {remove}".strip()


if __name__ == "__main__":
    sys.exit(main())
