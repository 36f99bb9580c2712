"""`/`: the page to try the model, out of files of this package."""

from __future__ import annotations

import pathlib

from starlette.responses import Response
from starlette.routing import Route

_FOLDER = pathlib.Path(__file__).parent / "page"
#: Address, file, type. Nothing else is ever read from the disk for a client.
_FILES = (
    ("/", "index.html", "text/html; charset=utf-8"),
    ("/page.css", "page.css", "text/css; charset=utf-8"),
    ("/page.js", "page.js", "text/javascript; charset=utf-8"),
    ("/drawing.js", "drawing.js", "text/javascript; charset=utf-8"),
    ("/people.js", "people.js", "text/javascript; charset=utf-8"),
)
_HEADERS = {
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Pictures and films come from the visitor's own disk and camera, as blobs.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' blob: data:; media-src blob:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}


def routes() -> list[Route]:
    """Returns the endpoints."""
    return [
        Route(path, _Answer(_FOLDER / name, kind), methods=["GET"])
        for path, name, kind in _FILES
    ]


class _Answer:
    """Gives one file, read once."""

    def __init__(self, path: pathlib.Path, kind: str) -> None:
        self._content = path.read_bytes()
        self._kind = kind
        self.__name__ = path.name

    async def __call__(self, scope: dict, receive: object, send: object) -> None:
        response = Response(self._content, 200, _HEADERS, media_type=self._kind)
        await response(scope, receive, send)
