"""AFEW-VA: clips, frames and their numbers, and JSON files that are wrong."""

import json
import pickle

import numpy as np
import pytest

from affect_tf.errors import UserError
from affect_tf.faces import alignment
from tests.tfrecords_builder.readers.face_trees import check_expected
from tests.tfrecords_builder.readers.face_trees import flags
from tests.tfrecords_builder.readers.face_trees import MARKS
from tests.tfrecords_builder.readers.face_trees import reasons
from tfrecords_builder import checks
from tfrecords_builder.picture_source import PictureFiles
from tfrecords_builder.readers import afew_va


def frame(valence=-2, arousal=5, marks=MARKS):
    found = {"valence": valence, "arousal": arousal}
    return found | ({} if marks is None else {"landmarks": np.array(marks).tolist()})


class Tree:
    """Clips of empty pictures: "001" of three frames, "002" of two."""

    def __init__(self, root):
        self.root = root
        self.clip("01/001", {f"{i:05d}": frame(i) for i in range(3)})
        self.clip("02/002", {f"{i:05d}": frame(-i) for i in range(2)})

    def clip(self, folder, frames, pictures=None, text=None):
        """Writes a clip; by default with a picture for each frame."""
        place = self.root / folder
        place.mkdir(parents=True, exist_ok=True)
        for name in [f"{n}.png" for n in frames] if pictures is None else pictures:
            (place / name).write_bytes(b"")
        if text is None:
            text = json.dumps({"video_id": place.name, "frames": frames}, indent=1)
        (place / f"{place.name}.json").write_bytes(text.encode())

    def read(self, **options):
        return afew_va.annotations(self.root, **options)

    def keys(self, **options):
        return self.read(**options).table["key"].tolist()


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


USUAL = ["001/00000", "001/00001", "001/00002", "002/00000", "002/00001"]


def test_real_pictures_give_what_is_expected(shared_dir):
    root = shared_dir / "layouts" / "afew_va"
    found = afew_va.annotations(root)
    checks.check(found)
    check_expected(found, root)
    assert not found.rejects
    pictures = pickle.loads(pickle.dumps(found.pictures))
    assert all(pictures.read(k).startswith(b"\xff\xd8") for k in found.table["key"])


def test_tenths_become_values_and_names_become_frames(tree):
    tree.clip("03/x y", {"00000": frame(-10, 10), "00012": frame(3, 0.5)})
    table = tree.read().table.set_index("key")
    assert table.index.tolist() == [*USUAL, "x y/00000", "x y/00012"]
    assert table.loc["x y/00000", ["valence", "arousal"]].tolist() == [-1, 1]
    assert table.loc["x y/00012", ["valence", "arousal"]].tolist() == [0.3, 0.05]
    assert table.loc["x y/00012", ["frame", "video", "subject"]].tolist() == [
        12,
        "x y",
        "x y",
    ]
    assert table.loc["x y/00000", "origin"] == str(tree.root / "03/x y/x y.json")
    assert set(table["split"]) == {"train"} and set(table["row"]) == {0}
    assert not table["expression"].notna().any()


def test_frames_and_pictures_are_matched_by_number(tree):
    pictures = ["3.PNG", "00004.jpg", "00006.png", "00007.png", "thumb.png", "a.txt"]
    frames = {"00003": frame(3), "4": frame(4), "00005": frame(5)}
    tree.clip("03/003", frames, pictures)
    found = tree.read()
    assert tree.keys() == [*USUAL, "003/00003", "003/00004"]
    assert found.pictures.paths[-2:] == ("03/003/3.PNG", "03/003/00004.jpg")
    assert found.dropped["train"]["no_image"] == 1
    assert found.dropped["train"]["no_annotation"] == 3


def test_clips_without_annotation_or_pictures_are_counted(tree):
    tree.clip("03/003", {"00000": frame(), "00001": frame()}, pictures=())
    tree.clip("03/004", {}, ["00000.png"])
    (tree.root / "03/004/004.json").unlink()
    tree.clip("03/005", {}, ["00000.png"])
    (tree.root / "readme.json").write_text("no clip")
    (tree.root / "cover.png").write_bytes(b"")
    (tree.root / "03/about.json").write_text("no clip")
    (tree.root / "03/005/._005.json").write_text("left by an archive")
    found = tree.read()
    assert found.table["key"].tolist() == USUAL and not found.rejects
    dropped = {"invalid_label_only": 0, "no_image": 2, "no_annotation": 2}
    assert found.dropped == {"train": dropped}


WRONG = {
    "range": (frame(11), "valence", "00001: 11"),
    "negative": (frame(0, -10.5), "arousal", "00001: -10.5"),
    "NaN": (frame(float("nan")), "valence", "00001: nan"),
    "infinite": (frame(0, float("inf")), "arousal", "00001: inf"),
    "text": (frame("3"), "valence", "00001: '3'"),
    "truth": (frame(True), "valence", "00001: True"),
    "null": (frame(None), "valence", "00001: ''"),
    "absent": ({"valence": 1, "landmarks": MARKS.tolist()}, "arousal", "00001: ''"),
    "list": ([1, 2], "frame", "00001"),
    "67": (frame(marks=MARKS[:67]), "landmarks", "00001"),
    "3-D": (frame(marks=np.ones((68, 3))), "landmarks", "00001"),
    "word": (frame(marks=["x"] * 68), "landmarks", "00001"),
    "ragged": (frame() | {"landmarks": [[1, 2]] * 67 + [[1]]}, "landmarks", "00001"),
    "NaN mark": (frame(marks=MARKS * np.nan), "landmarks", "00001"),
    "null mark": (frame() | {"landmarks": [[None, 1]] * 68}, "landmarks", "00001"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_frame_is_named_and_nothing_else_is_lost(tree, name):
    wrong, field, value = WRONG[name]
    tree.clip("01/001", {"00000": frame(), "00001": wrong, "00002": frame()})
    found = tree.read()
    assert reasons(found) == [("001.json", 0, field, value)]
    assert found.table["key"].tolist() == [USUAL[0], *USUAL[2:]]
    assert found.num_rows == 5


@pytest.mark.parametrize("name", ["x", "-1", "\u0661", "1.5", ""])
def test_the_name_of_a_frame_is_a_number(tree, name):
    tree.clip("01/001", {"00000": frame(), name: frame()}, ["00000.png"])
    assert reasons(tree.read()) == [("001.json", 0, "frame", name)]


def test_a_frame_is_described_once(tree):
    body = json.dumps(frame())
    text = ", ".join(f'"{n}": {body}' for n in ("00000", "00001", "00001", "2", "02"))
    twice = body.replace("{", '{"valence": 3, ', 1)
    tree.clip("01/001", {}, (), f'{{"frames": {{{text}, "00003": {twice}}}}}')
    (tree.root / "01/001/00003.png").write_bytes(b"")
    found = tree.read()
    assert [r[2:] for r in reasons(found)] == [
        ("frame", "00001"),
        ("frame", "02"),
        ("frame", "00003"),
    ]
    assert found.table["key"].tolist() == [USUAL[0], *USUAL[2:]]
    assert found.dropped["train"]["no_annotation"] == 0


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"frames": []}', '{"frames": 3}', "null", "\x00", "[" * 9999]
    + ['{"frames": {}, "frames": {}}'],
)
def test_a_broken_file_costs_its_own_clip(tree, text):
    tree.clip("01/001", {}, text=text)
    found = tree.read()
    file = str(tree.root / "01/001/001.json")
    names = [f"{i:05d}.png" for i in range(3)]
    assert [r[:4] for r in found.rejects] == [(file, 0, "clip", n) for n in names]
    assert found.table["key"].tolist() == USUAL[3:]
    assert found.num_rows == 5 and found.dropped["train"]["no_annotation"] == 0


def test_a_file_that_is_no_text_costs_its_own_clip(tree):
    (tree.root / "02/002/002.json").write_bytes(b'{"frames": "\xe9"}')
    assert tree.keys() == USUAL[:3]
    assert len(tree.read().rejects) == 2


def test_one_json_file_of_any_name_will_do(tree):
    path = tree.root / "01/001/001.json"
    path.rename(path.with_name("labels.JSON"))
    assert tree.keys() == USUAL
    (tree.root / "01/001/other.json").write_text("{}")
    found = tree.read()
    assert found.table["key"].tolist() == USUAL[3:] and len(found.rejects) == 3
    (tree.root / "01/001/001.JSON").write_bytes(
        (path.parent / "labels.JSON").read_bytes()
    )
    assert tree.keys() == USUAL


def test_the_name_of_a_clip_occurs_once(tree):
    tree.clip("03/001", {"00007": frame()})
    found = tree.read()
    assert found.table["key"].tolist() == USUAL
    (reject,) = found.rejects
    assert reject.file == str(tree.root / "03/001") and reject.value == "00007.png"
    assert str(tree.root / "01/001") in reject.reason


def test_landmarks_say_where_the_face_is(tree):
    for none in (None, [], np.zeros((68, 2))):
        tree.clip("01/001", {"00000": frame(marks=none)}, ())
        found = tree.read()
        assert found.table["key"].tolist() == USUAL[3:]
        assert found.dropped["train"]["no_face"] == 1 and not found.rejects
    tree.clip("01/001", {"00000": frame(marks=MARKS[:3])}, ())
    whole = tree.read(align="none")
    assert whole.table["key"].tolist() == [USUAL[0], *USUAL[3:]]
    assert isinstance(whole.pictures, PictureFiles)
    points = tree.read().pictures.points[0]
    assert points == pytest.approx(alignment.five_points(MARKS), abs=1e-3)
    boxed = tree.read(align="box").pictures
    assert boxed.boxes[0] == pytest.approx([*MARKS.min(0), *MARKS.max(0)], abs=1e-3)
    assert np.isnan(boxed.points).all()


def test_clips_are_split_as_a_whole(tree):
    for i in range(20):
        tree.clip(f"04/{100 + i}", {f"{n:05d}": frame() for n in range(4)})
        (tree.root / f"04/{100 + i}/00009.png").write_bytes(b"")
    found = tree.read(validation_fraction=0.5, seed=1)
    checks.check(found)
    assert found.table.groupby("video")["split"].nunique().eq(1).all()
    parts = found.table["split"].value_counts()
    assert parts["validation"] == pytest.approx(parts["train"], abs=8)
    alone = {s: found.dropped[s]["no_annotation"] for s in found.dropped}
    videos = found.table[found.table["video"] >= "1"].groupby("split")["video"]
    assert alone == videos.nunique().to_dict()
    other = tree.read(validation_fraction=0.5, seed=2).table["split"]
    assert not found.table["split"].equals(other)


def test_what_is_missing_is_named(tmp_path):
    (tmp_path / "01/001").mkdir(parents=True)
    (tmp_path / "01/001/00000.png").write_bytes(b"")
    with pytest.raises(UserError, match="must hold <NN>/<clip>/<clip>.json"):
        afew_va.annotations(tmp_path)


def test_flags_reach_the_reader(tree):
    given = ("--align=box", "--margin=0.25")
    found = afew_va.read(flags(afew_va, tree.root, *given, source="fv", size=64))
    assert set(found.table["source"]) == {"fv"} and found.taxonomy.tasks == ("va",)
    assert (found.pictures.size, found.pictures.margin) == (64, 0.25)
    assert np.isnan(found.pictures.points).all()
    split = flags(afew_va, tree.root, validation_fraction=0.5, seed=3)
    assert set(afew_va.read(split).table["split"]) == {"train", "validation"}
    plain = afew_va.read(flags(afew_va, tree.root))
    assert np.isfinite(plain.pictures.points).all() and plain.pictures.size == 112


def acted(tree, *actors):
    """Gives the clips of a tree, in order of name, their actors."""
    for path, actor in zip(sorted(tree.root.rglob("*.json")), actors, strict=True):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"actor": actor}))


def test_an_actor_of_two_clips_is_one_subject_of_one_split(tree):
    tree.clip("03/003", {"00000": frame()})
    acted(tree, "ann", "bob", "ann")
    found = tree.read(validation_fraction=0.4)
    subjects = found.table.groupby("video")["subject"].first()
    assert subjects.tolist() == ["ann", "bob", "ann"]
    assert found.table.groupby("subject")["split"].nunique().eq(1).all()
    assert {*found.table["split"]} == {"train", "validation"}
    assert found.subjects_known and not found.notes


def test_a_clip_without_an_actor_is_a_person_of_its_own(tree):
    acted(tree, "ann", None)
    found = tree.read()
    assert {*found.table["subject"]} == {"ann", "002"}
    assert "2 of 5 frames" in found.notes[0] and found.subjects_known
