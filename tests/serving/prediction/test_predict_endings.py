"""What is said at the end of a run, and what is kept."""

import errno
import logging
import pathlib

import pandas as pd
import pytest
from PIL import Image

from affect_tf.serving.prediction import camera
from affect_tf.serving.prediction import table_files
from tests.serving.prediction.bright_faces import film
from tests.serving.prediction.bright_faces import save


@pytest.fixture
def full(monkeypatch):
    """Has the disk full once the rows are to be ended."""

    def sync(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("affect_tf.files.os.fsync", sync)


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
@pytest.mark.parametrize("is_there", [True, False])
def test_a_table_that_has_no_room_is_not_told_of(run, tmp_path, full, ending, is_there):
    film(tmp_path / "f.mp4", [1] * 5)
    path = tmp_path / f"t.{ending}"
    if is_there:
        path.write_text("old")
    code, output = run(input=["f.mp4"], out=path.name, overlay="true")
    assert code == 1
    assert f"Received: --out={path.name}: No space left on device" in output
    assert ("What was there stays." in output) == is_there
    assert "rows" not in output and "ends where" not in output
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        *("f.mp4", path.name)[: 1 + is_there]
    ]
    assert not is_there or path.read_text() == "old"


def test_a_sheet_tells_whether_it_is_kept(predictor, tmp_path, monkeypatch):
    row = predictor.columns.failed(table_files.table.Place("a"))
    path = tmp_path / "t.csv"
    with table_files.writer(path, predictor.columns) as sheet:
        sheet.add([row])
        assert not sheet.is_kept
    assert sheet.is_kept
    with (
        pytest.raises(ValueError, match="broken"),
        table_files.writer(path, predictor.columns) as sheet,
    ):
        sheet.add([row])
        raise ValueError("broken")
    assert sheet.is_kept
    with (
        pytest.raises(ValueError, match="broken"),
        table_files.writer(path, predictor.columns) as sheet,
    ):
        raise ValueError("broken")
    assert not sheet.is_kept


def test_a_camera_that_is_absent_is_one_line(run, monkeypatch):
    class Absent:
        def __init__(self, number):
            self.number = number

        def isOpened(self):  # noqa: N802
            return False

        def release(self):
            pass

    monkeypatch.setattr(camera.cv2, "VideoCapture", Absent)
    code, output = run(input=["7"])
    assert code == 1
    assert output.splitlines() == [
        "predictions.csv: 1 row, 0 faces, of 1 camera",
        "error: camera 7: cannot be read: the camera cannot be opened. Connect it, "
        "close what uses it, or name another.",
    ]
    assert pd.read_csv("predictions.csv")["success"].tolist() == [0]


def test_lines_of_pillow_are_not_shown(run, tmp_path, caplog):
    """A file of many samples a pixel is said by Pillow's own logger."""
    path = save(tmp_path / "a.tif", 1)
    tag, many = b"\x15\x01\x03\0\x01\0\0\0", b"\x09\0"
    head, samples, rest = path.read_bytes().partition(tag)
    path.write_bytes(head + samples + many + rest[2:])
    level = logging.getLogger("PIL").level
    assert run(input=["a.tif"])[0] == 1
    assert not [record for record in caplog.records if "PIL" in record.name]
    assert logging.getLogger("PIL").level == level
    with pytest.raises(OSError, match="cannot identify"):
        Image.open(path)
    assert [record for record in caplog.records if "PIL" in record.name]


def test_a_tilde_is_the_users_home(run, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    save(tmp_path / "a.png", 1)
    save(tmp_path / "b.png", 1)
    code, output = run(
        input=["~/a.png,~/b.png"],
        out="~/new/t.csv",
        overlay="~/seen",
        report="~/r.html",
    )
    assert code == 0
    rows = pd.read_csv(tmp_path / "new/t.csv")
    assert rows["file"].tolist() == [f"{tmp_path}/a.png", f"{tmp_path}/b.png"]
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        *("a.png", "b.png", "new", "r.html", "seen")
    ]
    pathlib.Path("~").mkdir()
    save(tmp_path / "~/a.png", 1)
    assert run(input=["~/a.png"])[0] == 0
    assert pd.read_csv("predictions.csv")["file"].tolist() == ["~/a.png"]
