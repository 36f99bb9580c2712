import math

import numpy as np
import pandas as pd
import pytest

from affect_tf.errors import UserError
from affect_tf.faces import analysis
from affect_tf.faces.quality import Quality
from affect_tf.labels.taxonomy import Taxonomy
from affect_tf.serving.prediction import table
from affect_tf.serving.prediction import table_files
from tests.faces.scripted import face

TAXONOMY = Taxonomy("small", ("neutral", "anger"), ("AU1", "AU12"))
COLUMNS = table.Columns(TAXONOMY, True, {"AU1": 0.25})
SCORES = {
    "expression_scores": np.float32([0.4, 0.6]),
    "action_unit_scores": np.float32([0.3, 0.3]),
    "valence_arousal": np.float32([-0.5, 1 / 3]),
    "expression_scores_spread": np.float32([0.1, 0.2]),
    "action_unit_scores_spread": np.float32([0.3, 0.4]),
    "valence_arousal_spread": np.float32([0.5, 0.6]),
}
SEEN = analysis.Seen(
    7, 0.28, 3, face(100.0, 90.0, 80.0), Quality(0.9, 80.0, 12.5, 1.0, 2.0, math.nan)
)
ROWS = [
    COLUMNS.face(table.Place('a, "b"\n.mp4', 7, 0.28), SEEN, SCORES),
    COLUMNS.aligned(table.Place("NA"), SCORES),
    COLUMNS.failed(table.Place("b\udcff.jpg"), "cannot be read: no file"),
]


def test_the_columns_have_the_order_and_the_names_that_users_know():
    assert ",".join(COLUMNS.names) == (
        "file,frame,timestamp,face_id,success,problem,"
        "FaceRectX,FaceRectY,FaceRectWidth,FaceRectHeight,FaceScore,"
        "x_0,x_1,x_2,x_3,x_4,y_0,y_1,y_2,y_3,y_4,Pitch,Roll,Yaw,blur,"
        "neutral,anger,expression,AU01,AU12,AU01_c,AU12_c,valence,arousal,"
        "neutral_spread,anger_spread,AU01_spread,AU12_spread,"
        "valence_spread,arousal_spread"
    )


def test_a_model_without_a_task_has_no_columns_of_it():
    names = table.Columns(Taxonomy("va"), False).names
    assert names[-3:] == ("blur", "valence", "arousal")


def test_a_row_holds_the_face_as_it_was_seen_and_scored():
    row = dict(zip(COLUMNS.names, ROWS[0], strict=True))
    assert [row[n] for n in table._FACE[:4]] == [60.0, 50.0, 80.0, 80.0]
    assert [row["x_0"], row["y_4"]] == [
        round(float(v), 2) for v in (SEEN.face.points[0, 0], SEEN.face.points[4, 1])
    ]
    assert [row["Pitch"], row["Yaw"], row["blur"]] == [2.0, 1.0, 12.5]
    assert (row["face_id"], row["success"], row["expression"]) == (3, 1, "anger")
    assert (row["AU01_c"], row["AU12_c"]) == (1, 0), "0.25 of the model, 0.5 without"
    assert row["arousal"] == pytest.approx(1 / 3, abs=1e-6)
    assert row["valence_spread"] == 0.5


def test_a_score_that_is_its_threshold_is_presence():
    scores = {**SCORES, "action_unit_scores": np.float32([0.25, 0.4999])}
    row = dict(
        zip(COLUMNS.names, COLUMNS.aligned(table.Place("a"), scores), strict=True)
    )
    assert (row["AU01_c"], row["AU12_c"]) == (1, 0)


def test_what_a_row_without_a_face_lacks_is_nan():
    rows = COLUMNS.frame(ROWS[2:])
    assert rows.loc[0, ["face_id", "success"]].tolist() == [-1, 0]
    assert rows.loc[0, "problem"] == "cannot be read: no file"
    assert rows.loc[0, "expression"] == ""
    assert rows.loc[0, "FaceRectX":"anger"].isna().all()
    assert rows.loc[0, "AU01":].isna().all()


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_each_format_gives_back_the_same_table(tmp_path, ending):
    path = tmp_path / "new folder" / f"t.{ending}"
    with table_files.writer(path, COLUMNS) as sheet:
        sheet.add(ROWS[:1])
        sheet.add(ROWS[1:])
    read = table_files.read(path, COLUMNS)
    pd.testing.assert_frame_equal(read, COLUMNS.frame(ROWS))
    assert read["file"].tolist()[1:] == ["NA", "b?.jpg"]
    assert [len(rows) for rows in table_files.by_file(path, COLUMNS)] == [1, 1, 1]


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_a_table_without_rows_has_its_columns(tmp_path, ending):
    path = tmp_path / f"t.{ending}"
    with table_files.writer(path, COLUMNS):
        pass
    read = table_files.read(path, COLUMNS)
    assert (len(read), tuple(read.columns)) == (0, COLUMNS.names)
    assert list(table_files.by_file(path, COLUMNS)) == []


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_an_interrupt_ends_the_table_where_it_is(tmp_path, ending):
    path = tmp_path / f"t.{ending}"
    with pytest.raises(KeyboardInterrupt), table_files.writer(path, COLUMNS) as sheet:
        sheet.add(ROWS[:2])
        raise KeyboardInterrupt
    assert len(table_files.read(path, COLUMNS)) == 2
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
@pytest.mark.parametrize("error", [UserError, ValueError, MemoryError])
def test_an_error_ends_the_table_where_it_is(tmp_path, ending, error):
    path = tmp_path / f"t.{ending}"
    with pytest.raises(error), table_files.writer(path, COLUMNS) as sheet:
        sheet.add(ROWS[:2])
        raise error("broken")
    assert len(table_files.read(path, COLUMNS)) == 2


def test_an_error_before_the_first_row_leaves_the_table_that_was_there(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("before")
    with pytest.raises(UserError), table_files.writer(path, COLUMNS):
        raise UserError("broken")
    assert path.read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_that_spans_chunks_stays_together(tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "_CHUNK", 2)
    path = tmp_path / "t.parquet"
    names = "aaabbc"
    with table_files.writer(path, COLUMNS) as sheet:
        for name in names:
            sheet.add([COLUMNS.failed(table.Place(name))])
    groups = [rows["file"].tolist() for rows in table_files.by_file(path, COLUMNS)]
    assert groups == [["a", "a", "a"], ["b", "b"], ["c"]]


def test_an_expression_that_is_called_like_a_column_is_refused():
    with pytest.raises(UserError, match="blur"):
        table.Columns(Taxonomy("odd", ("neutral", "blur")))


def test_a_table_that_cannot_be_made_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    for path, message in (
        (tmp_path / "t.xls", "end in"),
        (tmp_path / "file/t.csv", ""),
    ):
        with (
            pytest.raises(UserError, match=f"--out must.*{message}"),
            table_files.writer(path, COLUMNS),
        ):
            pass
