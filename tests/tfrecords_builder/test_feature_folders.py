"""Folders of features, in which people are who they are in folders of pictures."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from affect_tf import files
from affect_tf.data import record_decoder
from affect_tf.data import records
from affect_tf.data.manifest import Manifest
from tests.record_folder import vector
from tests.tfrecords_builder.conftest import build
from tests.tfrecords_builder.conftest import Data
from tfrecords_builder import __main__ as command
from tfrecords_builder import verify

WIDTHS = {"expr_embedding": 3, "va_embedding": 2}


def as_features(sample):
    """The same sample with numbers in place of its pictures."""
    numbers = np.frombuffer(sample.key.encode().ljust(8, b"."), np.uint8)
    features = {
        "expr_embedding": vector(*numbers[:3]),
        "va_embedding": vector(*numbers[3:5]),
    }
    frames = [
        dataclasses.replace(frame, image=b"", features=features)
        for frame in sample.frames
    ]
    return dataclasses.replace(sample, frames=tuple(frames))


def rewritten(path, change, taxonomy):
    """Writes every record of a shard again; returns its size and checksum."""
    stored = [record.numpy() for record in tf.data.TFRecordDataset(str(path))]
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in stored:
            sample = change(record_decoder.decode(record, taxonomy))
            writer.write(records.encode(sample, taxonomy))
    return {"bytes": path.stat().st_size, "sha256": files.sha256(path)}


def change_records(data, change, **fields):
    """Changes every record of a folder, and fields of its manifest."""
    manifest = Manifest.load(data.out)
    shards = tuple(
        dataclasses.replace(
            shard, **rewritten(data.out / shard.file, change, manifest.taxonomy)
        )
        for shard in manifest.shards
    )
    dataclasses.replace(manifest, shards=shards, **fields).save(data.out)


@pytest.fixture
def built(data) -> Data:
    build(data)
    (data.out / "rejected.csv").unlink(missing_ok=True)
    made = {"run": "runs/teacher", "weights": "00ff", "config": "small"}
    change_records(data, as_features, features=WIDTHS, features_from=made, rejected=2)
    return data


def problems(data):
    return [str(problem) for problem in verify.verify(data.out)]


def test_a_whole_folder_of_features_has_no_problem(built):
    assert problems(built) == []
    assert command.main(["verify", str(built.out)]) == 0


def test_other_features_than_the_manifest_states_are_named(built):
    manifest = Manifest.load(built.out)
    dataclasses.replace(manifest, features={"expr_embedding": 3}).save(built.out)
    found = problems(built)
    assert len(found) == 7
    assert (
        "'va_embedding': 2} where the manifest states {'expr_embedding': 3}"
        in (found[0])
    )


def test_pictures_among_features_and_features_among_pictures_are_named(built):
    manifest = Manifest.load(built.out)
    dataclasses.replace(manifest, features={}, rejected=0).save(built.out)
    found = problems(built)
    assert len(found) == 7
    assert "where the manifest states pictures" in found[0]


def test_a_feature_that_is_no_number_is_named_by_file_and_record(built):
    shard = Manifest.load(built.out).shards[0]
    path = built.out / shard.file
    stored = [record.numpy() for record in tf.data.TFRecordDataset(str(path))]
    example = tf.train.Example.FromString(stored[0])
    values = example.features.feature["feature/va_embedding"].bytes_list.value
    values[0] = vector(1, np.nan)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in (example.SerializeToString(), *stored[1:]):
            writer.write(record)
    assert any(
        line.startswith(f"{shard.file}, record 0: is no sample: A feature must hold")
        for line in problems(built)
    )


def test_who_leaves_a_folder_of_features_leaves_nothing_behind(built, capsys):
    before = built.files()
    assert command.main(["drop", str(built.out), "--subject=3"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Removed 1 person" in said and "making the features again" in said
    assert problems(built) == []
    manifest = Manifest.load(built.out)
    assert manifest.splits == ("train",)
    assert manifest.features == WIDTHS
    assert manifest.features_from["run"] == "runs/teacher"
    left = built.files()
    for shard in manifest.shards:
        assert left[shard.file] == before[shard.file]
    assert not any(name.startswith("validation/") for name in left)


def test_stats_of_features_count_and_say_that_there_are_no_faces(built, capsys):
    plots = built.root / "plots"
    assert command.main(["stats", str(built.out), f"--plots={plots}"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Features in place of pictures: expr_embedding (3)" in said
    assert "made by runs/teacher" in said
    assert "No faces are drawn" in said
    drawn = {path.name for path in plots.iterdir()}
    assert "classes.png" in drawn
    assert not any(name.startswith("faces") for name in drawn)


def test_the_json_of_features_is_that_of_pictures(built, capsys):
    assert command.main(["stats", str(built.out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["splits"]["train"]["frames"] == 5
