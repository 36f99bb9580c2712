import numpy as np
import pytest

from tfrecords_builder.readers import synthetic
from tfrecords_builder.rendering import places


@pytest.mark.parametrize("task", ["expr", "au", "va"])
def test_each_task_has_a_light_of_its_own(task):
    grey = np.full([4, 4, 3], 100, np.uint8)
    colours = {
        tuple(places.lit(grey, labels)[0, 0].tolist())
        for labels in (("expr",), ("au",), ("va",), ())
    }
    assert len(colours) == 4
    lit = places.lit(np.full([4, 4, 3], 250, np.uint8), (task,))
    assert lit.dtype == np.uint8 and lit.max() > 200


def test_samples_of_several_tasks_keep_the_light_that_they_were_drawn_in():
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    for labels in (("expr", "va"), ("expr", "au", "va"), ()):
        np.testing.assert_array_equal(places.lit(picture, labels), picture)


def test_only_samples_of_one_task_are_drawn_otherwise():
    usual = synthetic.annotations(30, 4, size=32)
    placed = synthetic.annotations(30, 4, size=32, places=True)
    changed = 0
    for row in usual.table.itertuples():
        labels = [
            row.expression is not None,
            not np.isnan(row.AU1),
            not np.isnan(row.valence),
        ]
        same = usual.pictures.read(row.key) == placed.pictures.read(row.key)
        assert same == (sum(labels) != 1)
        changed += not same
    assert changed > 10
    assert usual.pictures.stamp("train-000000") != placed.pictures.stamp("train-000000")
