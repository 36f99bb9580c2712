"""Small data folders for tests, made without the builder."""

import collections

import numpy as np
import tensorflow as tf

from affect_tf.data import records
from affect_tf.data.manifest import Manifest
from affect_tf.data.manifest import Shard
from affect_tf.data.sample import Frame
from affect_tf.labels.taxonomy import ABAW1


def write_records(folder, samples, taxonomy=ABAW1, shards=2, size=32, sound=None):
    """Writes samples as a data folder, group by group, without the builder."""
    groups = collections.defaultdict(list)
    for sample in samples:
        groups[sample.split, sample.source, sample.tasks].append(sample)
    entries = []
    for (split, source, tasks), members in groups.items():
        for number in range(shards):
            part = members[number::shards]
            name = f"{split}/{source}.{'+'.join(tasks) or 'none'}-{number}.tfrecord"
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with tf.io.TFRecordWriter(str(path)) as writer:
                for sample in part:
                    writer.write(records.encode(sample, taxonomy))
            frames = sum(len(sample.frames) for sample in part)
            entries.append(
                Shard(
                    name,
                    split,
                    source,
                    tasks,
                    len(part),
                    frames,
                    path.stat().st_size,
                    "unchecked",
                )
            )
    lengths = [len(sample.frames) for sample in samples]
    clips = {"min": min(lengths), "max": max(lengths)}
    counts = {
        split: _counts([sample for sample in samples if sample.split == split])
        for split in sorted({sample.split for sample in samples})
    }
    features = {
        name: len(numbers) // 2
        for name, numbers in samples[0].frames[0].features.items()
    }
    Manifest(
        taxonomy,
        tuple(entries),
        counts,
        0,
        clips,
        size,
        features=features,
        sound=sound or {},
        timed=all(f.time is not None for sample in samples for f in sample.frames),
    ).save(folder)
    return folder


def vector(*numbers):
    """The bytes of a feature, as a frame holds them."""
    return np.array(numbers, "<f2").tobytes()


def _counts(samples):
    frames = [frame for sample in samples for frame in sample.frames]
    tasks = collections.Counter(task for frame in frames for task in frame.tasks)
    sets = collections.Counter("+".join(frame.tasks) for frame in frames)
    classes = collections.Counter(frame.expression for frame in frames)
    classes.pop(None, None)
    return {
        "frames": len(frames),
        "subjects": len({sample.subject for sample in samples}),
        "by_task": dict(tasks),
        "label_sets": dict(sets),
        "classes": dict(classes),
    }


def face(number, size=32):
    """A picture of which the number can be read off: its grey level."""
    picture = np.full([size, size, 3], number % 256, np.uint8)
    return tf.io.encode_png(picture).numpy()


def labelled_frame(kind, number, valence, time=None):
    """A face whose grey level and labels follow valence.

    Args:
      kind: The one task that has a label, or "all".
      number: Of the frame.
      valence: From -1 to 1.
      time: Of the frame, seconds; None where it has none.
    """
    expr, au, va = (kind in (task, "all") for task in ("expr", "au", "va"))
    return Frame(
        face(round(127 + 100 * valence)),
        expression=("sadness", "happiness")[valence > 0] if expr else None,
        action_units={n: int(valence > 0) for n in ABAW1.action_units} if au else {},
        valence=valence if va else None,
        arousal=-valence if va else None,
        number=number,
        time=time,
    )
