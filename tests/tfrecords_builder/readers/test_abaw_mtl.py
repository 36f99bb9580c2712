"""The lists of the ABAW multi-task challenges."""

import argparse
import unicodedata

import numpy as np
import pytest

from affect_tf.errors import UserError
from tests.tfrecords_builder.readers.abaw_trees import AU12
from tests.tfrecords_builder.readers.abaw_trees import expressions
from tests.tfrecords_builder.readers.abaw_trees import MTL
from tests.tfrecords_builder.readers.abaw_trees import reasons
from tests.tfrecords_builder.readers.abaw_trees import Tree
from tfrecords_builder import checks
from tfrecords_builder import splits
from tfrecords_builder.readers import abaw_mtl

NO_AUS = ",".join(["-1"] * 12)
AUS = ",".join("100000100001")


@pytest.fixture
def tree(tmp_path):
    tree = Tree(tmp_path / "root")
    tree.pictures("a", 1, 2, 3, 4)
    tree.pictures("b_left", 1)
    return tree


def train(tree, *rows, name="training_set_annotations.txt", header=MTL, **form):
    return tree.labels(name, *([header] if header else []), *rows, **form)


def read(tree, **options):
    return tree.read(abaw_mtl, **options)


@pytest.mark.parametrize(
    "form",
    [
        {"end": "\r\n", "last": "\r\n"},
        {"last": ""},
        {"last": "\n\n"},
        {"start": "\ufeff"},
        {"end": ",\n", "last": ","},
    ],
)
def test_the_form_of_a_list_does_not_matter(tree, form):
    row = f"a/00002.jpg, 0.5, -0.25, 4.0, {AUS.replace(',', ', ')}"
    train(tree, row, f".\\b_left\\00001.jpg,-5,-5.0,-1,{AUS}", **form)
    found = read(tree)
    table = found.table.set_index("key")
    assert expressions(table) == {"a/00002": "happiness", "b_left/00001": None}
    np.testing.assert_array_equal(table["valence"], [0.5, np.nan])
    np.testing.assert_array_equal(table["arousal"], [-0.25, np.nan])
    assert (
        table[["AU1", "AU2", "AU12", "AU26"]].to_numpy().tolist() == [[1, 0, 1, 1]] * 2
    )
    assert table["row"].tolist() == [2, 3]
    assert table["frame"].tolist() == [1, 0]
    assert table["video"].tolist() == ["a", "b"]
    assert table["subject"].tolist() == ["a", "b_left"]
    assert not found.rejects
    assert found.dropped["train"]["no_annotation"] == 3


@pytest.mark.parametrize(
    ("train_name", "validation_name"),
    [
        ("train_set.txt", "validation_set.txt"),
        ("MTL_Challenge/Train_Set.TXT", "MTL_Challenge/Val_Set.TXT"),
        ("training_set_annotations_22.txt", "validation_set_annotations_22.txt"),
    ],
)
def test_lists_are_found_by_their_names(tree, train_name, validation_name):
    train(tree, f"a/00001.jpg,-5,-5,7,{NO_AUS}", name=train_name)
    train(tree, f"b_left/00001.jpg,-5,-5,0,{NO_AUS}", name=validation_name)
    tree.labels("EXPR_Set/Train_Set/a.txt", "Neutral,Anger", "0")
    found = read(tree)
    places = found.table[["key", "split", "expression"]].to_numpy().tolist()
    assert places == [
        ["a/00001", "train", "other"],
        ["b_left/00001", "validation", "neutral"],
    ]


def test_several_lists_of_a_split_are_refused(tree):
    train(tree, f"a/00001.jpg,-5,-5,7,{NO_AUS}")
    train(tree, f"a/00001.jpg,-5,-5,7,{NO_AUS}", name="old/train_set.txt")
    with pytest.raises(UserError, match="one list.*train_set"):
        read(tree)


def test_a_tree_without_a_list_is_refused_and_one_of_two_is_a_note(tree):
    with pytest.raises(UserError, match="which holds none"):
        read(tree)
    train(tree, f"a/00001.jpg,-5,-5,7,{NO_AUS}")
    assert any("validation" in note for note in read(tree).notes)


def test_one_invalid_task_leaves_the_others(tree):
    train(
        tree,
        f"a/00001.jpg,-5.0,0.2,3,{NO_AUS}",
        f"a/00002.jpg,0.1,0.2,-1,{NO_AUS}",
        f"a/00003.jpg,-5,-5,-1,-1{',0' * 11}",
        f"a/00009.jpg,-5,-5,-1,{NO_AUS}",
        f"a/00010.jpg,0,0,-1,{NO_AUS}",
    )
    found = read(tree)
    table = found.table.set_index("key")
    assert expressions(table) == {"a/00001": "fear", "a/00002": None}
    np.testing.assert_array_equal(table["valence"], [np.nan, 0.1])
    assert found.dropped["train"] == {
        "invalid_label_only": 1,
        "no_image": 1,
        "no_annotation": 1,
    }
    table = read(tree, partial_aus=True).table.set_index("key")
    np.testing.assert_array_equal(table.loc["a/00003", ["AU1", "AU2"]], [np.nan, 0])


@pytest.mark.parametrize(
    ("row", "field", "value"),
    [
        (f"a/00002.jpg,0,0,8,{AUS}", "expression", "8"),
        (f"a/00002.jpg,nan,0,1,{AUS}", "valence", "nan"),
        (f"a/00002.jpg,0,-1.5,1,{AUS}", "arousal", "-1.5"),
        (f"a/00002.jpg,0,0,1,2{AUS[1:]}", "AU1", "2"),
        (f"a/00002.jpg,0,x,1,{AUS}", "arousal", "x"),
        (f"a/00002.jpg,0,0,1,{AUS},0", "columns", f"0,0,1,{AUS},0"),
        ("a/00002.jpg,0,0,1", "columns", "0,0,1"),
        ("a/00002.jpg", "columns", ""),
        (f"00002.jpg,0,0,1,{AUS}", "image", "00002.jpg"),
        (f"a/face.jpg,0,0,1,{AUS}", "image", "a/face.jpg"),
        (f"a/00000.jpg,0,0,1,{AUS}", "image", "a/00000.jpg"),
        ("", "image", ""),
    ],
)
def test_a_row_that_breaks_a_rule_is_rejected_as_a_whole(tree, row, field, value):
    good = [f"a/0000{n}.jpg,0.1,0.2,4,{AUS}" for n in (1, 3)]
    train(tree, good[0], row, good[1])
    found = read(tree)
    assert found.table["key"].tolist() == ["a/00001", "a/00003"]
    assert reasons(found) == [("training_set_annotations.txt", 3, field, value)]
    assert found.dropped["train"] == {
        "invalid_label_only": 0,
        "no_image": 0,
        "no_annotation": 1 + (field == "image"),
    }, "a reject is no absence, if its picture is known"


def test_the_second_row_of_a_picture_is_rejected(tree):
    train(
        tree,
        f"a/00001.jpg,0,0,9,{AUS}",
        f"a/00001.jpg,0,0,1,{AUS}",
        f"a/00002.jpg,0,0,2,{AUS}",
        f"a/1.jpg,0,0,3,{AUS}",
    )
    found = read(tree)
    assert found.table["expression"].tolist() == ["anger", "disgust"]
    assert [r.row for r in found.rejects] == [2, 5]
    assert found.rejects[1].value == "a/00001" and "line 3" in found.rejects[1].reason
    checks.check(found)


def test_a_header_gives_the_columns_by_name(tree):
    header = "image,aus,expression,arousal,valence"
    train(tree, f"a/00001.jpg,{AUS},4,0.9,0.1", header=header)
    row = read(tree).table.iloc[0]
    assert row[["valence", "arousal", "expression"]].tolist() == [0.1, 0.9, "happiness"]
    assert row[["AU1", "AU2", "AU26"]].tolist() == [1, 0, 1]


def test_a_header_may_spell_units_out_and_leave_tasks_out(tree):
    header = "image," + ",".join(reversed(AU12.split(",")))
    train(tree, f"a/00001.jpg,1{',0' * 11}", header=header)
    found = read(tree)
    assert found.taxonomy.tasks == ("au",)
    assert found.table.loc[0, ["AU1", "AU26"]].tolist() == [0, 1]


def test_a_first_line_of_labels_is_a_row(tree):
    train(tree, f"a/00001.jpg,0,0,1,{AUS}", f"a/00002.jpg,0,0,2,{AUS}", header=None)
    found = read(tree)
    assert found.table["row"].tolist() == [1, 2]
    assert any("no header" in note for note in found.notes)


@pytest.mark.parametrize(
    ("header", "row"),
    [
        (MTL, "a/00001.jpg,0,0,1,0,0,0,0,0,0,0,0"),
        (MTL, f"a,0,0,1,{AUS}"),
        ("image,valence,expression,aus", f"a/00001.jpg,0,1,{AUS}"),
        ("image,mood", "a/00001.jpg,1"),
        ("image,image", "a/00001.jpg,1"),
        ("image", "a/00001.jpg"),
        ("Neutral,Anger", "1"),
    ],
)
def test_a_list_of_something_else_is_refused(tree, header, row):
    train(tree, *[row] * 20, header=header)
    with pytest.raises(UserError, match="image,valence,arousal.*training_set"):
        read(tree)


def test_a_list_that_is_no_text_is_refused(tree):
    train(tree).write_bytes(MTL.encode("utf-16"))
    with pytest.raises(UserError, match="UTF-8"):
        read(tree)


def test_a_list_without_rows_is_a_note(tree):
    train(tree)
    train(tree, f"a/00001.jpg,0,0,1,{AUS}", name="validation_set.txt")
    found = read(tree)
    assert any("holds no row" in note for note in found.notes)
    assert found.table["split"].tolist() == ["validation"]


def test_a_test_list_gives_its_pictures(tree, tmp_path):
    train(tree, f"b_left/00001.jpg,0,0,1,{AUS}")
    path = tmp_path / "MTL_Challenge_test_set_release.txt"
    path.write_text(f"{MTL}\na/00003.jpg,\na/00001.jpg,\na/9.jpg,\na/3.jpg\nface,\n")
    found = read(tree, test_list=[path])
    tests = found.table[found.table["split"] == "test"]
    assert tests["key"].tolist() == ["a/00003", "a/00001"]
    assert tests["row"].tolist() == [2, 3]
    assert tests[["expression", "valence", "AU1"]].isna().all(axis=None)
    assert reasons(found) == [
        (path.name, 5, "image", "a/00003"),
        (path.name, 6, "image", "face"),
    ]
    assert found.dropped["test"] == {
        "invalid_label_only": 0,
        "no_image": 1,
        "no_annotation": 2,
    }
    checks.check(found)
    path.write_text("a\nb\n")
    with pytest.raises(UserError, match="affwild2"):
        read(tree, test_list=[path])


def test_pictures_without_labels_are_kept_on_demand(tree):
    train(tree, f"a/00001.jpg,0,0,1,{AUS}", f"a/00002.jpg,-5,-5,-1,{NO_AUS}")
    found = read(tree, unlabelled="keep")
    keys = ["a/00001", "a/00002", "a/00003", "a/00004", "b_left/00001"]
    assert found.table["key"].tolist() == keys
    assert found.table["expression"].notna().sum() == 1
    assert not any(found.dropped["train"].values())
    assert any("b_left" in note and "--test_list" in note for note in found.notes)


def test_a_film_in_two_lists_is_left_to_the_check(tree):
    train(tree, f"a/00001.jpg,0,0,1,{AUS}")
    train(tree, f"a/00002.jpg,0,0,1,{AUS}", name="validation_set.txt")
    found = read(tree)
    assert found.table["split"].tolist() == ["train", "validation"]
    assert found.dropped["train"]["no_annotation"] == 2
    assert found.dropped["validation"]["no_annotation"] == 0
    with pytest.raises(UserError, match="one split"):
        checks.check(found)
    assert splits.settle(found, "drop").table["split"].tolist() == ["validation"]


def test_pictures_of_other_data_are_refused(tree, tmp_path):
    train(tree, f"elsewhere/00001.jpg,0,0,1,{AUS}")
    with pytest.raises(UserError, match="--images must hold.*elsewhere"):
        read(tree)


def test_flags_reach_the_reader(tree):
    train(tree, f"a/00001.jpg,0,0,1,{AUS}")
    parser = argparse.ArgumentParser()
    abaw_mtl.add_flags(parser.add_argument)
    flags = parser.parse_args([f"--images={tree.root / 'cropped_aligned'}"])
    flags.root, flags.source, flags.validation_fraction = tree.root, None, None
    found = abaw_mtl.read(flags)
    assert found.table["source"].tolist() == ["abaw_mtl"]
    assert found.reader == "abaw_mtl" and found.taxonomy.name == "abaw_mtl"


def test_names_may_be_spelt_with_composed_letters_or_not(tree):
    composed = unicodedata.normalize("NFC", "Füße élan")
    tree.pictures(composed, 1)
    split_up = unicodedata.normalize("NFD", composed)
    train(tree, f"{split_up}/00001.jpg,0,0,1,{AUS}")
    assert read(tree).table["key"].tolist() == [f"{composed}/00001"]
