"""What the rows of Aff-Wild2's label files become."""

import os

import numpy as np
import pytest

from affect_tf.errors import UserError
from tests.tfrecords_builder.readers.abaw_trees import AU8
from tests.tfrecords_builder.readers.abaw_trees import AU12
from tests.tfrecords_builder.readers.abaw_trees import EXPR7
from tests.tfrecords_builder.readers.abaw_trees import EXPR8
from tests.tfrecords_builder.readers.abaw_trees import expressions
from tests.tfrecords_builder.readers.abaw_trees import reasons
from tests.tfrecords_builder.readers.abaw_trees import Tree
from tests.tfrecords_builder.readers.abaw_trees import VA

TRAIN = "EXPR_Set/Train_Set/a.txt"


@pytest.fixture
def tree(tmp_path):
    tree = Tree(tmp_path)
    tree.pictures("a", 1, 2, 3)
    return tree


@pytest.mark.parametrize(
    "form",
    [
        {"end": "\r\n", "last": "\r\n"},
        {"end": "\r", "last": ""},
        {"last": ""},
        {"last": "\n\n \n"},
        {"start": "\ufeff"},
        {"end": " \n", "last": " "},
    ],
)
def test_the_form_of_a_file_does_not_matter(tree, form):
    tree.labels(TRAIN, EXPR7, "4", "-1", "0", **form)
    found = tree.read()
    assert expressions(found.table.set_index("key")) == {
        "a/00001": "happiness",
        "a/00003": "neutral",
    }
    assert found.table["row"].tolist() == [2, 4]
    assert found.table["frame"].tolist() == [0, 2]
    assert not found.rejects


def test_a_first_line_of_numbers_is_a_row(tree):
    tree.labels(TRAIN, "4", "5", "0")
    tree.labels("VA_Set/Train_Set/a.txt", "-5,-5", "nan,0", "0.1,0.2")
    tree.labels("AU_Set/Train_Set/a.txt", *["0,0,0,0,1,0,0,0"] * 3)
    found = tree.read()
    table = found.table.set_index("key")
    assert [*expressions(table).values()] == ["happiness", "sadness", "neutral"]
    assert table["row"].tolist() == [1, 2, 3]
    assert table["AU12"].tolist() == [1, 1, 1]
    assert table["valence"].tolist()[2] == 0.1
    assert reasons(found) == [("a.txt", 2, "valence", "nan")]
    assert found.taxonomy.expressions[-1] == "surprise", "no eighth class is seen"
    assert any("without a header" in note for note in found.notes)


def test_an_eighth_class_without_a_header_is_other(tree):
    tree.labels(TRAIN, "7", "0")
    assert tree.rows()["expression"].tolist() == ["other", "neutral"]


def test_a_header_gives_the_units_by_name(tree):
    turned = ",".join(reversed(AU12.split(",")))
    tree.labels("AU_Set/Train_Set/a.txt", turned, "1,0,0,0,0,0,0,0,0,0,0,0")
    row = tree.rows().loc["a/00001"]
    assert row["AU26"] == 1
    assert row[AU12.split(",")[:-1]].tolist() == [0] * 11


def test_a_header_gives_the_classes_and_dimensions_by_name(tree):
    tree.labels(TRAIN, " Happy , Neutral,SURPRISE ", "0", "1", "2")
    tree.labels("VA_Set/Train_Set/a.txt", "Arousal,Valence", "0.9,-0.3")
    found = tree.read()
    assert found.table["expression"].tolist() == ["happiness", "neutral", "surprise"]
    assert found.table.loc[0, ["valence", "arousal"]].tolist() == [-0.3, 0.9]
    assert found.taxonomy.expressions == ("neutral", "happiness", "surprise")


def test_one_invalid_task_leaves_the_others(tree):
    tree.labels(TRAIN, EXPR7, "-1", "4", "-1.0")
    tree.labels("VA_Set/Train_Set/a.txt", VA, "0.5,-0.5", "-5.0,-5", "-5,-5.0")
    tree.labels("AU_Set/Train_Set/a.txt", AU8, "-1,0,0,0,0,0,0,0", "1" + ",0" * 7)
    found = tree.read()
    table = found.table.set_index("key")
    assert expressions(table) == {"a/00001": None, "a/00002": "happiness"}
    np.testing.assert_array_equal(table["valence"], [0.5, np.nan])
    np.testing.assert_array_equal(table["AU1"], [np.nan, 1])
    np.testing.assert_array_equal(table["AU25"], [np.nan, 0])
    assert found.dropped["train"]["invalid_label_only"] == 1
    assert [path.split(os.sep)[-3] for path in table["origin"]] == [
        "VA_Set",
        "EXPR_Set",
    ]


def test_partial_units_are_kept_on_demand(tree):
    tree.labels("AU_Set/Train_Set/a.txt", AU8, "-1,0,1,0,0,0,0,0", ",".join(["-1"] * 8))
    assert tree.read().table.empty
    table = tree.rows(partial_aus=True)
    assert list(table.index) == ["a/00001"]
    np.testing.assert_array_equal(table[["AU1", "AU2", "AU4"]], [[np.nan, 0, 1]])


@pytest.mark.parametrize(
    ("path", "header", "row", "field", "value"),
    [
        (TRAIN, EXPR7, "7", "expression", "7"),
        (TRAIN, EXPR8, "9", "expression", "9"),
        (TRAIN, EXPR8, "2.5", "expression", "2.5"),
        (TRAIN, EXPR8, "Happiness", "expression", "Happiness"),
        (TRAIN, EXPR8, "", "columns", ""),
        (TRAIN, EXPR8, "4,4", "columns", "4,4"),
        ("VA_Set/Train_Set/a.txt", VA, "0.5", "columns", "0.5"),
        ("VA_Set/Train_Set/a.txt", VA, "0,1,0", "columns", "0,1,0"),
        ("VA_Set/Train_Set/a.txt", VA, "0.5,1.2", "arousal", "1.2"),
        ("VA_Set/Train_Set/a.txt", VA, "NaN, 0", "valence", "NaN"),
        ("VA_Set/Train_Set/a.txt", VA, "0, -inf", "arousal", "-inf"),
        ("VA_Set/Train_Set/a.txt", VA, "0.5,", "columns", "0.5,"),
        ("AU_Set/Train_Set/a.txt", AU8, "0,0,2,0,0,0,0,0", "AU4", "2"),
        ("AU_Set/Train_Set/a.txt", AU8, "0,0,0.5,0,0,0,0,0", "AU4", "0.5"),
        ("AU_Set/Train_Set/a.txt", AU8, "0,0,,0,0,0,0,0", "AU4", ""),
    ],
)
def test_a_row_that_breaks_a_rule_is_rejected_alone(
    tree, path, header, row, field, value
):
    good = {TRAIN: "4", "VA_Set/Train_Set/a.txt": "0.1,0.2"}.get(path, "0" + ",0" * 7)
    tree.labels(path, header, good, row, good)
    found = tree.read()
    assert found.table["key"].tolist() == ["a/00001", "a/00003"]
    assert reasons(found) == [("a.txt", 3, field, value)]
    assert found.rejects[0].reason.startswith("must ")
    assert not any(found.dropped["train"].values()), "a reject is no absence"


def test_a_rejected_row_leaves_the_other_tasks(tree):
    tree.labels(TRAIN, EXPR7, "9", "4")
    tree.labels("VA_Set/Train_Set/a.txt", VA, "0.1,0.2", "0.3,0.4")
    found = tree.read()
    assert expressions(found.table.set_index("key")) == {
        "a/00001": None,
        "a/00002": "happiness",
    }
    assert found.table["valence"].tolist() == [0.1, 0.3]


def test_rejected_rows_are_no_unlabelled_pictures(tree):
    tree.labels(TRAIN, EXPR7, "9", "-1", "4")
    assert [*tree.rows(unlabelled="keep").index] == ["a/00002", "a/00003"]


def test_a_file_with_the_wrong_columns_is_one_reject(tree):
    tree.labels(TRAIN, EXPR7, "4")
    tree.labels("AU_Set/Train_Set/a.txt", AU12, *["0,0,0,0,0,0,0,1"] * 50)
    found = tree.read()
    assert reasons(found) == [("a.txt", 2, "columns", "0,0,0,0,0,0,0,1")]
    assert "12 values, not 8" in found.rejects[0].reason
    assert "none of its 50 rows" in found.rejects[0].reason
    assert any("no row can be used" in note for note in found.notes)
    assert found.table["key"].tolist() == ["a/00001"]


@pytest.mark.parametrize(
    "header", ["valence,arousal", "AU1,AU1,AU4", "AU1,FU2", "AU1;AU2", "not a file", ""]
)
def test_a_header_of_something_else_is_one_reject(tree, header):
    tree.labels(TRAIN, EXPR7, "4")
    tree.labels("AU_Set/Train_Set/a.txt", header, "0,0")
    found = tree.read()
    assert reasons(found) == [("a.txt", 1, "header", header)]
    assert "AU1,AU2" in found.rejects[0].reason
    assert found.taxonomy.action_units == ()


def test_a_file_that_is_no_text_is_one_reject(tree):
    tree.labels(TRAIN, EXPR7, "4")
    tree.labels("VA_Set/Train_Set/a.txt", "").write_bytes(VA.encode("utf-16"))
    assert reasons(tree.read()) == [("a.txt", 1, "header", "")]


@pytest.mark.parametrize("lines", [[EXPR7], [""], []])
def test_a_file_without_rows_is_a_note(tree, lines):
    tree.labels(TRAIN, *lines, last="")
    tree.labels("VA_Set/Train_Set/a.txt", VA, "0.1,0.2")
    found = tree.read()
    assert not found.rejects
    assert any("without a row" in note and "a.txt" in note for note in found.notes)
    assert found.dropped["train"] == {
        "invalid_label_only": 0,
        "no_image": 0,
        "no_annotation": 2,
    }


def test_absences_are_counted_once_a_frame(tree):
    tree.pictures("b", 1)
    tree.labels(TRAIN, EXPR7, "-1", "4", "4", "4", "-1")
    tree.labels("VA_Set/Train_Set/a.txt", VA, "-5,-5", "-5,-5", "0,0", "0,0", "-5,-5")
    tree.labels("VA_Set/Validation_Set/b.txt", VA, "-5,-5", "0,0")
    found = tree.read()
    assert found.dropped == {
        "train": {"invalid_label_only": 1, "no_image": 1, "no_annotation": 0},
        "validation": {"invalid_label_only": 1, "no_image": 1, "no_annotation": 0},
    }


def test_files_of_different_lengths_are_joined(tree):
    tree.labels(TRAIN, EXPR7, "4")
    tree.labels("VA_Set/Train_Set/a.txt", VA, "0.1,0", "0.2,0", "0.3,0")
    table = tree.rows()
    assert [*expressions(table).values()] == ["happiness", None, None]
    assert table["valence"].tolist() == [0.1, 0.2, 0.3]


def test_a_choice_that_does_not_exist_is_refused(tree):
    tree.labels(TRAIN, EXPR7, "4")
    with pytest.raises(UserError, match="drop, keep"):
        tree.read(unlabelled="maybe")
