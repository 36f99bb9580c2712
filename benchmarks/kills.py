"""Does a build survive being killed? SIGKILL at random moments, then the same command.

  python -m benchmarks.kills -- --dataset=csv --csv=FILE --images=DIR

Everything after "--" is given to `python -m tfrecords_builder`, without --out. The
build runs once undisturbed, which gives its bytes and the time from its first file to
its end; then `--kills` times in a new folder: killed at a moment drawn from that time,
counted from its first file, started again, and compared byte by byte. A kill that finds
the build finished is not one, and is drawn again. Prints a line for each, and ends with
1 where one differs.
"""

from __future__ import annotations

import argparse
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

from affect_tf import files


def build(arguments: list[str], out: pathlib.Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "tfrecords_builder", *arguments, f"--out={out}"]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen) -> None:
    """Waits for a build that nothing disturbs."""
    _, errors = process.communicate()
    if process.returncode:
        sys.exit(f"The build must succeed. Received: {errors.strip()}")


def await_first_file(process: subprocess.Popen, out: pathlib.Path) -> float:
    """Waits until a build has made its folder; before, there is nothing to damage."""
    while not out.exists() and process.poll() is None:
        time.sleep(0.002)
    return time.monotonic()


def contents(folder: pathlib.Path) -> dict[str, str]:
    """Returns the checksum of every file of a build, but of the crops beside it."""
    return {
        str(path.relative_to(folder)): files.sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    flags, rest = parser.parse_known_args()
    arguments = [argument for argument in rest if argument != "--"]
    moments = random.Random(flags.seed)
    different = 0
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        process = build(arguments, root / "undisturbed")
        start = await_first_file(process, root / "undisturbed")
        finish(process)
        seconds = time.monotonic() - start
        expected = contents(root / "undisturbed")
        print(f"undisturbed: {len(expected)} files in {seconds:.1f} s")
        hits = drawn = 0
        while hits < flags.kills:
            out, moment = root / str(drawn), moments.uniform(0, seconds)
            drawn += 1
            process = build(arguments, out)
            await_first_file(process, out)
            time.sleep(moment)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            if (
                process.returncode != -signal.SIGKILL
                or (out / "manifest.json").exists()
            ):
                continue
            hits += 1
            written = sum(path.suffix == ".tfrecord" for path in out.rglob("*"))
            finish(build(arguments, out))
            same = contents(out) == expected
            different += not same
            print(
                f"killed after {moment:5.2f} s with {written:4d} shards there: "
                f"{'the same bytes' if same else 'DIFFERENT'}",
                flush=True,
            )
    print(
        f"{flags.kills - different} of {flags.kills} ended with the same bytes; "
        f"{drawn - hits} more kills came too late to count"
    )
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
