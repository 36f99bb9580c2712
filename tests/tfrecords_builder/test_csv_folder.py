"""Every way in which a CSV file can be right or wrong."""

import numpy as np
import pytest

from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import ABAW1
from tfrecords_builder import checks
from tfrecords_builder.readers import csv_folder


def read(data, **options):
    annotations = csv_folder.annotations(data.csv, data.images, **options)
    checks.check(annotations)
    return annotations


def rejects(data, **options):
    found = csv_folder.annotations(data.csv, data.images, **options).rejects
    return [(reject.row, reject.field, reject.value) for reject in found]


def test_a_blank_is_a_label_that_nobody_gave(data):
    table = read(data).table.set_index("key")
    assert table.loc["b/1.jpg", "expression"] is None
    assert np.isnan(
        table.loc["b/1.jpg", ["valence", "arousal", "AU1"]].astype(float)
    ).all()
    assert table.loc["a/3.png", "AU1"] == 1 and np.isnan(table.loc["a/3.png", "AU4"])
    assert table.loc["a/3.png", "expression"] == "sadness"
    assert table.loc["c/1.jpg", "valence"] == 0
    assert table["row"].tolist() == [2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_byte_order_marks_do_not_matter(data, end, mark):
    before = read(data).table
    data.write(*(mark + data.csv.read_text()).splitlines(), end=end)
    assert read(data).table.equals(before)


def test_lines_are_counted_as_an_editor_counts_them(data):
    data.write("file,AU1,note", "", 'a/1.jpg,1,"two\nlines"', "a/2.jpg,7,")
    assert rejects(data) == [(5, "AU1", "7")]


def test_auto_takes_the_vocabulary_of_the_file(data):
    assert read(data).taxonomy.expressions == ABAW1.expressions
    assert read(data).taxonomy.action_units == ("AU1", "AU4")
    data.write("file,au_12,AU04,expression", "a/1.jpg,1,0,Contempt", "a/2.jpg,,,other")
    found = read(data).taxonomy
    assert found.action_units == ("AU4", "AU12")
    assert found.expressions == (*ABAW1.expressions, "other", "contempt")
    assert not found.has_va


def test_a_named_taxonomy_keeps_its_classes_and_units(data):
    data.write("file,expression,AU1,AU9", "a/1.jpg,other,1,1", "a/2.jpg,fear,1,1")
    found = read(data, taxonomy="abaw1")
    assert found.taxonomy == ABAW1
    assert rejects(data, taxonomy="abaw1") == [(2, "expression", "other")]
    assert "AU9" in found.notes[0] and "AU9" not in found.table


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("a/1.jpg,train,1,hapiness,,,,", [("expression", "hapiness")]),
        ("a/1.jpg,train,1,3,,,,", [("expression", "3")]),
        ("a/1.jpg,train,1,,3,0,,", [("valence", "3")]),
        ("a/1.jpg,train,1,,-5,-5,,", [("valence", "-5"), ("arousal", "-5")]),
        ("a/1.jpg,train,1,,nan,0,,", [("valence", "nan")]),
        ("a/1.jpg,train,1,,0.1,,,", [("arousal", "")]),
        ("a/1.jpg,train,1,,,0.1,,", [("valence", "")]),
        ("a/1.jpg,train,1,,,,7,", [("AU1", "7")]),
        ("a/1.jpg,train,1,,,,-1,0.5", [("AU1", "-1"), ("AU4", "0.5")]),
        ("a/1.jpg,,1,,,,,", [("split", "")]),
        ("a/1.jpg,tain,1,,,,,", [("split", "tain")]),
        ("a/9.jpg,train,1,,,,,", [("file", "a/9.jpg")]),
        (",train,1,,,,1,", [("file", "")]),
        ("../a/1.jpg,train,1,,,,,", [("file", "../a/1.jpg")]),
        ("a/../../out.jpg,train,1,,,,,", [("file", "a/../../out.jpg")]),
        ("/etc/out.jpg,train,1,,,,,", [("file", "/etc/out.jpg")]),
        ("C:\\out.jpg,train,1,,,,,", [("file", "C:\\out.jpg")]),
        ("a\0b.jpg,train,1,,,,,", [("file", "a\0b.jpg")]),
        (f"{'x' * 300}.jpg,train,1,,,,,", [("file", f"{'x' * 300}.jpg")]),
        ("a,train,1,,,,,", [("file", "a")]),
        ("a/1.jpg,train,1,,,,1_0,", [("AU1", "1_0")]),
        ("a/1.jpg,train,1,,,,\u0661,", [("AU1", "\u0661")]),
        (
            "a/1.jpg,train,1,,0x0,1e-400j,,",
            [("valence", "0x0"), ("arousal", "1e-400j")],
        ),
    ],
)
def test_a_row_that_breaks_a_rule_is_rejected_with_its_cell(data, row, expected):
    header, *rows = data.csv.read_text().splitlines()
    data.write(header, row, *rows[1:])
    assert rejects(data) == [(2, *cell) for cell in expected]
    assert len(read(data).table) == len(rows) - 1
    assert read(data).num_rows == len(rows)


def test_a_reject_names_the_file_and_the_closest_class(data):
    data.write("file,expression", "a/1.jpg,hapiness", "a/2.jpg,fear")
    (reject,) = read(data).rejects
    assert reject.file == str(data.csv)
    assert "Did you mean 'happiness'" in reject.reason


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "holds nothing"),
        (["file"], "only a header"),
        (["name,AU1", "a/1.jpg,1"], "must have a 'file' column"),
        (["file;AU1", "a/1.jpg;1"], "semicolons"),
        (["file,valance,arousal", "a/1.jpg,0,0"], "Did you mean 'valence'"),
        (["file,subject_id", "a/1.jpg,0"], "Did you mean 'subject'"),
        (["file,AU 4", "a/1.jpg,0"], "Did you mean 'AU4'"),
        (["file,valence", "a/1.jpg,0"], "must come together"),
        (["file,clip", "a/1.jpg,0"], "Add 'frame'"),
        (["file,AU4,au04", "a/1.jpg,0,0"], "'AU4' twice"),
        (["file,AU4", "a/1.jpg,0,0"], "3 cells in line 2"),
        (["file,AU1", "a/1.jpg,1", "a/./1.jpg,1"], "lines 2, 3"),
        (
            ["file,split,subject,AU1", "a/1.jpg,train,1,1", "a/2.jpg,val,1,1"],
            "subject='1'",
        ),
        (["file,expression", "a/1.jpg,awe"], "all rejected. The first: line 2"),
        (["file\tAU1", "a/1.jpg\t1"], "separated by tabs"),
        (["file;AU1;valence", "a/1.jpg;1;0,5"], "separated by semicolons"),
        (["file,emotion", "a/1.jpg,fear"], "'emotion' meant. Name it 'expression'"),
        (["file,Class_Label", "a/1.jpg,fear"], "Is 'Class_Label' meant"),
        (["file,split", "a/1.jpg,train"], "no such column, of the columns file, split"),
        (["file,AU1,AU2", "a/1.jpg,,"], "only blanks in AU1, AU2"),
        (["file,AU46", "a/1.jpg,1"], "no such column, of the columns file, AU46"),
        (["file,AU4", 'a/1.jpg,"0'], "near line"),
    ],
)
def test_a_file_that_breaks_a_rule_is_an_error(data, lines, message):
    data.write(*lines)
    with pytest.raises(UserError, match=message):
        read(data)


def test_missing_files_and_folders_are_named(data):
    with pytest.raises(UserError, match="--csv must be a file"):
        csv_folder.annotations(data.root / "no.csv", data.images)
    with pytest.raises(UserError, match="--images must be a folder"):
        csv_folder.annotations(data.csv, data.root / "no")
    data.csv.write_bytes(b"file\n\xff\xfe.jpg\n")
    with pytest.raises(UserError, match="UTF-8"):
        read(data)


def test_columns_that_nobody_reads_are_noted(data):
    data.write("file,age,AU1", "a/1.jpg,33,1")
    assert read(data).notes[0] == "Columns that nobody reads: 'age'."


def test_without_a_split_whole_subjects_go_to_validation(data):
    files = [row.split(",")[0] for row in data.csv.read_text().splitlines()[1:]]
    data.write("file,subject,AU1", *(f"{name},{name[0]},1" for name in files))
    table = read(data, validation_fraction=0.3).table
    assert table.groupby("subject")["split"].nunique().eq(1).all()
    assert 2 <= (table["split"] == "validation").sum() <= 3
    assert read(data, validation_fraction=0.3).table.equals(table)
    everything = read(data, validation_fraction=0).table
    assert set(everything["split"]) == {"train"}


def test_another_seed_draws_another_split(data):
    files = [row.split(",")[0] for row in data.csv.read_text().splitlines()[1:]]
    data.write("file,AU1", *(f"{name},1" for name in files))
    drawn = {tuple(read(data, seed=seed).table["split"]) for seed in range(8)}
    assert len(drawn) > 2


def test_a_fraction_beside_a_split_column_is_refused(data):
    with pytest.raises(UserError, match="must be left out"):
        read(data, validation_fraction=0.5)


def test_without_a_subject_every_file_is_somebody_of_their_own(data):
    data.write("file,split,subject,AU1", "a/1.jpg,train,,1", "a/2.jpg,validation,,1")
    assert read(data).table["subject"].tolist() == ["a/1.jpg", "a/2.jpg"]


def test_a_clip_must_lie_in_one_split(data):
    data.write(
        "file,split,clip,frame,AU1", "a/1.jpg,train,x,1,1", "a/2.jpg,validation,x,2,1"
    )
    with pytest.raises(UserError, match="clip must lie in one split"):
        read(data)


def test_a_picture_of_a_clip_needs_a_frame_number(data):
    rows = ("a/1.jpg,x,1,1", "a/2.jpg,x,,1", "b/1.jpg,,,1", "b/2.jpg,,z,1")
    data.write("file,clip,frame,AU1", *rows)
    assert rejects(data) == [(3, "frame", ""), (5, "frame", "z")]
