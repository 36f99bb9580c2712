"""Reads what a client sends: never more, and for no longer, than the settings say."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from collections.abc import Callable
from typing import NoReturn
from typing import TypeVar

from starlette.requests import ClientDisconnect
from starlette.requests import Request

from affect_tf.serving.server.refusals import Refusal
from affect_tf.serving.server.settings import Settings

Result = TypeVar("Result")

#: Up to so many bytes are worked on at once, without a thread.
_SMALL = 2**16
#: Lists and objects that a body may open, beside what its pictures need.
_MAX_OPENED = 2**20
#: Strings that one instance may need, and the request around them.
_MAX_QUOTES = 64


class Bodies:
    """The bodies that are held at a time. Used on one loop only."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._held = 0

    @contextlib.asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[bytes]:
        """Gives the body of a request, and counts it as held until the block ends.

        Raises:
          Refusal: 413 where it is too long, 408 where it comes too slowly, 415 where it
            is compressed, 503 where too many bytes are held already.
          ClientDisconnect: If the client left.
        """
        _check_headers(request, self._settings.max_bytes)
        chunks: list[bytes] = []
        count = 0
        try:
            async for chunk in self._chunks(request):
                count += len(chunk)
                self._held += len(chunk)
                if count > self._settings.max_bytes:
                    _too_long(self._settings.max_bytes)
                if self._held > self._settings.max_bytes_in_flight:
                    raise Refusal(
                        503, "The server holds too much already.", retry_after=1
                    )
                chunks.append(chunk)
            data = b"".join(chunks)
            chunks.clear()
            yield data
        finally:
            self._held -= count

    async def _chunks(self, request: Request) -> AsyncIterator[bytes]:
        until = time.monotonic() + self._settings.request_s
        while True:
            left = min(self._settings.idle_s, until - time.monotonic())
            try:
                message = await asyncio.wait_for(request.receive(), max(left, 0.001))
            except asyncio.TimeoutError:
                raise Refusal(
                    408,
                    "The body must arrive without pauses of "
                    f"{self._settings.idle_s:g} s and within "
                    f"{self._settings.request_s:g} s. Send the request again.",
                ) from None
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            if message.get("body"):
                yield message["body"]
            if not message.get("more_body", False):
                return


def _check_headers(request: Request, max_bytes: int) -> None:
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        raise Refusal(415, "A body must not be compressed. Send it as it is.")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > max_bytes:
        _too_long(max_bytes)


def _too_long(max_bytes: int) -> NoReturn:
    raise Refusal(
        413,
        f"A body must have at most {max_bytes} bytes. Send fewer or smaller pictures, "
        "or start the server with a higher --max_bytes.",
    )


async def parsed(data: bytes, max_instances: int) -> object:
    """Parses JSON as the standard has it: no NaN, no infinity, nothing behind it.

    Args:
      data: UTF-8.
      max_instances: Pictures that the request may have.

    Raises:
      Refusal: 400 with the place of the error; 413 for JSON that would unpack to many
        times its length.
    """
    # A picture in base64 needs a few strings and objects, pixels a list for each point.
    opened = data.count(b"[") + data.count(b"{")
    if opened > max(_MAX_OPENED, len(data) // 12):
        raise Refusal(413, f"JSON must not open {opened} lists and objects.")
    quotes = data.count(b'"')
    if quotes > _MAX_QUOTES * (max_instances + 1):
        raise Refusal(
            413,
            f"A request must have at most {max_instances} instances of few members. "
            f"Received: {quotes // 2} strings. Send several requests.",
        )
    return await aside(len(data), _parsed, data)


async def aside(size: int, work: Callable[..., Result], *args: object) -> Result:
    """Does what takes long for many bytes in a thread, so that others are answered.

    Args:
      size: Bytes that are worked on. Few of them are not worth a thread.
      work: What is done.
      *args: What it gets.
    """
    if size <= _SMALL:
        return work(*args)
    return await asyncio.get_running_loop().run_in_executor(None, work, *args)


def _parsed(data: bytes) -> object:
    if not data:
        raise Refusal(400, "The body must be JSON. Received: an empty body.")
    try:
        return json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise Refusal(
            400,
            "The body must be JSON in UTF-8. Received: something else at byte "
            f"{error.start}. Pictures go into JSON as base64.",
        ) from None
    except json.JSONDecodeError as error:
        raise Refusal(
            400, f"The body must be JSON. Received: {error.msg} at {error.pos}."
        ) from None
    except RecursionError:
        raise Refusal(
            400, "JSON must not be nested so deeply. Pixels need 4 lists."
        ) from None
    except ValueError:  # A whole number of thousands of digits.
        raise Refusal(400, "A number in JSON must not be so long.") from None


def _refuse_constant(name: str) -> NoReturn:
    raise Refusal(400, f"The body must be JSON, which has no {name}.")
