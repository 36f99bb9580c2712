"""Labels and the frames of films: what is joined to what, and what is left over."""

import numpy as np
import pytest

from affect_tf.errors import UserError
from tests.tfrecords_builder.made_films import film
from tests.tfrecords_builder.made_films import frame
from tests.tfrecords_builder.made_films import photograph
from tests.tfrecords_builder.readers.test_video import NOBODY
from tests.tfrecords_builder.readers.test_video import ONE
from tests.tfrecords_builder.readers.test_video import read
from tests.tfrecords_builder.readers.test_video import squares  # noqa: F401
from tests.tfrecords_builder.readers.test_video import TWO

#: Somebody whose face a detector cannot see in frame 2.
BLINK = [ONE, ONE, NOBODY, ONE, ONE]


def labelled(folder, *lines, end="\n", **options):
    path = folder / "labels.csv"
    path.write_bytes(end.join([*lines, ""]).encode())
    return read(folder, labels=path, **options)


def happy(found):
    """The keys of the rows that are labelled as happy."""
    table = found.table
    return table.loc[table["expression"] == "happiness", "key"].tolist()


def test_labels_are_joined_by_frame_and_other_frames_stay_unlabelled(tmp_path):
    film(tmp_path / "in/a.mp4", BLINK)
    found = labelled(
        tmp_path, "video,frame,expression,AU4", "a,3,Happy,", "a,1,,1", "a,0,sad,0"
    )
    table = found.table.set_index("frame")
    assert table["expression"].tolist() == ["sadness", None, "happiness", None]
    assert table["AU4"].tolist() == pytest.approx([0, 1, np.nan, np.nan], nan_ok=True)
    assert table["row"].tolist() == [4, 3, 2, 0]
    origin = [name.rpartition("/")[2] for name in table["origin"]]
    assert origin == ["labels.csv"] * 3 + ["a.mp4"]
    # One clip, whose frames have different labels.
    assert table["clip"].nunique() == 1 and set(table["split"]) == {"train"}
    assert found.dropped == {"train": {"no_face": 1}} and not found.rejects


def test_labels_without_a_face_or_frame_are_counted(tmp_path):
    film(tmp_path / "in/a.mp4", BLINK)
    film(tmp_path / "in/b.mp4", [NOBODY])
    rows = ("a,0,joy", "a,2,joy", "a,5,joy", "a,99,joy", "b,0,joy", "c,0,joy")
    found = labelled(tmp_path, "video,frame,expression", *rows)
    assert happy(found) == ["a/00000"]
    # Frame 2 of a and frame 0 of b; frames 5 and 99 of a, and all of c.
    assert found.dropped == {"train": {"no_face": 2, "no_frame": 3}}
    assert not found.rejects and found.num_rows == 4


def test_times_mean_the_nearest_frame(tmp_path):
    # 25 frames a second, and a hole of 0.36 s between the fourth and the fifth.
    times = [0, 4, 8, 12, 48, 52, 56, 60, 64, 68, 72]
    film(tmp_path / "in/a.mkv", [ONE] * len(times), times=times)
    joy = "joy"
    rows = {
        -0.019: "a/00000",
        0.059: "a/00001",
        0.061: "a/00002",
        0.15: "a/00003",
        0.22: None,
        0.38: None,
        0.47: "a/00004",
        0.739: "a/00010",
        0.80: None,
    }
    found = labelled(
        tmp_path, "video,time,expression", *[f"a,{time},{joy}" for time in rows]
    )
    assert happy(found) == [key for key in rows.values() if key]
    assert found.dropped == {"train": {"no_frame": 3}}


def test_of_several_times_at_one_frame_the_nearest_counts(tmp_path):
    film(tmp_path / "in/a.mp4", [ONE] * 3)
    found = labelled(
        tmp_path,
        "video,time,expression",
        "a,0.03,fear",
        "a,0.041,joy",
        "a,0.055,fear",
    )
    assert happy(found) == ["a/00001"]
    assert found.dropped == {"train": {"nearer_label": 2}}


def test_two_labels_at_one_time_contradict_each_other(tmp_path):
    film(tmp_path / "in/a.mp4", [ONE] * 3)
    rows = ("a,0.04,joy", "a,0.040,fear", "a,0.08,joy")
    found = labelled(tmp_path, "video,time,expression", *rows)
    assert happy(found) == ["a/00002"] and not found.dropped
    assert [reject.row for reject in found.rejects] == [2, 3]


def test_a_person_can_be_named_and_otherwise_is_the_largest(tmp_path):
    film(tmp_path / "in/a.mp4", [TWO] * 3)
    rows = ("a,0,,joy", "a,1,0,joy", "a,1,1,fear", "a,2,7,joy")
    header = "video,frame,person,expression"
    found = labelled(tmp_path, header, *rows, keep="all")
    # The larger of the two is person 0: the detector gives it first.
    assert happy(found) == ["a/00000_p0", "a/00001_p0"]
    assert found.table.set_index("key").loc["a/00001_p1", "expression"] == "fear"
    assert found.dropped == {"train": {"no_face": 1}}
    largest = labelled(tmp_path, header, *rows)
    assert happy(largest) == ["a/00000", "a/00001"]
    assert largest.dropped == {"train": {"no_face": 2}}


def test_a_face_that_is_labelled_twice_is_not_labelled(tmp_path):
    film(tmp_path / "in/a.mp4", [TWO] * 2)
    rows = ("a,0,,joy", "a,0,0,fear", "a,1,1,joy", "a,1,1,joy", "a,1,0,joy")
    found = labelled(tmp_path, "video,frame,person,expression", *rows, keep="all")
    assert happy(found) == ["a/00001_p0"]
    assert sorted(reject.row for reject in found.rejects) == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("a,-1,joy,,", "frame"),
        ("a,1.5,joy,,", "frame"),
        ("a,,joy,,", "frame"),
        ("a,x,joy,,", "frame"),
        ("a,1,hapiness,,", "expression"),
        ("a,1,,3,0", "valence"),
        ("a,1,,nan,0", "valence"),
        ("a,1,,0.5,", "arousal"),
    ],
)
def test_a_row_that_breaks_a_rule_is_rejected_and_its_frame_stays(tmp_path, row, field):
    film(tmp_path / "in/a.mp4", [ONE] * 2)
    header = "video,frame,expression,valence,arousal"
    found = labelled(tmp_path, header, "a,0,joy,0.5,-1", row, end="\r\n")
    (reject,) = found.rejects
    assert (reject.row, reject.field) == (3, field)
    assert reject.file.endswith("labels.csv")
    assert len(found.table) == 2 and happy(found) == ["a/00000"]


def test_films_are_named_by_key_or_path_in_any_spelling(tmp_path):
    for name in ("sub/ä b.mp4", "c.avi", "c.mp4"):
        film(tmp_path / "in" / name, [ONE] * 4)
    photograph(tmp_path / "in/p.jpg", ONE)
    found = labelled(
        tmp_path,
        "video,frame,expression",
        "sub/a\u0308 b,0,joy",
        "sub\\ä b.mp4,1,joy",
        "./sub/ä b.mp4,2,joy",
        "c.avi,3,joy",
        "c,0,joy",
        "p.jpg,,joy",
    )
    keys = ["c.avi/00003", "p", "sub/ä b/00000", "sub/ä b/00001", "sub/ä b/00002"]
    assert sorted(happy(found)) == keys
    assert found.dropped == {"train": {"no_frame": 1}}


def test_a_subject_is_that_of_all_frames_of_a_person(tmp_path):
    film(tmp_path / "in/a.mp4", [TWO] * 3)
    film(tmp_path / "in/b.mp4", [ONE] * 2)
    header = "video,frame,person,subject,expression"
    rows = ("a,1,0,Ann,joy", "a,2,0,,joy", "b,0,,Ann,joy")
    found = labelled(tmp_path, header, *rows, keep="all")
    people = found.table.groupby(["video", "subject"]).size().to_dict()
    assert people == {("a", "Ann"): 3, ("a", "a/p1"): 3, ("b", "Ann"): 2}
    assert found.subjects_known and found.table["clip"].nunique() == 3


def test_a_track_that_is_two_people_is_of_both(tmp_path):
    film(tmp_path / "in/a.mp4", [ONE] * 3)
    rows = ("a,0,Ann,joy", "a,2,Bob,joy")
    found = labelled(tmp_path, "video,frame,subject,expression", *rows)
    assert found.table["subject"].tolist() == ["Ann", "a/p0", "Bob"]


def test_one_subject_with_two_faces_in_a_frame_is_an_error(tmp_path):
    film(tmp_path / "in/a.mp4", [TWO] * 3)
    rows = ("a,0,0,Ann,joy", "a,2,1,Ann,joy")
    header = "video,frame,person,subject,expression"
    with pytest.raises(UserError, match="one face in a frame.*persons 0, 1"):
        labelled(tmp_path, header, *rows, keep="all")


def test_a_split_is_that_of_the_whole_film(tmp_path):
    for name in "abc":
        film(tmp_path / f"in/{name}.mp4", [NOBODY, ONE, ONE])
    header = "video,frame,split,expression"
    rows = ("a,1,val,joy", "b,2,train,joy", "b,9,train,joy", "x,1,val,joy")
    found = labelled(tmp_path, header, *rows, split="test")
    splits = found.table.groupby("video")["split"].unique().map(list).to_dict()
    assert splits == {"a": ["validation"], "b": ["train"], "c": ["test"]}
    assert found.dropped == {
        "validation": {"no_face": 1, "no_frame": 1},
        "train": {"no_face": 1, "no_frame": 1},
        "test": {"no_face": 1},
    }
    with pytest.raises(UserError, match="--validation_fraction must be left out"):
        labelled(tmp_path, header, *rows, validation_fraction=0.5)


def test_people_stay_in_one_split_and_so_do_their_films(tmp_path):
    for name in "abcdef":
        film(tmp_path / f"in/{name}.mp4", [ONE] * 2)
    rows = ("a,0,Ann,joy", "b,0,Ann,joy", "b,1,Bob,joy", "c,0,Bob,joy", "d,0,Cy,joy")
    header = "video,frame,subject,expression"
    for seed in range(4):
        found = labelled(tmp_path, header, *rows, validation_fraction=0.4, seed=seed)
        split = found.table.drop_duplicates("video").set_index("video")["split"]
        assert split["a"] == split["b"] == split["c"]
        assert set(split) == {"train", "validation"}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["video,expression", "a,joy"], "column 'frame', or a column 'time'"),
        (["video,frame,time,expression", "a,0,0,joy"], "Received: both"),
        (["frame,expression", "0,joy"], "must have a 'video' column"),
        (["video,frame,expresion", "a,0,joy"], "Did you mean 'expression'"),
        (["video,frame,emotion", "a,0,joy"], "Is 'emotion' meant"),
        (["video,frame,expression"], "only a header"),
        (["video,frame,expression", "a,0"], "Every row must have the 3 cells"),
        (["video,frame,expression", "z,0,joy"], "Write 'a' or 'a.mp4'"),
        (["video,frame,valence", "a,0,1"], "must come together"),
    ],
)
def test_a_malformed_file_is_an_error_before_any_film_is_opened(
    tmp_path, lines, message
):
    film(tmp_path / "in/a.mp4", [ONE])
    with pytest.raises(UserError, match=message):
        labelled(tmp_path, *lines)
    assert not (tmp_path / "faces").exists()


def test_labels_of_a_damaged_film_are_not_used(tmp_path):
    path = film(tmp_path / "in/cut.avi", [ONE] * 60)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    film(tmp_path / "in/whole.avi", [ONE] * 2)
    rows = ("cut,0,joy", "whole,0,joy")
    found = labelled(tmp_path, "video,frame,expression", *rows)
    assert happy(found) == ["whole/00000"]
    assert found.dropped == {"train": {"no_frame": 1}} and len(found.rejects) == 1
    kept = labelled(tmp_path, "video,frame,expression", *rows, damaged="keep")
    assert happy(kept) == ["cut/00000", "whole/00000"]


def test_labels_follow_the_frame_through_gaps_and_not_the_row(tmp_path):
    # The square moves 4 pixels a frame, and is hidden in every third one.
    frames = [NOBODY if i % 3 == 1 else frame((4 * i, 8, 20)) for i in range(12)]
    film(tmp_path / "in/a.mp4", frames)
    rows = [f"a,{i},{i / 12},0" for i in range(12)]
    found = labelled(tmp_path, "video,frame,valence,arousal", *rows)
    seen = found.films.frames.dropna(subset="left").set_index("key")["left"]
    table = found.table.set_index("key")
    expected = seen[table.index] / 4 / 12
    assert len(table) == 8
    assert table["valence"].tolist() == pytest.approx(expected.tolist(), abs=0.03)
