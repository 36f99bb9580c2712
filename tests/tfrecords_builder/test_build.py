"""From annotations to a folder: the same bytes, whole files, and nothing lost."""

import csv
import io
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from affect_tf.data import images
from affect_tf.data import record_decoder
from affect_tf.data import records
from affect_tf.data.manifest import Manifest
from affect_tf.errors import UserError
from tests.tfrecords_builder.conftest import HEADER
from tests.tfrecords_builder.conftest import picture
from tests.tfrecords_builder.conftest import ROWS
from tests.tfrecords_builder.conftest import SIZE
from tfrecords_builder import writer
from tfrecords_builder.readers import csv_folder


def build(data, **options):
    annotations = csv_folder.annotations(data.csv, data.images)
    return writer.build(annotations, data.out, **{"size": SIZE, **options})


def stored(data):
    """Every sample of the folder, by key."""
    manifest = Manifest.load(data.out)
    found = {}
    for shard in manifest.shards:
        for record in tf.data.TFRecordDataset(str(data.out / shard.file)):
            sample = record_decoder.decode(record.numpy(), manifest.taxonomy)
            assert sample.tasks == shard.tasks
            assert sample.split == shard.split
            found[sample.key] = sample
    return found


def rejected(data):
    with (data.out / "rejected.csv").open() as stream:
        return [tuple(row.values()) for row in csv.DictReader(stream)]


def test_a_folder_holds_what_the_file_says(data):
    build(data)
    samples = stored(data)
    assert sorted(samples) == [row.split(",")[0] for row in ROWS]
    one = samples["a/1.jpg"]
    frame = records.Frame(one.frames[0].image, "happiness", {}, 0.5, -0.25)
    assert one == records.Sample("a/1.jpg", (frame,), "csv", "1")
    assert samples["a/3.png"].frames[0].action_units == {"AU1": 1}
    assert samples["b/1.jpg"].tasks == ()


def test_a_picture_of_the_right_size_keeps_its_bytes(data):
    build(data)
    for key, sample in stored(data).items():
        assert sample.frames[0].image == (data.images / key).read_bytes()


def test_a_picture_of_another_size_is_resized_once(data):
    (data.images / "a/1.jpg").write_bytes(picture(5, (77, 50)))
    (data.images / "a/2.jpg").write_bytes(picture(6, kind="BMP"))
    build(data)
    for key in ("a/1.jpg", "a/2.jpg"):
        image = Image.open(io.BytesIO(stored(data)[key].frames[0].image))
        assert (image.format, image.size, image.mode) == ("JPEG", (SIZE, SIZE), "RGB")


def test_the_manifest_counts_what_a_re_read_counts(data):
    manifest = build(data)
    samples = stored(data).values()
    assert manifest == Manifest.load(data.out)
    for split in ("train", "validation"):
        frames = [s.frames[0] for s in samples if s.split == split]
        counts = manifest.counts[split]
        assert counts["frames"] == counts["samples"] == len(frames)
        assert counts["classes"]["neutral"] == sum(
            f.expression == "neutral" for f in frames
        )
        assert counts["action_units"]["AU1"] == {
            "labelled": sum("AU1" in f.action_units for f in frames),
            "positive": sum(f.action_units.get("AU1", 0) for f in frames),
        }
    assert manifest.counts["train"]["subjects"] == 2
    assert manifest.counts["train"]["by_task"] == {"expr": 3, "au": 3, "va": 2}
    assert manifest.counts["train"]["label_sets"] == {
        "au": 1,
        "expr+au": 1,
        "expr+au+va": 1,
        "expr+va": 1,
        "none": 1,
    }
    assert manifest.frames_per_sample == {"min": 1, "max": 1}


def test_the_bytes_do_not_depend_on_workers_or_on_the_order_of_the_rows(data):
    build(data, workers=1)
    one = data.files()
    build(data, workers=4, overwrite=True)
    assert data.files() == one
    data.write(HEADER, *ROWS[::-1])
    build(data, overwrite=True)
    shards = {name for name in one if name.endswith("tfrecord")}
    assert {name: data.files()[name] for name in shards} == {n: one[n] for n in shards}


def test_many_threads_write_in_the_order_of_the_plan(data, monkeypatch):
    data.write("file,split,AU1", *(row.split(",")[0] + ",train,1" for row in ROWS))
    build(data)
    expected = data.files()
    # One picture a thread and few at once: what one test's pictures can show.
    monkeypatch.setattr(writer, "_CHUNK", 1)
    monkeypatch.setattr(writer, "_AHEAD", 1)
    build(data, workers=2, overwrite=True)
    assert data.files() == expected


def test_another_seed_gives_another_order(data):
    data.write("file,AU1", *(row.split(",")[0] + ",1" for row in ROWS))
    orders = set()
    for seed in range(4):
        annotations = csv_folder.annotations(
            data.csv, data.images, validation_fraction=0
        )
        writer.build(annotations, data.out, seed=seed, size=SIZE, overwrite=True)
        orders.add(tuple(stored(data)))
    assert len(orders) > 1


def test_samples_are_divided_among_shards_of_the_wanted_size(data):
    data.write("file,split,AU1", *(row.split(",")[0] + ",train,1" for row in ROWS))
    manifest = build(data, frames_per_shard=2)
    names = [f"train/csv.au-{i:05d}-of-00004.tfrecord" for i in range(4)]
    assert [shard.file for shard in manifest.shards] == names
    assert [shard.samples for shard in manifest.shards] == [1, 2, 2, 2]
    assert len(stored(data)) == len(ROWS)


CLIPS = (
    "file,split,subject,clip,frame,AU1,expression",
    "a/1.jpg,train,1,x,3,1,",
    "a/2.jpg,train,1,x,1,,",
    "a/3.png,train,1,x,2,0,",
    "b/1.jpg,train,2,y,0,,fear",
    "b/2.jpg,train,2,,,,fear",
)


def test_frames_of_a_clip_make_one_sample_in_order(data):
    data.write(*CLIPS)
    manifest = build(data)
    samples = stored(data)
    assert [frame.number for frame in samples["x"].frames] == [1, 2, 3]
    assert [frame.action_units for frame in samples["x"].frames] == [
        {},
        {"AU1": 0},
        {"AU1": 1},
    ]
    assert sorted(samples) == ["b/2.jpg", "x", "y"]
    assert manifest.frames_per_sample == {"min": 1, "max": 3}
    assert manifest.count("train", "au") == 3
    assert manifest.count("train", "au", unit="samples") == 1


def test_a_clip_goes_on_without_a_frame_that_cannot_be_read(data):
    data.write(*CLIPS)
    (data.images / "a/1.jpg").write_bytes(b"")
    manifest = build(data, max_rejects=0.2)
    assert len(stored(data)["x"].frames) == 2
    assert manifest.counts["train"]["frames"] == 4


def test_a_clip_that_lost_its_labels_goes_as_a_whole(data):
    data.write(*CLIPS)
    for name in ("a/1.jpg", "a/3.png"):
        (data.images / name).write_bytes(b"")
    manifest = build(data, max_rejects=0.6)
    assert sorted(stored(data)) == ["b/2.jpg", "y"]
    assert manifest.rejected == 3
    assert manifest.counts["train"]["frames"] == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is an empty file"),
        (b"no picture", "is not a picture"),
        (picture()[:-200], "cannot be decoded"),
        (picture(kind="PNG")[:-6], "cannot be decoded"),
    ],
)
def test_a_picture_that_cannot_be_decoded_is_rejected(data, content, reason):
    (data.images / "b/2.jpg").write_bytes(content)
    manifest = build(data, max_rejects=0.2)
    (row,) = rejected(data)
    assert row[:4] == (str(data.csv), "6", "file", "b/2.jpg")
    assert row[4].startswith(reason)
    assert manifest.rejected == 1
    assert manifest.counts["train"]["frames"] == 4
    assert "b/2.jpg" not in stored(data)


def test_too_many_rejects_are_an_error_with_a_list_and_without_a_manifest(data):
    (data.images / "b/2.jpg").write_bytes(b"x")
    data.write(HEADER, "a/1.jpg,train,1,joy,,,,", *ROWS[1:])
    with pytest.raises(UserError, match=r"Received: 2 of 7 \(28.57%\)"):
        build(data, max_rejects=0.15)
    assert [row[1:4] for row in rejected(data)] == [
        ("2", "expression", "joy"),
        ("6", "file", "b/2.jpg"),
    ]
    assert not (data.out / "manifest.json").exists()
    assert build(data, max_rejects=0.3).rejected == 2


def test_a_build_without_rejects_leaves_no_list(data):
    build(data)
    assert not (data.out / "rejected.csv").exists()
    assert not (data.out / ".build").exists()


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
    rows = [f"f{i}.jpg,{'train' if i % 2 else 'validation'}" for i in range(4000)]
    data.write("file,split", *rows)
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
    data.write("file,split", "a/1.jpg,train")
    build(data, overwrite=True)
    assert sorted(data.files()) == [
        "manifest.json",
        "notes.txt",
        "train/csv.none-00000-of-00001.tfrecord",
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


def test_resizing_agrees_with_the_pipeline_to_one_level():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (57, 90, 3), np.uint8)
    ours = Image.fromarray(pixels).resize((32, 32), Image.Resampling.BILINEAR)
    theirs = images.resize(tf.constant(pixels), 32).numpy()
    assert np.abs(np.asarray(ours).astype(int) - theirs.astype(int)).max() <= 1


def test_the_real_faces_are_read_without_a_reject(shared_dir):
    folder = shared_dir / "faces"
    annotations = csv_folder.annotations(folder / "faces.csv", folder / "images")
    assert annotations.rejects == ()
    assert annotations.table["split"].value_counts().to_dict() == {
        "train": 7854,
        "validation": 2439,
    }
