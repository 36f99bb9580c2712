"""Films and photographs as a data set: names, people, clips, splits."""

import pickle
import re

import numpy as np
import pytest

from affect_tf.errors import UserError
from affect_tf.faces import detection
from tests.tfrecords_builder import made_films
from tests.tfrecords_builder.made_films import film
from tests.tfrecords_builder.made_films import frame
from tests.tfrecords_builder.made_films import photograph
from tfrecords_builder import checks
from tfrecords_builder import command_line
from tfrecords_builder import writer
from tfrecords_builder.readers import footage
from tfrecords_builder.readers import video
from tfrecords_builder.runners import Local


@pytest.fixture(autouse=True)
def squares(monkeypatch):
    monkeypatch.setitem(detection.DETECTORS, "squares", lambda: made_films.find_squares)


def read(folder, name="in", **options):
    options = {"detector": "squares", "size": 16, "runner": Local(1), **options}
    found = video.annotations(folder / name, folder / "faces", **options)
    checks.check(found)
    return found


ONE = frame((4, 8, 20))
TWO = frame((4, 8, 24), (50, 8, 30))
NOBODY = frame()


def test_the_frames_of_a_person_are_a_clip_with_gaps(tmp_path):
    film(tmp_path / "in/sub/a b.mp4", [NOBODY, ONE, ONE, NOBODY, ONE])
    found = read(tmp_path)
    table = found.table
    assert table["key"].tolist() == [f"sub/a b/0000{i}" for i in (1, 2, 4)]
    assert table["frame"].tolist() == [1, 2, 4]
    assert set(table["clip"]) == {"sub/a b/00001"}
    assert set(table["subject"]) == {"sub/a b/p0"} and set(table["video"]) == {
        "sub/a b"
    }
    assert set(table["split"]) == {"test"} and set(table["source"]) == {"video"}
    assert found.dropped == {"test": {"no_face": 2}}
    assert not found.subjects_known and found.taxonomy.tasks == ()
    assert found.films.frames["key"].tolist()[0] == "" and len(found.films.frames) == 5
    assert "photograph" not in found.films.frames
    pictures = pickle.loads(pickle.dumps(found.pictures))
    assert all(pictures.read(key) for key in table["picture"])


def test_long_films_are_cut_into_clips(tmp_path):
    film(tmp_path / "in/a.mp4", [ONE] * 7)
    assert read(tmp_path, clip_frames=3).table["clip"].tolist() == [
        *["a/00000"] * 3,
        *["a/00003"] * 3,
        "a/00006",
    ]
    stills = read(tmp_path, clip_frames=1).table
    assert stills["clip"].tolist() == stills["key"].tolist()


def test_everybody_has_clips_of_their_own(tmp_path):
    film(tmp_path / "in/a.mp4", [TWO] * 3)
    photograph(tmp_path / "in/b.jpg", TWO)
    table = read(tmp_path, keep="all").table
    assert table["key"].tolist()[:2] == ["a/00000_p0", "a/00000_p1"]
    assert table.groupby("subject")["clip"].nunique().to_dict() == {
        "a/p0": 1,
        "a/p1": 1,
        "b/p0": 1,
        "b/p1": 1,
    }
    photo = table[table["video"] == ""]
    assert photo["clip"].tolist() == photo["key"].tolist() == ["b_p0", "b_p1"]
    assert len(read(tmp_path).table) == 4


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["a.mp4", "b.jpg"], ["a", "b"]),
        (["a.mp4", "a.avi", "b/a.mp4"], ["a.mp4", "a.avi", "b/a"]),
        (["a.mp4", "a.avi", "a.mp4.avi"], ["a.mp4", "a.avi", "a.mp4.avi"]),
        (["a.mp4", "a/00000.jpg"], ["a.mp4", "a/00000"]),
        (["a.mp4", "a/x/y.jpg"], ["a.mp4", "a/x/y"]),
        (["a.jpg", "a.png"], ["a.jpg", "a.png"]),
        (["Zoë 1.MOV", ".x/a.mp4"], ["Zoë 1", ".x/a"]),
    ],
)
def test_no_two_films_have_the_same_name(files, expected):
    assert footage.names(files) == expected


def test_films_are_found_by_extension_in_any_case_and_order_of_names(tmp_path):
    for name in ("b.MP4", "a.avi", "sub/c.mov"):
        film(tmp_path / "in" / name, [ONE])
    photograph(tmp_path / "in/d.PNG", ONE)
    (tmp_path / "in/notes.txt").write_text("no film")
    film(tmp_path / "in/.hidden.mp4", [ONE])
    found = footage.find(tmp_path / "in")
    assert [each.file for each in found] == ["a.avi", "b.MP4", "d.PNG", "sub/c.mov"]
    assert [each.is_film for each in found] == [True, True, False, True]
    (one,) = footage.find(tmp_path / "in/b.MP4")
    assert (one.name, one.file) == ("b", "b.MP4")


def test_the_crop_files_of_a_build_are_no_input(tmp_path):
    photograph(tmp_path / "in/a.jpg", ONE)
    options = {"detector": "squares", "runner": Local(1)}
    for _ in range(2):
        found = video.annotations(tmp_path / "in", tmp_path / "in/.faces", **options)
        assert found.table["key"].tolist() == ["a"]


@pytest.mark.parametrize("root", ["none", "empty", ""])
def test_nothing_to_read_is_an_error_with_advice(tmp_path, root):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="--root must"):
        video.annotations(root and tmp_path / root, tmp_path / "faces")


def test_films_without_a_face_build_a_folder_without_a_shard(tmp_path):
    film(tmp_path / "in/a.mp4", [NOBODY] * 3)
    found = read(tmp_path)
    assert found.table.empty and found.dropped == {"test": {"no_face": 3}}
    manifest = writer.build(found, tmp_path / "records", size=16)
    assert manifest.shards == ()
    assert (tmp_path / "records/frames.csv").read_text().count("\n") == 4


def test_records_hold_the_crops_as_they_are(tmp_path):
    film(tmp_path / "in/a.mp4", [ONE] * 4)
    found = read(tmp_path)
    manifest = writer.build(found, tmp_path / "records", size=16)
    (shard,) = manifest.shards
    assert (shard.samples, shard.frames, shard.tasks) == (1, 4, ())
    record = (tmp_path / "records" / shard.file).read_bytes()
    assert all(found.pictures.read(key) in record for key in found.table["key"])


def test_a_damaged_film_is_left_out_or_kept_on_request(tmp_path):
    path = film(tmp_path / "in/cut.avi", [ONE] * 60)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    film(tmp_path / "in/whole.avi", [ONE] * 2)
    found = read(tmp_path)
    assert set(found.table["video"]) == set(found.films.films["film"]) == {"whole"}
    (reject,) = found.rejects
    assert reject.file == str(path) and (reject.row, reject.field) == (0, "film")
    reason = r"breaks off after \d+ frames \(\d\.\d\d s\); none of it is used"
    assert re.fullmatch(reason, reject.reason)
    kept = read(tmp_path, damaged="keep")
    assert kept.table["video"].value_counts()["cut"] > 1
    assert kept.rejects[0].reason.endswith("; these are used")


def test_what_is_no_film_is_said_in_one_clause(tmp_path):
    film(tmp_path / "in/whole.avi", [ONE] * 2)
    for name in ("a.mp4", "b.jpg"):
        (tmp_path / "in" / name).write_bytes(b"neither")
    for reject in read(tmp_path).rejects:
        assert re.fullmatch(r"cannot be read \([^.:]{5,}\)", reject.reason)


def test_films_are_split_as_wholes(tmp_path):
    for number in range(8):
        film(tmp_path / f"in/{number}.avi", [TWO] * 2)
    table = read(tmp_path, keep="all", validation_fraction=0.25).table
    assert (table.groupby("video")["split"].nunique() == 1).all()
    assert table["split"].value_counts().to_dict() == {"train": 24, "validation": 8}
    other = read(tmp_path, keep="all", validation_fraction=0.25, seed=1).table
    assert other["split"].tolist() != table["split"].tolist()
    assert set(read(tmp_path, split="validation").table["split"]) == {"validation"}


@pytest.mark.parametrize(
    "options",
    [
        {"keep": "most"},
        {"damaged": "mend"},
        {"split": "tset"},
        {"clip_frames": 0},
        {"split": "train", "validation_fraction": 0.5},
        {"validation_fraction": 1.5},
    ],
)
def test_a_wrong_option_is_an_error_of_the_command(tmp_path, options):
    film(tmp_path / "in/a.mp4", [ONE])
    with pytest.raises(UserError) as error:
        read(tmp_path, **options)
    assert error.value.exit_code == 2


def test_the_command_line_reaches_every_option(tmp_path):
    film(tmp_path / "in/a.mp4", [ONE] * 2)
    arguments = [f"--root={tmp_path / 'in'}", "--detector=none", "--faces=all"]
    arguments += ["--split=validation", "--damaged=keep", "--source=mine"]
    arguments += ["--clip_frames=1", "--workers=1", "--size=24"]
    _, (part,) = command_line.parse(
        ["--dataset=video", *arguments, f"--out={tmp_path / 'out'}"]
    )
    found = command_line.read(part)
    table = found.table
    assert table["key"].tolist() == ["a/00000_p0", "a/00001_p0"]
    assert table["clip"].tolist() == table["key"].tolist()
    assert set(table["split"]) == {"validation"} and set(table["source"]) == {"mine"}
    assert made_films.pixels(found.pictures.read("a/00000_p0")).shape == (24, 24, 3)
    assert [p.name for p in (tmp_path / "out").iterdir()] == [".faces"]


def test_a_real_film_is_one_clip_and_its_sound_is_noted(shared_dir, tmp_path):
    # Every frame counts as a face: the detector would take a minute.
    name = "talking_1person_20s"
    found = video.annotations(
        shared_dir / f"videos/{name}.mp4",
        tmp_path,
        detector="none",
        size=16,
        runner=Local(1),
    )
    assert len(found.table) == 472 and set(found.table["clip"]) == {f"{name}/00000"}
    (row,) = found.films.films.itertuples()
    assert (row.frames, row.sound_codec, row.sound_rate) == (472, "aac", 48000)
    assert row.sound_seconds == pytest.approx(19.69, abs=0.01) and row.sound_start == 0


def test_a_real_photograph_shows_several_people(shared_dir, tmp_path):
    pytest.importorskip("ai_edge_litert")
    path = shared_dir / "videos/multi_face.jpg"
    found = video.annotations(path, tmp_path, keep="all", runner=Local(1))
    assert len(found.table) == found.table["subject"].nunique() == 5
    for key in found.table["key"]:
        assert np.std(made_films.pixels(found.pictures.read(key))) > 20


def test_a_dry_run_looks_through_nothing_and_says_so(tmp_path):
    film(tmp_path / "in/a.mp4", [ONE] * 2)
    flags = [f"--root={tmp_path / 'in'}", "--detector=none", "--workers=1"]
    flags = ["--dataset=video", *flags, f"--out={tmp_path / 'out'}"]
    _, (dry,) = command_line.parse([*flags, "--dry_run"])
    with pytest.raises(UserError, match="1 film that .*photographs: a. Leave out"):
        command_line.read(dry)
    _, (real,) = command_line.parse(flags)
    # What was found before can be shown.
    assert command_line.read(real).table.equals(command_line.read(dry).table)


def test_films_that_moved_need_no_second_look(tmp_path):
    film(tmp_path / "in/a.mp4", [ONE] * 2)
    read(tmp_path)
    (tmp_path / "in").rename(tmp_path / "moved")
    crops = {p: p.stat().st_mtime_ns for p in (tmp_path / "faces").glob("*.zip")}
    read(tmp_path, name="moved")
    assert crops == {
        p: p.stat().st_mtime_ns
        for p in (tmp_path / "faces").glob("*")
        if p.suffix == ".zip"
    }
