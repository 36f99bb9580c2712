"""`POST /affect/v1/faces`: a whole photograph to its faces and their scores.

The two protocols take aligned faces, one a picture. This takes a photograph as it is,
as the body of the request, finds the faces in it, and is what the page speaks to.
"""

from __future__ import annotations

import asyncio
import dataclasses
import io
import math
import threading
from concurrent import futures

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from affect_tf.data.images import MAX_SIDE
from affect_tf.errors import UserError
from affect_tf.faces import alignment
from affect_tf.faces import detection
from affect_tf.faces import films
from affect_tf.faces.detection import Face
from affect_tf.faces.quality import Quality
from affect_tf.faces.quality import quality
from affect_tf.labels.taxonomy import VA_DIMENSIONS
from affect_tf.serving.loaded_model import LoadedModel
from affect_tf.serving.prediction.sightings import CROP_SIZE
from affect_tf.serving.prediction.table import unit_column
from affect_tf.serving.score_graphs import OUTPUTS
from affect_tf.serving.score_graphs import SPREAD
from affect_tf.serving.server import answers
from affect_tf.serving.server import picture_headers
from affect_tf.serving.server import scoring
from affect_tf.serving.server.batcher import Rows
from affect_tf.serving.server.picture_headers import Unreadable
from affect_tf.serving.server.refusals import Refusal
from affect_tf.serving.server.refusals import shown
from affect_tf.serving.server.scoring import Picture
from affect_tf.serving.server.served_version import ServedVersion
from affect_tf.serving.server.state import State

#: Photographs that are searched for faces at a time, each on a core.
_SEARCHERS = 2
#: Of a face that is aligned already; nobody looked how it is turned.
_UNKNOWN = Quality(1.0, *[math.nan] * 5)
#: Photographs that may wait for that.
_MAX_WAITING = 16


def routes(state: State) -> list[Route]:
    """Returns the endpoints."""
    api = _Api(state)
    faces = answers.endpoint("faces", api.faces, state.metrics, state.say)
    taxonomy = answers.endpoint("taxonomy", api.taxonomy, state.metrics, state.say)
    return [
        Route("/affect/v1/faces", faces, methods=["POST"]),
        Route("/affect/v1/taxonomy", taxonomy, methods=["GET"]),
    ]


class _Api:
    def __init__(self, state: State) -> None:
        self._state = state
        self._searcher = _Searcher(state.settings.max_pixels)

    async def taxonomy(self, request: Request) -> Response:
        """Tells the names and thresholds of the version that answers."""
        del request
        with self._state.versions.lease() as version:
            model = version.model
            content = {
                "model_version": str(version.number),
                "expressions": list(model.taxonomy.expressions),
                "action_units": [unit_column(u) for u in model.taxonomy.action_units],
                "valence_arousal": model.taxonomy.has_va,
                "thresholds": {
                    unit_column(unit): limit for unit, limit in model.thresholds.items()
                },
                "has_spread": model.has_spread,
                "image_size": model.image_size,
                "max_bytes": self._state.settings.max_bytes,
                "max_pixels": self._state.settings.max_pixels,
                "max_side": MAX_SIDE,
            }
        return answers.as_json(content)

    async def faces(self, request: Request) -> Response:
        """Finds the faces of a photograph and scores them."""
        state = self._state
        is_aligned = _is_aligned(request)
        async with state.bodies.body(request) as data:
            try:
                picture_headers.check(data, state.settings.max_pixels)
                with state.versions.lease() as version:
                    size = version.model.image_size
                    found = await self._found(data, size, is_aligned)
                    left_out = found.limit(state.settings.max_instances)
                    listed = await self._scored(version, found, is_aligned)
            except Unreadable as error:
                state.metrics.pictures.labels("unreadable").inc()
                raise Refusal(400, f"The photograph cannot be read: {error}.") from None
        content = {
            "model_version": str(version.number),
            "width": found.width,
            "height": found.height,
            "faces": listed,
            "faces_left_out": left_out,
        }
        return answers.as_json(content)

    async def _found(self, data: bytes, size: int, is_aligned: bool) -> _Found:
        """Returns the faces of a photograph for a model that sees `size` pixels.

        Raises:
          Unreadable: If it is damaged.
        """
        if is_aligned:
            return _Found.aligned(data, *picture_headers.size(data))
        # As prediction cuts them out, so that scores are the same.
        return await self._searcher.search(data, max(CROP_SIZE, size))

    async def _scored(
        self, version: ServedVersion, found: _Found, is_aligned: bool
    ) -> list[dict[str, object]]:
        """Returns each face as the answer has it."""
        if not found.faces:
            return []
        state = self._state
        scored = await scoring.score(
            version,
            found.crops,
            state.settings,
            state.metrics,
            are_crops=not is_aligned,
        )
        return [
            {**_place(face, judged), **scores_of(version.model, scored.rows, row)}
            for row, (face, judged) in enumerate(
                zip(found.faces, found.qualities, strict=True)
            )
        ]


@dataclasses.dataclass
class _Found:
    """The faces of one photograph.

    Attributes:
      width, height: Of the photograph, upright as its EXIF data tell.
      faces: Where they are, best first.
      crops: What the model gets of each.
      qualities: Angles and blur of each.
    """

    width: int
    height: int
    faces: list[Face]
    crops: list[Picture]
    qualities: list[Quality]

    @classmethod
    def cut(cls, image: np.ndarray, faces: list[Face], size: int) -> _Found:
        """Cuts out faces that were found, `size` pixels wide."""
        crops = [alignment.align(image, face.points, size) for face in faces]
        judged = [quality(face, crop) for face, crop in zip(faces, crops, strict=True)]
        return cls(image.shape[1], image.shape[0], faces, crops, judged)

    @classmethod
    def aligned(cls, data: bytes, width: int, height: int) -> _Found:
        """Takes a file for one face: the model reads it as it reads those of v1 and v2.

        So it is neither turned nor warped, and has the scores of `predict --aligned`.
        """
        shape = np.broadcast_to(np.uint8(0), (height, width, 3))
        return cls(width, height, detection.aligned_already(shape), [data], [_UNKNOWN])

    def limit(self, count: int) -> int:
        """Keeps the surest faces; returns how many it leaves out."""
        left_out = max(0, len(self.faces) - count)
        del self.faces[count:], self.crops[count:], self.qualities[count:]
        return left_out


class _Searcher:
    """Decodes and searches photographs in threads, each with a detector of its own."""

    def __init__(self, max_pixels: int) -> None:
        self._max_pixels = max_pixels
        self._threads = futures.ThreadPoolExecutor(_SEARCHERS, "searcher")
        self._own = threading.local()
        self._waiting = 0

    async def search(self, data: bytes, size: int) -> _Found:
        if self._waiting >= _SEARCHERS + _MAX_WAITING:
            raise Refusal(503, "Too many photographs wait already.", retry_after=1)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, self._search, data, size
            )
        finally:
            self._waiting -= 1

    def _search(self, data: bytes, size: int) -> _Found:
        try:
            # Looked at again by what decodes: it may believe another header.
            image = films.picture(io.BytesIO(data), max_pixels=self._max_pixels)
        except films.FilmError:
            raise Unreadable("it is damaged or cut off") from None
        try:
            if not hasattr(self._own, "detector"):
                self._own.detector = detection.detector()
        except UserError as error:  # Its packages are not installed.
            raise Refusal(501, str(error)) from None
        return _Found.cut(image, self._own.detector(image), size)


def _is_aligned(request: Request) -> bool:
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/"):
        raise Refusal(415, "The body must be the picture's file itself, not a form.")
    given = request.query_params.get("aligned", "0")
    if given not in ("0", "1"):
        raise Refusal(400, f"aligned must be 0 or 1. Received: {shown(given)}.")
    return given == "1"


def _place(face: Face, judged: Quality) -> dict[str, object]:
    left, top, right, bottom = face.box
    return {
        "box": {
            "x": _number(left),
            "y": _number(top),
            "width": _number(right - left),
            "height": _number(bottom - top),
        },
        "points": [[_number(x), _number(y)] for x, y in face.points],
        "score": _number(face.score, 4),
        "pitch": _number(judged.pitch),
        "roll": _number(judged.roll),
        "yaw": _number(judged.yaw),
        "blur": _number(judged.blur),
    }


def _number(value: float, digits: int = 2) -> float | None:
    """Rounds; JSON has no NaN, which an angle is where it cannot be told."""
    return round(float(value), digits) if math.isfinite(value) else None


def scores_of(model: LoadedModel, rows: Rows, row: int) -> dict[str, object]:
    """Returns the scores of one face by the names of the table's columns.

    Args:
      model: Whose names and thresholds hold.
      rows: What it gave.
      row: The face's.
    """
    taxonomy, found = model.taxonomy, {}
    units = [unit_column(unit) for unit in taxonomy.action_units]
    for ending in ("", SPREAD) if model.has_spread else ("",):
        for task in taxonomy.tasks:
            output = OUTPUTS[task] + ending
            values = rows[output][row].tolist()
            if task == "va":
                for name, value in zip(VA_DIMENSIONS, values, strict=True):
                    found[name + ending] = value
            else:
                names = taxonomy.expressions if task == "expr" else units
                found[output] = dict(zip(names, values, strict=True))
    if "expr" in taxonomy.tasks:
        scores = found[OUTPUTS["expr"]]
        found["expression"] = max(scores, key=scores.__getitem__)
    if "au" in taxonomy.tasks:
        # In the precision of the scores, as the table compares them.
        found["action_units"] = [
            name
            for name, unit in zip(units, taxonomy.action_units, strict=True)
            if found[OUTPUTS["au"]][name] >= np.float32(model.thresholds[unit])
        ]
    return found
