"""What the server allows, and how long it waits."""

from __future__ import annotations

import dataclasses

from affect_tf.data.images import MAX_PIXELS
from affect_tf.errors import UserError

#: The most of each limit: of pixels what the model itself takes, of the others what any
#: machine could hold, or any client would wait for.
_MOST = {
    "max_batch": 4096,
    "max_latency_ms": 60_000,
    "max_bytes": 2**32,
    "max_pixels": MAX_PIXELS,
    "max_instances": 2**20,
    "max_queue": 2**20,
    "idle_s": 3600,
    "request_s": 3600,
    "stop_s": 3600,
    "watch_s": 3600,
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """Limits of the server; all of them hold for anybody who can reach its port.

    Attributes:
      max_batch: Pictures in one call of the model.
      max_latency_ms: How long a picture waits for others to join its call.
      max_bytes: Of one request's body; more is 413.
      max_pixels: Of one picture, read from its header before it is decoded, or of its
        array. The model itself refuses files of more than `images.MAX_PIXELS`. Sides
        have the limit of `images.MAX_SIDE`.
      max_instances: Pictures in one request.
      max_queue: Pictures that wait at a time; when there are more, 503.
      idle_s: A client that sends nothing for as long, in the midst of a request, gets
        408.
      request_s: A request must have arrived within as long.
      stop_s: How long requests under way may go on after the server was told to stop.
      watch_s: Time between two looks into the folder of versions.
      allowed_hosts: Names, without ports, under which the server may be asked, and
        whose pages may send pictures. () allows this machine's own names where the
        server listens to this machine alone, and any name elsewhere.
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
    allowed_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises UserError for a limit that cannot work."""
        for name, most in _MOST.items():
            value = getattr(self, name)
            least, rule = (0, "from") if name == "max_latency_ms" else (1e-3, "above")
            if not least <= value <= most:  # NaN is neither.
                raise UserError(
                    f"--{name} must be a number {rule} 0, and at most {most}. "
                    f"Received: {name}={value}. Correct it.",
                    exit_code=2,
                )
        for host in self.allowed_hosts:
            if not host.strip() or "/" in host:
                raise UserError(
                    "--allowed_hosts must be names or addresses, without http://. "
                    f"Received: {host!r}. Write example.org for http://example.org/.",
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
