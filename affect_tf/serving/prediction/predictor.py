"""Photographs and films to the table of their faces.

Reading, detecting and scoring run at the same time; memory does not grow with the
length of a film or the number of files.
"""

from __future__ import annotations

import collections
import contextlib
import os
import threading
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import pandas as pd

from affect_tf.data.past import Past
from affect_tf.data.windows import Windows
from affect_tf.errors import UserError
from affect_tf.serving.loaded_model import LoadedModel
from affect_tf.serving.prediction import material as material_lib
from affect_tf.serving.prediction import smoothing
from affect_tf.serving.prediction import table
from affect_tf.serving.prediction.material import Material
from affect_tf.serving.prediction.past_scoring import PastScorer
from affect_tf.serving.prediction.scoring import PictureScorer
from affect_tf.serving.prediction.scoring import Scorer
from affect_tf.serving.prediction.sightings import CROP_SIZE
from affect_tf.serving.prediction.sightings import Finder
from affect_tf.serving.prediction.sightings import Sighting
from affect_tf.serving.prediction.table_rows import MaterialRows
from affect_tf.serving.prediction.table_rows import Outcome
from affect_tf.serving.prediction.window_scoring import WindowScorer

#: Sightings that wait for a batch to fill up, in batches: frames without a face would
#: otherwise pile up behind one with a face.
_MAX_BATCHES_WAITING = 2
#: How long a live face waits for others to be scored with, seconds.
_LIVE_WAIT = 0.05
#: How long a source that was told to stop may give nothing, seconds: it hangs.
_PATIENCE = 5.0


def _ignored(_: Any) -> None:
    """Is told what nobody wants to know."""


class Predictor:
    """An exported model, with all that leads from pictures to a table.

    >>> predictor = Predictor("runs/sample/export")         # doctest: +SKIP
    >>> table = predictor.predict("holiday.mp4")            # doctest: +SKIP
    >>> table[["timestamp", "face_id", "expression"]]       # doctest: +SKIP

    For one thread at a time: the detectors keep state.

    Attributes:
      model: The model, with its taxonomy and thresholds.
      columns: The columns of the table.
      crop_size: Side of the faces that are cut out, pixels.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        detector: str = "default",
        faces: str = "all",
        batch_size: int = 32,
        smooth: float = 0.0,
    ) -> None:
        """Loads a model and the face detector.

        Args:
          folder: What `--mode=export` wrote: a version, or the folder of versions.
          detector: One of `affect_tf.faces.detection.DETECTORS`; "none" where each
            picture is an aligned face already.
          faces: "all", or "largest" for one person of each picture.
          batch_size: Faces that are scored together, 1 or more.
          smooth: Average a person's scores over this many seconds before and after;
            0 for none. See `affect_tf.serving.prediction.smoothing`.

        Raises:
          UserError: If there is no such model, or an argument is out of range.
        """
        if batch_size < 1:
            raise UserError(
                f"--batch must be 1 or more. Received: --batch={batch_size}. "
                "Correct it.",
                exit_code=2,
            )
        self._smooth = smoothing.checked_seconds(smooth)
        self._batch_size = batch_size
        self.model = LoadedModel(folder)
        # Models are trained on crops of this size or their own; blur depends on it.
        self.crop_size = max(CROP_SIZE, self.model.image_size)
        self._finder = Finder(detector, faces, self.crop_size)
        self.columns = table.Columns(
            self.model.taxonomy, self.model.has_spread, self.model.thresholds
        )

    def predict(self, things: Any, rate: float = 25.0) -> pd.DataFrame:
        """Returns one row a face; see docs/predict.md for the columns.

        Args:
          things: A path, a folder, a pattern, or a list of these; an array, uint8
            [H, W, 3] in RGB, or a list of them; or an iterator of the frames of one
            film.
          rate: Frames a second of an iterator, Hz.

        Raises:
          UserError: If a path names nothing.
          ValueError: If something is no picture.
        """
        materials = material_lib.of_things(things, rate)
        return self.columns.frame(self.stream(materials))

    def rows(self, things: Any, rate: float = 25.0) -> Iterator[dict[str, Any]]:
        """Gives the rows of `predict` as they come, {column: value}.

        Memory does not grow, so that `things` may go on for ever.
        """
        names = self.columns.names
        for row in self.stream(material_lib.of_things(things, rate)):
            yield dict(zip(names, row, strict=True))

    def stream(
        self,
        materials: Iterable[Material],
        advanced: Callable[[int], None] = _ignored,
        ended: Callable[[Outcome], None] = _ignored,
        stopped: threading.Event | None = None,
    ) -> Iterator[table.Row]:
        """Gives rows in the order of `columns`.

        Args:
          materials: What to look at, in order.
          advanced: Is told how many more frames were looked at.
          ended: Is told of each film and photograph that is done.
          stopped: Once it is set, no more is read; the rows of what was still come.

        Raises:
          Whatever ends it, after the rows of all that was seen and scored before.
        """
        stopped = stopped or threading.Event()
        waiting: collections.deque[Sighting] = collections.deque()
        scorer = self._scorer()
        most = _MAX_BATCHES_WAITING * self._batch_size
        rows = _Rows(self.columns, self._smooth, ended)
        last, since, latest, error = None, 0, None, None
        sightings = self._finder.sightings(
            materials, 2 * self._batch_size, _LIVE_WAIT, stopped
        )
        with contextlib.closing(sightings):
            try:
                for sighting, is_due in _timely(sightings, stopped):
                    if sighting is not None:
                        waiting.append(sighting)
                        latest, since = sighting, since + 1
                        if (now := _frame(sighting)) not in (None, last):
                            advanced(1)
                            last = now
                        _tell(scorer, sighting)
                    # What a model of time holds back for later frames is no reason to
                    # score faces one by one.
                    if is_due or (len(waiting) > most and since > most):
                        scorer.flush()
                        since = 0
                    while waiting and not _waits(waiting[0]):
                        yield from rows.add(waiting.popleft())
                if latest is not None:  # Told to stop, perhaps in the midst of it.
                    scorer.advance(latest.number, latest.material, None)
                scorer.flush()
            except Exception as caught:  # First what is known, then what went wrong.
                error = caught
            while waiting and not _waits(waiting[0]):
                yield from rows.add(waiting.popleft())
            yield from rows.end()
        if error is not None:
            raise error

    def _scorer(self) -> Scorer:
        time = self.model.time
        if isinstance(time, Windows):
            return WindowScorer(self.model, time, self._batch_size)
        if isinstance(time, Past):
            return PastScorer(self.model, time, self._batch_size)
        return PictureScorer(self.model, self._batch_size)


class _Rows:
    """Rows of one material after another, and word of each that is done."""

    def __init__(
        self,
        columns: table.Columns,
        smooth: float,
        ended: Callable[[Outcome], None],
    ) -> None:
        self._columns, self._smooth, self._ended = columns, smooth, ended
        self._current: MaterialRows | None = None

    def add(self, sighting: Sighting) -> Iterator[table.Row]:
        if self._current is None:
            self._current = MaterialRows(sighting.material, self._columns, self._smooth)
        yield from self._current.add(sighting)
        if sighting.is_end:
            self._ended(self._current.outcome)
            self._current = None

    def end(self) -> Iterator[table.Row]:
        """Gives what waits of a material whose end did not come."""
        if self._current is not None:
            yield from self._current.rest()
            self._ended(self._current.outcome)
            self._current = None


def _timely(
    sightings: Iterator[Sighting | None], stopped: threading.Event
) -> Iterator[tuple[Sighting | None, bool]]:
    """Gives sightings, and whether it is time to score what waits.

    That is so of live material alone: a file's faces wait for a batch to fill up, as
    that is faster. Ends where what was told to stop gives nothing more.
    """
    first, is_live, last = None, False, time.monotonic()
    for sighting in sightings:
        now = time.monotonic()
        if sighting is not None:
            is_live = sighting.material.is_live
            first = now if first is None else first
        elif stopped.is_set() and now - last > _PATIENCE:
            return
        waited = 0.0 if first is None else now - first
        is_due = is_live and (sighting is None or waited >= _LIVE_WAIT)
        if is_due:
            first = None
        yield sighting, is_due
        # A call of the model may take longer than any patience: what it takes is no
        # silence of the source.
        after = time.monotonic()
        last = last + after - now if sighting is None else after


def _tell(scorer: Scorer, sighting: Sighting) -> None:
    frame = None if sighting.is_end else sighting.place.frame
    scorer.advance(sighting.number, sighting.material, frame)
    if _waits(sighting):
        scorer.add(sighting.face)


def _waits(sighting: Sighting) -> bool:
    face = sighting.face
    return face is not None and face.scores is None and not face.problem


def _frame(sighting: Sighting) -> tuple[int, int] | None:
    """Tells frames apart; None where the end of a film is no frame of it."""
    if sighting.is_end and sighting.material.frames is not None:
        return None
    return sighting.number, sighting.place.frame
