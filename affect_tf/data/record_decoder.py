"""Reads one record in plain Python, with an error for whatever is wrong in it."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence

import tensorflow as tf

from affect_tf.data.sample import FEATURE
from affect_tf.data.sample import Frame
from affect_tf.data.sample import MAX_SAMPLING
from affect_tf.data.sample import Sample
from affect_tf.data.sample import Sound
from affect_tf.data.sample import TICKS
from affect_tf.labels.taxonomy import Taxonomy


def decode(serialized: bytes, taxonomy: Taxonomy) -> Sample:
    """Reads one record: the inverse of `records.encode`.

    Meant for checks and for looking at single records; `records.parse` is the fast way.

    Args:
      serialized: What `records.encode` returned.
      taxonomy: The vocabulary that it was encoded with.

    Raises:
      ValueError: If these are not the bytes of a sample in this vocabulary, a mask is
        neither 0 nor 1, a label lies below a mask of 0, a number of `sampling` is
        none, the frames have not as many pictures, vectors or times as they are, or
        the sound is not one string with one start.
    """
    try:
        feature = tf.train.Example.FromString(serialized).features.feature
    except Exception as error:  # The protobuf back ends raise different types.
        raise ValueError(
            "A record must be a serialized tf.train.Example. "
            f"Received: {len(serialized)} other bytes. Build the data again."
        ) from error
    shown = _shown(feature)
    columns = {
        name: _frame_rows(feature, name, width, len(shown))
        for name, width in _widths(taxonomy).items()
    }
    _check_masks(columns)
    if "time" in feature:
        columns["time"] = _frame_rows(feature, "time", 1, len(shown))
    return Sample(
        frames=tuple(
            _frame(seen, {name: rows[t] for name, rows in columns.items()}, taxonomy)
            for t, seen in enumerate(shown)
        ),
        sampling=_sampling(feature, taxonomy),
        sound=_sound(feature),
        **{
            name: _text(feature, name)
            for name in ("key", "source", "subject", "video", "split")
        },
    )


def _shown(
    feature: Mapping[str, tf.train.Feature],
) -> list[tuple[bytes, dict[str, bytes]]]:
    """Returns the picture and the vectors of each frame; it should have one of them."""
    columns = {
        name: feature[name].bytes_list.value
        for name in sorted(feature)
        if name == "image" or name.startswith(FEATURE)
    }
    counts = {name: len(values) for name, values in columns.items()}
    if len(set(counts.values())) > 1:
        raise ValueError(
            "A record must hold a picture or every vector for each of its frames. "
            f"Received: {counts}. Build the data, or make the features, again."
        )
    images = columns.pop("image", None)
    return [
        (
            images[t] if images else b"",
            {name.removeprefix(FEATURE): v[t] for name, v in columns.items()},
        )
        for t in range(next(iter(counts.values()), 0))
    ]


def _widths(taxonomy: Taxonomy) -> dict[str, int]:
    """Returns how many numbers of each feature belong to one frame."""
    num_units = len(taxonomy.action_units)
    has_expressions, has_va = int(bool(taxonomy.expressions)), int(taxonomy.has_va)
    return {
        "frame": 1,
        "expr": has_expressions,
        "expr_mask": has_expressions,
        "au": num_units,
        "au_mask": num_units,
        "va": 2 * has_va,
        "va_mask": has_va,
    }


def _frame_rows(
    feature: Mapping[str, tf.train.Feature], name: str, width: int, num_frames: int
) -> list[Sequence[float]]:
    """Returns a feature's numbers, one list a frame."""
    kind = "float_list" if name == "va" else "int64_list"
    values = getattr(feature[name], kind).value
    if not num_frames or len(values) != width * num_frames:
        raise ValueError(
            f"Feature {name!r} of a record must hold {width} numbers for each of "
            f"its {num_frames} frames. Received: {len(values)}. "
            "Check that the manifest's taxonomy is the one it was built with."
        )
    return [values[t * width : (t + 1) * width] for t in range(num_frames)]


def _check_masks(columns: Mapping[str, list[Sequence[float]]]) -> None:
    """Raises where a mask is no mask, or hides a number that is not 0."""
    for name in ("expr", "au", "va"):
        for values, masks in zip(columns[name], columns[f"{name}_mask"], strict=True):
            odd = [mask for mask in masks if mask not in (0, 1)]
            if odd:
                raise ValueError(
                    f"Feature '{name}_mask' of a record must hold 0 and 1. "
                    f"Received: {odd[0]}. Build the data again."
                )
            # One mask for valence and arousal, one for each unit.
            spread = [mask for mask in masks for _ in range(len(values) // len(masks))]
            hidden = [v for v, mask in zip(values, spread, strict=True) if not mask]
            if any(hidden):
                raise ValueError(
                    f"Feature {name!r} of a record must be 0 where nobody labelled "
                    f"it. Received: {next(filter(None, hidden))}. "
                    "Build the data again."
                )


def _frame(
    shown: tuple[bytes, dict[str, bytes]],
    row: Mapping[str, Sequence[float]],
    taxonomy: Taxonomy,
) -> Frame:
    """Returns one frame of a decoded record."""
    expression = None
    if taxonomy.expressions and row["expr_mask"][0]:
        index = row["expr"][0]
        if not 0 <= index < len(taxonomy.expressions):
            raise ValueError(
                "A class index of a record must lie in its taxonomy. "
                f"Received: expr={index} of {len(taxonomy.expressions)} classes. "
                "Build the data again."
            )
        expression = taxonomy.expressions[index]
    labelled = zip(taxonomy.action_units, row["au"], row["au_mask"], strict=True)
    has_va = taxonomy.has_va and row["va_mask"][0]
    return Frame(
        image=shown[0],
        features=shown[1],
        expression=expression,
        action_units={name: int(value) for name, value, mask in labelled if mask},
        valence=row["va"][0] if has_va else None,
        arousal=row["va"][1] if has_va else None,
        number=row["frame"][0],
        time=row["time"][0] / TICKS if "time" in row else None,
    )


def _text(feature: Mapping[str, tf.train.Feature], name: str) -> str:
    values = feature[name].bytes_list.value
    if len(values) != 1:
        raise ValueError(
            f"Feature {name!r} of a record must hold one string. "
            f"Received: {len(values)}. Build the data again."
        )
    return values[0].decode()


def _sound(feature: Mapping[str, tf.train.Feature]) -> Sound | None:
    """Returns the sound, None where the record has none."""
    if "sound" not in feature and "sound_start" not in feature:
        return None
    strings = feature["sound"].bytes_list.value
    starts = feature["sound_start"].int64_list.value
    if len(strings) != 1 or len(starts) != 1:
        raise ValueError(
            "The sound of a record must be one string, with the number of its first "
            f"sample. Received: {len(strings)} strings and {len(starts)} numbers. "
            "Build the data again."
        )
    return Sound(strings[0], starts[0])


def _sampling(
    feature: Mapping[str, tf.train.Feature], taxonomy: Taxonomy
) -> dict[str, float]:
    """Returns task -> how often it is drawn; empty where the record does not say."""
    if "sampling" not in feature:
        return {}
    numbers = feature["sampling"].float_list.value
    odd = [number for number in numbers if not 0 <= number <= MAX_SAMPLING]
    if odd or len(numbers) != len(taxonomy.tasks):
        raise ValueError(
            f"Feature 'sampling' of a record must hold {len(taxonomy.tasks)} numbers "
            f"in [0, {MAX_SAMPLING:g}], one for each task. "
            f"Received: {list(numbers)}. Build the data again."
        )
    return dict(zip(taxonomy.tasks, numbers, strict=True))
