"""When the frames of a film are shown."""

from __future__ import annotations

import av

#: Where neither the film nor FFmpeg says how many frames a second there are.
_USUAL_RATE = 25.0


def stamp(frame: av.VideoFrame, stream: av.VideoStream) -> float | None:
    """Returns when a frame is shown by the film's own clock, seconds.

    Returns:
      None where the film does not say, as in streams without a container. AVI has the
      order in which frames are decoded, and no times: FFmpeg guesses these, wrongly for
      H.264 whose frames are stored in another order than they are shown. So in AVI it
      is the time of the packet that brought the frame out of the decoder, which is
      later than the frame's own by the same for every frame.
    """
    ticks = frame.pts
    if stream.container.format.name == "avi" and frame.dts is not None:
        ticks = frame.dts
    return None if ticks is None else float(ticks * stream.time_base)


class Clock:
    """The times of a film's frames, seconds from its zero, which is its first frame.

    A frame without a time of its own, or with one that goes back, comes after the usual
    distance.
    """

    def __init__(self, stream: av.VideoStream) -> None:
        """Starts before the first frame."""
        rate = float(stream.average_rate or stream.guessed_rate or _USUAL_RATE)
        self._distance = 1 / rate
        self._zero: float | None = None
        self._time = 0.0

    def time(self, stamped: float | None) -> float:
        """Returns the time of the next frame: above that of the one before.

        Args:
          stamped: What `stamp` says of it.
        """
        if self._zero is None:
            self._zero = stamped or 0.0
        elif stamped is not None and stamped - self._zero > self._time:
            self._time = stamped - self._zero
        else:
            self._time += self._distance
        return self._time
