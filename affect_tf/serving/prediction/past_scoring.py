"""Scores of a model that looks back, as `--mode=evaluate` gives them for one record.

Each face is scored with the faces of its person, and the sound of its film, that came
before it: nothing waits for later frames. Memory holds the vectors of the seconds that
are looked back to; the sound of a film lies on the disk.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from absl import logging

from affect_tf.data.past import Past
from affect_tf.data.sample import microseconds
from affect_tf.data.sample import sound_end
from affect_tf.faces.film_decoding import FilmError
from affect_tf.serving.loaded_model import LoadedModel
from affect_tf.serving.loaded_model import Outputs
from affect_tf.serving.prediction import scoring
from affect_tf.serving.prediction.embedding import embedded
from affect_tf.serving.prediction.material import Material
from affect_tf.serving.prediction.scoring import Face

#: Windows of sound that are heard together: ten seconds take half a megabyte, and some
#: ten times as much inside the network.
_SOUNDS_AT_ONCE = 8


class Track:
    """The sound of a film, decoded when somebody first listens, and once."""

    def __init__(self, material: Material, past: Past) -> None:
        self._material, self._past = material, past
        self._pcm: np.ndarray | None = None
        self._is_read = False

    def before(self, time: int) -> tuple[np.ndarray, int]:
        """Returns what is heard up to a time, as `data.sounds.Recordings` gives it.

        Args:
          time: Microseconds in the film.

        Returns:
          int16 [num_samples, channels], silence where there is none; and how many
          samples at its end are of the film, 0 without a sound track.
        """
        past, pcm = self._past, self._read()
        size = past.num_samples
        window = np.zeros((size, past.channels), np.int16)
        if pcm is None:
            return window, 0
        end = sound_end(time, past.rate)
        first = min(max(end - size, 0), len(pcm))
        last = min(max(end, first), len(pcm))
        # A track may end before its film: what follows is silence, too.
        stop = size - min(max(end - len(pcm), 0), size)
        window[stop - (last - first) : stop] = pcm[first:last]
        return window, min(end, size)

    def _read(self) -> np.ndarray | None:
        if self._is_read:
            return self._pcm
        self._is_read = True
        past = self._past
        with tempfile.TemporaryFile(prefix="affect_tf-sound-") as file:
            try:
                found = self._material.sound(file, past.rate, past.channels)
            except FilmError:  # Its frames say what is wrong with it.
                return None
        if found is not None and found.problem:
            logging.warning(
                "%s: its sound is damaged (%s): what can be decoded is heard, and "
                "silence for the rest.",
                self._material.name,
                found.problem,
            )
        if found is not None and len(found.pcm):
            self._pcm = found.pcm
        return self._pcm


@dataclasses.dataclass(eq=False)
class _History:
    """The faces of a person that may still be looked back to; times rise."""

    times: list[int] = dataclasses.field(default_factory=list)
    vectors: list[Outputs] = dataclasses.field(default_factory=list)

    def forget(self, before: int) -> None:
        """Drops the faces that lie in front of a time."""
        first = int(np.searchsorted(self.times, before))
        del self.times[:first], self.vectors[:first]


class PastScorer:
    """Scores faces by what came before them; a `Scorer`."""

    def __init__(self, model: LoadedModel, past: Past, batch_size: int) -> None:
        """Has seen nothing yet.

        Args:
          model: That looks back.
          past: What to; `model.time`.
          batch_size: Faces that go through the network together.
        """
        self._model, self._past, self._batch_size = model, past, batch_size
        self._pending: list[tuple[Face, _History, Track]] = []
        self._people: dict[int, _History] = {}  # Of this file.
        self._track: Track | None = None
        self._file = -1

    def advance(self, file: int, material: Material, frame: int | None) -> None:
        """Begins a file: nobody looks back to the one before."""
        if file != self._file:
            self._file, self._people = file, {}
            self._track = Track(material, self._past)

    def add(self, face: Face) -> None:
        """Takes a face; the last of a batch has all of it scored."""
        history = self._people.setdefault(face.person, _History())
        self._pending.append((face, history, self._track))
        if len(self._pending) >= self._batch_size:
            self.flush()

    def flush(self) -> None:
        """Scores what waits."""
        pending, self._pending = self._pending, []
        vectors = embedded(self._model, [face for face, _, _ in pending])
        faces, histories, places, tracks = [], [], [], []
        for (face, history, track), each in zip(pending, vectors, strict=True):
            if each is None:
                continue
            history.times.append(microseconds(face.time))
            history.vectors.append(each)
            faces.append(face)
            histories.append(history)
            places.append(len(history.times) - 1)
            tracks.append(track)
        if not faces:
            return
        times = [microseconds(face.time) for face in faces]
        inputs = self._seen(histories, places)
        if self._past.num_samples:
            inputs |= self._heard(tracks, times)
        with scoring.fitting(len(faces)):
            outputs = self._model.step("sequence", **inputs)
        names = self._model.score_outputs
        for row, face in enumerate(faces):
            face.scores = {name: outputs[name][row] for name in names}
        reach = microseconds(self._past.spacing) * (self._past.frames - 1)
        reach += microseconds(self._past.tolerance)
        for history in histories:
            history.forget(history.times[-1] - reach)
        self._forget_people(max(times[-1] - reach, 0))

    def _forget_people(self, before: int) -> None:
        """Drops the people of this file to whom nothing looks back any more."""
        for person, history in list(self._people.items()):
            if history.times and history.times[-1] < before:
                del self._people[person]

    def _seen(
        self, histories: Sequence[_History], places: Sequence[int]
    ) -> dict[str, np.ndarray]:
        """Returns "present" and the vectors of past faces, [N, F, D]."""
        each = list({id(history): history for history in histories}.values())
        number = {id(history): i for i, history in enumerate(each)}
        counts = [len(history.times) for history in each]
        begins = np.cumsum([0, *counts])
        target = [
            begins[number[id(history)]] + place
            for history, place in zip(histories, places, strict=True)
        ]
        index, present = self._past.shown(
            tf.constant([t for h in each for t in h.times], tf.int64),
            tf.constant(np.repeat(np.arange(len(each)), counts), tf.int64),
            tf.constant(target, tf.int64),
        )
        rows = [vectors for history in each for vectors in history.vectors]
        stacked = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        seen = {name: values[index.numpy()] for name, values in stacked.items()}
        return {**seen, "present": present.numpy()}

    def _heard(
        self, tracks: Sequence[Track], times: Sequence[int]
    ) -> dict[str, np.ndarray]:
        """Returns the vectors of the sound, [N, E]; people of a frame share theirs."""
        moments = list(dict.fromkeys(zip(tracks, times, strict=True)))
        parts: list[Outputs] = []
        for first in range(0, len(moments), _SOUNDS_AT_ONCE):
            heard = [
                track.before(time)
                for track, time in moments[first : first + _SOUNDS_AT_ONCE]
            ]
            given = {
                "sound": np.stack([sound for sound, _ in heard]),
                "heard": np.array([count for _, count in heard], np.int32),
            }
            with scoring.fitting(len(heard)):
                parts.append(self._model.step("embed_sound", **given))
        row = {moment: i for i, moment in enumerate(moments)}
        wanted = [row[moment] for moment in zip(tracks, times, strict=True)]
        return {
            name: np.concatenate([part[name] for part in parts])[wanted]
            for name in parts[0]
        }
