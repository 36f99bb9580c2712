"""Runs the server until it is told to stop."""

from __future__ import annotations

import contextlib
import errno
import logging
import pathlib
import signal
import socket
import threading
from collections.abc import Callable
from collections.abc import Iterator

import uvicorn

from affect_tf.errors import UserError
from affect_tf.serving.server import app
from affect_tf.serving.server import connections
from affect_tf.serving.server.settings import Settings
from affect_tf.serving.server.state import State

#: Open connections; more get 503.
_MAX_CONNECTIONS = 512
#: Seconds for which a connection without a request stays open.
_KEEP_ALIVE_S = 15


class Server(uvicorn.Server):
    """A server whose model has to load, and that ends quietly on a signal."""

    def __init__(
        self, folder: pathlib.Path, settings: Settings, say: Callable[[str], None]
    ) -> None:
        """Prepares.

        Args:
          folder: Of versions, or one version.
          settings: Its limits.
          say: Gets a line when something happens; may be called from any thread.
        """
        self.state = State(folder, settings, say)
        # What uvicorn logs holds addresses of clients; nobody asked for those.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        config = uvicorn.Config(
            app.application(self.state),
            http=connections.connection_class(settings.idle_s, _MAX_CONNECTIONS),
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=max(1, round(settings.stop_s)),
            h11_max_incomplete_event_size=connections.MAX_HEADER_BYTES,
        )
        super().__init__(config)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Takes SIGTERM and Ctrl-C as a wish to stop, which is no failure."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        signals = (signal.SIGINT, signal.SIGTERM)
        before = {each: signal.signal(each, self.handle_exit) for each in signals}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts; a server that listens to this machine alone knows its own names."""
        self.state.visitors.bind(sockets or [])
        await super().startup(sockets)

    async def on_tick(self, counter: int) -> bool:
        """Ends the server if its first version cannot be loaded."""
        versions = self.state.versions
        if versions.failure is not None and not versions.is_ready:
            self.should_exit = True
        return await super().on_tick(counter)


def listening(host: str, port: int) -> socket.socket:
    """Returns a socket that clients can connect to from now on.

    Args:
      host: A name or an address, of IP 4 or 6.
      port: 0 for any that is free.

    Raises:
      UserError: If the address is not this machine's, or the port is taken.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    except (OSError, UnicodeError) as error:
        raise UserError(
            f"--host must be a name or an address. Received: --host={host}: {error}. "
            "Use 127.0.0.1 for this machine alone, 0.0.0.0 for all that reach it.",
            exit_code=2,
        ) from error
    try:
        return socket.create_server((host, port), family=family, backlog=256)
    except (OSError, OverflowError) as error:
        if getattr(error, "errno", None) == errno.EADDRNOTAVAIL:
            raise UserError(
                f"--host must be an address of this machine. Received: --host={host}. "
                "Use 127.0.0.1 for this machine alone, 0.0.0.0 for all that reach it.",
                exit_code=2,
            ) from error
        raise UserError(
            f"--host and --port must be free on this machine. Received: {host}:{port}: "
            f"{error}. Choose another --port, or stop what listens there.",
            exit_code=2,
        ) from error


def serve(
    folder: pathlib.Path,
    host: str,
    port: int,
    settings: Settings,
    say: Callable[[str], None],
) -> None:
    """Serves until SIGTERM or Ctrl-C; then finishes what is under way.

    Raises:
      UserError: If the address cannot be had, or no version can be loaded.
    """
    with contextlib.closing(listening(host, port)) as sock:
        server = Server(folder, settings, say)
        name = f"[{host}]" if ":" in host else host
        say(f"listening on http://{name}:{sock.getsockname()[1]}; loading the model")
        server.run([sock])
    failure = server.state.versions.failure
    if failure is not None and not server.state.versions.is_ready:
        if isinstance(failure, UserError):
            raise failure
        raise UserError(
            "A model must be one that can be called. "
            f"Received: {folder}: {type(failure).__name__}. Export it again."
        ) from failure
    say("stopped")
