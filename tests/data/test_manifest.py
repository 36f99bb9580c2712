"""The manifest as people and the pipeline meet it."""

import dataclasses
import json

import pytest

from affect_tf.data.manifest import Manifest
from affect_tf.data.manifest import Shard
from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import ABAW2


def shard(split, source, *tasks, samples=2):
    name = f"{split}/{source}.{'+'.join(tasks) or 'none'}-00000-of-00001.tfrecord"
    return Shard(name, split, source, tasks, samples, 2 * samples, 99, "00ff")


MANIFEST = Manifest(
    taxonomy=ABAW2,
    shards=(
        shard("train", "disfa", "au", samples=5),
        shard("train", "affwild2", "expr", "va", samples=3),
        shard("train", "affwild2", samples=1),
        shard("validation", "affwild2", "expr", "au", "va"),
    ),
    counts={"train": {"frames": 18}},
    seed=3,
    frames_per_sample={"min": 2, "max": 2},
    image_size=112,
    rejected=4,
)


def test_a_saved_manifest_loads_as_it_was(tmp_path):
    MANIFEST.save(tmp_path)
    assert Manifest.load(tmp_path) == MANIFEST


@pytest.mark.parametrize(
    ("arguments", "frames"),
    [
        (("train",), 18),
        (("train", "au"), 10),
        (("train", "va"), 6),
        (("train", None, ("aff*",)), 8),
        (("train", None, ("disfa", "aff*")), 18),
        (("train", "au", ("aff*",)), 0),
        (("validation", "au"), 4),
        (("test",), 0),
    ],
)
def test_shards_are_selected_by_split_task_and_source(arguments, frames):
    assert MANIFEST.count(*arguments) == frames
    assert sum(item.frames for item in MANIFEST.select(*arguments)) == frames


def test_shards_are_selected_by_further_tasks():
    def names(*also, task="expr", split="train"):
        return [s.source for s in MANIFEST.select(split, task, also=also)]

    assert names("va") == ["affwild2"]
    assert names("au") == []
    assert names("au", "va", split="validation") == ["affwild2"]


def test_what_made_the_features_is_kept_and_need_not_be_there(tmp_path):
    made = dataclasses.replace(
        MANIFEST,
        features={"expr_embedding": 128},
        features_from={"run": "runs/teacher", "weights": "00ff", "config": "small"},
    )
    made.save(tmp_path)
    assert Manifest.load(tmp_path) == made
    path = tmp_path / "manifest.json"
    fields = json.loads(path.read_text())
    del fields["features"], fields["features_from"]
    path.write_text(json.dumps(fields))
    assert Manifest.load(tmp_path) == MANIFEST


@pytest.mark.parametrize("features", [["x"], {"x": "3"}, {"x": 0}, 3])
def test_features_without_a_width_are_damage(tmp_path, features):
    MANIFEST.save(tmp_path)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "features": features}))
    with pytest.raises(UserError, match="which is damaged"):
        Manifest.load(tmp_path)


def test_samples_and_frames_are_counted_apart():
    assert MANIFEST.count("train", unit="samples") == 9


def test_splits_are_those_that_have_shards():
    assert MANIFEST.splits == ("train", "validation")


def test_a_folder_without_a_manifest_says_how_to_build_one(tmp_path):
    with pytest.raises(UserError, match="tfrecords_builder"):
        Manifest.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"schema_version": 1}', '{"schema_version": 1, "x": 2}'],
)
def test_a_damaged_manifest_is_named(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(UserError, match=r"manifest\.json, which is damaged"):
        Manifest.load(tmp_path)


def test_records_of_another_schema_are_refused(tmp_path):
    dataclasses.replace(MANIFEST, schema_version=2).save(tmp_path)
    with pytest.raises(UserError, match="schema version 1. Received: 2"):
        Manifest.load(tmp_path)


def test_the_file_is_readable_json_that_begins_with_its_version(tmp_path):
    MANIFEST.save(tmp_path)
    fields = json.loads((tmp_path / "manifest.json").read_text())
    assert next(iter(fields)) == "schema_version"
    assert fields["taxonomy"]["action_units"] == list(ABAW2.action_units)


def test_a_manifest_from_before_readers_were_noted_loads(tmp_path):
    MANIFEST.save(tmp_path)
    path = tmp_path / "manifest.json"
    fields = json.loads(path.read_text())
    del fields["reader"], fields["subjects_known"]
    path.write_text(json.dumps(fields))
    assert Manifest.load(tmp_path) == MANIFEST
    assert (MANIFEST.reader, MANIFEST.subjects_known) == ("", True)
