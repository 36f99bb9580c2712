"""What every mode starts from: a config, its data, a folder for results."""

from __future__ import annotations

import dataclasses
import difflib
import pathlib
import shutil

import rich.console
import tensorflow as tf

import affect_tf
from affect_tf import config as config_lib
from affect_tf import files
from affect_tf.config import ExperimentConfig
from affect_tf.data import augment
from affect_tf.data import input_pipeline
from affect_tf.data.input_pipeline import Faces
from affect_tf.data.manifest import Manifest
from affect_tf.errors import UserError
from affect_tf.labels import taxonomy as taxonomy_lib
from affect_tf.models import backbones
from affect_tf.models import build
from affect_tf.models import layers
from affect_tf.models import pretrained
from affect_tf.objective import losses
from affect_tf.objective import mixing
from affect_tf.objective import tasks as tasks_lib
from affect_tf.training import checkpoints
from affect_tf.training import optimizers
from affect_tf.training import schedules

_CONFIG_FILE = "config.txt"
#: Holds a copy of the manifest of the data that a run is trained on.
_DATA_FOLDER = "data"
TEACHER = "teacher"

#: Where the parts of a stored config come from.
_CONFIG_MODULES = (
    config_lib,
    augment,
    backbones,
    build,
    input_pipeline,
    layers,
    losses,
    mixing,
    optimizers,
    schedules,
    tasks_lib,
    taxonomy_lib,
)


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

    def students(self) -> list[str]:
        """Returns the names of the students that have weights, by number."""
        found = [
            path.name
            for path in self.folder.glob("student-*")
            if checkpoints.has_best(path)
        ]
        return sorted(found, key=lambda name: int(name.partition("-")[2]))


def open_session(
    config: ExperimentConfig,
    data: pathlib.Path,
    workdir: pathlib.Path,
    console: rich.console.Console,
) -> Session:
    """Returns a session on the records in `data`.

    Raises:
      UserError: If there are no records, or the config does not fit them.
    """
    if not (data / "manifest.json").exists():
        raise UserError(
            "A data folder must hold a manifest.json and its shards. "
            f"Received: --data={data}. Build one with 'python -m tfrecords_builder "
            "--dataset=csv --csv=faces.csv --images=DIR --out=DIR'.",
            exit_code=2,
        )
    try:
        manifest = Manifest.load(data)
        counts = manifest.counts.get("train", {}).get("classes", {})
        config = config.for_data(config.taxonomy or manifest.taxonomy, counts)
    except ValueError as error:
        raise UserError(str(error)) from error
    faces = Faces(
        directory=data,
        manifest=manifest,
        taxonomy=config.taxonomy,
        image_size=config.architecture.image_size,
        shuffle_buffer=config.shuffle_buffer,
    )
    return Session(config, faces, workdir / config.name, console)


def new_model(config: ExperimentConfig, policy: str, seed: int) -> tf.keras.Model:
    """Builds the model of a config with fresh weights, or its pretrained backbone.

    Raises:
      UserError: If the pretrained file does not fit.
    """
    tf.keras.mixed_precision.set_global_policy(policy)
    tf.keras.utils.set_random_seed(seed)
    logits = {task.name: task.num_logits(config.taxonomy) for task in config.tasks}
    model = build.build(config.architecture, logits)
    if config.pretrained is not None:
        pretrained.load_backbone(model, config.pretrained)
    return model


def trained_model(run: pathlib.Path) -> tuple[tf.keras.Model, ExperimentConfig]:
    """Returns the best model of a run, in float32, and the run's config.

    Raises:
      UserError: If the folder is not a run, or its weights cannot be read.
    """
    config = stored_config(run)
    model = new_model(dataclasses.replace(config, pretrained=None), "float32", 0)
    checkpoints.load_best(model, run)
    return model, config


def stored_config(run: pathlib.Path) -> ExperimentConfig:
    """Returns the config that a run was made with.

    Raises:
      UserError: If there is none, or it cannot be read.
    """
    path = run / _CONFIG_FILE
    if not path.exists():
        raise UserError(
            f"A run must have a {_CONFIG_FILE}. Received: {run}, which has none. "
            "Train it first, or check the path.",
            exit_code=2,
        )
    text = path.read_text(encoding="utf-8")
    body = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    try:
        return config_lib.read(body, _CONFIG_MODULES)
    except (ValueError, SyntaxError, TypeError) as error:
        raise UserError(f"{path} must hold a config. {error}") from error


def claim(session: Session, name: str, seed: int, overwrite: bool) -> None:
    """Makes a run's folder that of the session's config and data, new or continued.

    What does not bear on this run is left out of its record, so that a student may
    be trained again with more companions.

    Raises:
      UserError: If another config was trained there, or on other data.
    """
    run, config = session.run(name), session.config
    if overwrite and run.exists():
        shutil.rmtree(run)
    config = dataclasses.replace(config, num_students=1)
    if name == TEACHER:
        config = dataclasses.replace(config, student=None)
    header = f"# affect_tf {affect_tf.__version__}, seed {seed}\n"
    text = header + layout(config) + "\n"
    path = run / _CONFIG_FILE
    if not path.exists():
        session.faces.manifest.save(run / _DATA_FOLDER)
        files.write_text(path, text)
        return
    if training_data(run).shards != session.faces.manifest.shards:
        raise UserError(
            "A run must go on with the data that it began with. "
            f"Received: --data={session.faces.directory}, which holds other records "
            f"than {run} was trained on. Use --overwrite to start it anew, or another "
            "--workdir.",
            exit_code=2,
        )
    stored = path.read_text(encoding="utf-8")
    if stored != text:
        lines = difflib.unified_diff(
            stored.splitlines(), text.splitlines(), "stored", "asked for", n=0
        )
        changes = "\n".join(f"  {line}" for line in list(lines)[2:12])
        raise UserError(
            f"A run must go on with the config that it began with. Received: {run} "
            f"with changes:\n{changes}\nUse --overwrite to start it anew, or another "
            "--workdir.",
            exit_code=2,
        )


def training_data(run: pathlib.Path) -> Manifest:
    """Returns the manifest of the records that a run was trained on.

    Raises:
      UserError: If the run does not say.
    """
    return Manifest.load(run / _DATA_FOLDER)


def layout(config: ExperimentConfig) -> str:
    """Returns the config's repr with one field of the experiment a line."""
    fields = [
        f"    {field.name}={getattr(config, field.name)!r},"
        for field in dataclasses.fields(config)
    ]
    return "\n".join([f"{type(config).__name__}(", *fields, ")"])
