import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

import configs.deng2020_rnn
from affect_tf.commands import run_folder
from affect_tf.data import feature_records
from affect_tf.data import record_decoder
from affect_tf.data.manifest import Manifest
from affect_tf.evaluation.predictions import Predictions
from affect_tf.training import checkpoints
from tests.commands.clip_runs import LENGTHS
from tests.commands.clip_runs import tiny_recurrent
from tests.commands.clip_runs import write_clips
from tests.commands.stored import weights


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture
def work(run, clips, trained, tmp_path, monkeypatch):
    """Calls the command line on the clips with a trained CNN in the workdir."""
    monkeypatch.setattr(configs.deng2020_rnn, "config", tiny_recurrent)
    shutil.copytree(trained, tmp_path / "runs")

    def call(data=clips, **flags):
        return run(data=data, workdir=tmp_path / "runs", **flags)

    call.folder = tmp_path
    return call


@pytest.fixture
def extracted(work):
    target = work.folder / "features"
    code, output = work(mode="features", runs=["teacher"], out=str(target))
    assert code == 0, output
    return target


def _samples(folder):
    manifest = Manifest.load(folder)
    return {
        sample.key: sample
        for shard in manifest.shards
        for serialized in tf.data.TFRecordDataset(str(folder / shard.file))
        for sample in [record_decoder.decode(serialized.numpy(), manifest.taxonomy)]
    }


def test_features_keep_everything_of_a_record_but_its_pictures(extracted, clips):
    before, after = _samples(clips), _samples(extracted)
    assert before.keys() == after.keys()
    for key, sample in before.items():
        for old, new in zip(sample.frames, after[key].frames, strict=True):
            assert old.image and not new.image
            assert {*new.features} == {f"{t}_embedding" for t in ("expr", "au", "va")}
            assert all(len(vector) == 2 * 128 for vector in new.features.values())
            assert (old.number, old.expression) == (new.number, new.expression)
            assert (old.valence, old.action_units) == (new.valence, new.action_units)
    manifest = Manifest.load(extracted)
    assert manifest.features == dict.fromkeys(
        ("expr_embedding", "au_embedding", "va_embedding"), 128
    )
    assert not manifest.file_problems(extracted)
    assert manifest.counts == Manifest.load(clips).counts


def test_an_extraction_that_was_stopped_ends_with_the_same_bytes(
    work, extracted, monkeypatch
):
    target, written = work.folder / "again", []
    original = feature_records.write_shard

    def stops(source, path, *rest):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(path)
        yield from original(source, path, *rest)

    given = {"mode": "features", "runs": ["teacher"], "out": str(target)}
    monkeypatch.setattr(feature_records, "write_shard", stops)
    code, output = work(**given)
    assert code == 130
    assert "goes on" in output
    assert not (target / "manifest.json").exists()
    written.clear()
    monkeypatch.setattr(feature_records, "write_shard", original)
    assert work(**given)[0] == 0
    assert Manifest.load(target).shards == Manifest.load(extracted).shards
    code, output = work(**given)
    assert code == 0
    assert "already" in output


def test_the_best_run_gives_the_features_unless_one_is_named(work):
    code, output = work(mode="features")
    assert code == 0
    folder = work.folder / "runs" / "sample"
    best = max(
        ("student-0", "student-1"), key=lambda n: checkpoints.best_score(folder / n)
    )
    assert f"seen by {best}" in output


def test_a_recurrent_model_says_the_same_of_features_and_of_pictures(
    work, extracted, clips
):
    given = {"config": "deng2020_rnn", "data": extracted}
    code, output = work(mode="teacher", **given)
    assert code == 0, output
    code, output = work(mode="student", num_students=2, **given)
    assert code == 0, output
    scored = {}
    for name, data in (("features", extracted), ("pictures", clips)):
        out = work.folder / name
        code, output = work(
            mode="evaluate", config="deng2020_rnn", data=data, out=str(out)
        )
        assert code == 0, output
        scored[name] = Predictions.load(out / "predictions.npz")
    stored, seen = scored["features"], scored["pictures"]
    assert len(stored) == sum(LENGTHS)
    np.testing.assert_array_equal(stored.key, seen.key)
    np.testing.assert_array_equal(stored.frame, seen.frame)
    assert len({*zip(stored.key, stored.frame, strict=True)}) == sum(LENGTHS)
    for task, values in stored.scores.items():
        np.testing.assert_allclose(values, seen.scores[task], atol=1e-3)
    assert (work.folder / "pictures" / "faces.png").exists()
    assert not (work.folder / "features" / "faces.png").exists()
    headline = json.loads((work.folder / "features" / "scores.json").read_text())
    assert headline["scores"]["rows"] == sum(LENGTHS)


def test_end_to_end_training_moves_the_network_and_frozen_training_does_not(work):
    cnn = work.folder / "runs" / "sample" / "teacher"
    below = weights(cnn)
    for train_cnn in (False, True):
        given = [f"cnn={cnn}", f"train_cnn={train_cnn}", f"name=rnn{train_cnn}"]
        code, output = work(mode="teacher", config="deng2020_rnn", set=given)
        assert code == 0, output
        run = work.folder / "runs" / f"rnn{train_cnn}" / "teacher"
        assert run_folder.stored_config(run).train_cnn is train_cnn
        # The first weights of both are those of the first convolution.
        moved = not np.array_equal(weights(run)[0], below[0])
        assert moved is train_cnn


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"mode": "features", "runs": ["student-0", "student-1"]}, "must name one run"),
        ({"mode": "features", "runs": ["nobody"]}, "must have been trained"),
        ({"mode": "teacher", "config": "deng2020_rnn"}, "--mode=features"),
        (
            {"mode": "teacher", "config": "deng2020_rnn", "set": ["cnn=nowhere"]},
            "nowhere",
        ),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(work, flags, said):
    code, output = work(**flags)
    assert code == 2
    assert said in output
    assert "Traceback" not in output


def test_features_of_something_else_are_not_overwritten_unasked(work, extracted):
    given = {"mode": "features", "runs": ["student-0"], "out": str(extracted)}
    code, output = work(**given)
    assert code == 2
    assert "--overwrite" in output
    assert work(overwrite=True, **given)[0] == 0
    digest = checkpoints.digest(work.folder / "runs" / "sample" / "student-0")
    assert Manifest.load(extracted).features_from["weights"] == digest


def test_features_are_for_models_of_time_only(work, extracted):
    code, output = work(mode="teacher", data=extracted)
    assert code == 2
    assert "must be given pictures" in output
    code, output = work(mode="features", data=extracted, runs=["teacher"])
    assert code == 2


def test_a_network_that_has_changed_since_is_not_used_with_old_features(
    work, extracted
):
    assert work(mode="teacher", config="deng2020_rnn", data=extracted)[0] == 0
    other = work.folder / "runs" / "sample" / "student-0"
    code, output = work(mode="evaluate", config="deng2020_rnn", set=[f"cnn={other}"])
    assert code == 2
    assert "other weights" in output


def test_a_model_of_time_is_not_exported(work, extracted):
    assert work(mode="teacher", config="deng2020_rnn", data=extracted)[0] == 0
    code, output = work(mode="export", config="deng2020_rnn", data=extracted)
    assert code == 2
    assert "single pictures" in output
