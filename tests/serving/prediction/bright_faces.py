"""A detector that needs no network: a picture's brightness says how many faces it has.

Unlike a script, it may look at frames in any order and in several threads.
"""

import contextlib

import numpy as np
import pytest
from PIL import Image

from affect_tf.faces import detection
from tests.faces.film_files import write_film
from tests.faces.scripted import face

SIDE = 96


def detect(image):
    """Finds nobody below 80, one person below 180, and two beyond."""
    count = int(np.searchsorted([80, 180], image.mean()))
    return [face(x, 48, side) for x, side in ((24, 40), (72, 30))[:count]]


@contextlib.contextmanager
def as_default():
    """Puts it in the place of the default detector."""
    with pytest.MonkeyPatch.context() as patch:
        made = {**detection.DETECTORS, "default": lambda: detect}
        patch.setattr(detection, "DETECTORS", made)
        yield


def picture(people, seed=0):
    """Returns uint8 [96, 96, 3] with so many people, different for each seed."""
    level = (40, 130, 220)[people]
    noise = np.random.default_rng(seed).integers(-30, 31, [SIDE, SIDE, 3])
    return np.uint8(level + noise)


def film(path, people):
    """Writes a film of frames with so many people each."""
    return write_film(path, [picture(count, i) for i, count in enumerate(people)])


def save(path, people):
    """Writes a photograph with so many people; makes its folder."""
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(picture(people)).save(path)
    return path
