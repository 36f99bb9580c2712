"""What counts as done, and what is made anew, with training that takes no time."""

import dataclasses
import os
import shutil
import types

import numpy as np
import pytest
import rich.console
import tensorflow as tf

from affect_tf import files
from affect_tf.commands import evaluate
from affect_tf.commands import features
from affect_tf.commands import study as study_command
from affect_tf.commands import study_scores
from affect_tf.commands import train
from affect_tf.commands.study_runs import Runs
from affect_tf.data.manifest import Manifest
from affect_tf.studies.definition import Arm
from affect_tf.studies.definition import Study
from affect_tf.training import checkpoints
from tests.commands.clip_runs import tiny_recurrent
from tests.commands.clip_runs import write_clips
from tests.commands.conftest import tiny

CNN = Arm("cnn", tiny(), "student")
PATIENT = dataclasses.replace(CNN.config.student, patience=9)
#: Another student of an equal teacher.
OTHER = Arm("other", dataclasses.replace(CNN.config, student=PATIENT), "student")
RNN = Arm("rnn", tiny_recurrent(), cnn=CNN)
STUDY = Study("Redone", (CNN, RNN), seeds=1)
ALL = ["sample teacher", "sample student-0", "features", "recurrent teacher"]


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp("clips"))


class Work:
    """Stands in for training: a run is one number, which is another each time."""

    def __init__(self):
        self.done = []
        self.stop_at = None

    def begin(self, what):
        self.done.append(what)
        if len(self.done) == self.stop_at:
            self.done.pop()
            raise KeyboardInterrupt

    def train(self, session, name, stage, seed, overwrite):
        run = session.run(name)
        if checkpoints.is_finished(run):
            return
        self.begin(f"{session.config.name} {name}")
        save(run, "best", model=tf.Variable(np.random.default_rng().normal()))
        save(run, "latest", finished=tf.Variable(True))

    def extract(self, session, run, place, overwrite):
        self.begin("features")
        shutil.copytree(session.faces.directory, place, dirs_exist_ok=True)
        dataclasses.replace(
            Manifest.load(place),
            features={"va_embedding": 4},
            features_from={"weights": checkpoints.digest(run)},
        ).save(place)


def save(run, name, **values):
    checkpoint = tf.train.Checkpoint(**values)
    tf.train.CheckpointManager(checkpoint, run / "checkpoints" / name, 1).save()


@pytest.fixture
def work(monkeypatch):
    made = Work()
    scored = types.SimpleNamespace(
        predictions=types.SimpleNamespace(
            save=lambda path, taxonomy: path.write_bytes(b"")
        ),
        scores=types.SimpleNamespace(headline=lambda: {"overall": 1.0}),
    )
    monkeypatch.setattr(train, "_train", made.train)
    monkeypatch.setattr(features, "extract", made.extract)
    monkeypatch.setattr(evaluate, "score", lambda *_: scored)
    monkeypatch.setattr(evaluate, "write_scores", lambda *_: None)
    return made


@pytest.fixture
def run(work, clips, tmp_path, monkeypatch):
    """Runs a study; returns what was done for it."""
    # What takes time beside training: pictures, and forgetting what Keras built.
    monkeypatch.setattr(study_command.plots, "figures", lambda table: {})
    nothing = types.SimpleNamespace(collect=lambda: 0)
    monkeypatch.setattr(study_command, "gc", nothing)

    def call(study=STUDY, **given):
        work.done.clear()
        console = rich.console.Console(width=200)
        study_command.run_study(study, "redo", clips, tmp_path, console, **given)
        return [*work.done]

    return call


@pytest.fixture
def runs(clips, tmp_path):
    return Runs(tmp_path / "studies", clips, rich.console.Console())


def places(runs, arm):
    return {job.name: runs.place(job) for job in runs.jobs(arm, 1)}


def weights(runs, arm, name):
    return checkpoints.digest(places(runs, arm)[name])


def test_what_is_done_is_done_once_and_overwritten_once(run, runs):
    assert run() == ALL
    before = weights(runs, RNN, "teacher")
    assert run() == []
    assert run(overwrite=True) == ALL
    assert weights(runs, RNN, "teacher") != before
    assert run() == []


@pytest.mark.parametrize("finished", range(4))
def test_an_interrupted_overwrite_loses_nothing_and_mixes_nothing(
    run, work, runs, finished
):
    run()
    work.stop_at = finished + 1
    with pytest.raises(KeyboardInterrupt):
        run(overwrite=True)
    work.stop_at = None
    assert work.done == ALL[:finished]
    assert (runs.result(CNN, 1) is not None) == (finished >= 2)
    assert runs.result(RNN, 1) is None
    assert run() == ALL[finished:]
    assert run() == []


def test_marks_that_were_cut_short_leave_nothing_that_counts_alone(
    run, runs, monkeypatch
):
    run()
    original, marks = study_scores.mark, []

    def killed(folder, when):
        if len(marks) == 2:
            raise KeyboardInterrupt
        marks.append(folder)
        original(folder, when)

    monkeypatch.setattr(study_scores, "mark", killed)
    with pytest.raises(KeyboardInterrupt):
        run(overwrite=True)
    assert run() == ALL[2:]


@pytest.mark.parametrize(
    ("name", "again"),
    [("teacher", ALL), ("student-0", ALL[1:]), ("features", ["features"])],
)
def test_what_was_made_from_other_weights_is_out_of_date(run, runs, name, again):
    run()
    shutil.rmtree(places(runs, RNN if name == "features" else CNN)[name])
    assert run() == again


def test_a_run_that_was_begun_from_other_weights_begins_anew(run, work, runs):
    student, teacher = (places(runs, CNN)[name] for name in ("student-0", "teacher"))
    run(Study("One", (CNN,), seeds=1))
    # As after an interruption in its middle.
    note = study_scores.begun(student)
    study_scores.begin(student, note["digest"], note["upstream"])
    shutil.rmtree(student / "checkpoints")
    save(student, "latest", finished=tf.Variable(False), old=tf.Variable(1))
    half = [*(student / "checkpoints/latest").iterdir()]
    assert run(Study("One", (CNN,), seeds=1)) == ["sample student-0"]
    assert half[0].exists()

    study_scores.begin(student, note["digest"], {"teacher": "of long ago"})
    (student / "old").touch()
    assert run(Study("One", (CNN,), seeds=1)) == ["sample student-0"]
    assert not (student / "old").exists()
    assert study_scores.begun(student)["upstream"] == {
        "teacher": checkpoints.digest(teacher)
    }


def test_a_missing_shard_of_features_is_extracted_again(run, runs):
    run()
    place = runs.place(runs.jobs(RNN, 1)[2])
    (place / Manifest.load(place).shards[0].file).unlink()
    assert run() == ["features"]


def test_an_overwritten_teacher_is_still_shared_but_no_old_one_is_taken(run, runs):
    run(Study("Elsewhere", (OTHER,), seeds=1))
    both = Study("Both", (CNN, Arm("plain", OTHER.config)), seeds=1)
    assert run(both) == ["sample student-0"]
    old = weights(runs, OTHER, "teacher")
    assert weights(runs, CNN, "teacher") == old
    assert run(both, overwrite=True) == ["sample teacher", "sample student-0"]
    new = weights(runs, CNN, "teacher")
    assert new != old
    assert weights(runs, OTHER, "teacher") == new
    assert run(Study("Elsewhere", (OTHER,), seeds=1)) == ["sample student-0"]

    one = Study("One", (CNN,), seeds=1)
    assert run(one, overwrite=True) == ["sample teacher", "sample student-0"]
    assert weights(runs, CNN, "teacher") != weights(runs, OTHER, "teacher")


def test_a_copied_run_is_on_disk_before_it_takes_its_name(run, runs, monkeypatch):
    run(Study("Elsewhere", (OTHER,), seeds=1))
    fsync, rename, synced, copies = os.fsync, files.rename, set(), []

    def noted(handle):
        synced.add(os.fstat(handle).st_ino)
        fsync(handle)

    def checked(source, target):
        if str(source).endswith(".copied"):
            copies.append(source)
            found = [source, *source.rglob("*")]
            assert {path.stat().st_ino for path in found} <= synced
        rename(source, target)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(files, "rename", checked)
    run(Study("One", (CNN,), seeds=1))
    assert len(copies) == 1


def test_runs_that_noted_no_weights_count_where_they_are_made_from_none(run, runs):
    run()
    for place in (places(runs, CNN)[name] for name in ("teacher", "student-0")):
        note = study_scores.begun(place)
        del note["upstream"], note["finished"]
        files.write_text(place / "study.json", study_scores.json.dumps(note))
    teacher, student = runs.jobs(CNN, 1)
    assert runs.is_done(teacher)
    assert not runs.is_done(student)
    # Training finds it finished, and made from this teacher: it is only scored.
    assert run() == []
    assert runs.is_done(student)
