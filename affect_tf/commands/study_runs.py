"""The runs behind a study: which there are, where they lie, what they scored.

    <workdir>/studies/runs/<config>-<digest>/seed-<n>/{teacher,student-0,...}

The digest is of everything that decides a run but its seed: the config, the records,
and the network whose features are read. So arms and studies that need the same run find
it there, and a finished one is never trained again.

A student is made from its teacher, and a model of time from the network below it. Each
run notes the weights that it was made from: where these are others by now, it is out of
date, and is made anew.
"""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
import time
from collections.abc import Sequence
from typing import Any

import rich.console

from affect_tf.commands import features
from affect_tf.commands import run_folder
from affect_tf.commands import run_lock
from affect_tf.commands import study_check
from affect_tf.commands import study_copies
from affect_tf.commands import study_scores
from affect_tf.commands import train
from affect_tf.commands.session import open_session
from affect_tf.commands.session import Session
from affect_tf.commands.session import TEACHER
from affect_tf.data.manifest import Manifest
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

    def check(self, arms: Sequence[Arm]) -> None:
        """Raises UserError where an arm cannot be trained on the data."""
        study_check.check(arms, self._manifest, self._data)

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

    def redo(self, jobs: Sequence[Job]) -> None:
        """Marks jobs, done or not, as to be done anew.

        What is there stays until the turn of its job. Those that others are made from
        are marked after these, so that a kill in between leaves nothing that counts
        although what it is made from does not.

        Args:
          jobs: In the order in which they are done.
        """
        now = time.time()
        for job in reversed(jobs):
            study_scores.mark(self.place(job), now)

    def is_done(self, job: Job) -> bool:
        """Whether a job has been done to its end, from what is there today."""
        if job.name != FEATURES:
            return self._record(job) is not None
        place = self.place(job)
        if study_scores.marked(place) or not (place / "manifest.json").exists():
            return False
        manifest = Manifest.load(place)
        origin = manifest.features_from.get("weights")
        made_of_these = origin == _weights(place.parent / _cnn_run(job.arm))
        return made_of_these and not manifest.file_problems(place)

    def seconds(self, job: Job) -> float | None:
        """Returns how long a finished run took; None where that is not known."""
        record = None if job.name == FEATURES else self._record(job)
        return None if record is None else record["seconds"]

    def do(self, job: Job) -> None:
        """Does a job, or what is left of it, alone; waits while another process does.

        Args:
          job: What its arm needs before it must be there.

        Raises:
          UserError: If the data do not serve, or the run fails.
          KeyboardInterrupt: After saving the state of the run.
        """

        def waiting() -> None:
            session.say("Another process is at these runs; waiting for it to end")

        place, session = self.place(job), self._session(job.arm, job.seed)
        with run_lock.alone(place.parent / _LOCK, waiting):
            if self.is_done(job):
                return
            if job.name == FEATURES:
                if study_scores.marked(place):
                    run_folder.discard(place)
                run = session.run(_cnn_run(job.arm))
                features.extract(session, run, place, overwrite=True)
            else:
                self._train(session, job, place)

    def _train(self, session: Session, job: Job, place: pathlib.Path) -> None:
        """Trains and scores a run, or copies an equal one."""
        digest, upstream = self._run_digest(job), self._upstream(job)
        since = study_scores.marked(place)
        # A run of an older version did not note it; training itself checks those.
        is_old = study_scores.begun(place).get("upstream", upstream) != upstream
        if since is not None or is_old:
            run_folder.discard(place)
        began, was_begun = time.monotonic(), checkpoints.has_any(place)
        if not was_begun:
            runs = (self.folder / "runs").glob(f"*/{place.parent.name}/{job.name}")
            # Equal students lie in one folder; equal teachers of other students do not.
            if job.name == TEACHER and study_copies.adopt(
                place, sorted(runs), digest, upstream, since or 0.0
            ):
                return
            study_scores.begin(place, digest, upstream)
        if job.name == TEACHER:
            train.train_teacher(session)
        else:
            train.train_student(session, int(job.name.rpartition("-")[2]))
        seconds = time.monotonic() - began
        if was_begun:
            seconds = study_scores.begun(place).get("seconds")
        study_scores.write(session, place, digest, upstream, seconds)

    def result(self, arm: Arm, seed: int) -> Result | None:
        """Returns what an arm scores with a seed; None while a run is missing."""
        folder = self._seed_folder(arm, seed)
        names = [TEACHER]
        if arm.system != TEACHER:
            names = train.student_names(arm.config)
        records = [self._record(Job(arm, seed, name)) for name in names]
        if None in records:
            return None
        runs = tuple(f"{folder.relative_to(self.folder)}/{name}" for name in names)
        if arm.system == "ensemble":
            scores = study_scores.ensemble([folder / name for name in names])
        else:
            scores = mean_scores([record["scores"] for record in records])
        return Result(arm.name, seed, scores, runs)

    def _record(self, job: Job) -> dict[str, Any] | None:
        """Returns what a run scored; None where it is not finished, or out of date."""
        return study_scores.read(self.place(job), self._upstream(job))

    def _upstream(self, job: Job) -> dict[str, str]:
        """Returns the digests of the weights that a run is made from."""
        found = {}
        if job.arm.cnn is not None:
            cnn = self._seed_folder(job.arm.cnn, job.seed) / _cnn_run(job.arm.cnn)
            found["cnn"] = _weights(cnn)
        if job.name != TEACHER:
            found[TEACHER] = _weights(self._seed_folder(job.arm, job.seed) / TEACHER)
        return found

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


def _weights(run: pathlib.Path) -> str:
    """Returns the digest of a run's weights; "" where there are none."""
    return checkpoints.digest(run) if checkpoints.has_best(run) else ""


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
