"""What the server holds and does at a time has an end, which it gives back."""

import asyncio
import dataclasses
import json
import socket

import numpy as np
import pytest
from starlette.requests import Request

from affect_tf.serving.server import answers
from affect_tf.serving.server import running
from affect_tf.serving.server import scoring
from affect_tf.serving.server.bodies import Bodies
from affect_tf.serving.server.metrics import Metrics
from affect_tf.serving.server.refusals import Refusal
from affect_tf.serving.server.settings import Settings
from tests.serving.server.conftest import SETTINGS
from tests.serving.server.hostile_bodies import pixels_behind_json
from tests.serving.server.hostile_bodies import png
from tests.serving.server.live_server import b64
from tests.serving.server.live_server import LiveServer

INFER = "/v2/models/affect/infer"


def request(*chunks):
    messages = [{"type": "http.request", "body": c, "more_body": True} for c in chunks]
    messages.append({"type": "http.request"})

    async def receive():
        return messages.pop(0)

    return Request({"type": "http", "headers": []}, receive)


def test_bodies_together_have_a_limit_and_are_given_back():
    settings = Settings(max_bytes=10)

    async def ask():
        bodies = Bodies(settings)
        async with (
            bodies.body(request(b"x" * 10)),
            bodies.body(request(b"x" * 10)),
            bodies.body(request(b"x" * 10)),
            bodies.body(request(b"x" * 9)),
        ):
            with pytest.raises(Refusal, match="holds too much") as refused:
                async with bodies.body(request(b"xx")):
                    pass
            assert refused.value.status == 503 and refused.value.retry_after
            async with bodies.body(request(b"x")) as data:
                assert data == b"x"
        for _ in range(9):
            async with bodies.body(request(b"x" * 5, b"x" * 5)) as data:
                assert len(data) == 10

    asyncio.run(ask())


def test_pictures_of_one_request_have_a_limit_of_pixels_together():
    settings = dataclasses.replace(SETTINGS, max_pixels=100)
    pictures = [png(10, 10)] * 9
    with pytest.raises(Refusal, match="800 pixels together. Received: 900") as refused:
        asyncio.run(scoring.score(None, pictures, settings, Metrics()))
    assert refused.value.status == 413


def test_pixels_count_like_files_but_crops_of_the_server_do_not():
    settings = dataclasses.replace(SETTINGS, max_pixels=100)
    nine = [np.zeros((10, 10, 3), np.uint8)] * 9
    with pytest.raises(Refusal, match="800 pixels together. Received: 900") as refused:
        asyncio.run(scoring.score(None, nine, settings, Metrics()))
    assert refused.value.status == 413
    with pytest.raises(Refusal, match="it has 11 x 10 pixels, and at most 100 are"):
        large = [np.zeros((10, 11, 3), np.uint8)]
        asyncio.run(scoring.score(None, large, settings, Metrics()))

    class Any:
        batcher = None

        async def scores(self, key, pictures):
            assert key == ("pixels", 10, 10)
            return {"valid": np.ones(len(pictures), bool)}

    Any.batcher = Any()
    scored = asyncio.run(scoring.score(Any, nine, settings, Metrics(), are_crops=True))
    assert scored.rows["valid"].all() and not any(scored.errors)


def test_pixels_with_a_long_side_are_refused_alone(server):
    wide = [[[0, 0, 0]] * 16_385]
    body = {"signature_name": "serving_image", "instances": [[[[1, 2, 3]]], wide]}
    status, answer = server.post("/v1/models/affect:predict", body)
    good, bad = answer["predictions"]
    assert status == 200 and good["valid"] and "error" not in good
    assert not bad["valid"] and "16385 x 1 pixels, and a side may" in bad["error"]
    body, length = pixels_behind_json(2, 16_385, 1, 3)
    headers = {"Inference-Header-Content-Length": str(length)}
    status, _, text = server.request("POST", INFER, body, headers)
    assert status == 400 and len(json.loads(text)["errors"]) == 2


def test_an_id_that_is_no_text_is_refused_and_any_other_comes_back(server):
    file = b64(png(1, 1, bytes(4)))
    tensor = {"name": "image_bytes", "datatype": "BYTES", "shape": [1], "data": [file]}
    status, answer = server.post(INFER, {"id": "\ud800", "inputs": [tensor]})
    assert status == 400 and "id must be text" in answer["error"]
    status, answer = server.post(INFER, {"id": "é\U0001f600", "inputs": [tensor]})
    assert status == 200 and answer["id"] == "é\U0001f600"


def test_an_answer_can_say_whatever_a_client_wrote():
    body = answers.as_json({"error": "é \ud800"}).body
    assert json.loads(body) == {"error": "é \ud800"}


def test_one_connection_too_many_is_told_so_in_json(small_export, monkeypatch):
    monkeypatch.setattr(running, "_MAX_CONNECTIONS", 2)
    with LiveServer(small_export, SETTINGS) as server:
        server.wait_ready()
        address = ("127.0.0.1", server.port)
        first, second = (socket.create_connection(address, 5) for _ in range(2))
        with first, second:
            # An answer to these tells that both are held.
            for each in (first, second):
                each.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert each.recv(2**16).startswith(b"HTTP/1.1 200")
            status, headers, body = server.request("GET", "/v2/health/live")
        assert status == 503 and headers["retry-after"] == "1"
        assert headers["content-type"] == "application/json"
        assert "2 connections" in json.loads(body)["error"]
        server.wait_ready()


@pytest.mark.parametrize("length", ["0" * 5000, "0" * 17 + "10", "9" * 19])
def test_a_length_of_json_with_many_digits_is_refused(server, length):
    headers = {"Inference-Header-Content-Length": length}
    status, _, body = server.request("POST", INFER, b"{}", headers)
    assert status == 400 and "Content-Length" in json.loads(body)["error"]


@pytest.mark.parametrize("shape", [(2, 3), (3, 2), (1, 6), (6,)])
def test_nested_pixels_must_have_the_stated_shape(server, shape):
    count = iter(range(100))

    def nested(sides):
        if not sides:
            return next(count)
        return [nested(sides[1:]) for _ in range(sides[0])]

    tensor = {"name": "image", "datatype": "UINT8", "shape": [1, 3, 2, 3]}
    body = {"inputs": [{**tensor, "data": nested((1, *shape, 3))}]}
    status, answer = server.post(INFER, body)
    assert status == (200 if shape == (3, 2) else 400), answer
    if status == 400:
        assert "nested as shape" in answer["error"]


@pytest.mark.parametrize(
    ("shape", "rows"), [([2], [2]), ([2, 1], [2]), ([2], [1, 1]), ([2, 1], [1, 1])]
)
def test_nested_files_must_have_the_stated_shape(server, shape, rows):
    file = b64(png(1, 1, bytes(4)))
    data = [[file] * row for row in rows]
    tensor = {"name": "image_bytes", "datatype": "BYTES", "shape": shape}
    status, answer = server.post(INFER, {"inputs": [{**tensor, "data": data}]})
    assert status == (200 if shape == [2, 1] and rows == [1, 1] else 400), answer


def test_a_name_that_is_no_host_is_not_blamed_on_the_port():
    for host in ("no such name", "192.0.2.1"):
        with pytest.raises(running.UserError, match="--host must be") as error:
            running.listening(host, 0)
        assert "--port" not in str(error.value) and error.value.exit_code == 2
