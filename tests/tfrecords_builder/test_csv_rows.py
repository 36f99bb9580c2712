"""Clips, sources, subjects and the names that a CSV file may leave out."""

import pytest

from affect_tf.labels.taxonomy import ABAW3
from tests.tfrecords_builder.test_csv_folder import read
from tests.tfrecords_builder.test_csv_folder import rejects


def test_clips_without_split_or_subject_are_divided_as_a_whole(data):
    rows = [f"a/{n}" for n in ("1.jpg", "2.jpg", "3.png")]
    rows += [f"{n}.jpg" for n in ("b/1", "b/2", "c/1")]
    lines = [f"{name},{name[0]},{i},1" for i, name in enumerate(rows)]
    data.write("file,clip,frame,AU1", *lines, "c/2.jpg,,,1")
    found = read(data, validation_fraction=0.3)
    assert not found.subjects_known
    assert found.table["subject"].tolist() == [*"aaabbc", "c/2.jpg"]
    assert found.table.groupby("clip")["split"].nunique().eq(1).all()
    assert set(found.table["split"]) == {"train", "validation"}


def test_some_blank_subjects_are_counted(data):
    data.write("file,subject,AU1", "a/1.jpg,p,1", "a/2.jpg,,1", "b/1.jpg,p,0")
    found = read(data)
    assert found.subjects_known
    assert any("1 of 3 rows name no subject" in note for note in found.notes)


@pytest.mark.parametrize(
    "number", ["-1", "1.5", "9007199254740992", "1e300", "inf", "1_0", "\u0663"]
)
def test_a_frame_number_is_whole_and_exact(data, number):
    data.write("file,frame,AU1", f"a/1.jpg,{number},1", "a/2.jpg,3.0,1")
    assert rejects(data) == [(2, "frame", number)]
    assert read(data).table["frame"].tolist() == [3]


def test_the_largest_frame_number_stays_what_it_is(data):
    data.write("file,frame,AU1", "a/1.jpg,9007199254740991,1")
    assert read(data).table["frame"].tolist() == [2**53 - 1]


def test_a_frame_occurs_once_in_its_clip(data):
    rows = ("a/1.jpg,x,1,1", "a/2.jpg,x,1.0,1", "b/1.jpg,y,1,1", "b/2.jpg,,1,1")
    data.write("file,clip,frame,AU1", *rows, "c/1.jpg,,1,1")
    assert rejects(data) == [(3, "frame", "1.0")]


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("faces.csv", "faces"),
        ("My faces (2).csv", "My-faces-2"),
        ("set_1-b.csv", "set_1-b"),
        ("\u00e9\u00e8.csv", "csv"),
    ],
)
def test_the_file_names_the_source_and_the_vocabulary(data, file, source):
    data.csv = data.csv.rename(data.root / file)
    found = read(data)
    assert set(found.table["source"]) == {source}
    assert found.taxonomy.name == source


def test_a_blank_source_is_the_usual_one_and_a_bad_one_is_rejected(data):
    rows = ("a/1.jpg,disfa,1", "a/2.jpg,,1", "b/1.jpg,my set,1", "b/2.jpg,../x,1")
    data.write("file,source,AU1", *rows)
    assert read(data).table["source"].tolist() == ["disfa", "faces"]
    assert rejects(data) == [(4, "source", "my set"), (5, "source", "../x")]


def test_units_that_do_not_exist_are_noted(data):
    data.write("file,AU1,AU46,au_99,AU0", "a/1.jpg,1,1,1,1")
    found = read(data)
    assert found.taxonomy.action_units == ("AU1",)
    assert found.notes[0] == "Units outside AU1 ... AU45, left out: AU46, au_99, AU0."


def test_a_taxonomy_is_found_in_any_case(data):
    assert read(data, taxonomy="ABAW3").taxonomy == ABAW3
    assert read(data, taxonomy="Auto").taxonomy.name == "faces"


def test_usual_words_for_the_classes_are_understood(data):
    data.write("file,expression", "a/1.jpg,joy", "a/2.jpg,Others", "b/1.jpg,Sad")
    found = read(data)
    assert found.table["expression"].tolist() == ["happiness", "other", "sadness"]
    assert found.taxonomy.expressions[-1] == "other"


def test_plain_numbers_are_read_in_every_usual_form(data):
    data.write("file,valence,arousal", "a/1.jpg,+.5,-1.", "a/2.jpg,5e-1,-1E0")
    assert read(data).table["valence"].tolist() == [0.5, 0.5]
    assert read(data).table["arousal"].tolist() == [-1.0, -1.0]


def test_a_split_that_is_rejected_as_a_whole_is_noted(data):
    data.write("file,split,AU1", "a/1.jpg,train,1", "c/1.jpg,val,7")
    assert "Every row of the validation split was rejected." in read(data).notes
