"""Folders from which nobody can be removed, or not yet, or not any more."""

import json

import pytest

from affect_tf import files
from affect_tf.data.manifest import Manifest
from affect_tf.errors import UserError
from tests.tfrecords_builder.conftest import build
from tests.tfrecords_builder.conftest import HEADER
from tests.tfrecords_builder.conftest import SIZE
from tests.tfrecords_builder.test_drop import AU
from tests.tfrecords_builder.test_drop import drop
from tests.tfrecords_builder.test_drop import Killed
from tests.tfrecords_builder.test_drop import PEOPLE
from tests.tfrecords_builder.test_drop import subjects
from tfrecords_builder import writer
from tfrecords_builder.readers import csv_folder


@pytest.fixture
def built(data):
    data.write(HEADER, *PEOPLE)
    build(data)
    return data


def test_a_damaged_folder_is_not_touched(built, capsys):
    path = built.out / AU
    content = bytearray(path.read_bytes())
    content[60] ^= 1
    path.write_bytes(bytes(content))
    before = built.files()
    assert drop(built, "anna") == 1
    assert "cannot be read to its end" in capsys.readouterr().err
    path.write_bytes(path.read_bytes()[:-1])
    assert drop(built, "anna") == 1
    path.write_bytes(before[AU])
    assert built.files() == before


def test_a_split_may_lie_on_another_disk(built):
    elsewhere = built.root / "elsewhere"
    (built.out / "train").rename(elsewhere)
    (built.out / "train").symlink_to(elsewhere)
    assert drop(built, "anna") == 0
    assert "anna" not in subjects(built)
    assert not any(b"anna" in path.read_bytes() for path in elsewhere.iterdir())


def test_a_full_disk_does_not_end_a_removal(built, capsys, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files, "rename", full)
        assert drop(built, "anna") == 1
    assert drop(built, "anna") == 0
    rename = files.rename
    with monkeypatch.context() as patch:
        patch.setattr(
            files,
            "rename",
            lambda a, b: (full if str(b).endswith(".tfrecord") else rename)(a, b),
        )
        assert drop(built, "ben") == 1
    assert "it goes on where it was" in capsys.readouterr().err
    assert drop(built, "ben") == 0
    assert sorted(subjects(built)) == ["carl", "dora"]


def test_a_shard_that_lies_elsewhere_is_refused(built, capsys):
    path = built.out / AU
    path.rename(built.root / "elsewhere")
    path.symlink_to(built.root / "elsewhere")
    assert drop(built, "anna") == 1
    assert "which is a link to" in capsys.readouterr().err


def test_only_a_finished_folder_can_lose_people(data, capsys):
    assert drop(data, "anna") == 1
    assert "must hold manifest.json" in capsys.readouterr().err
    assert not data.out.exists()

    def stop(frames, total, kept):
        raise Killed

    annotations = csv_folder.annotations(data.csv, data.images)
    with pytest.raises(Killed):
        writer.build(annotations, data.out, size=SIZE, progress=stop)
    assert drop(data, "1") == 1
    assert "whose build was stopped" in capsys.readouterr().err


def test_the_build_that_made_the_folder_does_not_take_it_for_its_own(built):
    before = Manifest.load(built.out).fingerprint
    assert drop(built, "anna") == 0
    after, changed = built.files(), Manifest.load(built.out).fingerprint
    assert changed not in ("", before)
    with pytest.raises(UserError, match="bring people back.*--overwrite"):
        build(built)
    assert built.files() == after
    assert "anna" not in json.dumps([name for name in after])
    build(built, overwrite=True)
    assert subjects(built).count("anna") == 3


def test_a_build_at_work_keeps_others_out(built):
    annotations = csv_folder.annotations(built.csv, built.images)

    def second(frames, total, kept):
        assert drop(built, "anna") == 1

    # The manifest is away meanwhile: the folder is no finished one.
    writer.build(
        annotations, built.out, size=SIZE, seed=2, overwrite=True, progress=second
    )
    assert subjects(built).count("anna") == 3
