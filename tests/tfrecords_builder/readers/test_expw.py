"""ExpW: the lines of its list, faces that share a picture, and their split."""

import pickle

import numpy as np
import pytest

from affect_tf.errors import UserError
from tests.tfrecords_builder.conftest import picture
from tests.tfrecords_builder.readers.face_trees import check_expected
from tests.tfrecords_builder.readers.face_trees import flags
from tests.tfrecords_builder.readers.face_trees import reasons
from tfrecords_builder import checks
from tfrecords_builder.readers import expw

LINES = ("a.jpg 0 5 3 40 45 60.5 3", "a.jpg 1 6 50 90 46 20 0", "b.jpg 0 0 0 9 9 -1 6")


class Tree:
    """A list and empty pictures."""

    def __init__(self, root):
        self.root = root
        self.pictures("a.jpg", "b.jpg")
        self.write(*LINES)

    def pictures(self, *names):
        for name in names:
            path = self.root / "image" / "origin" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")

    def write(self, *lines, end="\n", last=True):
        (self.root / "label").mkdir(exist_ok=True)
        text = end.join(lines) + end * last
        path = self.root / "label" / "label.lst"
        path.write_bytes(text.encode(errors="surrogateescape"))

    def read(self, **options):
        return expw.annotations(self.root, **options)

    def keys(self, *lines, **options):
        self.write(*lines)
        return self.read(**options).table["key"].tolist()


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def test_real_pictures_give_what_is_expected(shared_dir):
    root = shared_dir / "layouts" / "expw"
    found = expw.annotations(root)
    checks.check(found)
    check_expected(found, root)
    assert not found.rejects
    pictures = pickle.loads(pickle.dumps(found.pictures))
    faces = [pictures.read(key) for key in found.table["key"]]
    # Faces of one picture are different faces.
    assert len(set(faces)) == len(faces)


def test_codes_are_named_in_the_order_of_the_data_set(tree):
    tree.write(*[f"a.jpg {code} 0 0 9 9 50 {code}" for code in range(7)])
    found = tree.read().table["expression"].tolist()
    words = "anger disgust fear happiness sadness surprise neutral"
    assert found == words.split()


def test_edges_are_in_the_order_of_the_list(tree):
    pictures = tree.read().pictures
    assert pictures.boxes[pictures.rows["a_0"]].tolist() == [3, 5, 40, 45]
    assert pictures.boxes[pictures.rows["a_1"]].tolist() == [50, 6, 90, 46]
    assert np.isnan(pictures.points).all()


def test_every_face_is_a_row_of_its_own(tree):
    found = tree.read()
    assert found.table["key"].tolist() == ["a_0", "a_1", "b_0"]
    assert found.table["subject"].tolist() == ["a_0", "a_1", "b_0"]
    assert found.table["row"].tolist() == [1, 2, 3]
    assert set(found.table["origin"]) == {str(tree.root / "label" / "label.lst")}
    assert found.pictures.paths == ("a.jpg", "a.jpg", "b.jpg")
    assert found.taxonomy.tasks == ("expr",) and not found.subjects_known


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("start", ["", "\ufeff", "\n \n"])
def test_line_ends_and_blank_lines_do_not_matter(tree, end, last, start):
    tree.write(start + LINES[0], "", f" {LINES[2]} ", end=end, last=last)
    table = tree.read().table
    assert table["key"].tolist() == ["a_0", "b_0"]
    assert table["row"].tolist() == [1 + start.count("\n"), 3 + start.count("\n")]


def test_a_name_may_hold_blanks_and_letters_of_any_kind(tree):
    names = ("a  b c.JPG", "e\u0301t\u00e9.jpg", "1 2 3 4 5 6 7 8.png")
    tree.pictures(*names)
    lines = ["a  b c.jpg 0 0 0 9 9 50 1", "\u00e9t\u00e9.jpg\t0 0 0 9 9  50 2"]
    keys = tree.keys(*lines, "1 2 3 4 5 6 7 8.png 2 0 0 9 9 50 3")
    assert keys == ["a  b c_0", "\u00e9t\u00e9_0", "1 2 3 4 5 6 7 8_2"]


WRONG = {
    "short": ("b.jpg 0 0 0 9 9 3", "line", "b.jpg 0 0 0 9 9 3"),
    "face": ("b.jpg -1 0 0 9 9 50 3", "face_id", "-1"),
    "half a face": ("b.jpg 0.5 0 0 9 9 50 3", "face_id", "0.5"),
    "edge": ("b.jpg 0 x 0 9 9 50 3", "top", "x"),
    "no edge": ("b.jpg 0 0 nan 9 9 50 3", "left", "nan"),
    "width": ("b.jpg 0 0 9 9 9 50 3", "right", "9"),
    "height": ("b.jpg 0 9 0 9 8 50 3", "bottom", "8"),
    "confidence": ("b.jpg 0 0 0 9 9 inf 3", "confidence", "inf"),
    "code": ("b.jpg 0 0 0 9 9 50 7", "label", "7"),
    "no code": ("b.jpg 0 0 0 9 9 50 happy", "label", "happy"),
    "outside": ("../b.jpg 0 0 0 9 9 50 1", "image_name", "../b.jpg"),
    "not UTF-8": ("\udce9.jpg 0 0 0 9 9 50 1", "image_name", "\udce9.jpg"),
    "again": ("a.jpg 0 1 1 2 2 99 1", "face_id", "0"),
    "again in other words": ("a.JPG 00 1 1 2 2 99 1", "face_id", "00"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_line_is_named_and_nothing_else_is_lost(tree, name):
    line, field, value = WRONG[name]
    tree.write(LINES[0], line, LINES[1])
    found = tree.read()
    assert reasons(found) == [("label.lst", 2, field, value)]
    assert found.table["key"].tolist() == ["a_0", "a_1"]
    assert found.num_rows == 3


def test_a_list_of_wrong_lines_alone_is_all_rejected(tree):
    tree.write("b.jpg 0 0 0 9 9 50 9", "b.jpg")
    found = tree.read(validation_fraction=0.5)
    assert len(found.table) == 0 and found.num_rows == 2


def test_a_repeated_face_names_the_line_that_counts(tree):
    tree.write("a.jpg 0 0 0 9 9 50 9", *LINES, LINES[0])
    found = tree.read()
    assert [r[1] for r in reasons(found)] == [1, 5]
    assert found.rejects[1].reason == "is listed before, in line 2"


def test_names_that_differ_by_their_extension_keep_it(tree):
    tree.pictures("a.png")
    keys = tree.keys(*LINES[:2], "a.png 0 0 0 9 9 50 1", LINES[2])
    assert keys == ["a.jpg_0", "a.jpg_1", "a.png_0", "b_0"]


def test_pictures_are_found_in_folders_of_the_archives(tree):
    tree.pictures("part1/c.jpg", "part2/origin/D.JPG", "part1/b.jpg", "part2/b.jpg")
    lines = [f"{n} 0 0 0 9 9 50 1" for n in ("c.jpg", "D.jpg", "b.jpg", "x.jpg")]
    keys = tree.keys(*lines)
    assert keys == ["c_0", "D_0", "b_0"]
    found = tree.read()
    assert found.pictures.paths == ("part1/c.jpg", "part2/origin/D.JPG", "b.jpg")
    (tree.root / "image" / "origin" / "b.jpg").unlink()
    assert reasons(tree.read()) == [("label.lst", 3, "image_name", "b.jpg")]
    assert tree.read().dropped["train"]["no_image"] == 1


def test_what_is_left_out_is_counted(tree):
    tree.pictures("c.jpg", "d.PNG", "notes.txt")
    tree.write(*LINES, "x.jpg 0 0 0 9 9 1 1", "d.PNG 0 0 0 9 9 50 9")
    usual = {"invalid_label_only": 0, "no_image": 1, "no_annotation": 1}
    assert tree.read().dropped == {"train": usual}
    # Where there is no picture, its confidence does not matter.
    found = tree.read(min_confidence=60.5)
    assert found.table["key"].tolist() == ["a_0"]
    assert found.dropped == {"train": {**usual, "low_confidence": 2}}


def test_whole_pictures_show_one_face(tree):
    found = tree.read(align="none")
    assert found.table["key"].tolist() == ["b_0"]
    assert found.dropped["train"]["several_faces"] == 2
    (tree.root / "image" / "origin" / "b.jpg").write_bytes(b"as it is")
    assert found.pictures.read("b_0") == b"as it is"


def test_faces_of_a_picture_share_a_split(tree):
    names = [f"p{i}.jpg" for i in range(40)]
    tree.pictures(*names)
    lines = [f"{name} {f} 0 0 9 9 50 1" for f in range(3) for name in names[f:]]
    tree.write(*lines)
    found = tree.read(validation_fraction=0.25, seed=1)
    table = found.table.assign(name=found.table["key"].str.rpartition("_")[0])
    assert table.groupby("name")["split"].nunique().eq(1).all()
    assert (table["split"] == "validation").mean() == pytest.approx(0.25, abs=0.02)
    checks.check(found)
    other = tree.read(validation_fraction=0.25, seed=2).table["split"]
    assert not table["split"].equals(other)
    assert set(tree.read().table["split"]) == {"train"}


def test_what_is_missing_is_named(tree, tmp_path_factory):
    tree.write("", last=False)
    with pytest.raises(UserError, match=r"label.lst, which is empty"):
        tree.read()
    (tree.root / "label" / "label.lst").unlink()
    with pytest.raises(UserError, match=r"must hold label.lst"):
        tree.read()
    lone = Tree(tmp_path_factory.mktemp("lone"))
    (lone.root / "image").rename(lone.root / "faces")
    (lone.root / "faces" / "origin").rename(lone.root / "faces" / "all")
    with pytest.raises(UserError, match="must hold image/origin/"):
        lone.read()


def test_flags_reach_the_reader(tree):
    path = tree.root / "image" / "origin" / "a.jpg"
    path.write_bytes(picture(size=(100, 60)))
    given = ("--min_confidence=0", "--margin=0.5")
    found = expw.read(flags(expw, tree.root, *given, source="ex", size=48))
    assert found.table["source"].tolist() == ["ex", "ex"]
    assert (found.pictures.size, found.pictures.margin) == (48, 0.5)
    split = flags(expw, tree.root, validation_fraction=0.5, seed=3)
    assert set(expw.read(split).table["split"]) == {"train", "validation"}
    assert expw.read(flags(expw, tree.root)).table["source"].tolist() == ["expw"] * 3
    for wrong in ({"align": "landmarks"}, {"min_confidence": np.nan}):
        with pytest.raises(UserError) as caught:
            tree.read(**wrong)
        assert caught.value.exit_code == 2
