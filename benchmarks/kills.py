"""Does a build survive being killed? SIGKILL at random moments, then the same command.

  python -m benchmarks.kills -- --dataset=csv --csv=FILE --images=DIR

Everything after "--" is given to `python -m tfrecords_builder`, without --out. The
build runs once undisturbed, which gives its duration and its bytes; then `--kills`
times in a new folder: killed at a moment drawn from that duration, started again, and
compared byte by byte. Prints a line for each, and ends with 1 where one differs.
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
        start = time.monotonic()
        finish(build(arguments, root / "undisturbed"))
        seconds = time.monotonic() - start
        expected = contents(root / "undisturbed")
        print(f"undisturbed: {len(expected)} files in {seconds:.1f} s")
        for number in range(flags.kills):
            out, moment = root / str(number), moments.uniform(0, seconds)
            process = build(arguments, out)
            time.sleep(moment)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            written = len(list(out.rglob("*"))) if out.exists() else 0
            finish(build(arguments, out))
            same = contents(out) == expected
            different += not same
            print(
                f"killed after {moment:5.1f} s with {written:4d} files there: "
                f"{'the same bytes' if same else 'DIFFERENT'}",
                flush=True,
            )
    print(f"{flags.kills - different} of {flags.kills} ended with the same bytes")
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
