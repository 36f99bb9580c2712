"""AffectNet's pictures: where they are, how they are named and where the face is."""

import numpy as np
import pytest

from affect_tf.errors import UserError
from affect_tf.faces import alignment
from tests.tfrecords_builder.readers.face_trees import flags
from tests.tfrecords_builder.readers.face_trees import MARKS
from tests.tfrecords_builder.readers.face_trees import reasons
from tests.tfrecords_builder.readers.test_affectnet import HEADER
from tests.tfrecords_builder.readers.test_affectnet import row
from tests.tfrecords_builder.readers.test_affectnet import TEXT
from tests.tfrecords_builder.readers.test_affectnet import Tree
from tfrecords_builder.picture_source import PictureFiles
from tfrecords_builder.readers import affectnet
from tfrecords_builder.readers import affectnet_lists


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def place(annotations, key):
    """How a face is cut: "points", or the box."""
    pictures = annotations.pictures
    number = pictures.rows[key]
    points, box = pictures.points[number], pictures.boxes[number]
    assert np.isfinite(points).all() != np.isfinite(box).all()
    return "points" if np.isfinite(points).all() else box.tolist()


def test_landmarks_become_five_points_in_pixels(tree):
    pictures = tree.read().pictures
    points = pictures.points[pictures.rows["1/a"]]
    assert points == pytest.approx(alignment.five_points(np.round(MARKS, 2)), abs=1e-3)


@pytest.mark.parametrize(
    "marks",
    ["", TEXT.rpartition(";")[0], TEXT + ";1", TEXT.replace("20.00", "nan", 1), "x;y"]
    + [TEXT.replace(";", " ", 1), ";".join(["0"] * 136), TEXT.replace("20.00", "", 1)],
)
def test_without_usable_landmarks_the_box_counts(tree, marks):
    tree.train(row("1/a.jpg", marks=marks), row("1/b.jpg"))
    found = tree.read()
    assert place(found, "1/a") == [8, 6, 68, 66]
    assert place(found, "1/b") == "points"
    assert any("by their box: 1." in note for note in found.notes)
    assert not found.rejects


@pytest.mark.parametrize("box", ["8,6,-1,60", "8,6,60,0", ",,,", "8,,60,60"])
def test_without_a_box_the_landmarks_count(tree, box):
    tree.train(row("1/a.jpg", box=box), row("1/b.jpg"))
    assert place(tree.read(), "1/a") == "points"
    around = [*MARKS.min(0), *MARKS.max(0)]
    assert place(tree.read(align="box"), "1/a") == pytest.approx(around, abs=0.01)
    assert place(tree.read(align="box"), "1/b") == [8, 6, 68, 66]


def test_without_both_there_is_no_face(tree):
    tree.train(row("1/a.jpg", box="8,6,-1,60", marks=""), row("1/b.jpg"))
    for align in ("landmarks", "box"):
        found = tree.read(align=align)
        assert found.table["key"].tolist() == ["1/b", "2/v"]
        assert found.dropped["train"]["no_face"] == 1
    whole = tree.read(align="none")
    assert whole.table["key"].tolist() == ["1/a", "1/b", "2/v"]
    assert isinstance(whole.pictures, PictureFiles)
    tree.images.joinpath("1/a.jpg").write_bytes(b"as it is")
    assert whole.pictures.read("1/a") == b"as it is"


def test_a_trailing_semicolon_is_no_landmark(tree):
    tree.train(row("1/a.jpg", marks=f" {TEXT}; "))
    assert place(tree.read(), "1/a") == "points"


def test_names_are_found_as_they_are_and_in_other_spellings(tree):
    composed, apart = "2/\u00e9 t\u00e9.jpg", "2/e\u0301 te\u0301.jpg"
    tree.pictures("1/x.JPG", "1/Y.jpeg", apart, "3/q,r.png")
    names = ["1/x.jpg", "1\\Y.JPEG", composed, '"3/q,r.PNG"', "./1//a.jpg", "1/B.jpg"]
    table = tree.train(*[row(name) for name in names])
    keys = ["1/x", "1/Y", apart[:-4], "3/q,r", "1/a"]
    assert table.index.tolist() == keys
    assert tree.read().dropped["train"]["no_image"] == 1


def test_names_that_differ_by_their_extension_keep_it(tree):
    tree.pictures("1/a.png")
    table = tree.train(row("1/a.jpg", 1), row("1/a.png", 2), row("1/b.jpg"))
    assert table["expression"].to_dict() == {
        "1/a.jpg": "happiness",
        "1/a.png": "sadness",
        "1/b": "happiness",
    }


def test_a_picture_is_listed_once_and_in_one_split(tree):
    tree.pictures("1/z.JPG")
    lines = [row("1/a.jpg", 1), row("1/z.jpg"), row("1\\a.jpg", 2), row("1/z.JPG", 3)]
    tree.write("training.csv", HEADER, *lines, row("2/v.jpg", 4), row("2/c.jpg"))
    found = tree.read()
    assert reasons(found) == [
        ("training.csv", 4, "subDirectory_filePath", "1/a"),
        ("training.csv", 5, "subDirectory_filePath", "1/z"),
    ]
    assert found.rejects[1].reason == "is listed before, in line 3"
    table = found.table.set_index("key")
    assert table.index.tolist() == ["1/a", "1/z", "2/c", "2/v"]
    assert table.loc["2/v", ["split", "expression"]].tolist() == [
        "validation",
        "sadness",
    ]
    assert found.dropped["train"]["leakage"] == 1


def test_what_does_not_validate_does_not_leak(tree):
    tree.write("validation.csv", row("1/a.jpg", 10), row("2/v.jpg"))
    found = tree.read()
    assert found.table["key"].tolist() == ["1/a", "1/b", "2/v"]
    assert "leakage" not in found.dropped["train"]


def test_automatic_lists_are_read_where_they_are_wanted(tree):
    other = (
        tree.root / "Automatically_Annotated_compressed/Automatically_Annotated_Images"
    )
    (other / "1").mkdir(parents=True)
    (other / "1" / "a.jpg").write_bytes(b"")
    (tree.root / "Automatically_annotated.csv").write_text(f"{HEADER}\n{row(code=6)}\n")
    assert tree.read().table["key"].tolist() == ["1/a", "1/b", "2/v"]
    assert tree.read(lists="automatic").table["key"].tolist() == ["automatic/1/a"]
    both = tree.read(lists="both")
    assert both.table["key"].tolist() == ["1/a", "1/b", "2/v", "automatic/1/a"]
    assert both.table["split"].tolist() == ["train", "train", "validation", "train"]
    stamps = {both.pictures.stamp(key) for key in both.table["key"]}
    assert "absent" not in stamps
    paths = both.pictures.paths
    assert paths[3] == (other / "1/a.jpg").relative_to(tree.root).as_posix()


def test_lists_and_pictures_may_lie_deeper(tree):
    inner = tree.root / "Manually_Annotated_compressed"
    inner.mkdir()
    tree.images.rename(inner / "Manually_Annotated_Images")
    assert tree.read().table["key"].tolist() == ["1/a", "1/b", "2/v"]
    (inner / "Manually_Annotated_Images").rename(tree.root / "x")
    inner.rmdir()
    (tree.root / "x").rename(inner)
    assert tree.read().table["key"].tolist() == ["1/a", "1/b", "2/v"]


def test_chunks_do_not_change_anything(tree, monkeypatch):
    tree.pictures(*[f"3/{i}.jpg" for i in range(7)])
    lines = [row(f"3/{i}.jpg", i % 3, marks="" if i == 4 else TEXT) for i in range(7)]
    tree.write("training.csv", HEADER, *lines)
    whole = tree.read()
    monkeypatch.setattr(affectnet_lists, "_CHUNK", 2)
    parts = tree.read()
    assert parts.table.equals(whole.table)
    assert np.array_equal(parts.pictures.points, whole.pictures.points, equal_nan=True)


def test_one_list_is_enough_and_a_list_without_rows_is_noted(tree):
    tree.write("validation.csv", HEADER, last=False)
    assert "validation.csv holds no row." in tree.read().notes
    tree.write("validation.csv", last=False)
    assert tree.read().table["split"].tolist() == ["train", "train"]
    (tree.lists / "validation.csv").unlink()
    found = tree.read()
    assert "There is no validation.csv." in found.notes
    assert "Pictures of Manually_Annotated_Images that no row names: 2." in found.notes
    (tree.lists / "training.csv").unlink()
    with pytest.raises(UserError, match=r"must hold training.csv or validation.csv"):
        tree.read()


def test_what_is_missing_is_named(tree):
    tree.images.rename(tree.root / "faces")
    with pytest.raises(UserError, match="must hold a folder Manually_Annotated_Images"):
        tree.read()
    with pytest.raises(UserError, match=r"automatically_annotated.csv|Automatically"):
        tree.read(lists="automatic")
    with pytest.raises(UserError, match="--root must be a folder"):
        affectnet.annotations(tree.root / "nowhere")


def test_flags_reach_the_reader(tree):
    given = ("--classes=8", "--lists=manual", "--align=box", "--margin=0.5")
    found = affectnet.read(flags(affectnet, tree.root, *given, source="an", size=64))
    assert set(found.table["source"]) == {"an"}
    assert found.taxonomy.name == "an" and len(found.taxonomy.expressions) == 8
    assert (found.pictures.size, found.pictures.margin) == (64, 0.5)
    assert place(found, "1/a") == [8, 6, 68, 66]
    plain = affectnet.read(flags(affectnet, tree.root))
    assert plain.taxonomy.name == "affectnet" and len(plain.taxonomy.expressions) == 7
    assert place(plain, "1/a") == "points" and plain.pictures.size == 112
    assert not plain.subjects_known and plain.reader == "affectnet"


@pytest.mark.parametrize(
    ("option", "value"),
    [("classes", 9), ("lists", "all"), ("align", "eyes"), ("margin", -1), ("size", 0)],
)
def test_a_wrong_option_is_refused_by_name(tree, option, value):
    with pytest.raises(UserError, match=f"--{option} must") as caught:
        tree.read(**{option: value})
    assert caught.value.exit_code == 2


def test_the_split_of_the_data_set_stays(tree):
    with pytest.raises(UserError, match="--validation_fraction must be left out"):
        affectnet.read(flags(affectnet, tree.root, validation_fraction=0.2))
    with pytest.raises(UserError, match="must come with --root"):
        affectnet.read(flags(affectnet, ""))
