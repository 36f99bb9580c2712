"""How the labels of a folder are distributed, counted in one pass."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from affect_tf.data.manifest import Manifest
from affect_tf.data.manifest import SPLITS
from affect_tf.labels import va_bins
from affect_tf.labels.taxonomy import TASKS
from affect_tf.labels.taxonomy import Taxonomy
from tfrecords_builder import record_stream
from tfrecords_builder.record_stream import Block
from tfrecords_builder.writer import Progress

#: Bins of each axis of the density of valence and arousal.
BINS = 20

#: The pairs of tasks, as they are written.
PAIRS = {
    f"{one}+{two}": (one, two)
    for one, two in (("expr", "va"), ("expr", "au"), ("au", "va"))
}

#: Key of a copy that balancing made.
_COPY = re.compile(r"#\d+\Z")


class Distribution:
    """What a split holds. A "frame" is a picture with its labels.

    Attributes:
      taxonomy: Classes and units, in the order of the arrays below.
      frames: Number of frames.
      samples: Number of records.
      copies: Records that balancing repeated.
      subjects: Who is seen, (source, name).
      videos: What they are cut from, (source, name).
      by_source: Source -> frames.
      heard: Records with sound.
      sound_seconds: Of the sound in them.
      lengths: int64 [L]. Records of 0, 1, 2, ... frames.
      expressions: int64 [C]. Frames of each class.
      labelled_units: int64 [U]. Frames in which somebody annotated the unit.
      positive_units: int64 [U]. Frames in which it is active.
      active_together: int64 [U, U]. Frames in which both are active.
      active_and_known: int64 [U, U]. Frames in which the first is active and the
        second annotated.
      histogram: int64 [20, 20]. Frames in each bin of valence, then arousal, over
        [-1, 1].
      dropped: Reason -> frames that were left out; None where that is not known.
    """

    def __init__(
        self, taxonomy: Taxonomy, sound: Mapping[str, int] | None = None
    ) -> None:
        units = len(taxonomy.action_units)
        self.taxonomy = taxonomy
        self.frames = self.samples = self.copies = 0
        self.heard, self.sound_seconds = 0, 0.0
        self.subjects: set[tuple[str, str]] = set()
        self.videos: set[tuple[str, str]] = set()
        self.by_source: dict[str, int] = {}
        self.lengths = np.zeros(0, np.int64)
        self.expressions = np.zeros(len(taxonomy.expressions), np.int64)
        self.labelled_units = np.zeros(units, np.int64)
        self.positive_units = np.zeros(units, np.int64)
        self.active_together = np.zeros((units, units), np.int64)
        self.active_and_known = np.zeros((units, units), np.int64)
        self.histogram = np.zeros((BINS, BINS), np.int64)
        self.dropped: dict[str, int] | None = {}
        # Seconds of a byte of sound.
        self._second = 1 / (2 * sound["rate"] * sound["channels"]) if sound else 0.0
        # Frames of each set of labelled tasks; bit i is task i.
        self._sets = np.zeros(1 << len(TASKS), np.int64)
        self._va_sum = np.zeros(2)
        self._va_square = np.zeros(2)

    def take(self, block: Block) -> None:
        """Counts the frames of a block."""
        rows, source = block.rows, block.shard.source
        sample = rows.sample.numpy()
        keys = block.names("key")
        self.frames += len(sample)
        self.samples += len(keys)
        self.copies += sum(_COPY.search(key) is not None for key in keys)
        self.heard += int((block.sounds > 0).sum())
        self.sound_seconds += float(block.sounds.sum()) * self._second
        self.subjects.update((source, name) for name in set(block.names("subject")))
        videos = set(block.names("video")) - {""}
        self.videos.update((source, name) for name in videos)
        self.by_source[source] = self.by_source.get(source, 0) + len(sample)
        lengths = np.bincount(np.bincount(sample, minlength=len(keys)))
        self.lengths = _sum(self.lengths, lengths)
        sets = np.zeros(len(sample), np.int64)
        for bit, task in enumerate(TASKS):
            if task in rows.masks:
                mask = rows.masks[task].numpy() > 0
                labelled = mask.any(axis=1) if task == "au" else mask
                sets |= labelled.astype(np.int64) << bit
                getattr(self, f"_take_{task}")(rows.labels[task].numpy(), mask)
        self._sets += np.bincount(sets, minlength=len(self._sets))

    def labelled(self, *tasks: str) -> int:
        """Returns the frames that have a label for each of these tasks."""
        wanted = sum({1 << TASKS.index(task) for task in tasks})
        return sum(int(n) for i, n in enumerate(self._sets) if i & wanted == wanted)

    @property
    def label_sets(self) -> dict[str, int]:
        """Frames by the tasks that label them ("expr+va", "none"), where there are."""
        named = {}
        for size in range(len(TASKS) + 1):
            for tasks in itertools.combinations(TASKS, size):
                count = int(self._sets[sum(1 << TASKS.index(task) for task in tasks)])
                if count:
                    named["+".join(tasks) or "none"] = count
        return named

    @property
    def va_mean(self) -> tuple[float, float] | None:
        """Mean valence and arousal; None without a label."""
        count = self.labelled("va")
        return tuple((self._va_sum / count).tolist()) if count else None

    @property
    def va_deviation(self) -> tuple[float, float] | None:
        """Their standard deviations (of the population); None without a label."""
        count = self.labelled("va")
        if not count:
            return None
        mean = self._va_sum / count
        variance = np.maximum(self._va_square / count - mean * mean, 0.0)
        return tuple(np.sqrt(variance).tolist())

    @property
    def clip_frames(self) -> tuple[int, float, int] | None:
        """The shortest clip, the mean and the longest; None without a record."""
        if not self.samples:
            return None
        present = np.flatnonzero(self.lengths)
        return int(present[0]), self.frames / self.samples, int(present[-1])

    def _take_expr(self, labels: np.ndarray, mask: np.ndarray) -> None:
        self.expressions += np.bincount(labels[mask], minlength=len(self.expressions))

    def _take_au(self, labels: np.ndarray, mask: np.ndarray) -> None:
        # Float products are far faster than integer ones, and exact up to 2^24.
        known, active = mask.astype(np.float32), (labels * mask).astype(np.float32)
        self.labelled_units += known.sum(axis=0).astype(np.int64)
        self.positive_units += active.sum(axis=0).astype(np.int64)
        self.active_together += (active.T @ active).astype(np.int64)
        self.active_and_known += (active.T @ known).astype(np.int64)

    def _take_va(self, labels: np.ndarray, mask: np.ndarray) -> None:
        # Labels have a few decimals: what float32 adds to them is rounded away.
        pairs = np.round(labels[mask].astype(np.float64), 7)
        self._va_sum += pairs.sum(axis=0)
        self._va_square += (pairs * pairs).sum(axis=0)
        bins = va_bins.bin_index(pairs, BINS)
        flat = np.bincount(bins[:, 0] * BINS + bins[:, 1], minlength=BINS * BINS)
        self.histogram += flat.reshape(BINS, BINS)


def measure(
    directory: str | os.PathLike[str],
    manifest: Manifest,
    sources: Sequence[str] = ("*",),
    look: Callable[[Block], None] | None = None,
    progress: Progress | None = None,
) -> dict[str, Distribution]:
    """Counts every record of a folder, or of some of its sources.

    Args:
      directory: The folder.
      manifest: Its manifest.
      sources: Patterns of source names ("affwild2", "disfa*").
      look: Sees every block on the way.
      progress: Called now and then.

    Returns:
      split -> distribution, in the order of `SPLITS`. A split without records is
      there if frames of it were dropped. What was dropped is not known by source:
      unless every source is counted, `dropped` is None.

    Raises:
      UserError: If a shard cannot be read.
    """
    shards = [s for split in SPLITS for s in manifest.select(split, sources=sources)]
    whole = len(shards) == len(manifest.shards)
    dropped = {split for split, reasons in manifest.dropped.items() if reasons}
    splits = {shard.split for shard in shards} | (dropped if whole else set())
    found = {split: Distribution(manifest.taxonomy, manifest.sound) for split in SPLITS}
    total, done = sum(shard.frames for shard in shards), 0
    for block in record_stream.blocks(directory, manifest, shards):
        found[block.shard.split].take(block)
        if look is not None:
            look(block)
        done += len(block.rows.sample)
        if progress is not None:
            progress(done, total, False)
    for split, distribution in found.items():
        of_split = manifest.dropped.get(split, {})
        distribution.dropped = dict(of_split) if whole else None
    return {split: found[split] for split in SPLITS if split in splits}


def _sum(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Returns the sum of two rows of counts, the shorter of which ends in zeros."""
    total = np.zeros(max(len(one), len(other)), np.int64)
    total[: len(one)] += one
    total[: len(other)] += other
    return total
