"""What a folder held before: changed pictures, other builds, other people's files."""

import contextlib
import json
import os

import cv2
import numpy as np
import PIL
import pytest

from affect_tf import files
from affect_tf.data.manifest import Manifest
from affect_tf.errors import UserError
from tests.tfrecords_builder.conftest import build
from tests.tfrecords_builder.conftest import HEADER
from tests.tfrecords_builder.conftest import picture
from tests.tfrecords_builder.conftest import ROWS
from tests.tfrecords_builder.conftest import SIZE
from tests.tfrecords_builder.test_resume import Killed
from tests.tfrecords_builder.test_resume import stop_after
from tfrecords_builder import __main__ as command
from tfrecords_builder import folder as folder_lib
from tfrecords_builder import pictures
from tfrecords_builder import verify
from tfrecords_builder import writer
from tfrecords_builder.readers import csv_folder
from tfrecords_builder.readers import synthetic


def test_a_changed_picture_is_another_build(data):
    build(data)
    (data.images / "a/1.jpg").write_bytes(picture(77))
    with pytest.raises(UserError, match="other annotations, pictures or options"):
        build(data)
    build(data, overwrite=True)
    shards = [(data.out / s.file).read_bytes() for s in Manifest.load(data.out).shards]
    assert any(picture(77) in content for content in shards)


def test_a_picture_that_was_only_touched_counts_as_changed(data):
    build(data)
    os.utime(data.images / "a/1.jpg", ns=(0, 0))
    with pytest.raises(UserError, match="--overwrite"):
        build(data)


@pytest.mark.parametrize("library", [cv2, np, PIL])
def test_another_version_of_a_library_is_another_build(data, library, monkeypatch):
    build(data)
    monkeypatch.setattr(library, "__version__", "0.0")
    with pytest.raises(UserError, match="other versions of the program"):
        build(data)


def test_a_corrected_picture_is_taken_when_a_stopped_build_goes_on(data):
    broken = data.images / "b/2.jpg"
    broken.write_bytes(b"x")
    with pytest.raises(UserError, match="1 of 7"):
        build(data, frames_per_shard=1)
    seen = []
    broken.write_bytes(picture(4))
    manifest = build(
        data, frames_per_shard=1, progress=lambda frames, total, kept: seen.append(kept)
    )
    assert manifest.rejected == 0
    assert not (data.out / "rejected.csv").exists()
    # Only its shard was made again.
    assert seen.count(True) == 6
    assert verify.verify(data.out) == ()


def test_a_picture_that_changes_while_a_build_is_stopped_is_read_again(data):
    progress, _ = stop_after(6)
    with pytest.raises(Killed):
        build(data, progress=progress)
    for row in ROWS:
        if row.endswith((",1,0", ",,")):
            (data.images / row.split(",")[0]).write_bytes(picture(77))
    manifest = build(data)
    shards = [(data.out / shard.file).read_bytes() for shard in manifest.shards]
    assert sum(content.count(picture(77)) for content in shards) == 3


def test_a_picture_that_could_not_be_read_once_is_tried_again(data, monkeypatch):
    prepare = pictures.prepare

    def away(image, size):
        if image == (data.images / "b/2.jpg").read_bytes():
            raise OSError(5, "Input/output error")
        return prepare(image, size)

    monkeypatch.setattr(pictures, "prepare", away)
    with pytest.raises(UserError, match="Input/output error"):
        build(data)
    monkeypatch.undo()
    assert build(data).rejected == 0


def test_what_stays_broken_does_not_make_a_shard_again(data):
    (data.images / "a/1.jpg").write_bytes(b"x")
    progress, _ = stop_after(6)
    with pytest.raises(Killed):
        build(data, max_rejects=0.5, frames_per_shard=1, progress=progress)
    seen = []
    manifest = build(
        data,
        max_rejects=0.5,
        frames_per_shard=1,
        progress=lambda frames, total, kept: seen.append(kept),
    )
    assert seen.count(True) == 5
    assert manifest.rejected == 1


def test_drawn_pictures_have_no_stamp(tmp_path):
    annotations = synthetic.annotations(2, 1, size=32)
    manifest = writer.build(annotations, tmp_path / "out", size=32)
    assert (manifest.reader, manifest.subjects_known) == ("synthetic", True)
    assert writer.build(annotations, tmp_path / "out", size=32) == manifest


def test_bad_input_does_not_cost_a_good_build(data):
    build(data)
    before = data.files()
    data.write(HEADER, "a/1.jpg,train,1,awe,,,,", *ROWS[1:])
    with pytest.raises(UserError, match=r"rejected\.new\.csv"):
        build(data, overwrite=True)
    after = data.files()
    assert "awe" in after.pop("rejected.new.csv").decode()
    assert after == before
    data.write(HEADER, *ROWS)
    build(data, overwrite=True)
    assert data.files() == before


def test_overwrite_given_again_continues(data):
    build(data, seed=1)
    progress, _ = stop_after(4)
    with pytest.raises(Killed):
        build(data, overwrite=True, progress=progress)
    seen = []
    build(data, overwrite=True, progress=lambda f, t, kept: seen.append(kept))
    assert seen.count(True) >= 3
    expected = data.files()
    assert verify.verify(data.out) == ()
    # And on a finished one it starts over.
    seen = []
    build(data, overwrite=True, progress=lambda f, t, kept: seen.append(kept))
    assert not any(seen)
    assert data.files() == expected


def test_a_kill_while_an_old_build_is_removed_leaves_nothing_behind(data, monkeypatch):
    build(data, frames_per_shard=1, seed=1)
    data.write("file,split,AU1", "a/1.jpg,train,1")
    unlink, removed = os.unlink, []

    def killed(path, **options):
        if str(path).endswith(".tfrecord"):
            removed.append(path)
            if len(removed) == 3:
                raise Killed
        return unlink(path, **options)

    monkeypatch.setattr(os, "unlink", killed)
    with pytest.raises(Killed):
        build(data, overwrite=True)
    monkeypatch.undo()
    assert not (data.out / "manifest.json").exists()
    build(data)
    assert verify.verify(data.out) == ()


@pytest.mark.parametrize("limit", [0.4, 1.0])
def test_a_split_that_loses_every_picture_is_an_error(data, limit, capsys):
    for name in ("c/1.jpg", "c/2.jpg"):
        (data.images / name).write_bytes(b"x")
    flags = [f"--csv={data.csv}", f"--images={data.images}", f"--out={data.out}"]
    flags += [f"--size={SIZE}", f"--max_rejects={limit}"]
    assert command.main(["--dataset=csv", *flags]) == 1
    assert "Received: validation, of which all 2" in capsys.readouterr().err


def test_a_shard_that_loses_every_picture_is_left_out(data, capsys):
    (data.images / "c/2.jpg").write_bytes(b"x")
    flags = [f"--csv={data.csv}", f"--images={data.images}", f"--out={data.out}"]
    flags += [f"--size={SIZE}", "--max_rejects=0.2", "--frames_per_shard=1"]
    assert command.main(["--dataset=csv", *flags]) == 0
    manifest = Manifest.load(data.out)
    assert all(shard.samples for shard in manifest.shards)
    assert len(list(data.out.rglob("*.tfrecord"))) == len(manifest.shards) == 6
    assert verify.verify(data.out) == ()


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["notes.txt", "train/photo.jpg", "rejected.csv"])
def test_a_folder_of_somebody_else_is_left_alone(data, name, overwrite):
    path = data.out / name
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(UserError, match=f"holds '{name}' and no manifest"):
        build(data, overwrite=overwrite)
    assert data.files() == {name: b"mine"}


def test_a_folder_with_nothing_but_hidden_files_is_free(data):
    data.out.mkdir()
    (data.out / ".gitignore").write_text("*")
    build(data)
    assert ".gitignore" in data.files()


def test_the_list_of_a_refused_build_is_not_in_the_way(data):
    data.write(HEADER, "a/1.jpg,train,1,awe,,,,", *ROWS[1:])
    with pytest.raises(UserError, match="awe"):
        build(data)
    assert sorted(data.files()) == ["rejected.csv"]
    data.write(HEADER, *ROWS)
    build(data)
    assert "rejected.csv" not in data.files()


def test_a_folder_must_have_a_name(data, capsys):
    flags = [f"--csv={data.csv}", f"--images={data.images}", "--out="]
    assert command.main(["--dataset=csv", *flags]) == 2
    assert command.main(["verify", ""]) == 2
    assert capsys.readouterr().err.count("A folder must have a name") == 2


def test_a_file_in_place_of_the_folder_is_named_before_the_rows(data):
    data.out.write_text("a file")
    data.write("file,AU1", "no.jpg,1")
    with pytest.raises(UserError, match="which is a file. Name another"):
        build(data)


def test_a_finished_build_is_found_on_a_disk_that_cannot_be_written(data, monkeypatch):
    manifest = build(data)

    @contextlib.contextmanager
    def locked(self):
        raise AssertionError("must not write")
        yield

    monkeypatch.setattr(folder_lib.Folder, "locked", locked)
    assert build(data) == manifest


def test_a_damaged_manifest_is_left_to_the_person(data):
    build(data)
    (data.out / "manifest.json").write_text("{}")
    with pytest.raises(UserError, match="or remove this one"):
        build(data, overwrite=True)
    assert len(list(data.out.rglob("*.tfrecord"))) == 7


def test_what_killed_writers_left_is_removed_and_nothing_else(data):
    build(data)
    for name in (".manifest.json.abcd_123", ".manifest.json.mine", ".rejected.csv.x"):
        (data.out / name).write_text("")
    build(data, overwrite=True)
    hidden = sorted(name for name in data.files() if name.startswith("."))
    assert hidden == [".manifest.json.mine", ".rejected.csv.x"]


def test_a_rename_is_synced_with_its_folder(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle)))
    files.write_text(tmp_path / "a.txt", "x")
    assert [status.st_ino for status in synced][-1] == tmp_path.stat().st_ino
    assert len(synced) == 2


def test_advice_after_verify_does_what_it_says(data, capsys):
    build(data)
    (data.out / "train/else.tfrecord").write_bytes(b"")
    assert command.main(["verify", str(data.out)]) == 1
    shown = capsys.readouterr().err
    assert "this is wrong" in shown and "Remove what is not in the manifest" in shown
    assert "--overwrite" not in shown


def test_the_manifest_says_who_made_it_and_whether_people_are_known(data):
    manifest = build(data)
    assert (manifest.reader, manifest.subjects_known) == ("csv", True)
    data.write("file,AU1", *(row.split(",")[0] + ",1" for row in ROWS))
    manifest = build(data, overwrite=True)
    assert not manifest.subjects_known
    fields = json.loads((data.out / "manifest.json").read_text())
    assert fields["reader"] == "csv" and fields["subjects_known"] is False
    notes = csv_folder.annotations(data.csv, data.images).notes
    assert any("One person may be in both splits" in note for note in notes)
