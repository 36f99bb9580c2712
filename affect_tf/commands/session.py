"""What every mode starts from: a config, its data, a folder for results."""

from __future__ import annotations

import dataclasses
import pathlib
import re

import rich.console

from affect_tf.config import ExperimentConfig
from affect_tf.data.input_pipeline import Faces
from affect_tf.data.manifest import Manifest
from affect_tf.data.past import Past
from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import ABAW3
from affect_tf.labels.taxonomy import TASKS
from affect_tf.training import checkpoints

TEACHER = "teacher"
_STUDENT = re.compile(r"student-(\d+)")


@dataclasses.dataclass(frozen=True)
class Session:
    """A config tied to its data and to the folder of its runs.

    Attributes:
      config: With the taxonomy of the data filled in.
      faces: The records.
      folder: Where the runs lie: `<folder>/teacher`, `<folder>/student-0`, ...
      console: Where a person reads.
    """

    config: ExperimentConfig
    faces: Faces
    folder: pathlib.Path
    console: rich.console.Console

    def run(self, name: str) -> pathlib.Path:
        """Returns the folder of one run."""
        return self.folder / name

    def say(self, text: str) -> None:
        """Prints plain text, which may hold paths: never wrapped, never marked up."""
        self.console.print(text, highlight=False, soft_wrap=True, markup=False)

    def students(self) -> list[str]:
        """Returns the names of the students that are finished, by number."""
        found = {}
        for path in self.folder.glob("student-*"):
            match = _STUDENT.fullmatch(path.name)
            if match and checkpoints.is_finished(path):
                found[int(match.group(1))] = path.name
            elif match and checkpoints.has_best(path):
                self.say(f"{path.name} is left out: its training has not ended")
        return [found[number] for number in sorted(found)]


def open_session(
    config: ExperimentConfig,
    data: pathlib.Path,
    workdir: pathlib.Path,
    console: rich.console.Console,
    trains: bool = True,
) -> Session:
    """Returns a session on the records in `data`.

    Args:
      config: The experiment.
      data: Folder of the records.
      workdir: Folder under which runs are kept.
      console: Where a person reads.
      trains: Whether the records are to teach a model, so that tasks without a
        training label are left out.

    Raises:
      UserError: If there are no records, some are missing, or the config does not fit
        them.
    """
    if not (data / "manifest.json").exists():
        raise UserError(
            "A data folder must hold a manifest.json and its shards. "
            f"Received: --data={data}. Build one with 'python -m tfrecords_builder "
            "--dataset=csv --csv=faces.csv --images=DIR --out=DIR'.",
            exit_code=2,
        )
    manifest = Manifest.load(data)
    problems = manifest.file_problems(data)
    if problems:
        raise UserError(problems[0])
    try:
        fitted = fit_to(config, manifest, trains)
    except ValueError as error:
        raise UserError(str(error), exit_code=2) from error
    check_inputs(fitted, manifest, data, trains)
    faces = Faces(
        directory=data,
        manifest=reading(manifest, fitted),
        taxonomy=fitted.taxonomy,
        image_size=fitted.architecture.image_size,
        shuffle_buffer=fitted.shuffle_buffer,
        windows=fitted.windows,
    )
    session = Session(fitted, faces, workdir / fitted.name, console)
    kept = {task.name for task in fitted.tasks}
    left_out = [task.name for task in config.tasks if task.name not in kept]
    if left_out:
        session.say(f"Left out, without training labels: {', '.join(left_out)}")
    return session


def fit_to(
    config: ExperimentConfig, manifest: Manifest, trains: bool = True
) -> ExperimentConfig:
    """Returns the config with what the data decide; see `open_session`.

    Raises:
      ValueError: If the two have no task in common.
    """
    counts = manifest.counts.get("train", {})
    labelled = [task for task, count in counts.get("by_task", {}).items() if count]
    taxonomy = config.taxonomy or manifest.taxonomy
    if not trains and not taxonomy.tasks:
        # Nothing is labelled, in no words. A run brings its own; until then any do.
        taxonomy = ABAW3
    return config.for_data(
        taxonomy,
        counts.get("classes", {}),
        labelled if trains else TASKS,
    )


def reading(manifest: Manifest, config: ExperimentConfig) -> Manifest:
    """Returns the manifest with no features but those that `config` reads."""
    features = {
        name: manifest.features[name]
        for name in _features_of(config)
        if name in manifest.features
    }
    return dataclasses.replace(manifest, features=features)


def check_inputs(
    config: ExperimentConfig,
    manifest: Manifest,
    data: pathlib.Path,
    trains: bool = True,
) -> None:
    """Raises UserError unless a model of the config can be given what the data hold."""
    if not manifest.features:
        # Who does not train takes what a run looks back to from the run.
        if trains:
            check_past(config, manifest, data)
        return
    if trains:
        _check_no_towers(config, data)
    if config.architecture.temporal is None:
        raise UserError(
            "A config without architecture.temporal must be given pictures. Received: "
            f"--data={data}, which holds features. Choose the folder that they were "
            "made from, or a config that models time.",
            exit_code=2,
        )
    missing = [name for name in _features_of(config) if name not in manifest.features]
    # A trained run has its own tasks, which may be fewer.
    if trains and missing:
        raise UserError(
            "Features must hold all that the model reads. Received: "
            f"{data} with {', '.join(manifest.features)}, without "
            f"{', '.join(missing)}. Extract them with a network that gives it, or "
            "leave the task, or the face or sound, out of the config.",
            exit_code=2,
        )


def _features_of(config: ExperimentConfig) -> tuple[str, ...]:
    """Returns the vectors of a frame that a config reads where there are any."""
    temporal = config.architecture.temporal
    tasks = [task.name for task in config.tasks]
    return () if temporal is None else temporal.features(tasks)


def _check_no_towers(config: ExperimentConfig, data: pathlib.Path) -> None:
    """Raises UserError where features are to pass through networks once more."""
    for field in ("train_cnn", "sound"):
        value = getattr(config, field)
        if value:
            raise UserError(
                f"{field} must come with clips: of features the networks below have "
                f"seen and heard all there is. Received: {field}={value!r}, and "
                f"--data={data}, which holds features. Leave it out, or name clips.",
                exit_code=2,
            )


def check_past(
    config: ExperimentConfig,
    manifest: Manifest,
    data: pathlib.Path,
    trains: bool = True,
) -> None:
    """Raises UserError unless clips tell the past that a config looks back to.

    Args:
      config: Of the model.
      manifest: Of the clips.
      data: Their folder.
      trains: Whether they are to teach it. A trained model does without any sound, as
        it does for a film without a sound track.
    """
    past = config.windows
    if not isinstance(past, Past):
        return
    if not manifest.timed and manifest.frames_per_sample["max"] > 1:
        raise UserError(
            "Clips must have the times of their frames to look at the past. Received: "
            f"--data={data}, whose frames have none. Build the records again, from "
            "films.",
            exit_code=2,
        )
    wanted = {"rate": past.rate, "channels": past.channels}
    found = {name: manifest.sound.get(name) for name in wanted}
    silent = not manifest.sound and not trains
    if past.num_samples and found != wanted and not silent:
        raise UserError(
            "Records must have the sound that a config listens to. Received: "
            f"--data={data} with {manifest.sound or 'no sound'}, for {wanted}. Build "
            "them with --sound=mono or --sound=stereo, or train without sound by "
            "--set windows.sound=0 --set architecture.temporal.sound=None.",
            exit_code=2,
        )
