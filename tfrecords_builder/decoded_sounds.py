"""The decoded sound of films on disk, so that no film is decoded for each of its clips.

A build asks for the clips of a film in any order, hours apart. What was decoded lies in
a folder of this process that goes with it, and only what a clip needs is read back.
"""

from __future__ import annotations

import collections
import pathlib
import tempfile
import threading

import numpy as np
from absl import logging

from affect_tf.faces import sound as sound_lib

#: Bytes that the folder may take: 25 hours of one channel at 22,050 Hz.
MAX_BYTES = 4 * 2**30


class DecodedSounds:
    """A folder of decoded sound tracks; safe to use from several threads."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        """Starts empty.

        Args:
          max_bytes: Of the folder; what was not asked for longest gives way.
        """
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._being_decoded: dict[tuple, threading.Lock] = {}
        self._tracks: collections.OrderedDict[tuple, np.ndarray | None] = (
            collections.OrderedDict()
        )

    def read(
        self, path: str, stamp: str, rate: int, channels: int
    ) -> np.ndarray | None:
        """Returns the sound of a file, int16 [N, channels], mapped from disk.

        A damaged track gives what can be decoded, and a line in the log that says so.

        Args:
          path: Of the film.
          stamp: Differs where the file does.
          rate: Samples a second, Hz.
          channels: 1 or 2.

        Returns:
          The whole track; None where the film has none.
        """
        key = (path, stamp, rate, channels)
        with self._lock:
            alone = self._being_decoded.setdefault(key, threading.Lock())
        # Whoever else wants this film waits, and finds it decoded.
        with alone:
            with self._lock:
                if key in self._tracks:
                    self._tracks.move_to_end(key)
                    return self._tracks[key]
            found = sound_lib.read(path, rate, channels)
            if found is not None and found.problem:
                logging.warning(
                    "%s: its sound is damaged (%s): what can be decoded is stored, and "
                    "silence for the rest.",
                    path,
                    found.problem,
                )
            track = None
            if found is not None and len(found.pcm):
                track = self._on_disk(found.pcm)
            with self._lock:
                self._tracks[key] = track
                self._make_room()
            return track

    def _on_disk(self, pcm: np.ndarray) -> np.ndarray:
        with self._lock:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="affect_tf-sound-")
        with tempfile.NamedTemporaryFile(
            dir=self._folder.name, suffix=".npy", delete=False
        ) as file:
            np.save(file, pcm)
        return np.load(file.name, mmap_mode="r")

    def _make_room(self) -> None:
        """Takes away the tracks that were not asked for longest, but for the last."""
        sizes = {k: 0 if t is None else t.nbytes for k, t in self._tracks.items()}
        total = sum(sizes.values())
        for key in list(self._tracks)[:-1]:
            if total <= self._max_bytes:
                return
            track = self._tracks.pop(key)
            total -= sizes[key]
            if track is not None:
                # Who still reads it keeps it: the system frees a file with its map.
                pathlib.Path(track.filename).unlink(missing_ok=True)
