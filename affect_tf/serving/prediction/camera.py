"""Frames of a camera, as they come."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import cv2

from affect_tf.faces.film_decoding import FilmError
from affect_tf.faces.films import FilmFrame

#: How long a camera may give nothing before it is taken for gone, seconds.
_PATIENCE = 5.0


def frames(number: int) -> Iterator[FilmFrame]:
    """Gives the frames of a camera until nobody asks for more.

    Whoever is slower than the camera gets the newest frame and misses those between:
    what is shown is never older than a frame. They are numbered as they are given.

    Args:
      number: 0 for the first camera of this machine.

    Raises:
      FilmError: If there is none, or it gives no more.
    """
    # A camera that is not there is said below, and once. The function has moved.
    getattr(cv2.utils, "logging", cv2).setLogLevel(0)
    device = cv2.VideoCapture(number)
    try:
        if not device.isOpened():
            raise FilmError(
                "A camera must be connected and free. "
                f"Received: {number}: the camera cannot be opened. Connect it, close "
                "what uses it, or name another.",
            )
        newest = _Newest(device)
        begin = None
        index = -1
        try:
            while (taken := newest.next()) is not None:
                index += 1
                stamp, picture = taken
                begin = stamp if begin is None else begin
                image = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
                yield FilmFrame(index, stamp - begin, image)
        finally:
            newest.stop()
    finally:
        device.release()
    raise FilmError(
        f"A camera must go on. Received: {number}: the camera gave nothing for "
        f"{_PATIENCE:.0f} seconds. Connect it again."
    )


class _Newest:
    """Reads a camera in a thread, and keeps the newest frame only."""

    def __init__(self, device: cv2.VideoCapture) -> None:
        self._device = device
        self._arrived = threading.Condition()
        self._frame = None
        self._goes_on = True
        self._thread = threading.Thread(target=self._read, name="camera", daemon=True)
        self._thread.start()

    def next(self) -> tuple[float, cv2.typing.MatLike] | None:
        """Returns the time of the next frame, seconds, and it; None at the end."""
        with self._arrived:
            self._arrived.wait_for(
                lambda: self._frame is not None or not self._goes_on, _PATIENCE
            )
            taken, self._frame = self._frame, None
            return taken

    def stop(self) -> None:
        self._goes_on = False
        self._thread.join(_PATIENCE)

    def _read(self) -> None:
        while self._goes_on:
            good, picture = self._device.read()
            with self._arrived:
                if good:
                    self._frame = time.monotonic(), picture
                else:
                    self._goes_on = False
                self._arrived.notify()
