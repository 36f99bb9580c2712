"""Numbered folders that appear whole or not at all."""

import os
import pathlib
import shutil
import time

import pytest

from affect_tf.serving import version_folder
from affect_tf.serving.version_folder import new_version


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_versions_count_up_from_the_highest_and_ignore_other_names(tmp_path):
    for name in ("7", "3", "notes", "9.tmp", "\u00b2"):
        (tmp_path / name).mkdir()
    with new_version(tmp_path) as version:
        version.folder.mkdir()
    assert version.folder == tmp_path / "8"
    assert "8" in names(tmp_path)


def test_a_file_is_no_version_whatever_its_name(tmp_path):
    (tmp_path / "2").mkdir()
    (tmp_path / "10").mkdir()
    (tmp_path / "99").write_text("notes")
    assert version_folder.newest(tmp_path) == tmp_path / "10"
    found = version_folder.numbered(tmp_path)
    assert found == [tmp_path / "10", tmp_path / "2"]
    assert version_folder.newest(tmp_path / "2") is None
    assert version_folder.newest(tmp_path / "none") is None


def test_files_of_a_version_are_told_by_size_and_time_and_may_go(tmp_path, monkeypatch):
    inside = tmp_path / "variables"
    inside.mkdir()
    (inside / "a").write_text("1")
    before = version_folder.files(tmp_path)
    assert before == version_folder.files(tmp_path)
    (inside / "a").write_text("12")
    assert before != version_folder.files(tmp_path)
    walked = os.walk

    def walk(folder):
        for step in walked(folder):
            shutil.rmtree(inside, ignore_errors=True)
            yield step

    monkeypatch.setattr(os, "walk", walk)
    assert version_folder.files(tmp_path) == ()
    assert version_folder.files(tmp_path / "none") == ()


def test_the_first_version_is_1_and_folders_are_made(tmp_path):
    with new_version(tmp_path / "new" / "export") as version:
        version.folder.mkdir()
    assert names(tmp_path / "new" / "export") == ["1"]


def test_a_version_has_no_number_before_it_is_complete(tmp_path):
    with new_version(tmp_path) as version:
        version.folder.mkdir()
        assert not any(name.isdecimal() for name in names(tmp_path))


def test_a_failure_leaves_nothing_behind(tmp_path):
    with pytest.raises(RuntimeError), new_version(tmp_path) as version:
        version.folder.mkdir()
        (version.folder / "half").write_text("a model")
        raise RuntimeError
    assert names(tmp_path) == []


def test_what_killed_exports_left_is_removed_once_it_is_old(tmp_path):
    half, fresh, strange = (f".{letter * 32}" for letter in "abz")
    old = time.time() - 25 * 3600
    for name in (half, fresh, strange, ".notes", "1"):
        inside = tmp_path / name / "variables"
        inside.mkdir(parents=True)
        (inside / "part").write_text("weights")
        # Of what is still written the folder itself may be old.
        newest = time.time() if name == fresh else old
        os.utime(inside / "part", (newest, newest))
        for folder in (inside, inside.parent):
            os.utime(folder, (old, old))
    (tmp_path / f".{'c' * 32}").symlink_to(tmp_path / "1")
    with new_version(tmp_path) as version:
        version.folder.mkdir()
        assert not (tmp_path / half).exists()
    assert names(tmp_path) == sorted(
        [fresh, strange, ".notes", f".{'c' * 32}", "1", "2"]
    )
    assert (tmp_path / "1" / "variables" / "part").read_text() == "weights"


def test_two_exports_at_once_take_different_numbers(tmp_path, monkeypatch):
    rename = pathlib.Path.rename

    def late(path, target):
        # Another export takes the number between our look and our rename.
        if target.name == "1":
            target.mkdir()
            (target / "saved_model.pb").touch()
        return rename(path, target)

    monkeypatch.setattr(pathlib.Path, "rename", late)
    with new_version(tmp_path) as version:
        version.folder.mkdir()
    assert version.folder == tmp_path / "2"
    assert names(tmp_path) == ["1", "2"]


def test_other_problems_of_a_rename_are_not_hidden(tmp_path):
    with pytest.raises(FileNotFoundError), new_version(tmp_path):
        pass
    assert names(tmp_path) == []
