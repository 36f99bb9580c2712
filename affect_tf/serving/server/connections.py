"""HTTP/1.1 connections that answer slow and broken requests in JSON, and end them.

The server below waits for headers as long as a client likes, reads the rest of a body
that nobody wants as long as it comes, and says no reason for a request that it cannot
parse.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

#: How long a body is still read after its request was answered, seconds. Ending at once
#: would reset the connection, and the client would not see the answer.
_LINGER_S = 2.0
#: Headers together, bytes.
MAX_HEADER_BYTES = 2**14


def connection_class(idle_s: float, max_connections: int) -> type[H11Protocol]:
    """Returns the class of a server's connections.

    Args:
      idle_s: Headers must come within as many seconds.
      max_connections: That may be open; more get 503.
    """

    class Connection(H11Protocol):
        """One connection of one client."""

        _timer: asyncio.TimerHandle | None = None
        _timed_for: str = ""
        _refused: bool = False

        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            # Head and body of an answer are two packets. Without this the second waits
            # for the client to acknowledge the first, which takes it 40 ms.
            sock = transport.get_extra_info("socket")
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if len(self.connections) > max_connections:
                reason = f"{max_connections} connections are open already."
                self._refuse(503, reason, (b"retry-after", b"1"))
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._set_timer("")
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self._refused:  # Read and forgotten, so that the answer arrives.
                return
            # Headers are measured between two parts of data, so these must be small.
            while data and self.conn.their_state is h11.IDLE:
                if self._refused or self.transport.is_closing():
                    return
                super().data_received(data[:MAX_HEADER_BYTES])
                data = data[MAX_HEADER_BYTES:]
            if data and not self._refused:
                super().data_received(data)
            self._watch()

        def shutdown(self) -> None:
            if self._refused:
                self.transport.close()
            else:
                super().shutdown()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self.conn.their_state is h11.SEND_BODY:
                # Nobody reads the body any more, so its time is counted here.
                self._unset_keepalive_if_required()
            self._watch(idle=self.conn.their_state is h11.IDLE)

        def send_400_response(self, msg: str) -> None:
            error = sys.exc_info()[1]
            # What the parser knows as 501 is the client's to change as well.
            hint = getattr(error, "error_status_hint", 400)
            status = 400 if hint >= 500 else hint
            reason = str(error or msg)
            if status == 431:
                reason = f"headers must have at most {MAX_HEADER_BYTES} bytes together"
            self._refuse(status, f"The request is not valid HTTP: {reason}.")

        def _watch(self, idle: bool = False) -> None:
            """Sets the timer that the state of the connection needs, once."""
            if self._refused:
                return
            if self.transport.is_closing() or idle:
                self._set_timer("")
            elif self.conn.their_state is h11.IDLE:
                self._set_timer("headers")
            elif (
                self.conn.our_state is h11.DONE
                and self.conn.their_state is h11.SEND_BODY
            ):
                self._set_timer("linger")
            else:
                self._set_timer("")

        def _set_timer(self, purpose: str) -> None:
            if purpose == self._timed_for:
                return
            if self._timer is not None:
                self._timer.cancel()
            self._timed_for, self._timer = purpose, None
            if purpose == "headers":
                self._timer = self.loop.call_later(idle_s, self._late)
            elif purpose == "linger":
                self._timer = self.loop.call_later(_LINGER_S, self.transport.close)

        def _late(self) -> None:
            if not self.transport.is_closing():
                self._refuse(408, f"A request must arrive within {idle_s:g} s.")

        def _refuse(self, status: int, reason: str, *more: tuple[bytes, bytes]) -> None:
            """Answers outside of any request, and ends the connection."""
            body = json.dumps({"error": reason}).encode()
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
                *more,
            ]
            events = (
                h11.Response(status_code=status, headers=headers),
                h11.Data(data=body),
                h11.EndOfMessage(),
            )
            try:
                for event in events:
                    self.transport.write(self.conn.send(event) or b"")
                self.transport.write_eof()
            except h11.LocalProtocolError:  # In the midst of an answer: just end.
                self.transport.close()
            self._refused = True
            self._set_timer("linger")

    return Connection
