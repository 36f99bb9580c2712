"""What `--overlay` may write where, and what it costs when a file cannot be drawn."""

import numpy as np
import pytest
from PIL import Image

from affect_tf.commands import predict
from affect_tf.faces import films
from affect_tf.serving.prediction import overlay_marks
from tests.faces.film_files import shades
from tests.faces.film_files import write_film
from tests.serving.prediction.bright_faces import film
from tests.serving.prediction.bright_faces import save


@pytest.fixture
def untouched(monkeypatch):
    monkeypatch.setattr(predict, "predict", lambda *_: pytest.fail("too late"))


@pytest.mark.parametrize("own", ["lib/x.mp4", "lib/p.jpg"])
@pytest.mark.parametrize("content", ["film", "picture", "text", "link"])
def test_a_file_of_the_users_own_is_not_replaced(
    run, tmp_path, untouched, own, content
):
    film(tmp_path / "x.avi", [1])
    save(tmp_path / "p.png", 1)
    path = tmp_path / own
    path.parent.mkdir()
    if content == "film":
        film(tmp_path / "own.mp4", [1]).rename(path)
    elif content == "picture":
        save(tmp_path / "own.jpg", 1).rename(path)
    elif content == "text":
        path.write_text("text")
    else:
        path.symlink_to("nowhere")
    code, output = run(input=["x.avi,p.png"], overlay="lib")
    assert code == 2
    assert f"Received: {own}, which is there. Name another folder" in output
    assert list(path.parent.iterdir()) == [path]


def test_what_an_earlier_overlay_drew_is_replaced(run, tmp_path):
    film(tmp_path / "x.avi", [1])
    save(tmp_path / "p.png", 1)
    for _ in range(2):
        code, output = run(input=["x.avi,p.png"], overlay="seen")
        assert (code, "seen: 2 annotated files" in output) == (0, True)
    assert all(map(overlay_marks.is_overlay, (tmp_path / "seen").iterdir()))
    assert not overlay_marks.is_overlay(tmp_path / "x.avi")
    assert not overlay_marks.is_overlay(tmp_path / "seen/absent.mp4")


@pytest.mark.parametrize(
    "value, folder",
    [
        ("in", "in"),
        ("in/sub,p.png", "in"),
        ("in/sub/*.png", "in/sub"),
        ("i?/sub", "."),
        ("link", "in"),
        ("**/*.png", "."),
    ],
)
def test_a_folder_that_is_searched_is_none_for_what_is_drawn(
    run, tmp_path, untouched, value, folder
):
    """The next run would take it for input, and draw over it once more."""
    (tmp_path / "in/sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to("in")
    save(tmp_path / "in/sub/a.png", 1)
    save(tmp_path / "p.png", 1)
    code, output = run(input=[value], overlay=folder)
    assert code == 2
    assert "--overlay must not be, or lie above, a folder that is searched" in output


def test_a_folder_below_is_left_out_and_a_named_file_has_its_overlay_beside_it(
    run, tmp_path
):
    save(tmp_path / "in/a.png", 1)
    for _ in range(2):
        assert run(input=["in"], overlay="in/seen")[0] == 0
        assert run(input=["in/a.png"], overlay="in")[0] == 0
        assert sorted(p.name for p in tmp_path.rglob("*.*")) == [
            *("a.jpg", "a.jpg", "a.png", "predictions.csv")
        ]
        (tmp_path / "in/a.jpg").unlink()


def test_a_film_or_photograph_that_cannot_be_encoded_costs_no_other(run, tmp_path):
    wide = np.full((32, 17_000, 3), 40, np.uint8)
    write_film(tmp_path / "a.mkv", [wide], codec="ffv1")
    Image.new("RGB", (66_000, 2)).save(tmp_path / "b.png")
    film(tmp_path / "c.mp4", [1])
    code, output = run(input=["a.mkv,b.png,c.mp4"], overlay="seen", report="r.html")
    assert code == 1
    assert "2 of 3 files could not be annotated; the others are in seen." in output
    assert "a.mkv: An annotated film must be one that H.264 can hold" in output
    assert "b.png: An annotated photograph must be one that JPEG can hold" in output
    assert "space" not in output
    assert [path.name for path in (tmp_path / "seen").iterdir()] == ["c.mp4"]
    assert (tmp_path / "r.html").is_file()


def test_names_that_are_no_utf8_are_printed_and_drawn(run, tmp_path):
    write_film(tmp_path / "a.avi", shades(3)).rename(tmp_path / "in\udce9.avi")
    (tmp_path / "bad\udce9.png").write_text("text")
    save(tmp_path / "a.png", 1).rename(tmp_path / "z\udce9.png")
    code, output = run(
        input=["in\udce9.avi,bad\udce9.png,z\udce9.png"],
        overlay="seen\udce9",
        report="r\udce9.html",
        out="t\udce9.csv",
    )
    assert code == 1
    assert "  bad\\udce9.png: cannot be read" in output
    assert "t\\udce9.csv: " in output
    assert "seen\\udce9: 2 annotated files" in output
    assert films.picture(tmp_path / "seen\udce9/z\udce9.jpg").shape == (96, 96, 3)
    assert (tmp_path / "r\udce9.html").is_file()
    code, output = run(input=["absent\udce9.png"])
    assert (code, "--input=absent\\udce9.png, which is no file" in output) == (2, True)
