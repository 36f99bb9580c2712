"""`python -m tfrecords_builder`: annotations, pictures and films into TFRecords."""

from __future__ import annotations

import argparse
import importlib
import shlex
import sys
from collections.abc import Sequence

import rich.console

from affect_tf.data.manifest import Manifest
from affect_tf.errors import UserError
from tfrecords_builder import assembly
from tfrecords_builder import build_flags
from tfrecords_builder import command_line
from tfrecords_builder import folder
from tfrecords_builder import report
from tfrecords_builder import runners
from tfrecords_builder import writer
from tfrecords_builder.annotations import Annotations

#: What can be done with a finished folder: modules with `DESCRIPTION`, `add_flags`
#: and `run`.
_COMMANDS = {"verify": "verify_command", "stats": "stats", "drop": "drop"}


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
    name = arguments[0] if arguments else ""
    try:
        if name in _COMMANDS:
            return _command(name, arguments[1:], console)
        return _build(arguments, console)
    except UserError as error:
        errors.print(f"error: {error}", markup=False)
        return error.exit_code
    except KeyboardInterrupt:
        kept = " What is finished is kept: give the same command again to continue."
        errors.print(f"Stopped.{'' if name in ('verify', 'stats') else kept}")
        return 130
    except OSError as error:
        errors.print(f"error: {error}", markup=False)
        return 1


def _command(name: str, arguments: Sequence[str], console: rich.console.Console) -> int:
    module = importlib.import_module(f"tfrecords_builder.{_COMMANDS[name]}")
    parser = build_flags.Parser(
        prog=f"python -m tfrecords_builder {name}",
        description=module.DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.add_flags(parser)
    return module.run(parser.parse_args(arguments), console)


def _build(arguments: Sequence[str], console: rich.console.Console) -> int:
    flags, parts = command_line.parse(arguments)
    assembly.check(flags, parts)
    runner = _runner(flags)
    annotations = assembly.assemble(flags, parts, runner, console)
    options = {
        "size": flags.size,
        "seed": flags.seed,
        "frames_per_shard": flags.frames_per_shard,
        "max_rejects": flags.max_rejects,
    }
    if flags.dry_run:
        manifest = writer.dry_run(annotations, flags.out, **options)
        report.summary(manifest, console)
        _say_rejected(manifest, annotations, console, "Would reject")
        shards = report.counted(len(manifest.shards), "shard")
        console.print(f"Would write {shards} in {flags.out}.", markup=False)
        return 0
    with report.Reporter(console, "Writing") as reporter:
        manifest = writer.build(
            annotations,
            flags.out,
            workers=flags.workers,
            overwrite=flags.overwrite,
            progress=reporter,
            runner=None if isinstance(runner, runners.Local) else runner,
            **options,
        )
    report.summary(manifest, console)
    _say_rejected(manifest, annotations, console, "Rejected")
    size = sum(shard.bytes for shard in manifest.shards) / 1e6
    shards = report.counted(len(manifest.shards), "shard")
    what = f"{shards}, {size:,.1f} MB, in {flags.out}"
    if reporter.frames or not manifest.shards:
        console.print(f"Wrote {what}, in {reporter.seconds:.1f} s.", markup=False)
    else:
        console.print(f"Nothing to do: {what} was finished before.", markup=False)
    return 0


def _say_rejected(
    manifest: Manifest,
    annotations: Annotations,
    console: rich.console.Console,
    what: str,
) -> None:
    if not manifest.rejected:
        return
    rows = report.counted(annotations.num_rows, "row")
    first = annotations.rejects[0] if annotations.rejects else None
    where = f"see {folder.REJECTS_FILE}"
    if what != "Rejected":
        where = f"the first {first.file}, line {first.row}: {first.reason}"
    console.print(f"{what} {manifest.rejected:,} of {rows}: {where}.", markup=False)


def _runner(flags: argparse.Namespace) -> runners.Runner:
    """Returns who works, after a look whether they can."""
    if flags.runner == "local":
        if flags.beam_flags:
            raise UserError(
                "--beam_flags must come with --runner=beam. Received: "
                f"--beam_flags={flags.beam_flags!r} alone. Add --runner=beam.",
                exit_code=2,
            )
        return runners.Local(flags.workers)
    try:
        options = tuple(shlex.split(flags.beam_flags))
    except ValueError as error:
        raise UserError(
            "--beam_flags must be flags as a shell would take them. Received: "
            f"{flags.beam_flags!r} ({error}). Close every quotation.",
            exit_code=2,
        ) from error
    beam = runners.Beam(options, flags.out)
    beam.check()
    return beam


if __name__ == "__main__":
    sys.exit(main())
