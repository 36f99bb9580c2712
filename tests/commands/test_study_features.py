import dataclasses
import json

import pytest
import rich.console
import tensorflow as tf

from affect_tf.commands import new_models
from affect_tf.commands import run_folder
from affect_tf.commands import study as study_command
from affect_tf.commands import train
from affect_tf.commands.study_runs import Runs
from affect_tf.data.manifest import Manifest
from affect_tf.errors import UserError
from affect_tf.studies.definition import Arm
from affect_tf.studies.definition import Comparison
from affect_tf.studies.definition import Study
from affect_tf.training import checkpoints
from tests.commands.clip_runs import tiny_recurrent
from tests.commands.clip_runs import write_clips
from tests.commands.conftest import tiny


def one_epoch(config, **changes):
    """One task and one epoch, which save most of the time."""
    teacher = dataclasses.replace(config.teacher, epochs=1)
    tasks = tuple(task for task in config.tasks if task.name == "va")
    return dataclasses.replace(config, teacher=teacher, tasks=tasks, **changes)


CNN = Arm("cnn", one_epoch(tiny(), num_students=3))
RNN = Arm("rnn", one_epoch(tiny_recurrent()), cnn=CNN)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp("clips"))


def leave_untrained(session, name, *_):
    """Stands in for the training of a network, which `test_study` goes through."""
    config, run = session.config, session.run(name)
    model = new_models.new_model(config, "float32", config.seed, {})
    run_folder.claim(run, config, {}, session.faces.manifest)
    for kind, values in (
        ("best", {"model": model}),
        ("latest", {"finished": tf.Variable(True)}),
    ):
        checkpoint = tf.train.Checkpoint(**values)
        folder = run / "checkpoints" / kind
        tf.train.CheckpointManager(checkpoint, folder, 1).save()


def test_an_arm_that_models_time_reads_the_features_of_its_network(
    clips, tmp_path, capsys, monkeypatch
):
    train_it = train._train

    def train_one(session, *given):
        is_cnn = session.config.architecture.temporal is None
        (leave_untrained if is_cnn else train_it)(session, *given)

    monkeypatch.setattr(train, "_train", train_one)
    study = Study("Time", (RNN, CNN), (Comparison("cnn", "rnn"),), seeds=1)
    console = rich.console.Console(width=200)
    table = study_command.run_study(study, "time", clips, tmp_path, console)
    output = capsys.readouterr().out
    assert "run 1 of 3: cnn, seed 1 (teacher)" in output
    assert "run 2 of 3: cnn, seed 1 (features)" in output
    assert "run 3 of 3: rnn, seed 1 (teacher)" in output
    assert table.is_complete
    assert table.difference(study.comparisons[0], "overall") is not None
    runs = tmp_path / "studies/runs"
    (written,) = runs.glob("*/seed-1/features-teacher")
    manifest = Manifest.load(written)
    assert manifest.features
    origin = manifest.features_from["weights"]
    assert origin == checkpoints.digest(written.with_name("teacher"))
    (used,) = runs.glob("recurrent-*/seed-1/teacher/data")
    assert Manifest.load(used).shards == manifest.shards

    study_command.run_study(study, "time", clips, tmp_path, console)
    assert "3 runs, 3 of them finished before" in capsys.readouterr().out
    stored = json.loads((tmp_path / "studies/time/results.json").read_text())
    assert [arm["features_of"] for arm in stored["arms"]] == ["cnn", None]


def test_the_features_of_a_student_are_those_of_the_first(clips, tmp_path):
    runs = Runs(tmp_path, clips, rich.console.Console())
    student = dataclasses.replace(CNN, system="student")
    jobs = runs.jobs(dataclasses.replace(RNN, cnn=student), 2)
    assert [(job.arm.name, job.name) for job in jobs] == [
        ("cnn", "teacher"),
        ("cnn", "student-0"),
        ("cnn", "features"),
        ("rnn", "teacher"),
    ]
    assert runs.place(jobs[2]) == runs.place(jobs[1]).with_name("features-student-0")


def test_another_network_below_is_another_run(clips, tmp_path):
    runs = Runs(tmp_path, clips, rich.console.Console())
    longer = Arm("cnn", dataclasses.replace(CNN.config, batch_size=11))
    student = dataclasses.replace(CNN, system="student")
    arms = (RNN, *(dataclasses.replace(RNN, cnn=cnn) for cnn in (longer, student)))
    assert len({runs.place(runs.jobs(arm, 1)[-1]) for arm in arms}) == 3
    renamed = dataclasses.replace(RNN, cnn=dataclasses.replace(CNN, name="other"))
    assert runs.place(runs.jobs(renamed, 1)[-1]) == runs.place(runs.jobs(RNN, 1)[-1])


def test_a_network_that_is_trained_along_starts_from_its_arm_without_features(
    clips, tmp_path, monkeypatch
):
    seen = []
    monkeypatch.setattr(
        study_command.Runs, "is_done", lambda self, job: job.arm is not along
    )
    monkeypatch.setattr(
        "affect_tf.commands.train.train_teacher", lambda s: seen.append(s) or fail()
    )
    along = dataclasses.replace(RNN, config=one_epoch(RNN.config, train_cnn=True))
    study = Study("Along", (along,), seeds=1)
    with pytest.raises(UserError, match="rnn, seed 1"):
        study_command.run_study(study, "along", clips, tmp_path, rich.console.Console())
    (session,) = seen
    assert session.config.cnn.endswith("seed-1/teacher")
    assert session.faces.directory == clips


def fail():
    raise UserError("as planned")
