"""The page, in a browser that has no network but the server."""

import io
import json

import pytest
from PIL import Image

from affect_tf.serving import Predictor
from tests.serving.server import chromium
from tests.serving.server.conftest import SETTINGS
from tests.serving.server.live_server import LiveServer


@pytest.fixture(scope="module")
def photograph(shared_dir):
    return shared_dir / "videos" / "multi_face.jpg"


def small_jpeg(path, **options):
    with Image.open(path) as image:
        stream = io.BytesIO()
        image.save(stream, "JPEG", **options)
    return stream.getvalue()


def test_a_photograph_gives_its_faces_with_places_and_scores(server, photograph):
    path = "/affect/v1/faces"
    status, _, body = server.request("POST", path, photograph.read_bytes())
    answer = json.loads(body)
    assert status == 200 and (answer["width"], answer["height"]) == (1000, 667)
    assert len(answer["faces"]) == 5 and answer["faces_left_out"] == 0
    for face in answer["faces"]:
        box = face["box"]
        assert 0 < box["x"] < box["x"] + box["width"] < 1000
        assert len(face["points"]) == 5 and face["score"] > 0.5
        assert abs(sum(face["expression_scores"].values()) - 1) < 1e-5
        assert face["expression"] in face["expression_scores"]
        assert -1 <= face["valence"] <= 1 and face["arousal_spread"] >= 0


def test_a_photograph_has_the_scores_of_prediction(server, small_export, photograph):
    body = server.request("POST", "/affect/v1/faces", photograph.read_bytes())[2]
    found = {face["box"]["x"]: face for face in json.loads(body)["faces"]}
    table = Predictor(small_export).predict(str(photograph))
    assert len(found) == len(table) == 5
    for row in table.to_dict("records"):
        face = found[row["FaceRectX"]]
        assert face["valence"] == pytest.approx(row["valence"], abs=2e-6)
        for name, score in face["expression_scores"].items():
            assert score == pytest.approx(row[name], abs=2e-6)


def test_exif_turns_a_photograph_upright(server, photograph):
    exif = Image.Exif()
    exif[0x0112] = 3
    with Image.open(photograph) as image:
        stream = io.BytesIO()
        image.rotate(180).save(stream, "JPEG", exif=exif)
    answer = json.loads(
        server.request("POST", "/affect/v1/faces", stream.getvalue())[2]
    )
    assert len(answer["faces"]) == 5


def test_an_aligned_face_is_not_searched_and_a_blank_has_none(server):
    stream = io.BytesIO()
    Image.new("RGB", (64, 64), "grey").save(stream, "PNG")
    found = server.request("POST", "/affect/v1/faces", stream.getvalue())
    assert json.loads(found[2])["faces"] == []
    found = server.request("POST", "/affect/v1/faces?aligned=1", stream.getvalue())
    (face,) = json.loads(found[2])["faces"]
    assert face["box"] == {"x": 0, "y": 0, "width": 64, "height": 64}


def test_a_photograph_that_is_cut_off_is_refused(server, photograph):
    data = photograph.read_bytes()
    status, _, body = server.request("POST", "/affect/v1/faces", data[: len(data) // 2])
    assert status == 400 and "cut off" in json.loads(body)["error"]


def test_the_page_may_load_nothing_from_elsewhere(server):
    status, headers, body = server.request("GET", "/")
    policy = headers["content-security-policy"]
    assert status == 200 and "default-src 'none'" in policy and "http" not in policy
    for path in ("/", "/page.js", "/page.css", "/drawing.js", "/people.js"):
        content = (
            server.request("GET", path)[2].decode().replace("http://www.w3.org", "")
        )
        assert "http://" not in content and "https://" not in content


@pytest.mark.skipif(chromium.PATH is None, reason="needs Chromium")
def test_a_browser_shows_the_faces_of_a_photograph(small_export, photograph, tmp_path):
    large = tmp_path / "large.jpg"
    with Image.open(photograph) as image:
        image.resize((1800, 1200)).save(large, quality=80)
    assert large.stat().st_size < SETTINGS.max_bytes
    assert SETTINGS.max_pixels < 1800 * 1200
    with LiveServer(small_export, SETTINGS) as server:
        server.wait_ready()
        browser = chromium.Chromium(tmp_path / "profile", width=390, height=800)
        try:
            browser.call("Page.navigate", url=f"http://127.0.0.1:{server.port}/")
            browser.wait(
                "document.getElementById('model')?.textContent.includes('version 1')"
            )
            # By the keyboard alone: the first stop is the file, then the camera.
            browser.press("Tab")
            assert browser.run("document.activeElement.id") == "file"
            browser.press("Tab")
            assert browser.run("document.activeElement.id") == "camera"
            browser.put_file("#file", photograph)
            browser.wait("document.querySelectorAll('.face').length == 5")
            assert "5 faces" in browser.run(
                "document.getElementById('status').textContent"
            )
            rows = "document.querySelectorAll('.face:first-child tr').length"
            assert browser.run(rows) == 3 + 2
            drawn = "document.getElementById('marks').getContext('2d')"
            drawn += ".getImageData(0, 0, 300, 200).data.some((value) => value > 0)"
            assert browser.run(drawn)
            browser.run("document.querySelector('.face').focus()")
            assert browser.run("document.querySelectorAll('.face.chosen').length") == 1
            # Larger than the server takes: it is drawn anew, and its faces are found.
            browser.put_file("#file", large)
            browser.wait("document.getElementById('photograph').naturalWidth == 1800")
            browser.wait("document.querySelectorAll('.face').length == 5")
            # Nothing is wider than a phone, and nobody else was asked.
            assert browser.run("document.documentElement.scrollWidth") <= 390
            assert browser.problems() == []
            own = (f"http://127.0.0.1:{server.port}/", "blob:", "data:")
            assert all(a.startswith(own) for a in browser.addresses())
            server.stop()
            server.join()
            browser.put_file("#file", photograph)
            status = "document.getElementById('status').textContent"
            browser.wait(f"{status} == 'The server does not answer.'")
        finally:
            browser.close()
