"""Answers in JSON, whatever happens, and how long they took."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.requests import Request
from starlette.responses import Response

from affect_tf.serving.server.metrics import Metrics
from affect_tf.serving.server.refusals import Refusal

Endpoint = Callable[[Request], Awaitable[Response]]

#: Of every answer: nothing is kept by a browser or a proxy, or guessed about its type.
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

#: What proxies log where the client did not wait; nobody gets it.
_CLIENT_LEFT = 499


def as_json(
    value: object, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Returns an answer in JSON; NaN in it is an error of the server."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    # Half a pair of surrogates has no bytes; with a backslash it is JSON all the same.
    body = text.encode(errors="backslashreplace")
    merged = {**_HEADERS, **(headers or {})}
    return Response(body, status, merged, media_type="application/json")


def refused(refusal: Refusal) -> Response:
    """Returns the answer to a request that gets no scores."""
    headers = {}
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(refusal.retry_after)
    content = {"error": refusal.message, **refusal.details}
    return as_json(content, refusal.status, headers)


async def unknown(request: Request, error: Exception) -> Response:
    """Answers what no endpoint takes."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    headers = getattr(error, "headers", None)
    if status == 405:
        message = f"This address does not take {request.method[:10]}."
    else:
        message = "There is nothing at this address. See docs/server.md."
    return as_json({"error": message}, status, headers)


def endpoint(
    name: str,
    answer: Endpoint,
    metrics: Metrics,
    say: Callable[[str], None],
) -> Endpoint:
    """Wraps what answers, so that it is counted and every failure has an answer.

    Args:
      name: For the metrics.
      answer: Takes a request; may raise Refusal.
      metrics: Where it is counted.
      say: Gets a line where the server itself is at fault. It tells the kind of the
        error and never what the request held.
    """

    async def wrapped(request: Request) -> Response:
        begin = time.monotonic()
        try:
            response = await answer(request)
        except Refusal as refusal:
            response = refused(refusal)
        except ClientDisconnect:
            response = Response(status_code=_CLIENT_LEFT)
        except Exception as error:  # No traceback for a client, whatever it is.
            say(f"{name} failed with {type(error).__name__}")
            response = as_json({"error": "The server could not do this."}, 500)
        metrics.requests.labels(name, response.status_code).inc()
        metrics.request_seconds.labels(name).observe(time.monotonic() - begin)
        return response

    return wrapped
