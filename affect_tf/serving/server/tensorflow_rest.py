"""The REST protocol of TensorFlow Serving: the same addresses, the same JSON."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from affect_tf.serving.loaded_model import LoadedModel
from affect_tf.serving.server import answers
from affect_tf.serving.server import scoring
from affect_tf.serving.server import signatures
from affect_tf.serving.server import state as state_lib
from affect_tf.serving.server.bodies import aside
from affect_tf.serving.server.bodies import parsed
from affect_tf.serving.server.picture_headers import Unreadable
from affect_tf.serving.server.refusals import Refusal
from affect_tf.serving.server.refusals import shown
from affect_tf.serving.server.scoring import Picture
from affect_tf.serving.server.scoring import Scored
from affect_tf.serving.server.state import State

_BASE = f"/v1/models/{state_lib.MODEL}"
_VERSION = f"{_BASE}/versions/{{version:str}}"
#: Signatures that take pictures, and the name of their input.
_INPUTS = {"serving_default": "image_bytes", "serving_image": "image"}


def routes(state: State) -> list[Route]:
    """Returns the endpoints."""
    api = _Api(state)

    def route(path: str, name: str, answer: answers.Endpoint, method: str) -> Route:
        wrapped = answers.endpoint(name, answer, state.metrics, state.say)
        return Route(path, wrapped, methods=[method])

    return [
        route(f"{_BASE}:predict", "v1_predict", api.predict, "POST"),
        route(f"{_VERSION}:predict", "v1_predict", api.predict, "POST"),
        route(f"{_BASE}/metadata", "v1_metadata", api.metadata, "GET"),
        route(f"{_VERSION}/metadata", "v1_metadata", api.metadata, "GET"),
        route(_BASE, "v1_status", api.status, "GET"),
        route(_VERSION, "v1_status", api.status, "GET"),
    ]


class _Api:
    def __init__(self, state: State) -> None:
        self._state = state

    async def predict(self, request: Request) -> Response:
        """Scores the pictures of a request, in rows or in columns as it came."""
        state = self._state
        number = state_lib.requested_version(request)
        async with state.bodies.body(request) as data:
            with state.versions.lease(number) as version:
                body = await parsed(data, state.settings.max_instances)
                pictures, in_rows = await aside(len(data), _pictures, body, state)
                scored = await scoring.score(
                    version, pictures, state.settings, state.metrics
                )
        if in_rows:
            return answers.as_json({"predictions": _rows(scored)})
        return answers.as_json({"outputs": _columns(scored)})

    async def status(self, request: Request) -> Response:
        """Tells the state of the versions, or of one."""
        number = state_lib.requested_version(request)
        known = self._state.versions.statuses()
        if number is not None:
            known = [status for status in known if status.number == number]
            if not known:
                raise Refusal(404, f"There is no version {number}.")
        listed = [
            {
                "version": str(each.number),
                "state": each.state,
                "status": {
                    "error_code": "UNKNOWN" if each.problem else "OK",
                    "error_message": each.problem,
                },
            }
            for each in known
        ]
        return answers.as_json({"model_version_status": listed})

    async def metadata(self, request: Request) -> Response:
        """Tells the signatures of the version that answers."""
        with self._state.versions.lease(state_lib.requested_version(request)) as found:
            content = {
                "model_spec": {
                    "name": state_lib.MODEL,
                    "signature_name": "",
                    "version": str(found.number),
                },
                "metadata": {
                    "signature_def": {"signature_def": _definitions(found.model)}
                },
            }
        return answers.as_json(content)


def _pictures(body: object, state: State) -> tuple[list[Picture], bool]:
    """Returns the pictures of a request, and whether they came in rows."""
    if not isinstance(body, dict):
        raise Refusal(400, f"The body must be a JSON object, not {shown(body)}.")
    signature = body.get("signature_name") or "serving_default"
    if not isinstance(signature, str) or signature not in _INPUTS:
        raise Refusal(
            400,
            f"signature_name must be one of {', '.join(_INPUTS)}. "
            f"Received: {shown(signature)}.",
        )
    if ("instances" in body) == ("inputs" in body):
        raise Refusal(400, 'The body must have either "instances" or "inputs".')
    name = _INPUTS[signature]
    in_rows = "instances" in body
    items = body["instances"] if in_rows else _column(body["inputs"], name)
    if not isinstance(items, list):
        key = "instances" if in_rows else "inputs"
        raise Refusal(400, f'"{key}" must be a list, not {shown(items)}.')
    scoring.check_count(len(items), state.settings)
    read = _file if signature == "serving_default" else scoring.from_numbers
    if in_rows:
        items = [_named(item, name) for item in items]
    return [item if isinstance(item, Unreadable) else read(item) for item in items], (
        in_rows
    )


def _column(inputs: object, name: str) -> object:
    if isinstance(inputs, dict) and "b64" not in inputs:
        if set(inputs) != {name}:
            raise Refusal(
                400,
                f'"inputs" must be of "{name}" alone. Received: {len(inputs)} names.',
            )
        inputs = inputs[name]
    return [inputs] if isinstance(inputs, dict) else inputs


def _named(item: object, name: str) -> Any:
    """Returns the value of an instance, which may be named or not."""
    if isinstance(item, dict) and "b64" not in item:
        if set(item) != {name}:
            return Unreadable(f'it must be of "{name}" alone')
        return item[name]
    return item


def _file(value: object) -> Picture:
    if not isinstance(value, dict) or set(value) != {"b64"}:
        return Unreadable('it must be {"b64": ...}; addresses and paths are not read')
    return scoring.from_base64(value["b64"])


def _rows(scored: Scored) -> list[dict[str, object]]:
    columns = {name: values.tolist() for name, values in scored.rows.items()}
    rows = [
        dict(zip(columns, row, strict=True))
        for row in zip(*columns.values(), strict=True)
    ]
    for row, error in zip(rows, scored.errors, strict=True):
        if error:
            row["error"] = error
    return rows


def _columns(scored: Scored) -> dict[str, object]:
    columns: dict[str, object] = {
        name: values.tolist() for name, values in scored.rows.items()
    }
    if any(scored.errors):
        columns["error"] = scored.errors
    return columns


def _definitions(model: LoadedModel) -> dict[str, object]:
    outputs = {
        name: _tensor(kind, shape) for name, kind, shape in signatures.outputs(model)
    }
    return {
        signature: {
            "inputs": {name: _tensor(kind, shape)},
            "outputs": outputs,
            "method_name": "tensorflow/serving/predict",
        }
        for signature, (name, kind, shape) in zip(
            _INPUTS, signatures.INPUTS, strict=True
        )
    }


def _tensor(kind: str, shape: tuple[int, ...]) -> dict[str, object]:
    sizes = [{"size": str(size), "name": ""} for size in shape]
    return {
        "dtype": signatures.TENSORFLOW[kind],
        "tensor_shape": {"dim": sizes, "unknown_rank": False},
        "name": "",
    }
