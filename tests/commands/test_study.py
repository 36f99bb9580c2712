import dataclasses
import json
import shutil
import signal

import pytest
import rich.console
from absl.testing import flagsaver

import configs.sample
import main
from affect_tf.commands import evaluate
from affect_tf.commands import study as study_command
from affect_tf.commands import train
from affect_tf.commands.study_runs import Runs
from affect_tf.errors import UserError
from affect_tf.evaluation.predictions import Predictions
from affect_tf.models.backbones import Tiny
from affect_tf.models.build import Architecture
from affect_tf.studies.definition import Arm
from affect_tf.studies.definition import Comparison
from affect_tf.studies.definition import Study
from affect_tf.training.trainer import Trainer

FILES = ("results.md", "results.json", "results.csv", "scores.png", "differences.png")


def tiny_config(**changes):
    """One task, which saves half of the time."""
    config = configs.sample.config()
    stages = {
        "teacher": dataclasses.replace(config.teacher, epochs=1),
        "student": dataclasses.replace(config.student, epochs=1),
    }
    return dataclasses.replace(
        config,
        **stages
        | {
            "architecture": Architecture(Tiny(), image_size=32),
            "tasks": tuple(task for task in config.tasks if task.name == "va"),
            "batch_size": 12,
            "precision": "float32",
            "num_students": 2,
        }
        | changes,
    )


def tiny_study(**changes):
    config = tiny_config()
    fields = {
        "title": "Teacher, student, ensemble",
        "arms": (
            Arm("teacher", config, paper={"overall": 1.5}),
            Arm("student", config, "student", paper={"overall": 1.6}),
            Arm("both students", config, "ensemble"),
        ),
        "comparisons": (Comparison("teacher", "student"),),
        "metrics": ("va/ccc", "overall"),
        "seeds": 1,
    }
    return Study(**fields | changes)


@pytest.fixture
def run(small_folder, capsys):
    """Runs a study; returns its table, or what it raised, and the output."""

    def call(study, workdir, **given):
        console = rich.console.Console(width=200)
        try:
            table = study_command.run_study(
                study, "tiny", small_folder, workdir, console, **given
            )
        except (UserError, KeyboardInterrupt) as error:
            table = error
        return table, capsys.readouterr().out

    return call


@pytest.fixture(scope="module")
def done(tmp_path_factory, small_folder):
    """A workdir with the finished study, and the runs that were trained for it."""
    workdir, trained = tmp_path_factory.mktemp("study"), []
    original = train._train

    def counted(session, name, *arguments):
        trained.append((session.folder.name, session.config.seed, name))
        return original(session, name, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "_train", counted)
        study_command.run_study(
            tiny_study(), "tiny", small_folder, workdir, rich.console.Console()
        )
    return workdir, trained


def record(workdir):
    path = workdir / "studies/tiny/results.json"
    return json.loads(path.read_text(encoding="utf-8"))


def test_each_run_that_arms_share_is_trained_once(done):
    names = ("teacher", "student-0", "student-1")
    assert done[1] == [("seed-1", 100, name) for name in names]


def test_seed_follows_seed_so_that_a_part_of_a_study_is_paired(
    run, tmp_path, monkeypatch
):
    did = []
    monkeypatch.setattr(Runs, "do", lambda self, job: did.append(job))
    table, _ = run(tiny_study(), tmp_path, seeds=2)
    names = ("teacher", "student-0", "student-1")
    assert [(job.seed, job.name) for job in did] == [
        (seed, name) for seed in (1, 2) for name in names
    ]
    assert not table.is_complete


def test_every_number_can_be_traced_to_its_runs(done):
    workdir, _ = done
    stored = record(workdir)
    assert stored["complete"]
    teacher, student, both = stored["arms"]
    for arm, count in ((teacher, 1), (student, 2), (both, 2)):
        for entry in arm["by_seed"]:
            runs = [workdir / "studies" / name for name in entry["runs"]]
            assert len(runs) == count
            assert {run.parent.name for run in runs} == {f"seed-{entry['seed']}"}
            texts = [(run / "scores.json").read_text() for run in runs]
            overall = [json.loads(text)["scores"]["overall"] for text in texts]
            if arm is not both:
                mean = sum(overall) / count
                assert entry["scores"]["overall"] == pytest.approx(mean, abs=1e-12)
    entry = both["by_seed"][0]
    members = [
        Predictions.load(workdir / "studies" / run / "validation.npz").scores["va"]
        for run in entry["runs"]
    ]
    assert (members[0] != members[1]).any()
    assert entry["scores"] != student["by_seed"][0]["scores"]


def test_the_results_are_written_whole(done):
    folder = done[0] / "studies/tiny"
    assert {path.name for path in folder.iterdir()} == set(FILES)
    page = (folder / "results.md").read_text(encoding="utf-8")
    assert "Incomplete" not in page
    assert "(1.500)" in page
    lines = (folder / "results.csv").read_text(encoding="utf-8").splitlines()
    headlines = len(record(done[0])["arms"][0]["by_seed"][0]["scores"])
    assert len(lines) == 1 + 3 * headlines


def test_nothing_finished_is_trained_or_scored_again(run, done, tmp_path, monkeypatch):
    shutil.copytree(done[0] / "studies/runs", tmp_path / "studies/runs")
    for module, name in ((train, "_train"), (evaluate, "score")):
        monkeypatch.setattr(module, name, lambda *_: pytest.fail("was done before"))
    table, output = run(tiny_study(), tmp_path)
    assert table.is_complete
    assert "3 runs, 3 of them finished before" in output
    assert record(tmp_path)["arms"] == record(done[0])["arms"]


def test_what_another_process_did_meanwhile_is_not_done_again(
    done, small_folder, monkeypatch
):
    monkeypatch.setattr(train, "_train", lambda *_: pytest.fail("was done before"))
    runs = Runs(done[0] / "studies", small_folder, rich.console.Console())
    for job in runs.jobs(tiny_study().arms[1], 1):
        runs.do(job)


def test_arms_that_differ_in_name_or_students_alone_share_their_runs(
    run, done, tmp_path, monkeypatch
):
    shutil.copytree(done[0] / "studies/runs", tmp_path / "studies/runs")
    monkeypatch.setattr(train, "_train", lambda *_: pytest.fail("was done before"))
    renamed = tiny_config(name="another", seed=7, num_students=1)
    study = tiny_study(
        arms=(Arm("renamed", renamed), Arm("one student", renamed, "student")),
        comparisons=(),
    )
    table, _ = run(study, tmp_path)
    assert table.is_complete


def test_a_teacher_is_shared_by_arms_of_other_students(
    run, done, tmp_path, monkeypatch
):
    shutil.copytree(done[0] / "studies/runs", tmp_path / "studies/runs")
    monkeypatch.setattr(train, "train_teacher", lambda *_: pytest.fail("is there"))
    config = tiny_config(num_students=1)
    patient = dataclasses.replace(config.student, patience=9)
    other = dataclasses.replace(config, student=patient)
    study = tiny_study(
        arms=(Arm("teacher", config), Arm("patient", other, "student")),
        comparisons=(),
    )
    table, _ = run(study, tmp_path)
    (teacher,), (student,) = (table.by_seed(arm.name).values() for arm in study.arms)
    assert teacher.runs[0].split("/")[1] != student.runs[0].split("/")[1]


def test_an_interrupted_study_shows_what_is_there_and_goes_on_to_the_same_end(
    run, done, tmp_path, monkeypatch
):
    shutil.copytree(done[0] / "studies/runs", tmp_path / "studies/runs")
    (student,) = (tmp_path / "studies/runs").glob("*/seed-1/student-0")
    shutil.rmtree(student)
    original, calls = Trainer.train_step, []

    def interrupted(self, batch):
        calls.append(1)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGTERM)
        return original(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train_step", interrupted)
        outcome, output = run(tiny_study(), tmp_path)
    assert isinstance(outcome, KeyboardInterrupt)
    assert "run 2 of 3: student, seed 1 (student-0), about" in output
    assert "incomplete: 1 of 3" in output
    stored = record(tmp_path)
    assert not stored["complete"]
    assert [len(arm["by_seed"]) for arm in stored["arms"]] == [1, 0, 0]
    table, output = run(tiny_study(), tmp_path)
    assert "3 runs, 2 of them finished before" in output
    assert "continuing after step" in output
    for arm, expected in zip(
        record(tmp_path)["arms"], record(done[0])["arms"], strict=True
    ):
        ours, theirs = arm["by_seed"][0]["scores"], expected["by_seed"][0]["scores"]
        assert ours == pytest.approx(theirs, abs=1e-3)
    assert table.is_complete


def failing(*_):
    raise UserError("as planned")


def test_a_failed_run_says_which_it_was(run, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "_train", failing)
    error, output = run(tiny_study(), tmp_path)
    assert isinstance(error, UserError)
    assert "teacher, seed 1 (teacher)" in str(error)
    assert "as planned" in str(error)
    assert "There is no result yet" in output
    assert not (tmp_path / "studies/tiny").exists()


def test_a_table_that_cannot_be_made_does_not_hide_what_stopped_the_study(
    run, tmp_path, monkeypatch
):
    def broken(*_):
        raise OSError("disk full")

    monkeypatch.setattr(train, "_train", failing)
    monkeypatch.setattr(study_command, "_finish", broken)
    error, output = run(tiny_study(), tmp_path)
    assert isinstance(error, UserError)
    assert "as planned" in str(error)
    assert "OSError: disk full" in output


def test_other_data_or_another_config_is_another_run(done, small_folder, tmp_path):
    console = rich.console.Console()
    other = tmp_path / "other"
    shutil.copytree(small_folder, other)
    path = other / "manifest.json"
    text = path.read_text()
    sha = json.loads(text)["shards"][0]["sha256"]
    path.write_text(text.replace(sha, "0" * 64))
    runs = Runs(done[0] / "studies", small_folder, console)
    changed = Runs(done[0] / "studies", other, console)
    arm = Arm("a", tiny_config())
    (job,) = runs.jobs(arm, 1)
    assert runs.is_done(job)
    assert not changed.is_done(job)
    assert not runs.is_done(runs.jobs(arm, 3)[0])
    (slower,) = runs.jobs(Arm("a", tiny_config(batch_size=23)), 1)
    assert not runs.is_done(slower)


def test_an_unknown_study_gets_the_closest_name(tmp_path, capsys):
    with flagsaver.flagsaver(mode="study", study="sampel", workdir=str(tmp_path)):
        assert main.main(["main.py"]) == 2
    output = capsys.readouterr().out
    assert "Did you mean 'sample'" in output
    with flagsaver.flagsaver(mode="study", study=None, workdir=str(tmp_path)):
        assert main.main(["main.py"]) == 2
