"""All endpoints of the server as one ASGI application."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from affect_tf.serving.server import answers
from affect_tf.serving.server import open_inference
from affect_tf.serving.server import page_files
from affect_tf.serving.server import photographs
from affect_tf.serving.server import tensorflow_rest
from affect_tf.serving.server.state import State
from affect_tf.serving.server.visitors import Guard


def application(state: State) -> Starlette:
    """Returns the application; its start begins to load the model, its end unloads it.

    Args:
      state: Of one server. It serves once.
    """

    async def metrics(request: Request) -> Response:
        del request
        page, kind = state.metrics.text()
        return Response(page, headers={"Content-Type": kind})

    async def unknown(request: Request, error: Exception) -> Response:
        response = await answers.unknown(request, error)
        state.metrics.requests.labels("other", response.status_code).inc()
        return response

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        del app
        state.versions.start()
        yield
        await run_in_threadpool(state.versions.close)

    server = Starlette(
        routes=[
            *page_files.routes(),
            *tensorflow_rest.routes(state),
            *open_inference.routes(state),
            *photographs.routes(state),
            Route("/metrics", metrics, methods=["GET"]),
        ],
        middleware=[Middleware(Guard, state.visitors, state.metrics)],
        exception_handlers={HTTPException: unknown},
        lifespan=lifespan,
    )
    # No answer repeats what a client wrote, as the address of a redirect would.
    server.router.redirect_slashes = False
    return server
