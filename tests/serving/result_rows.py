"""Tables of predictions as a model would give them, made without one."""

import numpy as np
import pandas as pd

from affect_tf.labels.taxonomy import Taxonomy
from affect_tf.serving.prediction.table import presence_column
from affect_tf.serving.prediction.table import unit_column

TAXONOMY = Taxonomy("small", ("neutral", "happiness", "fear"), ("AU1", "AU12"))


def rows(file, frames, person=0, rate=25.0, box=(8, 8, 24, 24), seed=0, spread=True):
    """One face in each of some frames, with random scores."""
    rng = np.random.default_rng(seed)
    frames = np.asarray(list(frames))
    count = len(frames)
    made = pd.DataFrame({"file": [str(file)] * count, "frame": frames})
    made["timestamp"] = frames / rate
    made["face_id"], made["success"], made["problem"] = person, 1, ""
    names = ["FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight"]
    made[names] = np.float64(box)
    made["FaceScore"] = 0.9
    shares = rng.dirichlet(np.ones(len(TAXONOMY.expressions)), count)
    made[list(TAXONOMY.expressions)] = shares
    made["expression"] = np.array(TAXONOMY.expressions)[shares.argmax(1)]
    for unit in map(unit_column, TAXONOMY.action_units):
        made[unit] = rng.uniform(0, 1, count)
        made[presence_column(unit)] = (made[unit] > 0.5).astype(float)
    for name in ("valence", "arousal"):
        made[name] = rng.uniform(-1, 1, count)
        if spread:
            made[f"{name}_spread"] = rng.uniform(0, 0.2, count)
    return made


def failed(file, problem, frame=0):
    """The row of what has no face."""
    place = {"file": str(file), "frame": frame, "timestamp": frame / 25.0}
    return pd.DataFrame([{**place, "face_id": -1, "success": 0, "problem": problem}])
