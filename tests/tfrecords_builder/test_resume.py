"""Builds that were stopped, repeated, or aimed at a folder that is in use."""

import os
import signal
import subprocess
import sys
import time

import pytest

from affect_tf.errors import UserError
from tests.tfrecords_builder.conftest import build
from tests.tfrecords_builder.conftest import HEADER
from tests.tfrecords_builder.conftest import picture
from tests.tfrecords_builder.conftest import ROWS
from tests.tfrecords_builder.conftest import SIZE
from tfrecords_builder import writer
from tfrecords_builder.readers import csv_folder


class Killed(BaseException):
    """Stands for whatever ends a process."""


def stop_after(count):
    """Returns a progress that ends the build after some frames, and what it saw."""
    seen = []

    def progress(frames, total, kept):
        seen.append((frames, kept))
        if frames >= count:
            raise Killed

    return progress, seen


def test_a_stopped_build_continues_and_gives_the_same_bytes(data):
    build(data)
    expected = data.files()
    for path in data.out.rglob("*.*"):
        path.unlink()
    progress, _ = stop_after(4)
    with pytest.raises(Killed):
        build(data, progress=progress)
    finished = {n: b for n, b in data.files().items() if n.endswith(".tfrecord")}
    assert not (data.out / "manifest.json").exists()
    times = {
        name: (data.out / name).stat().st_mtime_ns
        for name in finished
        if name in expected
    }
    assert times
    seen = []
    build(data, progress=lambda frames, total, kept: seen.append(kept))
    assert data.files() == expected
    assert seen.count(True) == len(times)
    assert all((data.out / n).stat().st_mtime_ns == t for n, t in times.items())


def test_a_finished_shard_that_was_damaged_is_built_again(data):
    build(data)
    expected = data.files()
    for path in data.out.rglob("*.*"):
        path.unlink()
    progress, _ = stop_after(4)
    with pytest.raises(Killed):
        build(data, progress=progress)
    shard = next(data.out.glob("train/*.tfrecord"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    build(data)
    assert data.files() == expected


def test_a_killed_process_leaves_a_folder_that_continues(data, tmp_path):
    arguments = ["-m", "tfrecords_builder", "--dataset=csv", f"--csv={data.csv}"]
    arguments += [f"--images={data.images}", f"--out={data.out}", f"--size={SIZE}"]
    rows = [f"f{i}.jpg,{'train' if i % 2 else 'validation'},1" for i in range(4000)]
    data.write("file,split,AU1", *rows)
    for i in range(4000):
        (data.images / f"f{i}.jpg").write_bytes(picture(i % 5))
    command = [sys.executable, *arguments, "--frames_per_shard=50", "--workers=1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not list(data.out.glob(".build/2.json")) and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (data.out / "manifest.json").exists()
    seen = []
    manifest = build(
        data,
        frames_per_shard=50,
        progress=lambda frames, total, kept: seen.append(kept),
    )
    assert seen.count(True) >= 3
    assert manifest.count("train") == manifest.count("validation") == 2000
    assert not any("unfinished" in name or ".build" in name for name in data.files())


def test_the_same_build_again_writes_nothing(data):
    manifest = build(data)
    before = {p: p.stat().st_mtime_ns for p in data.out.rglob("*") if p.is_file()}
    assert build(data) == manifest
    assert {p: p.stat().st_mtime_ns for p in before} == before
    assert len(data.files()) == len(before)


@pytest.mark.parametrize("change", [{"size": 16}, {"seed": 1}, {"frames_per_shard": 9}])
def test_another_plan_in_the_same_folder_needs_overwrite(data, change):
    build(data)
    before = data.files()
    with pytest.raises(UserError, match="--overwrite"):
        build(data, **change)
    assert data.files() == before
    build(data, **change, overwrite=True)
    assert data.files() != before


def test_another_label_is_another_plan(data):
    build(data)
    data.write(HEADER, *ROWS[:-1], "c/2.jpg,validation,3,neutral,,,,0")
    with pytest.raises(UserError, match="--overwrite"):
        build(data)


def test_overwrite_removes_the_old_files_and_no_others(data):
    build(data, frames_per_shard=1)
    (data.out / "notes.txt").write_text("mine")
    data.write("file,split,AU1", "a/1.jpg,train,1")
    build(data, overwrite=True)
    assert sorted(data.files()) == [
        "manifest.json",
        "notes.txt",
        "train/faces.au-00000-of-00001.tfrecord",
    ]


def test_a_finished_folder_with_a_missing_file_says_so(data):
    manifest = build(data)
    os.remove(data.out / manifest.shards[0].file)
    with pytest.raises(UserError, match="missing or has changed"):
        build(data)


def test_two_builds_do_not_share_a_folder(data):
    annotations = csv_folder.annotations(data.csv, data.images)

    def second(frames, total, kept):
        with pytest.raises(UserError, match="another build is writing"):
            writer.build(annotations, data.out, size=SIZE)

    build(data, progress=second)
    assert (data.out / "manifest.json").exists()
