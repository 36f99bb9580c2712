"""How long does a large annotation table take? Aff-Wild2's layout, a million frames.

  python -m benchmarks.million_rows --frames=1000000

Writes label files and empty pictures of invented videos into a temporary folder, which
is not measured. Then one process reads and joins the labels, settles what leaks,
balances (Deng et al. 2020) and plans the shards; prints the seconds of each step, their
sum and the peak memory of the process.
"""

from __future__ import annotations

import argparse
import pathlib
import resource
import tempfile
import time

import affect_tf  # noqa: F401  isort: skip  (chooses the Keras 2 API first)

import dataclasses

import numpy as np

from affect_tf.labels.taxonomy import AUS_12
from affect_tf.labels.taxonomy import EXPRESSIONS_7
from tfrecords_builder import balance
from tfrecords_builder import checks
from tfrecords_builder import plan as plan_lib
from tfrecords_builder import splits
from tfrecords_builder import writer
from tfrecords_builder.readers import affwild2

FRAMES_PER_VIDEO = 2000
#: Label rows without a label, and frames without a picture, as a share of all.
INVALID = 0.05


def write(root: pathlib.Path, frames: int) -> int:
    """Writes the tree and returns the number of label rows in it."""
    rng = np.random.default_rng(0)
    rows = 0
    for video in range(frames // FRAMES_PER_VIDEO):
        split = "Validation_Set" if video % 5 == 4 else "Train_Set"
        count = FRAMES_PER_VIDEO
        va = np.round(rng.uniform(-1, 1, (count, 2)), 3)
        va[rng.random(count) < INVALID] = -5
        shares = 0.5 ** np.arange(1, 8)
        classes = rng.choice(7, count, p=shares / shares.sum())
        classes[rng.random(count) < INVALID] = -1
        units = (rng.random((count, 12)) < np.linspace(0.02, 0.6, 12)).astype(int)
        # Every video is annotated for valence and arousal, two of three for more.
        sets = {"VA_Set": ("valence,arousal", va, "%.3f")}
        if video % 3 != 0:
            sets["EXPR_Set"] = (",".join(EXPRESSIONS_7), classes, "%d")
        if video % 3 != 1:
            sets["AU_Set"] = (",".join(AUS_12), units, "%d")
        for name, (header, values, form) in sets.items():
            path = root / "annotations" / name / split / f"video{video}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savetxt(path, values, form, ",", header=header, comments="")
            rows += count
        folder = root / "cropped_aligned" / f"video{video}"
        folder.mkdir(parents=True)
        for frame in np.flatnonzero(rng.random(count) >= INVALID):
            (folder / f"{frame + 1:05d}.jpg").touch()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--frames", type=int, default=1_000_000)
    flags = parser.parse_args()
    steps = {}
    with tempfile.TemporaryDirectory() as folder:
        rows = write(pathlib.Path(folder), flags.frames)
        start = last = time.perf_counter()

        def step(name: str) -> None:
            nonlocal last
            steps[name] = time.perf_counter() - last
            last = time.perf_counter()

        read = affwild2.annotations(folder)
        step("read and join")
        settled = splits.settle(read, "drop")
        checks.check(settled)
        step("settle and check")
        recipe = balance.parse(["deng2020"])
        balanced = balance.apply(settled.table, settled.taxonomy, recipe)
        step("balance")
        checks.check(dataclasses.replace(settled, table=balanced.table))
        plan_lib.make(
            dataclasses.replace(settled, table=balanced.table),
            writer.SIZE,
            0,
            writer.FRAMES_PER_SHARD,
        )
        step("check and plan")
        total = time.perf_counter() - start
    print(f"{flags.frames:,} frames, {rows:,} label rows")
    print(f"{len(read.table):,} rows read, {len(balanced.table):,} after balancing")
    for name, value in steps.items():
        print(f"  {name:20} {value:6.1f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(f"  {'together':20} {total:6.1f} s, {peak:.2f} GiB at the most")


if __name__ == "__main__":
    main()
