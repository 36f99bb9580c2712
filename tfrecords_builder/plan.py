"""Which sample goes into which shard, and in which order.

A plan is a pure function of the annotations and the options, so a build that was
stopped finds its place again, and every machine writes the same files.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

import cv2
import numpy as np
import pandas as pd
import PIL

import affect_tf
from affect_tf.data.sample import SCHEMA_VERSION
from affect_tf.labels.taxonomy import TASKS
from tfrecords_builder import annotations as annotations_lib
from tfrecords_builder import picture_source
from tfrecords_builder.annotations import Annotations
from tfrecords_builder.annotations import DEFAULTS


@dataclasses.dataclass(frozen=True)
class PlannedShard:
    """One file to write.

    Attributes:
      file: Path inside the folder.
      split: Of all its samples.
      source: Of all its samples.
      tasks: Those that label every sample in it.
      start: Its first row in the plan's table.
      stop: One past its last row.
      pictures: Checksum of the stamps of its pictures, and of their films' sound where
        that is stored; empty where they have none.
    """

    file: str
    split: str
    source: str
    tasks: tuple[str, ...]
    start: int
    stop: int
    pictures: str = ""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a build will write.

    Attributes:
      table: The annotations in the order in which they are written; the rows of a
        clip are neighbours.
      shards: The files, in order of name and of rows.
      size: Side of the stored pictures.
      seed: Seed of the order.
      layout: Differs whenever the files would, but for the pictures in them.
      fingerprint: Differs whenever the files would, or the tables beside them.
    """

    table: pd.DataFrame
    shards: tuple[PlannedShard, ...]
    size: int
    seed: int
    layout: str
    fingerprint: str


def make(annotations: Annotations, size: int, seed: int, frames_per_shard: int) -> Plan:
    """Returns the plan of a build.

    Samples of one split, source and set of labelled tasks share their files. Within
    such a group the order is that of a seeded hash of the sample's key, so the clips
    of one video lie far apart, whatever the order of the input.

    Args:
      annotations: Checked annotations.
      size: Side of the stored pictures.
      seed: Seed of the order.
      frames_per_shard: Target size of a file.
    """
    table = annotations.table.reset_index(drop=True)
    clips = table["clip"].to_numpy()
    code, unique = pd.factorize(clips)
    digests = np.array([digest(clip, seed) for clip in unique], np.uint64)
    flags = labelled(table, annotations.taxonomy.action_units)
    # The tasks of a row's clip, not of the row.
    flags = pd.DataFrame(flags).groupby(code).transform("any")
    group = table["split"] + "/" + table["source"] + "." + label_sets(flags)
    order = table.assign(_group=group, _digest=digests[code]).sort_values(
        ["_group", "_digest", "clip", "frame", "key"], kind="stable"
    )
    group = order.pop("_group").to_numpy()
    order = order.drop(columns="_digest").reset_index(drop=True)
    shards = []
    edges = np.flatnonzero(group[1:] != group[:-1]) + 1
    bounds = [0, *edges.tolist(), len(group)] if len(group) else [0]
    for start, stop in zip(bounds[:-1], bounds[1:], strict=True):
        shards += _shards(group[start], order, start, stop, frames_per_shard)
    shards = _stamped(shards, order, annotations)
    layout = _layout(order, annotations, size, seed, frames_per_shard)
    beside = _beside(annotations)
    fingerprint = _sha256([layout, beside, *(shard.pictures for shard in shards)])
    return Plan(order, tuple(shards), size, seed, layout, fingerprint)


def note(plan: Plan, index: int) -> list[str]:
    """Returns what tells whether a shard of an earlier run is still wanted."""
    return [plan.layout, plan.shards[index].pictures]


def labelled(table: pd.DataFrame, units: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Returns task -> bool [N]: whether each frame has a label for it."""
    return {
        "expr": table["expression"].notna().to_numpy(),
        "au": table[list(units)].notna().any(axis=1).to_numpy(bool),
        "va": table["valence"].notna().to_numpy(),
    }


def clip_starts(clips: np.ndarray) -> np.ndarray:
    """Returns the positions at which a new clip begins, in an ordered table."""
    return np.flatnonzero(np.r_[True, clips[1:] != clips[:-1]])


def label_sets(flags: Mapping[str, np.ndarray]) -> pd.Series:
    """Returns the labelled tasks of each row, written "expr+va", or "none".

    Args:
      flags: As from `labelled`.
    """
    names = pd.Series("", index=range(len(flags["va"])), dtype=object)
    for task in TASKS:
        names += np.where(flags[task], f"+{task}", "")
    return names.str[1:].replace("", "none")


def digest(clip: str, seed: int) -> int:
    """Returns the number, below 2**64, by which a clip finds its place in a group."""
    text = f"{seed}\0{clip}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def _shards(
    group: str, table: pd.DataFrame, start: int, stop: int, frames_per_shard: int
) -> Iterator[PlannedShard]:
    """Yields the shards of one group, cut between clips."""
    path, _, tasks = group.rpartition(".")
    split, source = path.split("/")
    starts = clip_starts(table["clip"].to_numpy()[start:stop]) + start
    count = min(len(starts), max(1, round((stop - start) / frames_per_shard)))
    first = starts[[len(starts) * i // count for i in range(count)]].tolist()
    for i, (begin, end) in enumerate(zip(first, [*first[1:], stop], strict=True)):
        yield PlannedShard(
            file=f"{group}-{i:05d}-of-{count:05d}.tfrecord",
            split=split,
            source=source,
            tasks=() if tasks == "none" else tuple(tasks.split("+")),
            start=begin,
            stop=end,
        )


def _stamped(
    shards: list[PlannedShard], table: pd.DataFrame, annotations: Annotations
) -> list[PlannedShard]:
    """Returns the shards with a checksum of the files that they depend on."""
    pictures = [annotations.pictures.stamp(picture) for picture in table["picture"]]
    of_shards = [pictures[shard.start : shard.stop] for shard in shards]
    if annotations.sounds is not None:
        for shard, stamps in zip(shards, of_shards, strict=True):
            videos = table["video"].iloc[shard.start : shard.stop].unique()
            stamps += [annotations.sounds.stamp(shard.source, v) for v in videos]
    if not any(stamp for stamps in of_shards for stamp in stamps):
        return shards
    return [
        dataclasses.replace(shard, pictures=_sha256(stamps))
        for shard, stamps in zip(shards, of_shards, strict=True)
    ]


def _sha256(texts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def _beside(annotations: Annotations) -> str:
    """Returns a checksum of what a folder says of its data, but for the records."""
    facts = {
        "rejects": [reject[1:] for reject in annotations.rejects],
        "dropped": annotations.dropped,
        "reader": annotations.reader,
        "subjects_known": annotations.subjects_known,
        "films": [table.to_csv(index=False) for table in annotations.films or ()],
    }
    return _sha256([json.dumps(facts, sort_keys=True, default=int)])


def _layout(
    table: pd.DataFrame,
    annotations: Annotations,
    size: int,
    seed: int,
    frames_per_shard: int,
) -> str:
    """Returns a checksum of everything that the files depend on, but the pictures."""
    options = {
        "schema_version": SCHEMA_VERSION,
        "program": affect_tf.__version__,
        "taxonomy": annotations.taxonomy.to_json(),
        "size": size,
        "jpeg_quality": picture_source.JPEG_QUALITY,
        # These draw, resize and encode, and may do so differently in another version.
        "libraries": [cv2.__version__, np.__version__, PIL.__version__],
        "seed": seed,
        "frames_per_shard": frames_per_shard,
    }
    sounds = annotations.sounds
    if sounds is not None:
        options["sound"] = [sounds.format, sounds.seconds]
    checksum = hashlib.sha256(json.dumps(options, sort_keys=True).encode())
    units = annotations.taxonomy.action_units
    for name in (*DEFAULTS, *units, *annotations_lib.SAMPLING.values()):
        # What no record holds, and columns that most tables lack.
        if name in ("archive", "origin") or name not in table:
            continue
        if name == "time" and table[name].isna().all():
            continue
        checksum.update(f"\0{name}\0".encode())
        values = table[name].to_numpy()
        if values.dtype == object:
            checksum.update("\0".join(str(value) for value in values).encode())
        else:
            # One bit pattern for every NaN, and one byte order for every machine.
            values = np.where(np.isnan(values), np.nan, values)
            checksum.update(values.astype("<f8").tobytes())
    return checksum.hexdigest()
