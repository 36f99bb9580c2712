"""Where label files and pictures may lie, and how a tree's parts come together."""

import os
import unicodedata

import pytest

from affect_tf.errors import UserError
from tests.tfrecords_builder.readers.abaw_trees import AU8
from tests.tfrecords_builder.readers.abaw_trees import AU12
from tests.tfrecords_builder.readers.abaw_trees import EXPR7
from tests.tfrecords_builder.readers.abaw_trees import EXPR8
from tests.tfrecords_builder.readers.abaw_trees import Tree
from tests.tfrecords_builder.readers.abaw_trees import VA
from tfrecords_builder import checks
from tfrecords_builder import splits
from tfrecords_builder.readers import affwild2
from tfrecords_builder.readers.affwild2_frames import video_of


@pytest.fixture
def tree(tmp_path):
    tree = Tree(tmp_path / "root")
    tree.pictures("a", 1, 2)
    return tree


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        ("EXPR_Set/Training_Set", "train"),
        ("EXPR_Set/train", "train"),
        ("Third ABAW Annotations/EXPR_Classification_Challenge/Train_Set", "train"),
        (
            "6th_ABAW_Annotations/EXPR_Recognition_Challenge/Validation_Set",
            "validation",
        ),
        ("Expression_Classification_Challenge/val", "validation"),
        ("expr_set/TEST", "test"),
    ],
)
def test_folders_are_found_by_what_their_names_begin_with(tree, folder, split):
    tree.labels(f"{folder}/a.txt", EXPR7, "4")
    found = tree.read()
    assert found.table[["key", "split"]].to_numpy().tolist() == [["a/00001", split]]
    assert found.taxonomy.tasks == ("expr",)


def test_a_validation_folder_is_no_valence_folder(tree):
    tree.labels("VA_Set/Validation_Set/a.txt", VA, "0,0")
    tree.labels("Validation_Set/Train_Set/a.txt", VA, "0,0")
    tree.labels("Audio_Set/Train_Set/a.txt", AU8, "0,0,0,0,0,0,0,0")
    assert tree.read().table["split"].tolist() == ["validation"]


def test_label_files_may_lie_behind_a_link_even_in_a_circle(tree, tmp_path):
    tree.labels("VA_Set/Train_Set/a.txt", VA, "0,0")
    os.rename(tree.root / "annotations", tmp_path / "elsewhere")
    (tree.root / "labels").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tree.root)
    assert len(tree.read().table) == 1


def test_the_root_may_be_a_task_folder(tree):
    tree.labels("VA_Set/Train_Set/a.txt", VA, "0,0")
    root = tree.root / "annotations" / "VA_Set"
    found = affwild2.annotations(root, images=tree.root / "cropped_aligned")
    assert len(found.table) == 1


def test_extensions_in_upper_case_and_other_pictures_are_read(tree):
    names = ["00001.JPG", "00002.PNG", "00003.jpeg", "4.jpg", "000005.jpg", "x.jpg"]
    tree.pictures("b", *names)
    tree.labels("EXPR_Set/Train_Set/b.TXT", EXPR7, *"4012345")
    table = tree.rows()
    assert table["picture"].tolist() == [f"b/{name}" for name in names[:5]]
    assert list(table.index) == [f"b/{n:05d}" for n in range(1, 6)]


def test_one_of_two_pictures_of_a_frame_is_taken(tree):
    tree.pictures("b", "00001.png", 1, "1.jpg", "0.jpg", "00002.png")
    tree.labels("EXPR_Set/Train_Set/b.txt", EXPR7, "4", "4")
    found = tree.read()
    assert found.table["picture"].tolist() == ["b/00001.jpg", "b/00002.png"]
    notes = "\n".join(found.notes)
    assert "b/00001.png" in notes and "b/1.jpg" in notes
    assert "picture 00000" in notes


def test_numbers_have_gaps_and_more_than_five_digits(tree):
    tree.pictures("b", 3, "100001.jpg")
    tree.labels("EXPR_Set/Train_Set/b.txt", EXPR7, *["4"] * 100_001)
    found = tree.read()
    assert found.table["key"].tolist() == ["b/00003", "b/100001"]
    assert found.table["row"].tolist() == [4, 100_002]
    assert found.dropped["train"]["no_image"] == 99_999


@pytest.mark.parametrize(
    ("folder", "video"),
    [
        ("clip7_left", "clip7"),
        ("video10_1_right", "video10_1"),
        ("video45_1", "video45_1"),
        ("12-24-1920x1080", "12-24-1920x1080"),
        ("a_left_right", "a_left"),
        ("leftmost_lefty", "leftmost_lefty"),
        ("bright", "bright"),
        ("a_Left", "a_Left"),
    ],
)
def test_only_a_side_at_the_end_is_no_part_of_the_video(tree, folder, video):
    assert video_of(folder) == video
    tree.pictures(folder, 1)
    tree.labels(f"EXPR_Set/Train_Set/{folder}.txt", EXPR7, "4")
    row = tree.rows().loc[f"{folder}/00001"]
    assert (row["video"], row["subject"], row["clip"]) == (video, folder, row.name)


def test_names_may_hold_spaces_dots_and_letters_of_any_language(tree):
    composed = unicodedata.normalize("NFC", "Füße élan 視")
    split_up = unicodedata.normalize("NFD", composed)
    tree.pictures(split_up, 1)
    tree.pictures("take 1.5x", 1)
    tree.pictures("b", 1)
    for name in (composed, "take 1.5x", "b.mp4"):
        tree.labels(f"EXPR_Set/Train_Set/{name}.txt", EXPR7, "4")
    found = tree.read()
    assert set(found.table["subject"]) == {composed, "take 1.5x", "b"}
    for picture in found.table["picture"]:
        assert found.pictures.stamp(picture) != "absent"


def test_pictures_and_label_files_without_each_other_are_left_out(tree):
    tree.pictures("nobody", 1, 2)
    tree.labels("EXPR_Set/Train_Set/a.txt", EXPR7, "4")
    tree.labels("EXPR_Set/Train_Set/ghost.txt", EXPR7, "4", "-1", "4")
    found = tree.read()
    assert found.table["key"].tolist() == ["a/00001"]
    assert found.dropped["train"] == {
        "invalid_label_only": 0,
        "no_image": 2,
        "no_annotation": 1,
    }
    kept = tree.read(unlabelled="keep")
    keys = ["a/00001", "a/00002", "nobody/00001", "nobody/00002"]
    assert kept.table["key"].tolist() == keys
    assert kept.table["split"].unique().tolist() == ["train"]
    assert kept.table["row"].tolist() == [2, 0, 0, 0]
    assert kept.dropped["train"]["no_annotation"] == 0


def test_other_files_are_ignored_with_a_note(tree):
    tree.labels("EXPR_Set/Train_Set/a.txt", EXPR7, "4")
    strays = (
        "README.md",
        "EXPR_Set/ReadMe.txt",
        "EXPR_Set/Train_Set/Readme.txt",
        "EXPR_Set/Train_Set/.DS_Store",
        "EXPR_Set/Train_Set/a.bak",
    )
    for name in strays:
        tree.labels(name, "some words")
    tree.pictures("a", "Thumbs.db", "face.jpg")
    found = tree.read()
    assert len(found.table) == 1 and not found.rejects
    note = next(note for note in found.notes if note.startswith("Not read"))
    assert "a.bak" in note and "DS_Store" not in note and "and 1 more" in note


def test_editions_side_by_side_are_united_by_name(tree):
    tree.pictures("b", 1)
    tree.labels("old/AU_Set/Training_Set/a.txt", AU8, "0,0,0,0,1,0,1,0")
    tree.labels("new/AU_Detection/Train_Set/b.txt", AU12, "0,0,0,0,1,0,0,0,0,0,0,1")
    tree.labels("old/EXPR_Set/Training_Set/a.txt", EXPR7, "6")
    tree.labels("new/EXPR_Recognition/Train_Set/b.txt", EXPR8, "7")
    found = tree.read()
    table = found.table.set_index("key")
    assert found.taxonomy.expressions[-2:] == ("surprise", "other")
    assert len(found.taxonomy.action_units) == 13
    assert table["expression"].tolist() == ["surprise", "other"]
    assert table.loc["a/00001", ["AU12", "AU20"]].tolist() == [1, 1]
    assert table.loc["a/00001", ["AU7", "AU26"]].isna().all()
    assert table.loc["b/00001", ["AU7", "AU26"]].tolist() == [1, 1]
    assert table.loc["b/00001", ["AU20"]].isna().all()
    assert sum("2 headers" in note for note in found.notes) == 2


@pytest.mark.parametrize(
    "other", ["new/AU_Set/Validation_Set/a.txt", "old/AU_Set/Train_Set/a.txt"]
)
def test_two_files_of_a_video_and_task_are_refused(tree, other):
    tree.labels("old/AU_Set/Training_Set/a.txt", AU8, "0,0,0,0,1,0,1,0")
    tree.labels(other, AU8, "0,0,0,0,1,0,1,0")
    with pytest.raises(UserError, match="one label file a task.*a\\.txt and .*a\\.txt"):
        tree.read()


def test_a_film_in_two_splits_is_left_to_the_check(tree):
    tree.labels("AU_Set/Train_Set/a.txt", AU8, "0,0,0,0,1,0,1,0")
    tree.labels("VA_Set/Validation_Set/a.txt", VA, "0.1,0.2")
    found = tree.read()
    assert found.table[["key", "split"]].to_numpy().tolist() == [
        ["a/00001", "train"],
        ["a/00001", "validation"],
    ]
    with pytest.raises(UserError, match="one split"):
        checks.check(found)
    settled = splits.settle(found, "drop")
    checks.check(settled)
    assert settled.table["split"].tolist() == ["validation"]
    assert found.dropped["train"]["no_annotation"] == 1
    assert found.dropped["validation"]["no_annotation"] == 0
    tree.labels("AU_Set/Validation_Set/a.txt", AU8, "0,0,0,0,1,0,1,0")
    assert tree.read().table["AU12"].tolist() == [1, 1]


def test_every_folder_of_pictures_is_listed_once(tree, tmp_path, monkeypatch):
    tree.pictures("nobody", 1)
    tree.pictures("b", 1)
    (tmp_path / "list.txt").write_text("b")
    for task, header, row in (("EXPR", EXPR7, "4"), ("VA", VA, "0,0")):
        tree.labels(f"{task}_Set/Train_Set/a.txt", header, row)
    listed, scandir = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda p: (listed.append(str(p)), scandir(p))[1])
    tree.read(test_list=[tmp_path / "list.txt"])
    below = [p for p in listed if "cropped_aligned" in p]
    top = str(tree.root / "cropped_aligned")
    assert sorted(below) == [top, os.path.join(top, "a"), os.path.join(top, "b")]
