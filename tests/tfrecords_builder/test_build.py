"""From annotations to a folder: the same bytes, whole files, and nothing lost."""

import csv
import io
import threading
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
from tests.tfrecords_builder.conftest import build
from tests.tfrecords_builder.conftest import HEADER
from tests.tfrecords_builder.conftest import picture
from tests.tfrecords_builder.conftest import ROWS
from tests.tfrecords_builder.conftest import SIZE
from tfrecords_builder import pictures
from tfrecords_builder import shards
from tfrecords_builder import writer
from tfrecords_builder.readers import csv_folder


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
    assert one == records.Sample("a/1.jpg", (frame,), "faces", "1")
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
    # More rows than the threads hold at once: 4 * 2 chunks of 8.
    monkeypatch.setattr(shards, "_CHUNK", 8)
    names = [f"f{i}.png" for i in range(160)]
    for i, name in enumerate(names):
        (data.images / name).write_bytes(picture(i, kind="PNG"))
    data.write("file,split,AU1", *(f"{name},train,1" for name in names))
    build(data, workers=1)
    (shard,) = Manifest.load(data.out).shards
    assert shard.samples == len(names)
    expected = data.files()
    prepare, threads = pictures.prepare, set()

    def uneven(image, size):
        threads.add(threading.get_ident())
        time.sleep(0.004 * (len(threads) > 1 and threading.get_ident() == min(threads)))
        return prepare(image, size)

    monkeypatch.setattr(pictures, "prepare", uneven)
    build(data, workers=4, overwrite=True)
    assert len(threads) > 1
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
    names = [f"train/faces.au-{i:05d}-of-00004.tfrecord" for i in range(4)]
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
        (picture(kind="PNG")[:-2], "cannot be decoded (it is damaged at its end"),
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
    data.write(HEADER, "a/1.jpg,train,1,awe,,,,", *ROWS[1:])
    with pytest.raises(UserError, match=r"Received: 2 of 7 \(28.57%\)"):
        build(data, max_rejects=0.15)
    assert [row[1:4] for row in rejected(data)] == [
        ("2", "expression", "awe"),
        ("6", "file", "b/2.jpg"),
    ]
    assert not (data.out / "manifest.json").exists()
    assert build(data, max_rejects=0.3).rejected == 2


def test_a_folder_without_any_readable_picture_is_never_a_build(data):
    for path in data.images.rglob("*.*"):
        path.write_bytes(b"x")
    with pytest.raises(UserError, match="never all. Received: 7 of 7"):
        build(data, max_rejects=1.0)


def test_a_build_without_rejects_leaves_no_list(data):
    build(data)
    assert not (data.out / "rejected.csv").exists()
    assert not (data.out / ".build").exists()


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
