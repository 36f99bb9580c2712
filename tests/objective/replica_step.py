"""One step under one and under two replicas; prints both as JSON.

Run by `test_replicas` in a process of its own, since the number of logical devices
is fixed once TensorFlow has started. The optimizer is Keras's, as in training.
"""

import json

import numpy as np
import tensorflow as tf

import affect_tf  # noqa: F401  (chooses the Keras 2 API before TensorFlow loads)
from affect_tf.objective.distillation import ConcordanceDistillation
from affect_tf.objective.losses import Concordance
from affect_tf.objective.mixing import CellMix
from affect_tf.objective.objective import Objective
from affect_tf.objective.tasks import ActionUnits
from affect_tf.objective.tasks import Expression
from affect_tf.objective.tasks import ValenceArousal
from affect_tf.objective.weighting import PatienceWeighting

ROWS = 8
STUDENT = CellMix(labelled=(0.6, 0.4), unlabelled=(0.0, 1.0))
PLAIN = ValenceArousal(None, Concordance(), ConcordanceDistillation())


def batch():
    """Eight rows; the second half, one replica's, has a single row with VA labels."""
    random = np.random.default_rng(0)
    return {
        "features": random.normal(size=(ROWS, 3)).astype(np.float32),
        "teacher": random.normal(size=(ROWS, 3)).astype(np.float32),
        "labels": {
            "expr": random.integers(0, 7, ROWS).astype(np.int32),
            "au": random.integers(0, 2, (ROWS, 4)).astype(np.float32),
            "va": random.uniform(-1, 1, (ROWS, 2)).astype(np.float32),
        },
        "masks": {
            "expr": np.array([1, 0, 0, 1, 0, 1, 0, 1], np.float32),
            "au": random.integers(0, 2, (ROWS, 4)).astype(np.float32),
            "va": np.array([1, 1, 0, 1, 1, 0, 0, 0], np.float32),
        },
        "weight": np.array([1, 1, 1, 1, 1, 1, 0, 0], np.float32),
    }


def step(strategy, va_task):
    """Returns the global loss and the kernels after one step of SGD."""
    tasks = (Expression(), ActionUnits(), va_task)
    widths = {"expr": 7, "au": 4, "va": 2 * (va_task.num_bins or 1)}
    random = np.random.default_rng(1)
    start = {t: random.normal(size=(3, k)) for t, k in widths.items()}
    teacher = {t: tf.constant(v, tf.float32) for t, v in start.items()}
    with strategy.scope():
        kernels = {t: tf.Variable(v, dtype=tf.float32) for t, v in start.items()}
        objective = Objective(tasks, STUDENT, PatienceWeighting())
        optimizer = tf.keras.optimizers.SGD(1.0)
        optimizer.build(list(kernels.values()))
    objective.weighting.update({"va": 1.0})
    objective.weighting.update({"va": 0.0})

    def train(rows):
        soft = {t: rows["teacher"] @ kernel for t, kernel in teacher.items()}
        with tf.GradientTape() as tape:
            logits = {t: rows["features"] @ kernels[t] for t in widths}
            report = objective(
                logits, rows["labels"], rows["masks"], rows["weight"], soft
            )
        variables = [kernels[task] for task in widths]
        gradients = tape.gradient(report.total, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return report.total

    data = tf.data.Dataset.from_tensor_slices(batch()).batch(ROWS)
    rows = next(iter(strategy.experimental_distribute_dataset(data)))
    totals = tf.function(lambda: strategy.run(train, args=(rows,)))()
    total = strategy.reduce(tf.distribute.ReduceOp.SUM, totals, axis=None)
    after = {task: kernel.numpy().tolist() for task, kernel in kernels.items()}
    return {"total": float(total), **after}


def main():
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_visible_devices([], "GPU")
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    one = tf.distribute.OneDeviceStrategy("CPU:0")
    results = [
        {"one": step(one, va_task), "two": step(two, va_task)}
        for va_task in (ValenceArousal(num_bins=5), PLAIN)
    ]
    print(json.dumps({"replicas": two.num_replicas_in_sync, "results": results}))


if __name__ == "__main__":
    main()
