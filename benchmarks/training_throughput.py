"""Does the input keep up with the step, and what does a teacher in the loop cost?

Three loops take turns, a few steps at a time, in one process, so that whatever else
the machine does falls on all of them alike:

  constant   the teacher's step on one batch that is in memory already
  pipeline   the same step on batches from TFRecords: read, decode, augment
  student    the student's step, with its teacher's forward pass, on one batch

  python -m benchmarks.training_throughput --data=data/sample

Batches are prepared ahead, so a turn's first steps use what was decoded in the turns of
the others: they do not count, and the rest of a turn has to pay for itself. Prints the
median of each loop and two ratios: constant / pipeline (1 means that the input costs
nothing) and student / constant (the price of online distillation).
"""

from __future__ import annotations

import importlib
import pathlib
import statistics
import time

import affect_tf  # noqa: F401  isort: skip  (chooses the Keras 2 API first)

import rich.console
from absl import app
from absl import flags

from affect_tf.commands import new_models
from affect_tf.commands import session as session_lib
from affect_tf.commands.run_folder import CONFIG_MODULES
from affect_tf.config_text import override
from affect_tf.training import assembly
from affect_tf.training import precision

FLAGS = flags.FLAGS
flags.DEFINE_string("data", "data/sample", "Folder of TFRecords.")
flags.DEFINE_integer("rounds", 4, "Turns of each loop.")
flags.DEFINE_integer("steps", 6, "Counted steps of a turn.")
flags.DEFINE_integer("uncounted", 8, "Steps before those; more than lie ready.")
flags.DEFINE_string("config", "deng2020", "The config of the step.")
flags.DEFINE_multi_string("set", [], "Change a field of the config.")


def trainer(config, stage, policy, features, teacher=None):
    model = new_models.new_model(config, policy, 0, features)
    return assembly.build(model, config, stage, 1000, teacher)


def main(argv):
    del argv
    config = importlib.import_module(f"configs.{FLAGS.config}").config()
    for assignment in FLAGS.set:
        config = override(config, assignment, CONFIG_MODULES)
    console = rich.console.Console()
    session = session_lib.open_session(
        config, pathlib.Path(FLAGS.data), pathlib.Path("runs"), console
    )
    config = session.config
    policy = precision.choose(config.precision).policy
    batches = iter(
        session.faces.training(
            config.sources,
            config.batch_size,
            config.augmentation,
            seed=0,
            batching=config.batching,
        )
    )
    constant = next(batches)
    features = session.faces.manifest.features
    teacher = trainer(config, config.teacher, policy, features)
    student = trainer(
        config,
        config.student,
        policy,
        features,
        new_models.new_model(config, policy, 1, features),
    )
    loops = {
        "constant": lambda: teacher.train_step(constant).numpy(),
        "pipeline": lambda: teacher.train_step(next(batches)).numpy(),
        "student": lambda: student.train_step(constant).numpy(),
    }
    times = {name: [] for name in loops}
    for step in loops.values():
        step()
        step()
    for _ in range(FLAGS.rounds):
        for name, step in loops.items():
            # A constant batch needs no more than to let the pipeline come to rest.
            for count in range(FLAGS.uncounted + FLAGS.steps):
                began = time.perf_counter()
                step()
                if count >= FLAGS.uncounted:
                    times[name].append(time.perf_counter() - began)
    medians = {name: statistics.median(values) for name, values in times.items()}
    rows = config.batch_size
    print(
        f"{config.name}, {config.architecture.backbone.__class__.__name__} at "
        f"{config.architecture.image_size}, batch {rows}, {policy}"
    )
    for name, median in medians.items():
        print(
            f"{name:>9}: {1000 * median:7.1f} ms a step, {rows / median:6.1f} samples/s"
        )
    print(f"constant / pipeline: {medians['constant'] / medians['pipeline']:.3f}")
    print(f" student / constant: {medians['student'] / medians['constant']:.3f}")


if __name__ == "__main__":
    app.run(main)
