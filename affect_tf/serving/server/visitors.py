"""Keeps pages of other sites from using the server through a visitor's browser.

A browser sends what any page asks it to send, also to a server that only its own
machine can reach. Such a request names the page's site: as its `Host`, where the site's
name was made to lead to this machine, or as its `Origin`.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp
from starlette.types import Receive
from starlette.types import Scope
from starlette.types import Send

from affect_tf.serving.server import answers
from affect_tf.serving.server.metrics import Metrics
from affect_tf.serving.server.refusals import Refusal

#: Names of this machine, without ports.
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


class Visitors:
    """Whose requests are answered."""

    def __init__(self, allowed_hosts: Iterable[str]) -> None:
        """Allows any `Host` unless some are named, or `bind` finds the server local.

        Args:
          allowed_hosts: Names or addresses, without ports.
        """
        self._named = frozenset(map(_bare, allowed_hosts))
        self._local: frozenset[str] = frozenset()

    def bind(self, sockets: Iterable[socket.socket]) -> None:
        """Takes note of where the server listens."""
        addresses = [sock.getsockname()[0] for sock in sockets]
        if addresses and all(ipaddress.ip_address(a).is_loopback for a in addresses):
            self._local = frozenset([*LOCAL_NAMES, *addresses])

    def check(self, method: str, headers: Headers) -> None:
        """Raises Refusal, 403, for what a page of another site has sent."""
        host = _bare(headers.get("host", ""))
        known = self._named | self._local
        if known and host not in known:
            raise Refusal(
                403,
                "The Host of a request must be one that this server allows. Use "
                "localhost, or start the server with the name in --allowed_hosts.",
            )
        if method in ("GET", "HEAD"):
            return
        origin = headers.get("origin")
        is_foreign = headers.get("sec-fetch-site") == "cross-site"
        if origin is not None:
            is_foreign |= _host_of(origin) not in {host, *known}
        if is_foreign:
            raise Refusal(
                403,
                "A page of another site must not send pictures here. Use the page of "
                "this server, or start it with the site's name in --allowed_hosts.",
            )


class Guard:
    """Answers in place of the application where a visitor is refused."""

    def __init__(self, app: ASGIApp, visitors: Visitors, metrics: Metrics) -> None:
        self._app = app
        self._visitors = visitors
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, or lets the application answer."""
        if scope["type"] == "http":
            try:
                self._visitors.check(scope["method"], Headers(scope=scope))
            except Refusal as refusal:
                self._metrics.requests.labels("other", refusal.status).inc()
                await answers.refused(refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _bare(host: str) -> str:
    """Returns a host without its port, in lower case."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    # More than one colon: an address of IP 6 as a person writes it.
    return host.partition(":")[0] if host.count(":") == 1 else host


def _host_of(origin: str) -> str | None:
    """Returns the host of an origin; None for "null", which is that of no site."""
    try:
        return urlsplit(origin).hostname
    except ValueError:
        return None
