"""The small experiment on rendered faces, which it makes for itself.

python main.py --mode=teacher
python main.py --mode=student
"""

import dataclasses
import pathlib

import rich.console

from affect_tf.config import ExperimentConfig
from affect_tf.training.schedules import Cosine
from configs import deng2020_small

#: Where the rendered data set lies, below the working directory.
DATA = pathlib.Path("data/sample")


def config() -> ExperimentConfig:
    """Returns the experiment."""
    small = deng2020_small.config()
    stage = {"epochs": 16, "learning_rate": Cosine(2e-3)}
    return dataclasses.replace(
        small,
        name="sample",
        teacher=dataclasses.replace(small.teacher, **stage),
        student=dataclasses.replace(small.student, **stage),
    )


def prepare(console: rich.console.Console) -> pathlib.Path:
    """Renders the data set, unless that has been done, and returns its folder."""
    # The renderer is not needed once the records are there.
    from tfrecords_builder import report
    from tfrecords_builder import writer
    from tfrecords_builder.readers import synthetic

    if not (DATA / "manifest.json").exists():
        console.print(f"The sample faces are rendered into {DATA}, once.")
        with report.Reporter(console, "Rendering") as reporter:
            writer.build(synthetic.annotations(), DATA, progress=reporter)
    return DATA
