"""What the server allows, and how long it waits."""

from __future__ import annotations

import dataclasses

from affect_tf.data.images import MAX_PIXELS
from affect_tf.errors import UserError


@dataclasses.dataclass(frozen=True)
class Settings:
    """Limits of the server; all of them hold for anybody who can reach its port.

    Attributes:
      max_batch: Pictures in one call of the model.
      max_latency_ms: How long a picture waits for others to join its call.
      max_bytes: Of one request's body; more is 413.
      max_pixels: Of one picture, read from its header before it is decoded. The model
        itself refuses more than `images.MAX_PIXELS`.
      max_instances: Pictures in one request.
      max_queue: Pictures that wait at a time; when there are more, 503.
      idle_s: A client that sends nothing for as long, in the midst of a request, gets
        408.
      request_s: A request must have arrived within as long.
      stop_s: How long requests under way may go on after the server was told to stop.
      watch_s: Time between two looks into the folder of versions.
    """

    max_batch: int = 32
    max_latency_ms: float = 5.0
    max_bytes: int = 32 * 2**20
    max_pixels: int = MAX_PIXELS
    max_instances: int = 256
    max_queue: int = 1024
    idle_s: float = 10.0
    request_s: float = 60.0
    stop_s: float = 30.0
    watch_s: float = 2.0

    def __post_init__(self) -> None:
        """Raises UserError for a limit that cannot work."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            least = 0 if field.name == "max_latency_ms" else 1e-3
            if not value >= least:
                raise UserError(
                    f"--{field.name} must be a number above 0. "
                    f"Received: {field.name}={value}. Correct it.",
                    exit_code=2,
                )
        if self.max_pixels > MAX_PIXELS:
            raise UserError(
                f"--max_pixels must be at most {MAX_PIXELS}, beyond which the model "
                f"itself refuses. Received: max_pixels={self.max_pixels}. Lower it.",
                exit_code=2,
            )
        if self.max_queue < self.max_instances:
            raise UserError(
                "The queue must hold one request of --max_instances. Received: "
                f"max_instances={self.max_instances}, max_queue={self.max_queue}. "
                "Lower --max_instances.",
                exit_code=2,
            )

    @property
    def max_bytes_in_flight(self) -> int:
        """Bytes of all bodies that are held at a time; more is 503."""
        return 4 * self.max_bytes

    @property
    def max_pixels_together(self) -> int:
        """Pixels of all pictures of one request.

        A PNG of one colour packs a thousand times: without this, one request of small
        files could keep the model busy for minutes.
        """
        return 8 * self.max_pixels
