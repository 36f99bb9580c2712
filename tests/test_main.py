import dataclasses
import json
import pathlib
import signal

import numpy as np
import pytest
import tensorflow as tf
from absl.testing import flagsaver
from tensorboard.compat.proto import event_pb2

import configs.sample
import main
from affect_tf.commands import session as session_lib
from affect_tf.config import ExperimentConfig
from affect_tf.data.manifest import Manifest
from affect_tf.models.backbones import Tiny
from affect_tf.models.build import Architecture
from affect_tf.training import fit
from affect_tf.training.trainer import Trainer

if not main.FLAGS.is_parsed():
    main.FLAGS(["main.py"])


def tiny() -> ExperimentConfig:
    config = SAMPLE()
    stage = {"epochs": 2}
    return dataclasses.replace(
        config,
        architecture=Architecture(Tiny(), image_size=32),
        teacher=dataclasses.replace(config.teacher, **stage),
        student=dataclasses.replace(config.student, **stage),
        batch_size=12,
        evaluation_batch_size=8,
        precision="float32",
    )


SAMPLE = configs.sample.config


@pytest.fixture
def run(monkeypatch, capsys, small_folder):
    """Runs the command line on small data; returns the exit code and the output."""
    monkeypatch.setattr(configs.sample, "config", tiny)

    def call(*arguments, data=small_folder, workdir="runs", **flags):
        folder = None if data is None else str(data)
        with flagsaver.flagsaver(data=folder, workdir=str(workdir), **flags):
            code = main.main(["main.py", *arguments])
        return code, capsys.readouterr().out

    return call


@pytest.fixture(scope="session")
def trained(tmp_path_factory, small_folder):
    """A workdir with a trained teacher and two students."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(configs.sample, "config", tiny)
        given = {"data": str(small_folder), "workdir": str(folder)}
        for mode in ("teacher", "student"):
            with flagsaver.flagsaver(mode=mode, num_students=2, **given):
                assert main.main(["main.py"]) == 0
    return folder


def weights(folder):
    model, _ = session_lib.trained_model(folder)
    return model.get_weights()


def test_each_run_leaves_weights_scores_config_and_events(trained):
    for name in ("teacher", "student-0", "student-1"):
        folder = trained / "sample" / name
        assert session_lib.stored_config(folder).name == "sample"
        scores = json.loads((folder / "scores.json").read_text())["scores"]
        assert 0 <= scores["expr"]["accuracy"] <= 1
        assert scores["overall"] > 0
        assert list((folder / "tensorboard").glob("events*"))
    ours, theirs = (weights(trained / "sample" / f"student-{i}") for i in (0, 1))
    assert not all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_the_events_hold_addends_scores_and_pictures(trained):
    (path,) = (trained / "sample" / "student-0" / "tensorboard").glob("events*")
    tags = {
        value.tag
        for record in tf.data.TFRecordDataset(str(path))
        for value in event_pb2.Event.FromString(record.numpy()).summary.value
    }
    for task in ("expr", "au", "va"):
        assert {f"loss/{task}/supervised", f"loss/{task}/distilled"} <= tags
    assert {
        "loss/total",
        "optimizer/learning_rate",
        "optimizer/loss_scale",
        "optimizer/gradient_norm",
        "time/samples_per_s",
        "time/input_wait",
        "score/overall",
        "score/expr/f1",
        "score/expr/f1_by_class/happiness",
        "score/au/f1_by_unit/AU12",
        "score/va/valence_ccc",
        "faces",
        "confusion",
        "action_units",
        "valence_arousal",
        "config",
    } <= tags


def test_a_finished_run_is_left_as_it_is(run, trained):
    before = weights(trained / "sample" / "teacher")
    code, output = run(mode="teacher", workdir=trained)
    assert code == 0
    assert "finished already" in output
    for old, new in zip(before, weights(trained / "sample" / "teacher"), strict=True):
        np.testing.assert_array_equal(old, new)


def test_students_are_shown_beside_their_teacher_with_the_ensemble(run, trained):
    code, output = run(mode="student", num_students=2, workdir=trained)
    assert code == 0
    for name in ("teacher", "student-0", "student-1", "ensemble"):
        assert name in output


def test_evaluate_writes_scores_plots_and_the_spread_of_an_ensemble(
    run, trained, tmp_path
):
    code, output = run(
        mode="evaluate",
        workdir=trained,
        json=str(tmp_path / "scores.json"),
        out=str(tmp_path / "plots"),
    )
    assert code == 0
    assert "student-0 + student-1 on validation" in output
    document = json.loads((tmp_path / "scores.json").read_text())
    assert {"accuracy", "f1", "by_class"} <= set(document["scores"]["expr"])
    assert document["scores"]["va"]["valence_ccc"] is not None
    assert document["scores"]["au"]["f1"] is not None
    assert document["protocol"]["runs"] == ["student-0", "student-1"]
    names = {path.name for path in (tmp_path / "plots").glob("*.png")}
    assert names >= {"confusion.png", "action_units.png", "valence_arousal.png"}


def test_evaluate_agrees_with_the_scores_that_training_left(run, trained, tmp_path):
    target = tmp_path / "scores.json"
    run(
        mode="evaluate",
        workdir=trained,
        runs=["teacher"],
        json=str(target),
        out=str(tmp_path / "plots"),
    )
    left = json.loads((trained / "sample/teacher/scores.json").read_text())
    assert json.loads(target.read_text())["scores"] == left["scores"]


def test_the_export_scores_the_stored_pictures_as_evaluate_does(
    run, trained, tmp_path, small_folder
):
    code, _ = run(
        mode="export", workdir=trained, runs=["teacher"], out=str(tmp_path / "model")
    )
    assert code == 0
    served = tf.saved_model.load(str(tmp_path / "model" / "1"))
    manifest = Manifest.load(small_folder)
    strings = [
        record
        for shard in manifest.select("validation")
        for record in tf.data.TFRecordDataset(str(small_folder / shard.file))
    ]
    from affect_tf.data import records

    rows = records.parse(tf.stack(strings), manifest.taxonomy, manifest.taxonomy)
    result = served.signatures["serving_default"](image_bytes=rows.image)
    model, config = session_lib.trained_model(trained / "sample" / "teacher")
    faces = session_lib.open_session(config, small_folder, trained, None).faces
    (batch,) = faces.evaluation("validation", 21)
    expected = fit.scorer(model, config.tasks)(batch.inputs)
    order = {key: i for i, key in enumerate(rows.key.numpy())}
    position = [order[key] for key in batch.key.numpy()]
    for name, task in (
        ("expression_scores", "expr"),
        ("action_unit_scores", "au"),
        ("valence_arousal", "va"),
    ):
        found = result[name].numpy()[position]
        np.testing.assert_allclose(found, expected[task], atol=1e-5)


def test_an_interrupted_run_ends_as_if_it_had_never_stopped(
    run, trained, tmp_path, monkeypatch
):
    original, calls = Trainer.train_step, []

    def interrupted(self, batch):
        calls.append(1)
        if len(calls) == 7:
            signal.raise_signal(signal.SIGTERM)
        return original(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train_step", interrupted)
        code, output = run(mode="teacher", workdir=tmp_path)
    assert code == 130
    assert "the same command goes on" in output
    code, output = run(mode="teacher", workdir=tmp_path)
    assert code == 0
    assert "continuing after step 6" in output
    ours, theirs = (weights(top / "sample/teacher") for top in (tmp_path, trained))
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_another_config_does_not_go_on_in_the_same_folder(run, trained):
    code, output = run(mode="teacher", workdir=trained, set=["seed=5"])
    assert code == 2
    assert "seed=5" in output
    assert "--overwrite" in output


def test_a_loss_that_is_not_finite_stops_with_its_cause_and_keeps_the_last_weights(
    run, tmp_path, monkeypatch
):
    assert run(mode="teacher", workdir=tmp_path, set=["teacher.epochs=2"])[0] == 0
    before = weights(tmp_path / "sample/teacher")
    monkeypatch.setattr(
        "affect_tf.objective.losses.SoftmaxCrossEntropy.__call__",
        lambda self, labels, logits, weight: weight * float("nan"),
    )
    code, output = run(mode="student", workdir=tmp_path)
    assert code == 1
    assert "expr/supervised of face" in output
    for old, new in zip(before, weights(tmp_path / "sample/teacher"), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    "flags, code, message",
    [
        ({"mode": "student"}, 2, "must have a teacher"),
        ({"mode": "evaluate"}, 2, "must have been trained"),
        ({"mode": "export", "runs": ["other"]}, 2, "other, which is no trained run"),
        ({"mode": "teacher", "data": "nowhere"}, 2, "must hold a manifest.json"),
        ({"config": "deng2021"}, 2, "Did you mean 'deng2020'"),
        ({"config": "deng2020", "data": None}, 2, "--data must name a folder"),
        ({"mode": "teacher", "set": ["teacher.epoch=1"]}, 2, "Did you mean 'epochs'"),
        ({"mode": "teacher", "set": ["batch_size=10"]}, 2, "divide into 3 equal parts"),
        ({"mode": "teacher", "set": ["precision=fp8"]}, 2, "Precision must be one of"),
        ({"mode": "teacher", "set": ["pretrained=no.npz"]}, 1, "no.npz"),
    ],
)
def test_a_bad_command_says_what_to_do_without_a_traceback(
    run, tmp_path, flags, code, message
):
    found, output = run(**{"workdir": tmp_path, **flags})
    assert found == code
    assert message in output.replace("\n", " ")
    assert "Traceback" not in output


def test_a_split_that_is_not_there_is_named(run, trained):
    code, output = run(mode="evaluate", workdir=trained, split="test")
    assert code == 2
    assert "Choose from ('train', 'validation')" in output


def test_the_doctor_tells_machine_data_and_choice(run, tmp_path, small_folder):
    code, output = run(mode="doctor", workdir=tmp_path, data=small_folder)
    assert "TensorFlow" in output
    assert "float32: asked for" in output
    # The folder is made by hand, with sizes of 0 in its manifest.
    assert code == 1
    assert "must have 0 bytes" in output


def test_the_help_names_every_config():
    text = pathlib.Path(main.__file__).read_text() + main.FLAGS.get_help()
    for name in main.CONFIGS:
        assert name in text
