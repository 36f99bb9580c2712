import os
import signal
import types

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from affect_tf import files
from affect_tf.commands import predict
from affect_tf.errors import UserError
from affect_tf.faces.films import FilmFrame
from affect_tf.serving.loaded_model import LoadedModel
from affect_tf.serving.prediction import inputs
from tests.serving import small_models
from tests.serving.prediction import bright_faces
from tests.serving.prediction.bright_faces import save


def test_a_folder_gives_one_table_and_one_line(run, tmp_path):
    save(tmp_path / "in/a.png", 2)
    save(tmp_path / "in/b.png", 0)
    bright_faces.film(tmp_path / "in/c.mp4", [0, 1])
    code, output = run(input=["in"])
    assert code == 0
    assert output.splitlines()[-1] == (
        "predictions.csv: 5 rows, 3 faces, of 1 film and 2 photographs; no face in "
        "1 photograph"
    )
    rows = pd.read_csv("predictions.csv", keep_default_na=False)
    assert rows["file"].tolist() == ["in/a.png"] * 2 + ["in/b.png"] + ["in/c.mp4"] * 2


def test_a_film_without_faces_is_an_empty_table_and_no_error(run, tmp_path):
    bright_faces.film(tmp_path / "dark.mp4", [0] * 4)
    code, output = run(input=["dark.mp4"], out="new/t.parquet")
    assert code == 0
    assert "dark.mp4: no face was seen, so it has no rows" in output
    assert len(pd.read_parquet("new/t.parquet")) == 0


def test_what_cannot_be_read_is_told_after_the_rest_is_done(run, tmp_path):
    (tmp_path / "a.mp4").write_text("text")
    save(tmp_path / "b.png", 1)
    code, output = run(input=["a.mp4,b.png"], out="t.jsonl")
    assert code == 1
    assert "1 of 2 files could not be read to the end" in output
    assert "a.mp4: cannot be read" in output
    assert pd.read_json("t.jsonl", lines=True)["success"].tolist() == [0, 1]


def test_warnings_of_pictures_are_not_shown(run, tmp_path, recwarn, monkeypatch):
    """Those that read fine, and those whose row says why they do not."""
    damaged = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0"
    Image.fromarray(bright_faces.picture(1)).save(tmp_path / "a.jpg", exif=damaged)
    pixels = bright_faces.SIDE**2
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pixels - 1)
    Image.new("RGB", [3 * bright_faces.SIDE] * 2).save(tmp_path / "b.png")
    code, output = run(input=["a.jpg,b.png"], overlay="seen", report="r.html")
    assert code == 1
    assert "could be decompression bomb" in output.replace("\n", " ")
    assert pd.read_csv("predictions.csv")["success"].tolist() == [1, 0]
    assert not [each for each in recwarn if "PIL" in each.filename]


def signal_at(monkeypatch, frame, *signals):
    """Sends signals to the process when the row of a frame has been written."""
    add = predict.table_files._Csv.add

    def interrupted(sheet, rows):
        add(sheet, rows)
        if rows[0][1] == frame:
            for each in signals:
                signal.raise_signal(each)

    monkeypatch.setattr(predict.table_files._Csv, "add", interrupted)


def test_an_interrupt_keeps_the_rows_so_far(run, tmp_path, monkeypatch):
    bright_faces.film(tmp_path / "f.mp4", [1] * 200)
    signal_at(monkeypatch, 40, signal.SIGINT)
    code, output = run(input=["f.mp4"], overlay="true")
    assert code == 130
    assert "predictions.csv ends where it was stopped." in output
    frames = pd.read_csv("predictions.csv")["frame"].tolist()
    assert frames == list(range(len(frames)))
    assert 41 <= len(frames) < 200, "what was seen, and no more"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "f.mp4",
        "predictions.csv",
    ]


def test_an_interrupt_is_how_a_camera_is_stopped(run, monkeypatch):
    def frames(number):
        for index in range(5000):
            if index == 20:
                signal.raise_signal(signal.SIGINT)
            yield FilmFrame(index, index / 25, bright_faces.picture(1))

    monkeypatch.setattr(
        predict.material,
        "of_source",
        lambda source: predict.material.of_things(frames(int(source.name)))[0],
    )
    code, output = run(input=["0"])
    assert (code, "ends where" in output) == (0, False)
    seen = pd.read_csv("predictions.csv")["frame"].tolist()
    assert seen == list(range(len(seen)))
    assert 20 <= len(seen) < 5000


def test_a_second_interrupt_stops_at_once(run, tmp_path, monkeypatch):
    bright_faces.film(tmp_path / "f.mp4", [1] * 200)
    signal_at(monkeypatch, 20, signal.SIGINT, signal.SIGTERM)
    assert run(input=["f.mp4"])[0] == 130
    assert pd.read_csv("predictions.csv")["frame"].tolist() == list(range(21))


@pytest.mark.parametrize(
    "error, message",
    [
        (UserError("A batch must fit. Lower --batch."), "Lower --batch."),
        (RuntimeError("device lost"), "RuntimeError: device lost"),
    ],
)
def test_an_error_in_the_middle_keeps_the_rows_so_far(
    run, tmp_path, monkeypatch, error, message
):
    bright_faces.film(tmp_path / "f.mp4", [1] * 30)
    outputs, calls = LoadedModel.from_images, []

    def scored(self, images):
        calls.append(len(images))
        if len(calls) == 3:
            raise error
        return outputs(self, images)

    monkeypatch.setattr(LoadedModel, "from_images", scored)
    code, output = run(input=["f.mp4"], batch=5, out="t.parquet")
    assert code == 1
    assert "t.parquet ends where an error stopped it." in output
    assert message in output
    assert pd.read_parquet("t.parquet")["frame"].tolist() == list(range(10))


def test_a_second_run_does_not_find_what_the_first_one_wrote(run, tmp_path):
    save(tmp_path / "a.png", 1)
    for _ in range(2):
        code, output = run(input=["."], overlay="true", report="r.html")
        assert code == 0
        assert len(pd.read_csv("predictions.csv")) == 1
        assert "other kinds" not in output


def test_files_of_other_kinds_are_counted(run, tmp_path):
    save(tmp_path / "in/a.png", 1)
    for name in ("b.heic", "c.HEIC", "d.gif"):
        (tmp_path / "in" / name).write_bytes(b"")
    output = run(input=["in"], smooth=0.5)[1]
    assert "3 files of other kinds were left out (.heic 2, .gif 1)" in output
    assert "smoothed" not in output, "photographs are not"
    assert "--smooth had no effect" in output


def test_a_termination_during_the_overlay_leaves_no_temporary_file(
    run, tmp_path, monkeypatch
):
    save(tmp_path / "in/a.png", 1)
    old = tmp_path / ".predictions.csv.abcd_123"
    old.write_text("of a run that was killed")
    os.utime(old, (0, 0))
    (tmp_path / ".predictions.csv.abcd_124").write_text("of a run beside this one")

    def terminated(path, data):
        with files.atomic_writer(path):
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(predict.files, "write_bytes", terminated)
    assert run(input=["in"], overlay="seen")[0] == 130
    names = [path.name for path in tmp_path.rglob("*") if path.name.startswith(".")]
    assert names == [".predictions.csv.abcd_124"]


def test_overlay_and_report_are_written_where_they_are_asked_for(run, tmp_path):
    save(tmp_path / "in/a.png", 1)
    save(tmp_path / "in/b.png", 0)
    (tmp_path / "in/bad.png").write_text("text")
    (tmp_path / "in/sub").mkdir()
    bright_faces.film(tmp_path / "in/sub/c.mp4", [0, 1])
    code, output = run(input=["in"], overlay="seen", report="page/r.html")
    assert code == 1
    files = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("seen/**/*.*"))
    assert files == ["seen/a.jpg", "seen/b.jpg", "seen/sub/c.mp4"]
    assert "seen: 3 annotated files" in output
    assert "<html" in (tmp_path / "page/r.html").read_text()


def test_an_overlay_that_fails_costs_no_other(run, tmp_path, monkeypatch):
    for name in "ab":
        save(tmp_path / f"in/{name}.png", 1)
    picture = predict.films.picture

    def read(path):
        if path == "in/a.png":
            raise IndexError("broken")
        return picture(path)

    monkeypatch.setattr(predict, "films", types.SimpleNamespace(picture=read))
    code, output = run(input=["in"], overlay="seen")
    assert (code, "in/a.png: broken" in output) == (1, True)
    assert [path.name for path in (tmp_path / "seen").iterdir()] == ["b.jpg"]


def test_the_command_gives_the_scores_of_the_exported_model(run, tmp_path):
    (tmp_path / "in").mkdir()
    for number, content in enumerate(small_models.pngs(5, size=24)):
        (tmp_path / f"in/{number}.png").write_bytes(content)
    assert run(input=["in"], aligned=True)[0] == 0
    one = pd.read_csv("predictions.csv")
    assert run(input=["in"], aligned=True, batch=1, out="t.jsonl")[0] == 0
    other = pd.read_json("t.jsonl", lines=True)
    scores = ["neutral", "AU12", "arousal", "valence_spread"]
    assert np.allclose(one[scores], other[scores], atol=1e-5)


@pytest.mark.parametrize(
    "flags, message",
    [
        ({}, "Received: none"),
        ({"input": ["absent.mp4"]}, "absent.mp4, which is no file"),
        ({"input": ["*.mp4"]}, "where there is no file"),
        ({"input": ["0"], "overlay": "true"}, "a camera"),
        ({"input": ["0"], "out": "t.xls"}, "--out must end in"),
        ({"input": ["0"], "report": "r.pdf"}, "--report must end in .html"),
        ({"input": ["0"], "smooth": 99.0}, "--smooth must be"),
        ({"input": ["0"], "detector": "smal"}, "Did you mean 'small'"),
        ({"input": ["0"], "detector": "mtcnn", "aligned": True}, "--aligned"),
        ({"input": ["a.jpg"], "aligned": True, "faces": "largest"}, "--faces must be"),
        ({"input": ["a.jpg"], "detector": "none", "faces": "largest"}, "--faces must"),
        ({"input": ["a.jpg"], "config": "deng2020"}, "--model must come without --con"),
        ({"input": ["a.jpg"], "workdir": "w"}, "--model must come without --workdir"),
        ({"input": ["0"], "model": "nowhere"}, "nowhere, which holds no version"),
        ({"input": ["a.jpg"], "out": "/dev/null/t.csv"}, "--out must be a file"),
        ({"input": ["a.jpg"], "out": "folder.csv"}, "--out must be a file"),
        ({"input": ["a.jpg"], "overlay": "file"}, "--overlay must be a folder"),
        ({"input": ["a.jpg"], "overlay": "t.csv", "out": "t.csv"}, "--overlay must"),
        ({"input": ["a.jpg"], "report": "file/r.html"}, "--report must be a file"),
        ({"mode": "serve", "workdir": "w"}, "--model must come without --workdir"),
        ({"mode": "serve", "smooth": 1.0}, "--smooth must come with --mode=predict"),
    ],
)
def test_a_wrong_command_is_refused_before_anything_is_done(
    run, tmp_path, flags, message, monkeypatch
):
    save(tmp_path / "a.jpg", 1)
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file").write_text("")
    if flags.get("model") is None:
        monkeypatch.setattr(predict, "predict", lambda *_: pytest.fail("too late"))
    code, output = run(**flags)
    assert code == 2
    assert message in output.replace("\n", " ")


def test_progress_without_a_terminal_is_a_line_with_the_time_left():
    line = predict.frame_progress._line("predict", 50, 250.0, 10.0)
    assert line == "predict: 50 of 250 frames, 10.0 a second, 0:00:20 left"
    line = predict.frame_progress._line("predict", 50, None, 10.0)
    assert line == "predict: 50 frames, 10.0 a second"
    assert inputs.expected_frames([]) == 0
