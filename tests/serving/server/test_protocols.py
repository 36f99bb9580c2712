"""The two protocols: addresses, JSON, binary tensors, and the same scores in both."""

import json
import struct

import numpy as np
import pytest

import affect_tf
from affect_tf.serving.loaded_model import LoadedModel
from tests.serving.server.live_server import b64
from tests.serving.small_models import faces
from tests.serving.small_models import pngs

PREDICT = "/v1/models/affect:predict"
INFER = "/v2/models/affect/infer"


@pytest.fixture(scope="module")
def python_scores(small_export):
    pictures = pngs(200)
    return pictures, LoadedModel(small_export).from_bytes(pictures)


def v2_inputs(pictures):
    data = [b64(picture) for picture in pictures]
    shape = [len(data)]
    tensor = {"name": "image_bytes", "datatype": "BYTES", "shape": shape, "data": data}
    return {"inputs": [tensor]}


def v2_rows(answer):
    return {
        each["name"]: np.array(each["data"]).reshape(each["shape"])
        for each in answer["outputs"]
    }


def in_batches(call, pictures, size):
    parts = [call(pictures[i : i + size]) for i in range(0, len(pictures), size)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


@pytest.mark.parametrize("size", [1, 32])
@pytest.mark.parametrize("protocol", ["v1 rows", "v1 columns", "v2"])
def test_200_pictures_have_the_scores_of_python(server, python_scores, protocol, size):
    pictures, expected = python_scores

    def call(batch):
        items = [{"b64": b64(picture)} for picture in batch]
        if protocol == "v1 rows":
            status, answer = server.post(PREDICT, {"instances": items})
            rows = answer["predictions"]
            found = {name: np.array([row[name] for row in rows]) for name in rows[0]}
        elif protocol == "v1 columns":
            status, answer = server.post(PREDICT, {"inputs": {"image_bytes": items}})
            found = {k: np.array(v) for k, v in answer["outputs"].items()}
        else:
            status, answer = server.post(INFER, v2_inputs(batch))
            found = v2_rows(answer)
        assert status == 200
        return found

    found = in_batches(call, pictures, size)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=0, atol=1e-5)


def test_pixels_have_the_scores_of_their_files_in_both_protocols(server, python_scores):
    pictures, expected = python_scores
    pixels = faces(3)
    body = {"signature_name": "serving_image", "instances": pixels.tolist()}
    rows = server.post(PREDICT, body)[1]["predictions"]
    body["instances"] = [{"image": each} for each in body["instances"]]
    assert server.post(PREDICT, body)[1]["predictions"] == rows
    tensor = {"name": "image", "datatype": "UINT8", "shape": list(pixels.shape)}
    flat = {"inputs": [{**tensor, "data": pixels.ravel().tolist()}]}
    nested = {"inputs": [{**tensor, "data": pixels.tolist()}]}
    for body in (flat, nested):
        found = v2_rows(server.post(INFER, body)[1])["expression_scores"]
        np.testing.assert_allclose(found, expected["expression_scores"][:3], atol=1e-5)
    found = [row["expression_scores"] for row in rows]
    np.testing.assert_allclose(found, expected["expression_scores"][:3], atol=1e-5)


def test_pictures_of_several_sizes_share_a_request_of_pixels(server):
    items = [faces(1, size)[0].tolist() for size in (5, 16, 5)]
    body = {"signature_name": "serving_image", "instances": items}
    rows = server.post(PREDICT, body)[1]["predictions"]
    one = {**body, "instances": items[1:2]}
    alone = server.post(PREDICT, one)[1]["predictions"][0]
    np.testing.assert_allclose(
        rows[1]["valence_arousal"], alone["valence_arousal"], atol=1e-5
    )
    assert rows[0]["expression_scores"] == rows[2]["expression_scores"]


def test_binary_tensors_go_in_and_come_out(server, python_scores):
    pictures, expected = python_scores
    raw = b"".join(struct.pack("<I", len(p)) + p for p in pictures[:4] + [b"no"])
    tensor = {"name": "image_bytes", "datatype": "BYTES", "shape": [5]}
    tensor["parameters"] = {"binary_data_size": len(raw)}
    asked = {"name": "expression_scores", "parameters": {"binary_data": True}}
    text = json.dumps({"id": "7", "inputs": [tensor], "outputs": [asked]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(text))}
    status, headers, body = server.request("POST", INFER, text + raw, headers)
    assert status == 200
    end = int(headers["inference-header-content-length"])
    answer = json.loads(body[:end])
    scores, errors = answer["outputs"]
    assert answer["id"] == "7" and scores["shape"] == [5, 3]
    assert len(body) - end == scores["parameters"]["binary_data_size"]
    found = np.frombuffer(body[end:], "<f4").reshape(5, 3)
    np.testing.assert_allclose(found[:4], expected["expression_scores"][:4], atol=1e-5)
    assert not found[4].any() and errors["data"][:4] == [""] * 4
    assert "neither JPEG nor PNG" in errors["data"][4]


def test_one_bad_picture_is_an_error_of_its_own(server, python_scores):
    pictures, expected = python_scores
    cut = pictures[1][: len(pictures[1]) // 2]
    status, answer = server.predict(pictures[0], cut, b"GIF89a...", pictures[2])
    rows = answer["predictions"]
    assert status == 200 and [row["valid"] for row in rows] == [
        True,
        False,
        False,
        True,
    ]
    assert "cut off" in rows[1]["error"] and "but a GIF" in rows[2]["error"]
    assert not any(rows[1]["expression_scores"]) and "error" not in rows[0]
    scores = expected["expression_scores"][2]
    np.testing.assert_allclose(rows[3]["expression_scores"], scores, atol=1e-5)


def test_a_request_of_bad_pictures_alone_is_refused_with_every_reason(server):
    status, answer = server.predict(b"", b"\x89PNG\r\n\x1a\n")
    assert status == 400 and "None of the 2" in answer["error"]
    assert answer["errors"] == ["it is empty", "its PNG header is cut off"]


def test_metadata_name_what_the_model_takes_and_gives(server, small_export):
    model = LoadedModel(small_export)
    status, answer = server.get("/v2/models/affect/versions/1")
    rows = model.from_bytes(pngs(1))
    assert status == 200 and answer["versions"] == ["1"]
    assert {each["name"] for each in answer["outputs"]} == rows.keys()
    for each in answer["outputs"]:
        assert each["shape"][1:] == list(rows[each["name"]].shape[1:])
    metadata = server.get("/v1/models/affect/metadata")[1]
    signatures = metadata["metadata"]["signature_def"]["signature_def"]
    assert signatures["serving_default"]["inputs"].keys() == {"image_bytes"}
    assert signatures["serving_image"]["outputs"].keys() == rows.keys()
    taxonomy = server.get("/affect/v1/taxonomy")[1]
    assert taxonomy["thresholds"].keys() == {"AU01", "AU12"}


def test_status_is_that_of_tensorflow_serving(server):
    for path in ("/v1/models/affect", "/v1/models/affect/versions/1"):
        (status,) = server.get(path)[1]["model_version_status"]
        assert status["version"] == "1" and status["state"] == "AVAILABLE"
        assert status["status"] == {"error_code": "OK", "error_message": ""}
    assert server.get("/v1/models/affect/versions/2")[0] == 404
    body = {"instances": [{"b64": b64(pngs(1)[0])}]}
    assert server.post("/v1/models/affect/versions/1:predict", body)[0] == 200
    assert server.post("/v1/models/affect/versions/2:predict", body)[0] == 404
    assert server.post("/v2/models/affect/versions/2/infer", body)[0] == 404


def test_health_and_metrics_tell_of_the_server(server):
    assert server.get("/v2/health/live") == (200, {"live": True})
    assert server.get("/v2/health/ready") == (200, {"ready": True})
    about = server.get("/v2")[1]
    assert "binary_tensor_data" in about["extensions"]
    assert about["version"] == affect_tf.__version__
    before = server.request("GET", "/metrics")[2].decode()
    server.predict(*pngs(2), b"rubbish")
    after = server.request("GET", "/metrics")[2].decode()

    def value(text, name):
        return next(
            float(x.split()[-1]) for x in text.splitlines() if x.startswith(name)
        )

    name = 'affect_pictures_total{result="scored"}'
    assert value(after, name) == value(before, name) + 2
    name = 'affect_requests_total{code="200",endpoint="v1_predict"}'
    assert value(after, name) == value(before, name) + 1
    assert value(after, "affect_model_version") == 1
