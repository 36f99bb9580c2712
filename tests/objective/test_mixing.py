import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.objective.mixing import any_share
from affect_tf.objective.mixing import Cell
from affect_tf.objective.mixing import CellMix

#: Rows: expr alone; half the units alone; everything; nothing; all but a unit.
MASKS = {
    "expr": tf.constant([1.0, 0.0, 1.0, 0.0, 1.0]),
    "au": tf.constant([[0, 0], [1, 0], [1, 1], [0, 0], [1, 0]], tf.float32),
}
JEONG = CellMix(
    labelled=(10.0, 1.0),
    unlabelled=(0.0, 0.9),
    complete=(1.0, 0.0),
    complete_is_weighted=False,
    complete_adversarial=False,
)


def test_the_default_is_a_teacher_s_supervision_alone():
    mixed = CellMix()(MASKS)
    for name, mask in MASKS.items():
        np.testing.assert_array_equal(mixed.supervised[name], mask)
        np.testing.assert_array_equal(mixed.distilled[name], tf.zeros_like(mask))
    assert not CellMix().distils


def test_labelled_and_unlabelled_cells_each_get_their_pair():
    mix = CellMix(labelled=(0.6, 0.4), unlabelled=(0.0, 1.0))
    mixed = mix(MASKS)
    assert mix.distils
    np.testing.assert_allclose(mixed.supervised["expr"], [0.6, 0, 0.6, 0, 0.6])
    np.testing.assert_allclose(mixed.distilled["expr"], [0.4, 1, 0.4, 1, 0.4])
    np.testing.assert_allclose(
        mixed.supervised["au"], [[0, 0], [0.6, 0], [0.6, 0.6], [0, 0], [0.6, 0]]
    )
    np.testing.assert_allclose(
        mixed.distilled["au"], [[1, 1], [0.4, 1], [0.4, 0.4], [1, 1], [0.4, 1]]
    )
    np.testing.assert_array_equal(mixed.task_weighted, np.ones(5))
    np.testing.assert_array_equal(mixed.adversarial, np.ones(5))


def test_a_row_is_complete_when_every_unit_of_every_task_is_labelled():
    mixed = JEONG(MASKS)
    np.testing.assert_allclose(mixed.supervised["expr"], [10, 0, 1, 0, 10])
    np.testing.assert_allclose(
        mixed.distilled["au"], [[0.9, 0.9], [1, 0.9], [0, 0], [0.9, 0.9], [1, 0.9]]
    )
    np.testing.assert_array_equal(mixed.task_weighted, [1, 1, 0, 1, 1])
    np.testing.assert_array_equal(mixed.adversarial, [1, 1, 0, 1, 1])


def test_masks_of_any_dtype_mean_the_same():
    expected = JEONG(MASKS)
    for dtype in (tf.bool, tf.int32, tf.float16):
        mixed = JEONG({name: tf.cast(mask, dtype) for name, mask in MASKS.items()})
        tf.nest.map_structure(np.testing.assert_array_equal, mixed, expected)


def test_cells_may_be_given_as_pairs():
    mix = CellMix(labelled=(10, 1), complete=[1, 0])
    assert mix == CellMix(Cell(10.0, 1.0), complete=Cell(1.0, 0.0))
    assert repr(mix.labelled) == "Cell(supervised=10.0, distilled=1.0)"
    assert dataclasses.replace(mix, complete=None) == CellMix(labelled=(10, 1))
    assert eval(repr(mix)) == mix


def test_a_missing_label_cannot_be_supervised():
    with pytest.raises(ValueError, match="there is no label. Received"):
        CellMix(unlabelled=(0.1, 0.9))


def test_a_negative_coefficient_is_refused():
    with pytest.raises(ValueError, match="Received: distilled=-1"):
        CellMix(labelled=(1, -1))


@pytest.mark.parametrize(
    "rows, expr, au", [([0], 1, 0), ([1], 0, 1), ([2], 1, 1), ([3], 0, 0), ([], 0, 0)]
)
def test_a_batch_has_a_share_in_what_one_of_its_rows_is_taught(rows, expr, au):
    weight = np.zeros(5, np.float32)
    weight[rows] = 1
    teacher = any_share(CellMix()(MASKS), tf.constant(weight))
    assert {name: int(value) for name, value in teacher.items()} == {
        "expr/supervised": expr,
        "expr/distilled": 0,
        "au/supervised": au,
        "au/distilled": 0,
    }
    student = CellMix(labelled=(0.6, 0.4), unlabelled=(0.0, 1.0))
    shares = any_share(student(MASKS), tf.constant(weight))
    assert bool(shares["au/distilled"]) == bool(rows)
