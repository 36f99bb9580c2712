"""AffectNet's release of March 2021: small files of numbers or text."""

import numpy as np
import pytest

from affect_tf.errors import UserError
from affect_tf.faces import alignment
from tests.tfrecords_builder.readers.face_trees import MARKS
from tests.tfrecords_builder.readers.face_trees import reasons
from tests.tfrecords_builder.readers.test_affectnet import Tree
from tfrecords_builder import checks
from tfrecords_builder.readers import affectnet


class Release:
    """`train_set` and `val_set` with three faces."""

    def __init__(self, root):
        self.root = root
        self.face("train_set", "12", exp="3", val="0.25", aro="-0.5", lnd=MARKS)
        self.face("train_set", "7", exp=1, val=-0.5, aro=1.0, lnd=MARKS.ravel())
        self.face("val_set", "7", exp=[2], val=b"0", aro=np.float32(0.5), lnd=MARKS)

    def face(self, folder, name, picture=".jpg", **arrays):
        for part in ("images", "annotations"):
            (self.root / folder / part).mkdir(parents=True, exist_ok=True)
        if picture:
            (self.root / folder / "images" / f"{name}{picture}").write_bytes(b"")
        for end, value in arrays.items():
            path = self.root / folder / "annotations" / f"{name}_{end}.npy"
            np.save(path, np.array(value), allow_pickle=True)

    def read(self, **options):
        return affectnet.annotations(self.root, **options)

    def train(self, **options):
        table = self.read(**options).table
        return table[table["split"] == "train"].set_index("key")


@pytest.fixture
def release(tmp_path):
    return Release(tmp_path)


def test_numbers_and_texts_are_labels(release):
    found = release.read()
    checks.check(found)
    table = found.table.set_index("key")
    columns = ["split", "expression", "valence", "arousal"]
    assert table[columns].to_numpy().tolist() == [
        ["train", "surprise", 0.25, -0.5],
        ["train", "happiness", -0.5, 1],
        ["validation", "sadness", 0, 0.5],
    ]
    assert table.index.tolist() == ["train_set/12", "train_set/7", "val_set/7"]
    assert set(table["row"]) == {0}
    assert table["origin"].iloc[2] == str(release.root / "val_set" / "annotations")
    assert found.pictures.stamp("val_set/7") != "absent"
    assert "val_set/annotations: 1 sadness." in found.notes
    wanted = alignment.five_points(MARKS)
    assert found.pictures.points == pytest.approx(np.stack([wanted] * 3), abs=1e-3)


def test_classes_and_cuts_are_those_of_the_lists(release):
    release.face("train_set", "1", exp=7, val=0.5, aro=0.5, lnd=MARKS)
    release.face("train_set", "2", exp=9, val=0.5, aro=0.5, lnd=MARKS)
    assert release.train().loc["train_set/1", "expression"] is None
    assert release.train(classes=8).loc["train_set/1", "expression"] == "contempt"
    assert release.read().dropped["train"]["invalid_label_only"] == 1
    boxes = release.read(align="box").pictures.boxes
    around = [*MARKS.min(0), *MARKS.max(0)]
    assert boxes == pytest.approx(np.array([around] * 4), abs=1e-3)


@pytest.mark.parametrize(
    "marks",
    [None, MARKS[:67], MARKS * np.nan, "no", 0 * MARKS]
    + [np.where(MARKS[0] == MARKS, none, MARKS) for none in (np.nan, np.inf)],
)
def test_without_landmarks_there_is_no_face(release, marks):
    arrays = {} if marks is None else {"lnd": marks}
    release.face("train_set", "1", exp=1, val=0.5, aro=0.5, **arrays)
    found = release.read()
    assert found.dropped["train"]["no_face"] == 1
    assert "train_set/1" not in set(found.table["key"])
    assert release.read(align="box").dropped["train"]["no_face"] == 1
    assert "train_set/1" in set(release.read(align="none").table["key"])


def test_a_label_may_be_absent(release):
    release.face("train_set", "1", exp="4", lnd=MARKS)
    release.face("train_set", "2", val=0.5, aro=0.5, lnd=MARKS)
    release.face("train_set", "3", exp=0, val=-2, aro=-2, lnd=MARKS)
    release.face("train_set", "4", lnd=MARKS)
    table = release.train()
    assert table.loc["train_set/1", "expression"] == "fear"
    assert np.isnan(table.loc["train_set/1", "valence"])
    assert table.loc["train_set/2", "expression"] is None
    assert table.loc["train_set/2", "valence"] == 0.5
    assert np.isnan(table.loc["train_set/3", "arousal"])
    assert release.read().dropped["train"]["invalid_label_only"] == 1


def test_pictures_and_annotations_may_be_alone(release):
    release.face("train_set", "1", picture=None, exp=1, val=0, aro=0, lnd=MARKS)
    release.face("val_set", "2", picture=".PNG")
    release.face("val_set", "3", picture=".PNG", exp=1, val=0, aro=0, lnd=MARKS)
    found = release.read()
    assert found.dropped["train"]["no_image"] == 1
    assert found.dropped["train"]["no_annotation"] == 0
    assert found.dropped["validation"]["no_annotation"] == 1
    assert found.pictures.stamp("val_set/3") != "absent"


@pytest.mark.parametrize(
    ("end", "value", "shown"),
    [
        ("exp", 11, "11"),
        ("exp", "happy", "happy"),
        ("exp", [1, 2], "2 values"),
        ("val", 1.5, "1.5"),
        ("val", np.nan, "nan"),
        ("aro", -2, "0.5"),
        ("aro", "", ""),
    ],
)
def test_a_wrong_file_costs_its_face(release, end, value, shown):
    labels = {"exp": 1, "val": 0.5, "aro": 0.5, "lnd": MARKS, end: value}
    release.face("train_set", "1", **labels)
    found = release.read()
    (reject,) = reasons(found)
    # Where one of the two is "none", the other is what is shown.
    file = "1_val.npy" if (end, value) == ("aro", -2) else f"1_{end}.npy"
    assert (reject[0], reject[1], reject[3]) == (file, 0, shown)
    assert len(found.table) == 3


def test_what_is_no_array_of_numbers_is_never_run(release):
    release.face("train_set", "1", exp=1, val=None, aro=0.5, lnd=MARKS)
    release.face("train_set", "2", exp=1, val=0.5, aro=0.5, lnd=MARKS)
    folder = release.root / "train_set" / "annotations"
    (folder / "2_aro.npy").write_bytes(b"")
    first, second = release.read().rejects
    assert first.file.endswith("1_val.npy") and "Object arrays" in first.value
    assert second.file.endswith("2_aro.npy") and "unreadable" in second.value


def test_one_folder_is_enough_and_nothing_is_an_error(tmp_path):
    (tmp_path / "val_set" / "annotations").mkdir(parents=True)
    with pytest.raises(UserError, match="train_set/annotations/<id>_exp.npy"):
        affectnet.annotations(tmp_path)
    Release(tmp_path).face("val_set", "1")
    for file in (tmp_path / "train_set" / "annotations").iterdir():
        file.unlink()
    (tmp_path / "train_set" / "annotations").rmdir()
    found = affectnet.annotations(tmp_path)
    assert found.table["key"].tolist() == ["val_set/7"]
    assert "There is no train_set/annotations." in found.notes


def test_lists_are_read_instead_where_they_are_asked_for(tmp_path):
    Tree(tmp_path), Release(tmp_path)
    assert "train_set/7" in set(affectnet.annotations(tmp_path).table["key"])
    asked = affectnet.annotations(tmp_path, lists="manual")
    assert asked.table["key"].tolist() == ["1/a", "1/b", "2/v"]
