"""The runs behind a study: which there are, where they lie, what they scored.

    <workdir>/studies/runs/<config>-<digest>/seed-<n>/{teacher,student-0,...}

The digest is of everything that decides a run but its seed: the config, the records,
and the network whose features are read. So arms and studies that need the same run find
it there, and a finished one is never trained again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
import shutil
import time

import rich.console

from affect_tf import files
from affect_tf.commands import features
from affect_tf.commands import run_folder
from affect_tf.commands import run_lock
from affect_tf.commands import study_scores
from affect_tf.commands import train
from affect_tf.commands.session import open_session
from affect_tf.commands.session import Session
from affect_tf.commands.session import TEACHER
from affect_tf.data.manifest import Manifest
from affect_tf.errors import UserError
from affect_tf.studies.definition import Arm
from affect_tf.studies.definition import SEED_STEP
from affect_tf.studies.table import mean_scores
from affect_tf.studies.table import Result
from affect_tf.training import checkpoints

_LOCK = ".lock"
#: Of a folder of features, in place of the name of a run.
FEATURES = "features"


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """One piece of work: a run to train and score, or features to extract.

    Attributes:
      arm: The arm that it is for; others may need it too.
      seed: Of the study, from 1.
      name: "teacher", "student-0", ..., or "features".
    """

    arm: Arm
    seed: int
    name: str


class Runs:
    """The runs of all studies on some records, below one folder.

    Args:
      folder: `<workdir>/studies`.
      data: The folder of the records.
      console: Where a person reads.

    Raises:
      UserError: If there are no records.
    """

    def __init__(
        self, folder: pathlib.Path, data: pathlib.Path, console: rich.console.Console
    ) -> None:
        self.folder = folder
        self._data = data
        self._console = console
        self._manifest = Manifest.load(data)
        shards = [f"{shard.file} {shard.sha256}" for shard in self._manifest.shards]
        self.data_digest = _digest(*shards)

    def check(self, arm: Arm) -> None:
        """Raises UserError where an arm's config cannot be trained on the data."""
        config = arm.config
        if arm.cnn is not None:
            self.check(arm.cnn)
            if config.train_cnn:
                config = dataclasses.replace(config, cnn="a run that is still to come")
        counts = self._manifest.counts.get("train", {})
        labelled = [task for task, n in counts.get("by_task", {}).items() if n]
        try:
            config.for_data(
                config.taxonomy or self._manifest.taxonomy,
                counts.get("classes", {}),
                labelled,
            )
        except ValueError as error:
            raise UserError(f"In arm {arm.name!r}: {error}", exit_code=2) from error

    def jobs(self, arm: Arm, seed: int) -> list[Job]:
        """Returns all that an arm needs for a seed, in order."""
        found = []
        if arm.cnn is not None:
            # Of several students the first one gives the features.
            single = dataclasses.replace(arm.cnn.config, num_students=1)
            cnn = dataclasses.replace(arm.cnn, config=single)
            found += self.jobs(cnn, seed)
            if _reads_features(arm):
                found.append(Job(cnn, seed, FEATURES))
        found.append(Job(arm, seed, TEACHER))
        if arm.system != TEACHER:
            found += [Job(arm, seed, name) for name in train.student_names(arm.config)]
        return found

    def place(self, job: Job) -> pathlib.Path:
        """Returns the folder of a run, or of features, whether it is there or not."""
        name = f"{FEATURES}-{_cnn_run(job.arm)}" if job.name == FEATURES else job.name
        return self._seed_folder(job.arm, job.seed) / name

    def key(self, job: Job) -> str:
        """Returns what equal jobs share, whatever the names of their configs."""
        what = f"{job.name} {_cnn_run(job.arm)}" if job.name == FEATURES else job.name
        return f"{self._digest(job.arm)} {job.seed} {what}"

    def kind(self, job: Job) -> str:
        """Returns what jobs of about equal length share: all but the seed."""
        return f"{self._digest(job.arm)} {job.name.rpartition('-')[0] or job.name}"

    def is_done(self, job: Job) -> bool:
        """Whether a job has been done to its end, scores included."""
        place = self.place(job)
        if job.name != FEATURES:
            return study_scores.read(place) is not None
        if not (place / "manifest.json").exists():
            return False
        run = place.parent / _cnn_run(job.arm)
        origin = Manifest.load(place).features_from.get("weights")
        return checkpoints.has_best(run) and origin == checkpoints.digest(run)

    def seconds(self, job: Job) -> float | None:
        """Returns how long a finished run took; None where that is not known."""
        record = study_scores.read(self.place(job))
        return None if record is None else record["seconds"]

    def do(self, job: Job, overwrite: bool = False) -> None:
        """Does a job, or what is left of it, alone; waits while another process does.

        Args:
          job: What its arm needs before it must be there.
          overwrite: Whether to begin anew what is there.

        Raises:
          UserError: If the data do not serve, or the run fails.
          KeyboardInterrupt: After saving the state of the run.
        """

        def waiting() -> None:
            session.say("Another process is at these runs; waiting for it to end")

        place, session = self.place(job), self._session(job.arm, job.seed)
        with run_lock.alone(place.parent / _LOCK, waiting):
            if not overwrite and self.is_done(job):
                return
            if job.name == FEATURES:
                run = session.run(_cnn_run(job.arm))
                features.extract(session, run, place, overwrite=True)
            else:
                self._train(session, job, place, overwrite)

    def _train(
        self, session: Session, job: Job, place: pathlib.Path, overwrite: bool
    ) -> None:
        """Trains and scores a run, or copies an equal one."""
        if overwrite:
            run_folder.discard(place)
        began, was_begun = time.monotonic(), checkpoints.has_any(place)
        if job.name == TEACHER:
            if not was_begun and not overwrite and self._adopt(job, place):
                return
            train.train_teacher(session)
        else:
            train.train_student(session, int(job.name.rpartition("-")[2]))
        seconds = None if was_begun else time.monotonic() - began
        study_scores.write(session, place, self._run_digest(job), seconds)

    def result(self, arm: Arm, seed: int) -> Result | None:
        """Returns what an arm scores with a seed; None while a run is missing."""
        folder = self._seed_folder(arm, seed)
        names = [TEACHER]
        if arm.system != TEACHER:
            names = train.student_names(arm.config)
        records = [study_scores.read(folder / name) for name in names]
        if None in records:
            return None
        runs = tuple(f"{folder.relative_to(self.folder)}/{name}" for name in names)
        if arm.system == "ensemble":
            scores = study_scores.ensemble([folder / name for name in names])
        else:
            scores = mean_scores([record["scores"] for record in records])
        return Result(arm.name, seed, scores, runs)

    def _adopt(self, job: Job, place: pathlib.Path) -> bool:
        """Copies an equal teacher that was trained for other students.

        Returns:
          Whether there was one.
        """
        wanted = self._run_digest(job)
        pattern = f"*/{place.parent.name}/{TEACHER}"
        for run in sorted((self.folder / "runs").glob(pattern)):
            record = None if run == place else study_scores.read(run)
            if record is not None and record["digest"] == wanted:
                shutil.rmtree(place, ignore_errors=True)
                partial = place.with_name(f".{place.name}.copied")
                shutil.rmtree(partial, ignore_errors=True)
                shutil.copytree(run, partial)
                files.rename(partial, place)
                return True
        return False

    def _session(self, arm: Arm, seed: int) -> Session:
        folder = self._seed_folder(arm, seed)
        name = folder.parent.name.rpartition("-")[0]
        config = dataclasses.replace(arm.config, name=name, seed=SEED_STEP * seed)
        data = self._data
        if arm.cnn is not None:
            cnn = self._seed_folder(arm.cnn, seed)
            if _reads_features(arm):
                data = cnn / f"{FEATURES}-{_cnn_run(arm.cnn)}"
            else:
                run = str(cnn / _cnn_run(arm.cnn))
                config = dataclasses.replace(config, cnn=run)
        session = open_session(config, data, folder.parent, self._console)
        return dataclasses.replace(session, folder=folder)

    def _seed_folder(self, arm: Arm, seed: int) -> pathlib.Path:
        """Returns the folder of an arm's runs; a name found there already stays."""
        digest, runs = self._digest(arm), self.folder / "runs"
        found = sorted(runs.glob(f"*-{digest}"))
        top = found[0] if found else runs / f"{arm.config.name}-{digest}"
        return top / f"seed-{seed}"

    def _digest(self, arm: Arm, only_teacher: bool = False) -> str:
        """Returns a digest of all that decides the runs of an arm but the seed."""
        config = dataclasses.replace(arm.config, name="any", seed=0, num_students=1)
        if only_teacher:
            config = dataclasses.replace(config, student=None)
        below = ""
        if arm.cnn is not None:
            below = f"{_cnn_run(arm.cnn)} of {self._digest(arm.cnn)}"
        return _digest(run_folder.layout(config), self.data_digest, below)

    def _run_digest(self, job: Job) -> str:
        return self._digest(job.arm, only_teacher=job.name == TEACHER)


def _cnn_run(arm: Arm) -> str:
    """Returns the run of an arm whose network gives features."""
    return TEACHER if arm.system == TEACHER else "student-0"


def _reads_features(arm: Arm) -> bool:
    """Whether an arm with a network below reads what that network wrote."""
    return arm.cnn is not None and not arm.config.train_cnn


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
