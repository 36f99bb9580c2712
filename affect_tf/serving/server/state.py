"""What the endpoints share: one server's model, limits, counters and bodies."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

from starlette.requests import Request

from affect_tf.serving.server.bodies import Bodies
from affect_tf.serving.server.metrics import Metrics
from affect_tf.serving.server.refusals import Refusal
from affect_tf.serving.server.settings import Settings
from affect_tf.serving.server.versions import Versions
from affect_tf.serving.server.visitors import Visitors

#: The name under which the model is served.
MODEL = "affect"


class State:
    """Of one server; made before its loop runs, used by the endpoints on it."""

    def __init__(
        self, folder: pathlib.Path, settings: Settings, say: Callable[[str], None]
    ) -> None:
        self.settings = settings
        self.say = say
        self.metrics = Metrics()
        self.bodies = Bodies(settings)
        self.visitors = Visitors(settings.allowed_hosts)
        self.versions = Versions(folder, settings, self.metrics, say)


def requested_version(request: Request) -> int | None:
    """Returns the version that an address names; None where it names none.

    Raises:
      Refusal: 404 if what stands there is no version number.
    """
    text = request.path_params.get("version")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise Refusal(404, "A version must be a whole number.")
    return int(text)
