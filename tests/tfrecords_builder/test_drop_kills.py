"""A removal of people that is killed anywhere is finished, and noticed until then."""

import dataclasses
import itertools
import os
import pathlib
import shutil

import pytest

from affect_tf import files
from affect_tf.data.manifest import Manifest
from affect_tf.errors import UserError
from tests.tfrecords_builder.conftest import build
from tests.tfrecords_builder.conftest import HEADER
from tests.tfrecords_builder.test_drop import AU
from tests.tfrecords_builder.test_drop import drop
from tests.tfrecords_builder.test_drop import Killed
from tests.tfrecords_builder.test_drop import PEOPLE
from tests.tfrecords_builder.test_drop import subjects
from tfrecords_builder import __main__ as command
from tfrecords_builder import removal
from tfrecords_builder import verify
from tfrecords_builder.removal_journal import Journal


@pytest.fixture
def built(data):
    data.write(HEADER, *PEOPLE)
    build(data)
    return data


#: What a removal does to the disk, wherever it is called from.
_STEPS = (
    (files, "rename"),
    (os, "fsync"),
    (pathlib.Path, "unlink"),
    (pathlib.Path, "rmdir"),
    (shutil, "rmtree"),
)


def kill_at(monkeypatch, step):
    """Ends the process before a step, counted from 0."""
    numbers = itertools.count()

    def wrapped(function):
        def call(*args, **kwargs):
            if next(numbers) == step:
                raise Killed
            return function(*args, **kwargs)

        return call

    for owner, name in _STEPS:
        monkeypatch.setattr(owner, name, wrapped(getattr(owner, name)))


def test_a_removal_that_is_killed_anywhere_is_finished_by_the_next(
    data, monkeypatch, tmp_path
):
    built = data
    built.write(HEADER, *PEOPLE[:3])
    build(built)
    (built.out / "rejected.csv").write_text(
        "file,row,field,value,reason\nfaces.csv,9,file,anna/7.jpg,is gone\n"
        "faces.csv,10,file,b/7.jpg,is gone\n"
    )
    manifest = Manifest.load(built.out)
    dataclasses.replace(manifest, rejected=2).save(built.out)
    whole = tmp_path / "whole"
    shutil.copytree(built.out, whole)
    assert drop(built, "anna") == 0
    expected, untouched = built.files(), None
    step, finished, states = 0, False, set()
    while not finished:
        shutil.rmtree(built.out)
        shutil.copytree(whole, built.out)
        untouched = untouched or built.files()
        with monkeypatch.context() as patch:
            kill_at(patch, step)
            try:
                finished = drop(built, "anna") == 0
            except Killed:
                states.add(_state(built, untouched, expected))
        # Half of the times somebody finishes it who does not know for whom.
        names = ["anna"] if step % 2 or not _pending(built) else []
        status = drop(built, *names)
        assert status == 0 or (status == 2 and built.files() == expected)
        assert built.files() == expected, step
        step += 1
    assert states == {"as before", "under way", "done"}
    assert step > 20


def _pending(data):
    return (data.out / ".drop/journal.json").exists()


def _state(data, before, after):
    """What a folder is that was left alone; nobody may take it for another."""
    shown = {n: b for n, b in data.files().items() if not n.startswith((".", "."))}
    if (data.out / "manifest.json").exists() and not _pending(data):
        assert shown in (before, after)
        assert verify.verify(data.out) == ()
        return "as before" if shown == before else "done"
    # Whoever asks is told what to do.
    with pytest.raises(UserError, match="finish it with.* drop "):
        verify.verify(data.out)
    with pytest.raises(UserError, match="finish it with.* drop "):
        build(data, overwrite=True)
    if (data.out / "manifest.json").exists():
        assert Manifest.load(data.out).file_problems(data.out) == []
    else:
        with pytest.raises(UserError, match=r"must hold manifest\.json"):
            Manifest.load(data.out)
    return "under way"


def stop_before_the_shards(data, monkeypatch, *names):
    """Leaves a removal that has begun and has changed no shard."""
    with monkeypatch.context() as patch:
        patch.setattr(Manifest, "load", _killed_when_staged(Manifest.load))
        with pytest.raises(Killed):
            drop(data, *names)
    (data.out / "manifest.json").unlink()


def _killed_when_staged(load):
    def loaded(directory):
        if pathlib.Path(directory).name == ".drop":
            raise Killed
        return load(directory)

    return loaded


def test_the_next_command_finishes_it_and_does_its_own(built, monkeypatch, capsys):
    stop_before_the_shards(built, monkeypatch, "anna")
    assert command.main(["verify", str(built.out)]) == 1
    assert f"drop {built.out}" in capsys.readouterr().err
    assert drop(built, "ben", flags=["--dry_run"]) == 1
    assert drop(built, "anna", "ben") == 0
    assert sorted(subjects(built)) == ["carl", "dora"]
    assert Manifest.load(built.out).dropped == {"train": {"person_removed": 5}}
    assert verify.verify(built.out) == ()


def test_a_shard_that_changed_meanwhile_is_an_error(built, monkeypatch, capsys):
    stop_before_the_shards(built, monkeypatch, "anna")
    path = built.out / AU
    path.write_bytes(path.read_bytes()[::-1])
    assert drop(built) == 1
    assert not list(path.parent.glob(".*"))
    assert "is not what it was when that began" in capsys.readouterr().err
    path.unlink()
    assert drop(built) == 1
    assert not (built.out / "manifest.json").exists()


def test_it_looks_whether_anybody_is_left(built):
    manifest = Manifest.load(built.out)
    journal = Journal((("faces", "ben"),), manifest.fingerprint, "", {}, (), ())
    manifest.save(built.out / ".drop")
    journal.save(built.out)
    with pytest.raises(UserError, match="Nobody must be left .* faces/ben in "):
        removal.finish(built.out, journal)
    assert not (built.out / "manifest.json").exists()


def test_the_journal_of_a_folder_that_was_built_anew_is_forgotten(built, monkeypatch):
    stop_before_the_shards(built, monkeypatch, "anna")
    shutil.move(built.out / ".drop", built.root / "drop")
    shutil.rmtree(built.out)
    build(built, seed=3)
    shutil.move(built.root / "drop", built.out / ".drop")
    assert verify.verify(built.out) == ()
    assert drop(built, "ben") == 0
    assert sorted(set(subjects(built))) == ["anna", "carl", "dora"]
    assert not (built.out / ".drop").exists()


def test_a_damaged_journal_is_an_error(built, capsys):
    (built.out / ".drop").mkdir()
    (built.out / ".drop/journal.json").write_text("{")
    assert drop(built, "anna") == 1
    assert "journal.json, which is damaged" in capsys.readouterr().err
