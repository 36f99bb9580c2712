"""The options of the reader of Aff-Wild2."""

import argparse
import os

import pytest

from affect_tf.errors import UserError
from tests.tfrecords_builder.readers.abaw_trees import AU8
from tests.tfrecords_builder.readers.abaw_trees import EXPR7
from tests.tfrecords_builder.readers.abaw_trees import Tree
from tfrecords_builder import checks
from tfrecords_builder.readers import affwild2


@pytest.fixture
def tree(tmp_path):
    tree = Tree(tmp_path / "root")
    tree.pictures("a", 1, 2)
    return tree


def test_a_test_list_gives_every_picture_of_its_folders(tree, tmp_path):
    tree.pictures("b_left", 1, 7)
    tree.labels("EXPR_Set/Train_Set/a.txt", EXPR7, "4")
    one, two = tmp_path / "au.txt", tmp_path / "va.txt"
    one.write_bytes("\ufeffb_left\r\nabsent\r\n".encode())
    two.write_text("\nb_left,\n")
    found = tree.read(test_list=[one, two], unlabelled="keep")
    tests = found.table[found.table["split"] == "test"]
    assert tests["key"].tolist() == ["b_left/00001", "b_left/00007"]
    assert tests["video"].tolist() == ["b", "b"]
    assert tests["row"].tolist() == [1, 1]
    assert tests["origin"].tolist() == [str(one)] * 2
    assert tests["expression"].isna().all()
    assert any("absent" in note for note in found.notes)
    assert not any("b_left" in note for note in found.notes)
    assert found.dropped["test"]["no_annotation"] == 0
    checks.check(found)


def test_a_listed_folder_keeps_the_labels_of_a_test_set(tree, tmp_path):
    tree.labels("EXPR_Set/Test_Set/a.txt", EXPR7, "-1", "4")
    (tmp_path / "list.txt").write_text("a")
    table = tree.rows(test_list=[tmp_path / "list.txt"])
    assert table["expression"].isna().tolist() == [True, False]
    assert table["split"].tolist() == ["test", "test"]
    assert table["origin"].str.endswith("a.txt").all()


@pytest.mark.parametrize(
    ("content", "message"),
    [("\n\n", "without any"), ("a/00001.jpg,\n", "abaw_mtl"), (None, "Check the path")],
)
def test_a_test_list_that_is_none_is_refused(tree, tmp_path, content, message):
    tree.labels("EXPR_Set/Train_Set/a.txt", EXPR7, "4")
    path = tmp_path / "list.txt"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=message):
        tree.read(test_list=[path])


def test_pictures_may_lie_elsewhere(tree, tmp_path):
    tree.labels("EXPR_Set/Train_Set/a.txt", EXPR7, "4")
    elsewhere = tmp_path / "faces"
    os.rename(tree.root / "cropped_aligned", elsewhere)
    found = tree.read(images=elsewhere)
    assert found.pictures.read("a/00001.jpg") == b""
    with pytest.raises(UserError, match="--images=DIR"):
        tree.read()
    with pytest.raises(UserError, match="--images must be a folder"):
        tree.read(images=tmp_path / "none")
    with pytest.raises(UserError, match="none of the 1 .* Name the folder .*'a'"):
        tree.read(images=tmp_path)
    (tree.root / "aligned").symlink_to(elsewhere)
    (tree.root / "data").mkdir()
    (tree.root / "data" / "cropped_aligned").symlink_to(elsewhere)
    assert len(tree.read().table) == 1
    (tree.root / "more").mkdir()
    (tree.root / "more" / "cropped_aligned").symlink_to(elsewhere)
    with pytest.raises(UserError, match="One folder cropped_aligned.*data.*more"):
        tree.read()
    (tree.root / "cropped_aligned").symlink_to(elsewhere)
    assert tree.read().pictures.root == str(tree.root / "cropped_aligned")


def test_pictures_may_lie_beside_the_task_folders(tree):
    tree.labels("EXPR_Set/Train_Set/a.txt", EXPR7, "4")
    os.rename(tree.root / "cropped_aligned" / "a", tree.root / "a")
    assert len(tree.read(images=tree.root).table) == 1


def test_a_folder_without_label_files_is_refused(tree, tmp_path):
    with pytest.raises(UserError, match="which holds none"):
        tree.read()
    with pytest.raises(UserError, match="--root must be a folder"):
        affwild2.annotations(tmp_path / "none")


def test_flags_reach_the_reader(tree, tmp_path):
    tree.labels("AU_Set/Train_Set/a.txt", AU8, "-1,0,0,0,1,0,1,0")
    parser = argparse.ArgumentParser()
    affwild2.add_flags(parser.add_argument)
    unset = vars(parser.parse_args([]))
    assert set(unset) == {"images", "test_list", "unlabelled", "partial_aus", "videos"}
    assert set(unset.values()) == {None}
    flags = parser.parse_args(["--partial_aus", "--unlabelled=keep"])
    flags.root, flags.source, flags.validation_fraction = str(tree.root), "aw", None
    found = affwild2.read(flags)
    assert found.table["source"].unique().tolist() == ["aw"]
    assert found.taxonomy.name == "aw" and found.reader == "affwild2"
    assert found.table["AU2"].notna().tolist() == [True, False]
    flags.validation_fraction = 0.2
    with pytest.raises(UserError, match="validation_fraction"):
        affwild2.read(flags)
