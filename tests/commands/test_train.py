import dataclasses
import json
import shutil
import signal
import threading

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.compat.proto import event_pb2

from affect_tf.commands import run_folder
from affect_tf.commands import run_lock
from affect_tf.commands.session import Session
from affect_tf.data.manifest import Manifest
from affect_tf.training.trainer import Trainer
from tests.commands.stored import weights


def test_each_run_leaves_weights_scores_config_and_events(trained):
    for name in ("teacher", "student-0", "student-1"):
        folder = trained / "sample" / name
        assert run_folder.stored_config(folder).name == "sample"
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
        "time/frames_per_s",
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


def test_students_are_shown_beside_their_teacher_with_the_ensemble(trained):
    output = (trained / "student.txt").read_text()
    names = ("teacher", "student-0", "student-1", "ensemble")
    assert any(all(name in line for name in names) for line in output.splitlines())


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
    assert "The same command goes on" in output
    code, output = run(mode="teacher", workdir=tmp_path)
    assert code == 0
    assert "continuing after step 6" in output
    ours, theirs = (weights(top / "sample/teacher") for top in (tmp_path, trained))
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.skipif(run_lock.fcntl is None, reason="the system has no such locks")
def test_a_run_that_another_process_trains_is_waited_for(run, trained, monkeypatch):
    lock = trained / "sample" / ".teacher.lock"
    held, done = threading.Event(), threading.Event()

    def other():
        with run_lock.alone(lock, lambda: None):
            held.set()
            done.wait(60)

    def say(self, text, original=Session.say):
        original(self, text)
        if "Another process trains" in text:
            done.set()

    monkeypatch.setattr(Session, "say", say)
    thread = threading.Thread(target=other)
    thread.start()
    assert held.wait(30)
    code, output = run(workdir=trained, mode="teacher")
    done.set()
    thread.join(30)
    assert code == 0
    assert "Another process trains" in output


def test_another_config_does_not_go_on_in_the_same_folder(run, trained):
    code, output = run(mode="teacher", workdir=trained, set=["seed=5"])
    assert code == 2
    assert "seed=5" in output
    assert "--overwrite" in output


def test_a_loss_that_is_not_finite_stops_with_its_cause_and_keeps_the_last_weights(
    run, trained, tmp_path, monkeypatch
):
    shutil.copytree(trained / "sample/teacher", tmp_path / "sample/teacher")
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


def test_a_run_does_not_go_on_with_other_data(run, trained, tmp_path, small_folder):
    other = tmp_path / "other"
    shutil.copytree(small_folder, other)
    manifest = Manifest.load(other)
    first = dataclasses.replace(manifest.shards[0], sha256="another")
    shards = (first, *manifest.shards[1:])
    dataclasses.replace(manifest, shards=shards).save(other)
    code, output = run(mode="teacher", workdir=trained, data=other)
    assert code == 2
    assert "must go on with the data" in output


def test_a_student_does_not_learn_from_a_teacher_of_other_labels(
    run, trained, tmp_path
):
    shutil.copytree(trained / "sample/teacher", tmp_path / "sample/teacher")
    path = tmp_path / "sample/teacher/config.txt"
    text = path.read_text()
    swapped = text.replace("'anger', 'disgust'", "'disgust', 'anger'")
    assert swapped != text
    path.write_text(swapped)
    code, output = run(mode="student", workdir=tmp_path)
    assert code == 2
    assert "must have the labels of its student" in output


def test_a_student_of_another_teacher_does_not_go_on(run, trained, tmp_path):
    shutil.copytree(trained / "sample", tmp_path / "sample")
    given = {"overwrite": True, "set": ["seed=3", "teacher.epochs=1"]}
    assert run(mode="teacher", workdir=tmp_path, **given)[0] == 0
    code, output = run(mode="student", workdir=tmp_path)
    assert code == 2
    assert "# teacher: " in output
