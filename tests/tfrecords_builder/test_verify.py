"""Whatever is wrong in a folder is found, and named by file and record."""

import dataclasses
import json

import pytest
import tensorflow as tf

from affect_tf import files
from affect_tf.data import records
from affect_tf.data.manifest import Manifest
from affect_tf.errors import UserError
from tests.tfrecords_builder.conftest import picture
from tests.tfrecords_builder.conftest import SIZE
from tfrecords_builder import verify
from tfrecords_builder import writer
from tfrecords_builder.readers import csv_folder


@pytest.fixture
def built(data):
    # One group of seven samples in train, so that records have positions.
    names = [path.relative_to(data.images) for path in data.images.rglob("*.*")]
    rows = [f"{name.as_posix()},train,{i},1" for i, name in enumerate(sorted(names))]
    data.write("file,split,subject,AU1", *rows[:-1], rows[-1].replace("train", "val"))
    writer.build(csv_folder.annotations(data.csv, data.images), data.out, size=SIZE)
    return data


def problems(data):
    return [str(problem) for problem in verify.verify(data.out)]


TRAIN = "train/faces.au-00000-of-00001.tfrecord"


def replace_record(data, position, sample, taxonomy=None):
    """Writes another record into the file, and a manifest that vouches for it."""
    manifest = Manifest.load(data.out)
    path = data.out / TRAIN
    content = [r.numpy() for r in tf.data.TFRecordDataset(str(path))]
    content[position] = (
        sample
        if isinstance(sample, bytes)
        else records.encode(sample, taxonomy or manifest.taxonomy)
    )
    with tf.io.TFRecordWriter(str(path)) as stream:
        for record in content:
            stream.write(record)
    shards = [
        dataclasses.replace(shard, bytes=path.stat().st_size, sha256=files.sha256(path))
        if shard.file == TRAIN
        else shard
        for shard in manifest.shards
    ]
    dataclasses.replace(manifest, shards=tuple(shards)).save(data.out)


def sample(image=None, **fields):
    frame = records.Frame(image or picture(99), None, fields.pop("units", {"AU1": 1}))
    fields = {"key": "new", "source": "faces", "subject": "new", **fields}
    return records.Sample(frames=(frame,), **fields)


def test_a_folder_as_it_was_built_has_no_problem(built):
    assert problems(built) == []


def test_a_flipped_bit_is_found_by_file_and_record(built):
    path = built.out / TRAIN
    content = bytearray(path.read_bytes())
    length = int.from_bytes(content[:8], "little") + 16
    content[length + 12 + 40] ^= 1
    path.write_bytes(bytes(content))
    found = problems(built)
    assert found[0] == f"{TRAIN}: has another checksum than when it was built"
    assert found[1].startswith(f"{TRAIN}, record 1: cannot be read")
    assert found[2] == f"{TRAIN}: has 1 readable record instead of 6"


def test_a_truncated_file_is_found(built):
    path = built.out / TRAIN
    path.write_bytes(path.read_bytes()[:-5])
    found = problems(built)
    assert "bytes instead of" in found[0]
    assert found[1].startswith(f"{TRAIN}, record 5: cannot be read")


def test_a_missing_and_a_strange_file_are_found(built):
    (built.out / TRAIN).rename(built.out / "train/else.tfrecord")
    assert problems(built) == [
        f"{TRAIN}: is missing",
        "train/else.tfrecord: is not in the manifest",
    ]


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (b"\xff\xff", "is no sample"),
        (sample(picture(1)[:-99]), "picture 0 of 'new' cannot be decoded"),
        (sample(picture(1, (SIZE, 9))), "is a JPEG of 32x9 pixels"),
        (sample(picture(1, kind="BMP")), "is a BMP"),
        (sample(split="validation"), "has split='validation' in a file of 'train'"),
        (sample(source="other"), "has source='other' in a file of 'faces'"),
        (sample(units={}), r"has tasks=() in a file of ('au',)"),
    ],
)
def test_a_wrong_record_is_named(built, wrong, expected):
    replace_record(built, 4, wrong)
    found = problems(built)
    assert found[0].startswith(f"{TRAIN}, record 4: ")
    assert expected in found[0]


def test_a_key_that_occurs_twice_is_named(built):
    replace_record(built, 4, sample(key="c/2.jpg", split="train"))
    assert any("'c/2.jpg' is also in train/" in problem for problem in problems(built))


def test_a_subject_in_two_splits_is_named(built):
    replace_record(built, 4, sample(subject="6"))
    (found,) = [text for text in problems(built) if "subject '6'" in text]
    assert "is in train and in validation" in found


def test_a_film_in_two_splits_is_named(data):
    data.write(
        "file,split,subject,video,AU1",
        "a/1.jpg,train,x,film,1",
        "a/2.jpg,train,y,,1",
        "a/3.png,train,z,,1",
        "c/1.jpg,validation,v,film2,1",
        "c/2.jpg,validation,w,,1",
    )
    writer.build(csv_folder.annotations(data.csv, data.images), data.out, size=SIZE)
    assert problems(data) == []
    replace_record(data, 0, sample(video="film2"))
    (found,) = [text for text in problems(data) if "video" in text]
    assert "video 'film2' is in train and in validation" in found


def test_counts_that_are_not_those_of_the_records_are_named(built):
    path = built.out / "manifest.json"
    fields = json.loads(path.read_text())
    fields["counts"]["train"]["action_units"]["AU1"]["positive"] = 1
    path.write_text(json.dumps(fields))
    (found,) = problems(built)
    assert found.startswith("manifest.json: counts action_units=")


def test_sampling_numbers_are_those_that_the_manifest_states(built):
    replace_record(built, 4, sample(sampling={"au": 2.0}))
    assert "has sampling numbers, and the manifest knows of none" in problems(built)[0]
    dataclasses.replace(Manifest.load(built.out), sampling=("au",)).save(built.out)
    found = [text for text in problems(built) if "sampling" in text]
    assert len(found) == 5
    assert all("has no sampling number for au" in text for text in found)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"frames_per_sample": {"min": 1, "max": 2}}, "manifest.json: states frames"),
        ({"rejected": 1}, "rejected.csv: lists 0 rows, but the manifest counts 1"),
        ({"dropped": {"trian": {"no_image": 1}}}, "manifest.json: counts what was"),
        ({"dropped": {"train": {"no_image": -1}}}, "manifest.json: counts -1 frames"),
        ({"dropped": {"train": {"": 1}}}, "manifest.json: counts 1 frames of train"),
        ({"sampling": ("expr",)}, "manifest.json: states sampling numbers for 'expr'"),
        ({"seed": 9}, f"{TRAIN}: is not in the order of seed 9"),
    ],
)
def test_what_the_manifest_says_of_the_build_is_checked(built, change, expected):
    dataclasses.replace(Manifest.load(built.out), **change).save(built.out)
    (found,) = problems(built)
    assert found.startswith(expected)


def test_a_list_of_rejects_that_is_gone_is_noticed(built):
    (built.images / "a/1.jpg").write_bytes(b"x")
    annotations = csv_folder.annotations(built.csv, built.images)
    options = {"size": SIZE, "overwrite": True, "max_rejects": 0.2}
    writer.build(annotations, built.out, **options)
    assert problems(built) == []
    (built.out / "rejected.csv").unlink()
    assert problems(built) == ["rejected.csv: lists 0 rows, but the manifest counts 1"]


@pytest.mark.parametrize("cut", range(1, 13))
def test_a_stored_picture_that_training_would_skip_is_found(built, cut):
    damaged = picture(1, kind="PNG")[:-cut]
    replace_record(built, 4, sample(damaged))
    assert "cannot be decoded" in problems(built)[0]


def test_counts_add_up_over_shards(data):
    annotations = csv_folder.annotations(data.csv, data.images)
    writer.build(annotations, data.out, size=SIZE, frames_per_shard=1)
    assert len(Manifest.load(data.out).shards) == 7
    assert problems(data) == []


def test_a_stopped_build_is_not_verified(data):
    def stop(frames, total, kept):
        raise KeyboardInterrupt

    annotations = csv_folder.annotations(data.csv, data.images)
    with pytest.raises(KeyboardInterrupt):
        writer.build(annotations, data.out, size=SIZE, progress=stop)
    with pytest.raises(UserError, match="it continues"):
        verify.verify(data.out)
