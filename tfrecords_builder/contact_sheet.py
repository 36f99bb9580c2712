"""A sheet of faces, a row for each class, to look at before anything is trained."""

from __future__ import annotations

import heapq
import io
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from PIL import Image

from affect_tf.labels.taxonomy import TASKS
from affect_tf.labels.taxonomy import Taxonomy
from tfrecords_builder import figures
from tfrecords_builder.record_stream import Block

#: Faces of a class.
FACES = 10

#: Quarters of the valence-arousal plane, for data without classes and units.
_QUARTERS = {
    "valence ≥ 0, arousal ≥ 0": (True, True),
    "valence ≥ 0, arousal < 0": (True, False),
    "valence < 0, arousal ≥ 0": (False, True),
    "valence < 0, arousal < 0": (False, False),
}
_NO_LABEL = "no label"

#: Inches of a face, of the gaps between faces, of a letter and of the title.
_SIDE, _GAP, _LETTER, _TITLE = 0.92, 0.04, 0.085, 0.62
#: Letters of a name before it goes on in the next line.
_LINE = 16


class FaceChoice:
    """Draws faces of every class while the records go by.

    Every frame of a class has the same chance. The choice depends on the seed and on
    the folder.
    """

    def __init__(self, taxonomy: Taxonomy, seed: int = 0, count: int = FACES) -> None:
        self._taxonomy = taxonomy
        self._seed = seed
        self._count = count
        self._blocks = 0
        # (split, task, name) -> the frames with the smallest numbers, largest first.
        self._kept: dict[tuple[str, str, str], list[tuple[float, bytes]]] = {}

    def __call__(self, block: Block) -> None:
        """Draws among the frames of a block."""
        images = block.rows.image
        self._blocks += 1
        for number, (task, name, mask) in enumerate(self._groups(block)):
            seeds = [self._seed, self._blocks, number]
            drawn = np.random.default_rng(seeds).random(len(images))
            kept = self._kept.setdefault((block.shard.split, task, name), [])
            limit = -kept[0][0] if len(kept) == self._count else np.inf
            rows = np.flatnonzero(mask & (drawn < limit))
            rows = rows[np.argsort(drawn[rows], kind="stable")[: self._count]]
            stored = tf.gather(images, rows).numpy() if len(rows) else ()
            for draw, image in zip(drawn[rows].tolist(), stored, strict=True):
                heapq.heappush(kept, (-draw, image))
                if len(kept) > self._count:
                    heapq.heappop(kept)

    @property
    def saw_pictures(self) -> bool:
        """Whether any records went by; those without pictures are not shown to it."""
        return bool(self._blocks)

    def faces(self, split: str) -> dict[str, list[bytes]]:
        """Returns name -> pictures as they are stored, for the rows of a sheet.

        The names are those of the classes; without any they are those of the active
        units, then the quarters of valence and arousal, then "no label". A class
        without a frame is there without a picture.
        """
        for task in (*TASKS, ""):
            rows = {
                name: [image for _, image in sorted(kept, reverse=True)]
                for (of, belongs, name), kept in self._kept.items()
                if of == split and belongs == task
            }
            if any(rows.values()):
                return rows
        return {}

    def _groups(self, block: Block) -> Iterator[tuple[str, str, np.ndarray]]:
        """Yields the task, the name and the frames (bool [R]) of each row."""
        rows = block.rows
        labels = {task: value.numpy() for task, value in rows.labels.items()}
        masks = {task: value.numpy() > 0 for task, value in rows.masks.items()}
        unlabelled = np.ones(len(rows.image), bool)
        if "expr" in labels:
            unlabelled &= ~masks["expr"]
            for index, name in enumerate(self._taxonomy.expressions):
                yield "expr", name, masks["expr"] & (labels["expr"] == index)
        if "au" in labels:
            unlabelled &= ~masks["au"].any(axis=1)
            for index, name in enumerate(self._taxonomy.action_units):
                yield "au", name, masks["au"][:, index] & (labels["au"][:, index] > 0)
        if "va" in labels:
            unlabelled &= ~masks["va"]
            for name, signs in _QUARTERS.items():
                same = ((labels["va"] >= 0) == np.array(signs)).all(axis=1)
                yield "va", name, masks["va"] & same
        yield "", _NO_LABEL, unlabelled


def sheet(
    title: str, rows: Mapping[str, Sequence[bytes]], counts: Mapping[str, int]
) -> Figure:
    """Draws the faces of each class beside its name.

    Args:
      title: What is written above.
      rows: From `FaceChoice.faces`; without any, a picture that says so.
      counts: Name -> frames, written below the name.
    """
    if not rows:
        return figures.nothing(f"{title}: no faces")
    columns = max(len(images) for images in rows.values())
    step = _SIDE + _GAP
    names = {name: figures.wrapped(name, _LINE) for name in rows}
    longest = max(len(line) for text in names.values() for line in text.split("\n"))
    margin = 0.35 + _LETTER * longest
    width = max(margin + columns * step + 0.15, 5.0)
    height = _TITLE + len(rows) * step + 0.1
    figure = figures.new(width, height, layout=None)
    style = {"va": "center", "ha": "right"}
    figure.text(
        0.15 / width, 1 - 0.33 / height, title, color=figures.INK, fontsize=12,
        va="center",
    )  # fmt: skip
    for line, (name, images) in enumerate(rows.items()):
        bottom = height - _TITLE - (line + 1) * step + _GAP
        middle, right = bottom + _SIDE / 2, (margin - 0.15) / width
        lines = names[name]
        color = figures.INK if images else figures.GREY
        figure.text(right, middle / height, lines, color=color, **style, fontsize=10)
        below = middle - 0.2 - 0.08 * lines.count("\n")
        if name in counts:
            note = f"{counts[name]:,}"
            grey = {"color": figures.GREY, "fontsize": 8, **style}
            figure.text(right, below / height, note, **grey)
        for column, image in enumerate(images):
            left = margin + column * step
            box = (left / width, bottom / height, _SIDE / width, _SIDE / height)
            axes = figure.add_axes(box)
            axes.imshow(_decoded(image))
            axes.set_axis_off()
    return figure


def _decoded(image: bytes) -> np.ndarray:
    """Returns uint8 [H, W, 3]."""
    return np.asarray(Image.open(io.BytesIO(image)).convert("RGB"))
