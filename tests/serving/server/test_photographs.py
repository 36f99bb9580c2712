"""Photographs that are more than they say, and faces that are aligned already."""

import dataclasses
import io
import json
import re
import types

import numpy as np
import pytest
from PIL import Image

from affect_tf.faces import films
from affect_tf.serving import Predictor
from affect_tf.serving.server import photographs
from affect_tf.serving.server import picture_headers
from tests.serving.server.conftest import SETTINGS
from tests.serving.server.hostile_bodies import jpeg_header
from tests.serving.server.hostile_bodies import png
from tests.serving.server.live_server import LiveServer
from tests.serving.small_models import TAXONOMY

FACES = "/affect/v1/faces"


def send(server, data, query=""):
    status, _, body = server.request("POST", FACES + query, data)
    return status, json.loads(body)


def test_a_png_of_two_sizes_is_refused_by_its_header():
    data = png(2000, 2000, bytes(6001 * 2000), before=(8, 8))
    with pytest.raises(picture_headers.Unreadable, match="two PNG headers"):
        picture_headers.check(data, 100)
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (2000, 2000)


def test_a_header_of_endless_parts_is_given_up():
    start = png(8, 8)[:33]
    for data in (start + bytes(2**19), b"\xff\xd8\xff" + b"\xff" * 2**19):
        with pytest.raises(picture_headers.Unreadable):
            picture_headers.size(data)


def test_what_decodes_a_photograph_has_the_limit_too(server, monkeypatch):
    """The header that Pillow believes counts, whatever the first look has found."""
    monkeypatch.setattr(picture_headers, "check", lambda data, most: None)
    data = png(2000, 2000, bytes(6001 * 2000))
    status, answer = send(server, data)
    assert status == 400 and "cannot be read" in answer["error"]


def test_a_photograph_beyond_the_limit_never_comes_to_a_decoder(server, monkeypatch):
    monkeypatch.setattr(films, "picture", lambda *args, **rest: pytest.fail("decoded"))
    for data in (png(2000, 2000), jpeg_header(2000, 2000)):
        for query in ("", "?aligned=1"):
            status, answer = send(server, data, query)
            assert status == 400 and "2000 x 2000 pixels" in answer["error"]


@pytest.mark.parametrize("orientation", [1, 6])
def test_an_aligned_face_has_the_scores_of_prediction(
    server, small_export, tmp_path, orientation
):
    """Prediction neither turns nor warps it; here it is not square, and turned."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = np.random.default_rng(3).integers(0, 256, (40, 30, 3), np.uint8)
    path = tmp_path / "face.jpg"
    Image.fromarray(pixels).save(path, exif=exif)
    status, answer = send(server, path.read_bytes(), "?aligned=1")
    (face,) = answer["faces"]
    assert status == 200 and (answer["width"], answer["height"]) == (30, 40)
    assert face["box"] == {"x": 0, "y": 0, "width": 30, "height": 40}
    assert face["yaw"] is None and len(face["points"]) == 5
    (row,) = (
        Predictor(small_export, detector="none").predict(str(path)).to_dict("records")
    )
    for name in ("neutral", "anger", "fear"):
        assert face["expression_scores"][name] == pytest.approx(row[name], abs=2e-6)
    for name in ("AU01", "AU12"):
        score = face["action_unit_scores"][name]
        assert score == pytest.approx(row[name], abs=2e-6)
        assert (name in face["action_units"]) == bool(row[f"{name}_c"])
    for name in ("valence", "arousal", "valence_spread", "arousal_spread"):
        assert face[name] == pytest.approx(row[name], abs=2e-6)
    assert face["expression"] == row["expression"]


def unreadable(server):
    text = server.request("GET", "/metrics")[2].decode()
    found = re.search(r'^affect_pictures_total.*"unreadable"} (\S+)', text, re.M)
    return float(found.group(1)) if found else 0


def test_an_aligned_face_that_is_damaged_is_refused(server):
    data = png(16, 16, b"cut off")
    status, answer = send(server, data, "?aligned=1")
    assert status == 400 and "damaged" in answer["error"]


@pytest.mark.parametrize("query", ["", "?aligned=1"])
@pytest.mark.parametrize(
    "data", [b"GIF89a", png(16, 16, b"cut off"), png(16_385, 1, bytes(49_156))]
)
def test_each_photograph_that_is_refused_is_counted_once(server, data, query):
    before = unreadable(server)
    assert send(server, data, query)[0] == 400
    assert unreadable(server) == before + 1


def test_faces_beyond_the_limit_are_left_out_and_told(small_export, shared_dir):
    photograph = (shared_dir / "videos" / "multi_face.jpg").read_bytes()
    few = dataclasses.replace(SETTINGS, max_batch=1, max_instances=2)
    with LiveServer(small_export, few) as server:
        server.wait_ready()
        status, answer = send(server, photograph)
        assert status == 200 and len(answer["faces"]) == 2
        assert answer["faces_left_out"] == 3
        surest = [face["score"] for face in answer["faces"]]
        status, answer = send(server, photograph, "?aligned=1")
        assert status == 200 and answer["faces_left_out"] == 0
    assert surest == sorted(surest, reverse=True)


def test_a_unit_is_present_from_its_threshold_on():
    model = types.SimpleNamespace(
        taxonomy=TAXONOMY, thresholds={"AU1": 0.3, "AU12": 0.7}, has_spread=False
    )
    below = np.nextafter(np.float32(0.7), np.float32(0))
    rows = {
        "expression_scores": np.float32([[0.2, 0.5, 0.3]]),
        "action_unit_scores": np.float32([[0.3, below]]),
        "valence_arousal": np.float32([[0.25, -0.5]]),
    }
    found = photographs.scores_of(model, rows, 0)
    assert found["action_units"] == ["AU01"] and found["expression"] == "anger"
    assert (found["valence"], found["arousal"]) == (0.25, -0.5)
    assert list(found["action_unit_scores"]) == ["AU01", "AU12"]
