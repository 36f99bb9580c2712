"""The Open Inference Protocol, version 2, over HTTP, with its binary extension.

In JSON, BYTES are base64. In binary, each is 4 bytes of length, little-endian, and the
bytes; the JSON before it is as long as the header Inference-Header-Content-Length says.
"""

from __future__ import annotations

import json

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import affect_tf
from affect_tf.serving.server import answers
from affect_tf.serving.server import open_tensors
from affect_tf.serving.server import scoring
from affect_tf.serving.server import signatures
from affect_tf.serving.server import state as state_lib
from affect_tf.serving.server.bodies import aside
from affect_tf.serving.server.bodies import parsed
from affect_tf.serving.server.refusals import Refusal
from affect_tf.serving.server.refusals import shown
from affect_tf.serving.server.scoring import Scored
from affect_tf.serving.server.state import State

_BASE = f"/v2/models/{state_lib.MODEL}"
_VERSION = f"{_BASE}/versions/{{version:str}}"
_JSON_LENGTH = "inference-header-content-length"


def routes(state: State) -> list[Route]:
    """Returns the endpoints."""
    api = _Api(state)

    def route(path: str, name: str, answer: answers.Endpoint, method: str) -> Route:
        wrapped = answers.endpoint(name, answer, state.metrics, state.say)
        return Route(path, wrapped, methods=[method])

    found = [
        route("/v2", "v2_server", api.server, "GET"),
        route("/v2/health/live", "v2_live", api.live, "GET"),
        route("/v2/health/ready", "v2_ready", api.ready, "GET"),
    ]
    for base in (_BASE, _VERSION):
        found += [
            route(base, "v2_metadata", api.metadata, "GET"),
            route(f"{base}/ready", "v2_ready", api.model_ready, "GET"),
            route(f"{base}/infer", "v2_infer", api.infer, "POST"),
        ]
    return found


class _Api:
    def __init__(self, state: State) -> None:
        self._state = state

    async def server(self, request: Request) -> Response:
        """Tells what serves."""
        del request
        content = {
            "name": "affect_tf",
            "version": affect_tf.__version__,
            "extensions": ["binary_tensor_data"],
        }
        return answers.as_json(content)

    async def live(self, request: Request) -> Response:
        """Tells that the process answers."""
        del request
        return answers.as_json({"live": True})

    async def ready(self, request: Request) -> Response:
        """Tells whether a version is loaded and warm."""
        del request
        is_ready = self._state.versions.is_ready
        headers = {} if is_ready else {"Retry-After": "2"}
        return answers.as_json({"ready": is_ready}, 200 if is_ready else 503, headers)

    async def model_ready(self, request: Request) -> Response:
        """Tells whether the model, or the named version, answers."""
        with self._state.versions.lease(state_lib.requested_version(request)):
            return answers.as_json({"name": state_lib.MODEL, "ready": True})

    async def metadata(self, request: Request) -> Response:
        """Tells what the model takes and gives."""
        with self._state.versions.lease(state_lib.requested_version(request)) as found:
            taxonomy = found.model.taxonomy
            content = {
                "name": state_lib.MODEL,
                "versions": [str(found.number)],
                "platform": "tensorflow_savedmodel",
                "inputs": [_described(*each) for each in signatures.INPUTS],
                "outputs": [
                    _described(*each) for each in signatures.outputs(found.model)
                ],
                "parameters": {
                    "expressions": ",".join(taxonomy.expressions),
                    "action_units": ",".join(taxonomy.action_units),
                },
            }
        return answers.as_json(content)

    async def infer(self, request: Request) -> Response:
        """Scores the pictures of one input tensor."""
        state = self._state
        number = state_lib.requested_version(request)
        async with state.bodies.body(request) as data:
            with state.versions.lease(number) as version:
                text, binary = _split(data, request.headers.get(_JSON_LENGTH))
                body = await parsed(text, state.settings.max_instances)
                if not isinstance(body, dict):
                    raise Refusal(
                        400, f"The body must be a JSON object, not {shown(body)}."
                    )
                identity = _identity(body)
                known = [name for name, _, _ in signatures.outputs(version.model)]
                wanted = _wanted(body, [*known, "error"])
                pictures = await aside(
                    len(text),
                    open_tensors.pictures,
                    body.get("inputs"),
                    binary,
                    state.settings,
                )
                scored = await scoring.score(
                    version, pictures, state.settings, state.metrics
                )
                head = {"model_name": state_lib.MODEL, "model_version": version.number}
        head["model_version"] = str(head["model_version"])
        if identity:
            head["id"] = identity
        return _answer(head, scored, wanted, known)


def _described(name: str, kind: str, shape: tuple[int, ...]) -> dict[str, object]:
    return {"name": name, "datatype": kind, "shape": list(shape)}


def _split(data: bytes, length: str | None) -> tuple[bytes, bytes]:
    """Returns the JSON of a body, and the binary tensors behind it."""
    if length is None:
        return data, b""
    is_number = length.isascii() and length.isdecimal() and len(length) <= 18
    if not is_number or int(length) > len(data):
        raise Refusal(
            400,
            "Inference-Header-Content-Length must be the length of the JSON, within "
            f"the body of {len(data)} bytes. Received: {shown(length)}.",
        )
    end = int(length)
    return data[:end], data[end:]


def _identity(body: dict[str, object]) -> str:
    """Returns the id that the answer repeats; "" without one."""
    identity = body.get("id", "")
    if not isinstance(identity, str) or len(identity) > 256:
        raise Refusal(400, "id must be a string of at most 256 characters.")
    try:
        identity.encode()
    except UnicodeEncodeError:
        raise Refusal(
            400, "id must be text. Received: half a pair of surrogates."
        ) from None
    return identity


def _wanted(body: dict[str, object], known: list[str]) -> dict[str, bool]:
    """Returns {output that was asked for: whether it shall be binary}; {} for all."""
    everywhere = open_tensors.flag(body, "binary_data_output")
    asked = body.get("outputs")
    if asked is None or asked == []:
        return dict.fromkeys(known, everywhere)
    if not isinstance(asked, list):
        raise Refusal(400, f"outputs must be a list, not {shown(asked)}.")
    wanted = {}
    for each in asked:
        name = each.get("name") if isinstance(each, dict) else None
        if not isinstance(name, str) or name not in known:
            raise Refusal(
                400,
                f"An output must be one of {', '.join(known)}. "
                f"Received: {shown(name)}.",
            )
        wanted[name] = open_tensors.flag(each, "binary_data", everywhere)
    return wanted


def _answer(
    head: dict[str, object],
    scored: Scored,
    wanted: dict[str, bool],
    known: list[str],
) -> Response:
    rows = dict(scored.rows)
    if any(scored.errors):
        rows["error"] = np.array(scored.errors, object)
        # Whoever asked for some outputs did not ask to be told nothing of failures.
        wanted = {**wanted, "error": wanted.get("error", False)}
    tensors, tail = [], []
    for name in [*known, "error"]:
        if name not in wanted or name not in rows:
            continue
        tensor, raw = open_tensors.output(name, rows[name], wanted[name])
        tensors.append(tensor)
        tail.append(raw)
    content = {**head, "outputs": tensors}
    if not any(tail):
        return answers.as_json(content)
    text = json.dumps(content, allow_nan=False).encode()
    response = answers.as_json({})
    headers = {**dict(response.headers), _JSON_LENGTH: str(len(text))}
    headers.pop("content-length")
    headers["content-type"] = "application/octet-stream"
    return Response(text + b"".join(tail), 200, headers)
