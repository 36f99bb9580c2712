"""Scores of a model of windows, as `--mode=evaluate` gives them for one record.

The faces of a person make stretches, which end where the person is missed for more
frames than `max_gap`. A stretch is cut as `Windows.windows_of` cuts it, but while it
grows: a window is scored as soon as it is full, and a face is done when no window that
is still to come can show it. So a row comes up to one window later than its frame, and
memory holds the faces of open windows, as vectors.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from affect_tf.data.windows import Windows
from affect_tf.serving.loaded_model import LoadedModel
from affect_tf.serving.loaded_model import Outputs
from affect_tf.serving.prediction.embedding import embedded
from affect_tf.serving.prediction.material import Material
from affect_tf.serving.prediction.scoring import Face

#: Frames of the windows that go through the sequence model together.
_FRAMES_AT_ONCE = 1024


@dataclasses.dataclass(eq=False)
class _Shown:
    """A face, its vectors, and the sum of its scores in the windows so far."""

    face: Face
    vectors: Outputs
    times: int = 0
    sums: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)

    def add(self, scores: Outputs) -> None:
        """Takes the scores of one more window, {output of a member: [K]}."""
        self.times += 1
        for name, values in scores.items():
            self.sums[name] = self.sums.get(name, 0.0) + values.astype(np.float64)


class Stretch:
    """Frames of one person without a gap, those that are still needed.

    Attributes:
      last: Number of its last frame in the film.
      is_closed: Whether it has ended.
    """

    def __init__(self, windows: Windows) -> None:
        self.last = 0
        self.is_closed = False
        self._length, self._stride = windows.length, windows.stride_in_evaluation
        self._shown: list[_Shown] = []
        self._dropped = 0  # How many were in front of those.
        self._next = 0  # Where the next window begins.

    @property
    def _count(self) -> int:
        return self._dropped + len(self._shown)

    def append(self, shown: _Shown) -> None:
        """Takes the next face."""
        self._shown.append(shown)

    def windows(self) -> Iterator[list[_Shown]]:
        """Gives the windows that can be cut by now, once; the last may be short."""
        while self._next + self._length <= self._count:
            yield self._from(self._next)
            self._next += self._stride
        if self.is_closed and self._count:
            beyond = max(self._count - self._length, 0)
            # The one before ended in front of the last frame, or there was none.
            if self._next - self._stride < beyond or not self._next:
                yield self._from(beyond)

    def done(self) -> list[_Shown]:
        """Returns the faces that no later window shows, and forgets them."""
        end = self._count
        if not self.is_closed:
            end = min(self._next, self._count - self._length)
        number = max(end - self._dropped, 0)
        done, self._shown = self._shown[:number], self._shown[number:]
        self._dropped += number
        return done

    def _from(self, place: int) -> list[_Shown]:
        first = place - self._dropped
        return self._shown[first : first + self._length]


class WindowScorer:
    """Scores faces by the windows of their person; a `Scorer`."""

    def __init__(self, model: LoadedModel, windows: Windows, batch_size: int) -> None:
        """Has seen nothing yet.

        Args:
          model: Of windows.
          windows: How it is cut; `model.time`.
          batch_size: Faces that go through the network together.
        """
        self._model, self._windows = model, windows
        self._batch_size = batch_size
        self._pending: list[tuple[Face, Stretch]] = []
        self._open: dict[int, Stretch] = {}  # By the person, of this file.
        self._closed: list[Stretch] = []
        self._file = -1

    def advance(self, file: int, material: Material, frame: int | None) -> None:
        """Closes the stretches that no later frame can go on with."""
        del material
        other = file != self._file or frame is None
        self._file = file
        for person, stretch in list(self._open.items()):
            if other or frame - stretch.last > self._windows.max_gap:
                self._close(person)

    def add(self, face: Face) -> None:
        """Takes a face; the last of a batch has all windows scored that are full."""
        stretch = self._open.get(face.person)
        if stretch is not None and face.frame <= stretch.last:
            self._close(face.person)  # Numbers that do not rise are not one stretch.
            stretch = None
        if stretch is None:
            stretch = self._open[face.person] = Stretch(self._windows)
        stretch.last = face.frame
        self._pending.append((face, stretch))
        if len(self._pending) >= self._batch_size:
            self.flush()

    def flush(self) -> None:
        """Scores the windows that are full, and those of stretches that have ended."""
        pending, self._pending = self._pending, []
        vectors = embedded(self._model, [face for face, _ in pending])
        for (face, stretch), each in zip(pending, vectors, strict=True):
            if each is not None:
                stretch.append(_Shown(face, each))
        closed, self._closed = self._closed, []
        stretches = [*closed, *self._open.values()]
        cut = [window for stretch in stretches for window in stretch.windows()]
        at_once = max(1, _FRAMES_AT_ONCE // self._windows.length)
        for first in range(0, len(cut), at_once):
            self._score(cut[first : first + at_once])
        self._finish([shown for stretch in stretches for shown in stretch.done()])

    def _close(self, person: int) -> None:
        stretch = self._open.pop(person)
        stretch.is_closed = True
        self._closed.append(stretch)

    def _score(self, cut: Sequence[Sequence[_Shown]]) -> None:
        """Runs the sequence model over some windows."""
        length = self._windows.length
        present = np.array([np.arange(length) < len(window) for window in cut])
        names = cut[0][0].vectors
        inputs = {
            name: np.stack(
                [
                    np.stack([window[min(place, len(window) - 1)].vectors[name]
                              for place in range(length)])
                    for window in cut
                ]
            )
            for name in names
        }  # fmt: skip
        outputs = self._model.step("sequence", present=present, **inputs)
        members = {name: outputs[name] for name in self._model.member_outputs}
        for number, window in enumerate(cut):
            for place, shown in enumerate(window):
                shown.add({name: each[number, place] for name, each in members.items()})

    def _finish(self, done: Sequence[_Shown]) -> None:
        """Gives faces their scores: means over windows, then over members."""
        if not done:
            return
        means = {
            name: np.stack([shown.sums[name] / shown.times for shown in done])
            for name in self._model.member_outputs
        }
        given = {name: values.astype(np.float32) for name, values in means.items()}
        outputs = self._model.step("combine", **given)
        for row, shown in enumerate(done):
            shown.face.scores = {name: each[row] for name, each in outputs.items()}
