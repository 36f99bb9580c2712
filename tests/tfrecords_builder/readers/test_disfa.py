"""DISFA: a file for each unit, joined to the frames of the films by number."""

import json

import pytest

from affect_tf.errors import UserError
from affect_tf.faces import detection
from tests.tfrecords_builder import made_films
from tests.tfrecords_builder.made_films import film
from tests.tfrecords_builder.made_films import frame
from tests.tfrecords_builder.readers.disfa_trees import expected
from tests.tfrecords_builder.readers.disfa_trees import labels
from tests.tfrecords_builder.readers.disfa_trees import place
from tests.tfrecords_builder.readers.disfa_trees import read
from tests.tfrecords_builder.readers.disfa_trees import tree
from tests.tfrecords_builder.readers.disfa_trees import write
from tfrecords_builder import command_line
from tfrecords_builder.readers import disfa
from tfrecords_builder.readers.disfa_labels import UNITS
from tfrecords_builder.runners import Local


@pytest.fixture(autouse=True)
def squares(monkeypatch):
    monkeypatch.setitem(detection.DETECTORS, "squares", lambda: made_films.find_squares)


@pytest.fixture
def one(tmp_path):
    return tree(tmp_path / "disfa", people=["SN001"])


def test_a_real_tree_gives_the_counts_that_it_should(shared_dir, tmp_path):
    root = shared_dir / "layouts/disfa"
    # Every frame is a face: whether a detector finds it is another matter.
    found = disfa.annotations(
        root, faces=tmp_path, detector="none", size=16, runner=Local(1)
    )
    table = found.table.set_index("key")
    wanted = json.loads((root / "expected.json").read_text())["splits"]["train"]
    assert len(table) == wanted["frames"] and not found.rejects
    assert found.dropped == {"train": wanted["dropped"]}
    positives = {unit: int(table[unit].sum()) for unit in UNITS}
    assert positives == wanted["au_positives"]
    for key, row in wanted["spot_rows"].items():
        assert table.loc[key, [*UNITS]].astype(int).to_dict() == row["au"]
    assert table.loc["SN012/00026", ["subject", "video", "frame"]].tolist() == [
        *("SN012", "SN012", 25)
    ]


def test_faces_of_a_real_film_are_found(shared_dir, tmp_path):
    pytest.importorskip("ai_edge_litert")
    root = shared_dir / "layouts/disfa"
    for path in (root / "ActionUnit_Labels/SN001").iterdir():
        write(
            tmp_path / "in",
            "SN001",
            path.stem.split("_")[1],
            [path.read_text().strip()],
        )
    target = tmp_path / "in/LeftVideoSN001_comp.avi"
    target.write_bytes(
        (root / "Videos_LeftCamera/LeftVideoSN001_comp.avi").read_bytes()
    )
    # Each frame shows somebody else: who follows a person loses some.
    assert len(read(tmp_path / "in", detector="default").table) >= 25


def test_labels_and_frames_are_joined_by_number(one):
    found = read(one)
    assert labels(found) == expected(range(1, 9))
    table = found.table
    assert table["frame"].tolist() == [*range(8)] and set(table["video"]) == {"SN001"}
    assert found.taxonomy.action_units == UNITS and found.taxonomy.tasks == ("au",)
    assert table["row"].tolist() == [*range(1, 9)]
    assert table["origin"].iloc[0].endswith("SN001_au1.txt")
    seen = found.films.frames
    assert seen["left"].tolist() == pytest.approx([place(n) for n in range(1, 9)])
    assert seen["key"].tolist() == table["key"].tolist()
    assert all(found.pictures.read(key) for key in table["picture"])


def test_a_frame_without_a_face_moves_nothing(tmp_path):
    found = read(tree(tmp_path / "disfa", ["SN001"], hidden=(1, 4)))
    assert labels(found) == expected([2, 3, 5, 6, 7, 8])
    assert found.dropped["train"]["no_face"] == 2
    assert "No face was found in 2 of 8 labelled frames." in found.notes
    seen = found.films.frames.set_index("key")["left"]
    for row in found.table.itertuples():
        assert seen[row.key] == pytest.approx(place(row.frame + 1))


def test_a_face_that_jumps_is_a_face_all_the_same(one):
    places = [(4, 8) if n % 2 else (60, 40) for n in range(8)]
    jumping = [frame((*place, 20)) for place in places]
    film(one / "Videos_LeftCamera/LeftVideoSN001_comp.avi", jumping)
    assert labels(read(one)) == expected(range(1, 9))


def test_a_missing_line_moves_nothing_and_masks_its_unit(one):
    lines = [f"{n},{(n + 4) % 6}" for n in range(1, 9) if n not in (1, 5)]
    write(one, "SN001", "AU4", lines)
    found = read(one)
    assert labels(found) == {**expected(range(1, 9)), **dict.fromkeys(
        ("SN001/00001", "SN001/00005")
    )}  # fmt: skip
    assert labels(found, "AU1") == expected(range(1, 9), unit=1)
    assert not found.rejects
    assert any("SN001 AU4 (in 2 of 8 frames)" in note for note in found.notes)


def test_lines_in_any_order_mean_the_same(one):
    lines = [f"{n},{(n + 4) % 6}" for n in range(1, 9)]
    before = read(one).table.drop(columns=["row"])
    write(one, "SN001", "AU4", lines[::-1], end="\r\n", last="")
    assert read(one).table.drop(columns=["row"]).equals(before)
    write(one, "SN001", "AU4", ["\ufeff" + lines[0], " ", *lines[1:], "", ""])
    assert read(one).table.drop(columns=["row"]).equals(before)


def test_frames_without_labels_and_labels_without_frames_are_counted(one):
    for unit in UNITS:
        write(one, "SN001", unit, [f"{n},0" for n in range(3, 13)])
    found = read(one)
    assert [*labels(found)] == [f"SN001/{n:05d}" for n in range(3, 9)]
    assert found.dropped["train"] == {
        "invalid_label_only": 0,
        "no_image": 4,
        "no_annotation": 2,
    }


def test_a_unit_without_a_file_is_unlabelled(tmp_path):
    tree(tmp_path / "disfa", ["SN001"], units=UNITS[2:4])
    write(tmp_path / "disfa", "SN001", "AU7", ["1,1"])
    found = read(tmp_path / "disfa")
    assert labels(found) == expected(range(1, 9))
    assert set(labels(found, "AU1").values()) == {None}
    assert "Units that DISFA lacks, left out: AU7." in found.notes
    assert found.taxonomy.action_units == UNITS


@pytest.mark.parametrize("threshold", [1, 3, 5])
def test_the_threshold_is_the_lowest_intensity_that_counts(one, threshold):
    found = read(one, threshold=threshold)
    assert labels(found) == expected(range(1, 9), threshold=threshold)


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("3,6", "intensity"),
        ("3,-1", "intensity"),
        ("3,1.5", "intensity"),
        ("3,nan", "intensity"),
        ("3,", "intensity"),
        ("3,x", "intensity"),
        ("0,1", "frame"),
        ("2.5,1", "frame"),
        (",1", "frame"),
        ("3", "line"),
        ("3,1,1", "line"),
        ("frame,intensity", "frame"),
    ],
)
def test_a_line_that_breaks_a_rule_is_rejected_and_its_unit_masked(one, line, field):
    lines = [f"{n},{(n + 4) % 6}" for n in range(1, 9)]
    path = write(one, "SN001", "AU4", [*lines[:2], line, *lines[3:]], end="\r\n")
    found = read(one)
    first = found.rejects[0]
    assert (first.file, first.row, first.field) == (str(path), 3, field)
    assert labels(found) == {**expected(range(1, 9)), "SN001/00003": None}
    assert labels(found, "AU1") == expected(range(1, 9), unit=1)


def test_a_frame_that_occurs_twice_is_rejected_both_times(one):
    lines = [f"{n},{(n + 4) % 6}" for n in range(1, 9)]
    write(one, "SN001", "AU4", [*lines, "2,5"])
    found = read(one)
    assert [reject.row for reject in found.rejects] == [2, 9]
    assert labels(found)["SN001/00002"] is None


def test_people_are_split_as_wholes(tmp_path):
    people = [f"SN{n:03d}" for n in range(1, 7)]
    tree(tmp_path / "disfa", people, count=2, hidden=(2,))
    found = read(tmp_path / "disfa", validation_fraction=0.34)
    split = found.table.drop_duplicates("subject").set_index("subject")["split"]
    assert split.value_counts().to_dict() == {"train": 4, "validation": 2}
    assert {s: c["no_face"] for s, c in found.dropped.items()} == {
        "train": 4,
        "validation": 2,
    }
    assert set(read(tmp_path / "disfa").table["split"]) == {"train"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 0}, "--threshold must lie in 1 ... 5"),
        ({"threshold": 6}, "--threshold must lie in 1 ... 5"),
        ({"camera": "top"}, "--camera must be one of left, right"),
        ({"camera": "right"}, "films of the right camera"),
        ({"images": "nowhere"}, "--images must be a folder"),
        ({"validation_fraction": 2.0}, "must lie in"),
    ],
)
def test_a_wrong_option_is_an_error_with_advice(one, options, message):
    with pytest.raises(UserError, match=message):
        read(one, **options)


def test_a_folder_without_labels_is_an_error_with_advice(tmp_path):
    film(tmp_path / "in/LeftVideoSN001_comp.avi", [frame()])
    with pytest.raises(UserError, match="ActionUnit_Labels"):
        read(tmp_path / "in")
    write(tmp_path / "in", "SN001", "AU4", ["frame,intensity"])
    with pytest.raises(UserError, match="must hold lines of frame,intensity"):
        read(tmp_path / "in")
    path = write(tmp_path / "in/copy", "SN001", "AU4", ["1,1"])
    with pytest.raises(UserError, match="must have one label file") as error:
        read(tmp_path / "in")
    assert str(path) in str(error.value)


def test_the_command_line_reaches_every_option(one, tmp_path):
    film(one / "Video_RightCamera/RightVideoSN001_Comp.avi", [frame()] * 8)
    arguments = [f"--root={one}", "--camera=right", "--threshold=3", "--source=pain"]
    arguments += ["--detector=none", "--workers=1", "--size=24"]
    _, (part,) = command_line.parse(
        ["--dataset=disfa", *arguments, f"--out={tmp_path / 'out'}"]
    )
    found = command_line.read(part)
    assert labels(found) == expected(range(1, 9), threshold=3)
    assert set(found.table["source"]) == {"pain"}
    assert found.films.films["file"].item().startswith("Video_RightCamera")
    assert (tmp_path / "out/.faces").is_dir()
