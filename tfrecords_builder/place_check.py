"""What sets a sample apart from its shard, and from every other sample."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from typing import Any

from affect_tf.data import sample as sample_lib
from affect_tf.data.manifest import Manifest
from affect_tf.data.manifest import Shard
from affect_tf.data.manifest import SPLITS
from affect_tf.data.sample import Sample
from affect_tf.labels import taxonomy as taxonomy_lib
from tfrecords_builder import plan

#: The split whose samples may have sampling numbers that matter.
_DRAWN = "train"


class Places:
    """Where every sample was seen, one after the other.

    Attributes:
      unordered: Shards that are not in the order of the seed.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._last: dict[tuple[Any, ...], tuple[int, str]] = {}
        self._keys: dict[str, str] = {}
        self._subjects: dict[tuple[str, str], str] = {}
        self._videos: dict[tuple[str, str], str] = {}
        self.unordered: set[str] = set()

    def faults(self, sample: Sample, shard: Shard) -> Iterator[str]:
        """Takes a sample, and yields what is wrong with its place."""
        for name in ("split", "source", "tasks"):
            is_, expected = getattr(sample, name), getattr(shard, name)
            if is_ != expected:
                yield f"{sample.key!r} has {name}={is_!r} in a file of {expected!r}"
        group = (shard.split, shard.source, shard.tasks)
        place = (plan.digest(sample.key, self._manifest.seed), sample.key)
        if place < self._last.get(group, place):
            self.unordered.add(shard.file)
        self._last[group] = place
        if sample.key in self._keys:
            yield f"{sample.key!r} is also in {self._keys[sample.key]}"
        self._keys[sample.key] = shard.file
        for noun, name, seen in (
            ("subject", sample.subject, self._subjects),
            ("video", sample.video, self._videos),
        ):
            if noun == "video" and not name:
                continue  # A still.
            split = seen.setdefault((sample.source, name), sample.split)
            if split != sample.split:
                yield f"{noun} {name!r} is in {split} and in {sample.split}"
        yield from self._sampling_faults(sample)
        yield from self._feature_faults(sample)
        yield from self._sound_faults(sample)

    def counts(self, split: str) -> dict[str, int]:
        """Returns how many subjects and videos were first seen in a split."""
        return {
            "subjects": collections.Counter(self._subjects.values())[split],
            "videos": collections.Counter(self._videos.values())[split],
        }

    def _sampling_faults(self, sample: Sample) -> Iterator[str]:
        stated = self._manifest.sampling
        if sample.sampling and not stated:
            yield f"{sample.key!r} has sampling numbers, and the manifest knows of none"
        if not sample.sampling and sample.split == _DRAWN:
            missing = [task for task in stated if task in sample.tasks]
            if missing:
                names = ", ".join(missing)
                yield f"{sample.key!r} has no sampling number for {names}"

    def _feature_faults(self, sample: Sample) -> Iterator[str]:
        # `sample.check` has seen that all frames are alike.
        first = sample.frames[0].features
        widths = {name: len(numbers) // 2 for name, numbers in first.items()}
        stated = self._manifest.features
        if widths != stated:
            yield (
                f"{sample.key!r} has {widths or 'pictures'} where the manifest states "
                f"{stated or 'pictures'}"
            )

    def _sound_faults(self, sample: Sample) -> Iterator[str]:
        # `sample.check` has seen that all frames have a time, or none.
        stated, sound = self._manifest.sound, sample.sound
        if self._manifest.timed and sample.frames[0].time is None:
            yield f"{sample.key!r} has no times, and the manifest states some"
        if sound is None:
            return
        if not stated:
            yield f"{sample.key!r} has sound, and the manifest knows of none"
            return
        width = 2 * stated["channels"]
        if len(sound.pcm) % width:
            yield (
                f"{sample.key!r} has {len(sound.pcm)} bytes of sound, of which one "
                f"sample takes {width}"
            )
        last = sample_lib.microseconds(sample.frames[-1].time)
        expected = sample_lib.sound_end(last, stated["rate"])
        end = sound.start + len(sound.pcm) // width
        if end != expected:
            yield (
                f"{sample.key!r} has sound up to sample {end} of its film, and its "
                f"last frame is at {expected}"
            )


def manifest_faults(manifest: Manifest) -> Iterator[str]:
    """Yields what a manifest says that cannot be."""
    for task in manifest.sampling:
        if task not in manifest.taxonomy.tasks:
            yield (
                f"states sampling numbers for {task!r}, which is no task of its "
                f"taxonomy. {taxonomy_lib.closest(task, manifest.taxonomy.tasks)}"
            )
    for split, reasons in manifest.dropped.items():
        if split not in SPLITS:
            yield f"counts what was dropped from {split!r}, which is no split"
            continue
        for reason, count in reasons.items():
            is_count = isinstance(count, int) and not isinstance(count, bool)
            if not reason or not is_count or count < 0:
                yield f"counts {count!r} frames of {split} dropped for {reason!r}"
