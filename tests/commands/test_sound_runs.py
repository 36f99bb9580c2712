"""Models that hear, from their towers to their scores."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
from absl.testing import flagsaver

import configs.deng2020_rnn
import configs.jeong2022_small
import main
from affect_tf.commands import run_folder
from affect_tf.commands import run_models
from affect_tf.data import feature_records
from affect_tf.data.manifest import Manifest
from affect_tf.evaluation.predictions import Predictions
from affect_tf.evaluation.scores import Scores
from affect_tf.models import temporal
from affect_tf.serving import Predictor
from affect_tf.training import fit
from affect_tf.training.trainer import Trainer
from tests.commands import heard_clips
from tests.commands import stored_films
from tests.commands.clip_runs import tiny_recurrent

CONFIG = "jeong2022_small"
#: The sound alone; what hears is trained with what is above it, in pieces.
DEAF = ["windows.frames=0", "architecture.temporal.face=False", "train_cnn=True"]
DEAF += ["pieces=2"]
ONE_SOURCE = "sources=(Source('all'),)"
#: Scores of the tasks, the same in each epoch.
STALE = {"expr": 0.5, "va": 0.125}
HARDER = ["name=harder", "teacher.epochs=1", "adversarial=Adversarial(Linear(0.0,1.0))"]


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    return heard_clips.write_clips(tmp_path_factory.mktemp("heard"))


@pytest.fixture(scope="module")
def hear(heard, tmp_path_factory):
    """Calls the command line with the small configs, on clips with sound."""
    folder = tmp_path_factory.mktemp("runs")

    def call(data=heard, workdir=folder, **flags):
        given = {"config": CONFIG, "data": str(data), "workdir": str(workdir)}
        with flagsaver.flagsaver(**{**given, **flags}):
            return main.main(["main.py"])

    call.folder = folder
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(configs.jeong2022_small, "config", heard_clips.tiny_hearing)
        patch.setattr(configs.deng2020_rnn, "config", tiny_recurrent)
        yield call


@pytest.fixture(scope="module")
def towers(hear, heard):
    """--set of a network that sees faces and one that hears, which was trained.

    By one sum of scores its first epoch was the best, by the other its second.
    """
    face = heard_clips.write_face_run(hear.folder / "face", heard)
    original, sums = fit.evaluate, iter([(0.7, 1.5), (0.6, 1.6)])

    def scripted(*given):
        abaw3, overall = next(sums)
        return dataclasses.replace(original(*given), abaw3=abaw3, overall=overall)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "evaluate", scripted)
        assert hear(mode="teacher", set=[*DEAF, ONE_SOURCE, "name=voice"]) == 0
    return [f"cnn={face}", f"sound={hear.folder / 'voice' / 'teacher'}"]


@pytest.fixture(scope="module")
def features(hear, towers):
    """Features of both, whose extraction was stopped after three shards."""
    out, original, written = hear.folder / "features", feature_records.write_shard, []

    def stops(source, path, *rest):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(path)
        yield from original(source, path, *rest)

    given = {"mode": "features", "set": towers, "out": str(out)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feature_records, "write_shard", stops)
        assert hear(**given) == 130
        assert not (out / "manifest.json").exists()
        times = [path.stat().st_mtime_ns for path in written]
    assert hear(**given) == 0
    assert times == [path.stat().st_mtime_ns for path in written]
    return out


@pytest.fixture(scope="module")
def trained(hear, features):
    """Teacher and student with a discriminator, on features.

    The student was stopped in its second epoch, and no epoch was better than the first.
    """
    calls, original = [], Trainer.train_step

    def interrupted(self, batch):
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return original(self, batch)

    assert hear(mode="teacher", data=features, set=HARDER) == 0
    given = {"mode": "student", "data": features, "set": HARDER}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Scores, "by_task", lambda self, metric: STALE)
        with patch.context() as stop:
            stop.setattr(Trainer, "train_step", interrupted)
            assert hear(**given) == 130
        state = _state(hear.folder / "harder" / "student-0")
        assert state["task_weights/stale"].tolist() == [0, 0]
        assert hear(**given) == 0
    return hear.folder / "harder"


def _state(run):
    """Everything that the latest checkpoint of a run holds, by name."""
    reader = tf.train.load_checkpoint(str(run / "checkpoints" / "latest"))
    return {
        name.removesuffix("/.ATTRIBUTES/VARIABLE_VALUE"): reader.get_tensor(name)
        for name in reader.get_variable_to_shape_map()
        if name.endswith("/.ATTRIBUTES/VARIABLE_VALUE")
    }


def _below(run):
    return run_models.trained_model(run).get_layer(temporal.EMBEDDER)


def _kernel(model, layer):
    return model.get_layer(layer).get_weights()[0]


def test_the_network_that_hears_is_trained_alone_and_moves(hear, towers):
    run = hear.folder / "voice" / "teacher"
    config = run_folder.stored_config(run)
    tf.keras.utils.set_random_seed(config.seed)
    fresh = run_models.blank(config, "float32", {}).get_layer(temporal.EMBEDDER)
    trained = _below(run)
    assert set(trained.input) == {"sound", "heard"}
    for layer in ("sound_conv1", "sound_norm4", "sound_conv8"):
        assert not np.array_equal(_kernel(trained, layer), _kernel(fresh, layer))
    scores = json.loads((run / "scores.json").read_text())["scores"]
    assert scores["rows"] == sum(heard_clips.LENGTHS)


def test_features_hold_what_both_networks_made_of_a_frame_and_no_sound(heard, features):
    before, after = stored_films.samples(heard), stored_films.samples(features)
    assert before.keys() == after.keys()
    for key, sample in after.items():
        assert sample.sound is None
        assert (before[key].sound is None) is (key in heard_clips.SILENT)
        for old, new in zip(before[key].frames, sample.frames, strict=True):
            assert {*new.features} == {"face_embedding", "sound_embedding"}
            assert (old.time, old.number, old.valence) == (
                new.time,
                new.number,
                new.valence,
            )
            heard_it = np.frombuffer(new.features["sound_embedding"], "<f2")
            assert len(heard_it) == 4
            assert heard_it.any() == (key not in heard_clips.SILENT)
    manifest = Manifest.load(features)
    assert manifest.features["sound_embedding"] == 4
    assert manifest.timed
    stored = sum(shard.bytes for shard in manifest.shards)
    assert stored < sum(shard.bytes for shard in Manifest.load(heard).shards) / 50


def test_features_and_pictures_with_sound_get_the_same_scores(
    hear, heard, trained, features, tmp_path
):
    found = {}
    for name, data in (("features", features), ("clips", heard)):
        given = {"mode": "evaluate", "set": [], "out": str(tmp_path / name)}
        runs = [str(trained / "student-0")]
        assert hear(data=data, runs=runs, **given) == 0
        found[name] = Predictions.load(tmp_path / name / "predictions.npz")
    stored, seen = found["features"], found["clips"]
    np.testing.assert_array_equal(stored.key, seen.key)
    np.testing.assert_array_equal(stored.frame, seen.frame)
    assert len(stored.key) == sum(heard_clips.LENGTHS)
    assert set(stored.scores) == {"expr", "va"}
    for task, values in stored.scores.items():
        np.testing.assert_allclose(values, seen.scores[task], atol=1e-3)
    assert np.ptp(stored.scores["va"]) > 1e-2


def test_a_trained_model_leaves_its_discriminator_behind(trained, features):
    for name in ("teacher", "student-0"):
        config = run_folder.stored_config(trained / name)
        assert config.num_discriminated == 2
        model = run_models.trained_model(trained / name, data=Manifest.load(features))
        assert set(model.output) == {"expr", "va"}
        assert not any("discriminator" in layer.name for layer in model.layers)
        whole = run_models.blank(config, "float32", Manifest.load(features).features)
        head = whole.get_layer("discriminator").get_weights()[0].shape
        shapes = {value.shape for value in _state(trained / name).values()}
        assert head == (4, 2) and head in shapes


def test_task_weights_go_on_where_a_run_was_stopped(trained):
    state = _state(trained / "student-0")
    assert state["epoch"] == 2
    assert state["task_weights/stale"].tolist() == [1, 1]
    assert state["task_weights/best"].tolist() == [*STALE.values()]


def test_the_metric_of_the_config_chooses_the_best_epoch(hear, towers):
    state = _state(hear.folder / "voice" / "teacher")
    assert (state["epoch"], state["best_epoch"], state["best"]) == (2, 1, 0.7)


def test_a_film_without_labels_is_predicted_frame_by_frame(hear, towers, tmp_path):
    """Also by a config that has no vocabulary of its own: the run brings it."""
    film = heard_clips.write_film(tmp_path / "film")
    run = str(hear.folder / "voice" / "teacher")
    given = {"mode": "evaluate", "data": film, "split": "test", "out": str(tmp_path)}
    assert hear(runs=[run], set=[], **given) == 0
    found = Predictions.load(tmp_path / "predictions.npz")
    assert found.frame.tolist() == list(range(heard_clips.LENGTHS[-1]))
    assert found.scores["expr"].shape == (heard_clips.LENGTHS[-1], 7)
    assert np.ptp(found.scores["va"]) > 0
    assert not any(mask.any() for mask in found.masks.values())


def test_an_exported_model_that_hears_scores_films_as_evaluation_does(
    hear, heard, trained, features, tmp_path
):
    """Trained with a discriminator on features, exported to see and to hear."""
    given = {"set": [], "runs": [str(trained / "student-0")]}
    out, scores = tmp_path / "export", tmp_path / "scores"
    assert hear(mode="export", data=features, out=str(out), **given) == 0
    assert hear(mode="evaluate", out=str(scores), **given) == 0
    predictor = Predictor(out, detector="none", batch_size=4)
    films = stored_films.films(heard, "validation").values()
    table = predictor.columns.frame(predictor.stream(films))
    predictions = Predictions.load(scores / "predictions.npz")
    assert stored_films.largest_difference(table, predictions) < 1e-5
    whole = tf.saved_model.load(str(out / "1"))
    stored = {v.name for f in whole.signatures.values() for v in f.variables}
    assert any("face_lstm" in name for name in stored)
    assert not any("discriminator" in name for name in stored)
    assert b"discriminator" not in (out / "1" / "saved_model.pb").read_bytes()


def test_a_run_that_only_hears_is_not_exported(hear, towers, capsys):
    run = hear.folder / "voice" / "teacher"
    assert hear(mode="export", runs=[str(run)], set=[]) == 2
    assert "must look at faces" in capsys.readouterr().out


def test_a_run_that_only_hears_is_no_network_of_faces(hear, towers, capsys):
    run = hear.folder / "voice" / "teacher"
    assert hear(mode="teacher", set=[f"cnn={run}", "name=blind"]) == 2
    said = capsys.readouterr().out
    assert "A CNN must see faces" in said and "Traceback" not in said
    assert not (hear.folder / "blind" / "teacher").exists()


def test_other_towers_in_the_same_folder_want_to_be_asked_for(
    hear, heard, towers, features, capsys
):
    """Those of the features stay, unless they are to be overwritten."""
    run, other = hear.folder / "hearing" / "towers", hear.folder / "other"
    before = run_folder.stored_config(run)
    heard_clips.write_face_run(other, heard)
    film = heard_clips.write_film(hear.folder / "film")
    given = {"mode": "features", "data": film, "out": str(hear.folder / "others")}
    given["set"] = [f"cnn={other}", towers[1]]
    assert hear(**given) == 2
    assert "--overwrite" in capsys.readouterr().out
    assert run_folder.stored_config(run) == before
    assert hear(overwrite=True, **given) == 0
    assert run_folder.stored_config(run).cnn == str(other)
