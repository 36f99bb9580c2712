"""Lines of label files as numbers, and numbers as labels."""

import numpy as np
import pytest

from tfrecords_builder.readers import affwild2_values


def test_numbers_may_be_written_in_any_usual_way():
    lines = ["1, 0.5", " -5.0 ,\t5e-1", "+1,.5", "1.,0.5,"]
    expected = [[1, 0.5], [-5, 0.5], [1, 0.5], [1, 0.5]]
    assert affwild2_values.numbers(lines, 2).tolist() == expected


@pytest.mark.parametrize(
    "line",
    ["", "   ", "1", "1,2,3", "1,,2", "1,x", "1,1_0", "1,0x1", "1,\u0663", "1;2"],
)
def test_a_line_that_is_no_row_spoils_no_other(line):
    values = affwild2_values.numbers(["1,2", line, "3,4"], 2)
    np.testing.assert_array_equal(values, [[1, 2], [np.nan] * 2, [3, 4]])


def test_a_blank_line_keeps_its_place_in_one_column():
    values = affwild2_values.numbers(["3", "", "4"], 1)
    np.testing.assert_array_equal(values, [[3], [np.nan], [4]])
    values = affwild2_values.numbers(["3", ""], 1)
    np.testing.assert_array_equal(values, [[3], [np.nan]])


@pytest.mark.parametrize("line", ["nan,0", "0,inf", "-Infinity,0", "1e999,0"])
def test_what_is_not_finite_is_wrong_and_no_header(line):
    assert affwild2_values.is_numeric(line)
    values = affwild2_values.numbers([line, "0.1,0.2"], 2)
    labels, wrong = affwild2_values.labels("va", values)
    assert wrong.any(axis=1).tolist() == [True, False]
    np.testing.assert_array_equal(labels, [[np.nan] * 2, [0.1, 0.2]])


def test_one_mark_voids_valence_and_arousal():
    values = np.array([[-5.0, 0.3], [0.3, -5.0], [-1.0, 1.0]])
    labels, wrong = affwild2_values.labels("va", values)
    assert not wrong.any()
    np.testing.assert_array_equal(labels, [[np.nan] * 2, [np.nan] * 2, [-1, 1]])


@pytest.mark.parametrize("value", [1.001, -1.001, -4.9, 5.0])
def test_valence_out_of_range_is_wrong_even_beside_a_mark(value):
    values = np.array([[value, -5.0], [-5.0, value]])
    assert affwild2_values.labels("va", values)[1].tolist() == [
        [True, False],
        [False, True],
    ]


def test_a_class_is_a_whole_number_below_the_number_of_classes():
    values = np.array([[0.0], [6], [7], [-1], [-2], [1.5], [9]])
    labels, wrong = affwild2_values.labels("expr", values, 7)
    assert wrong[:, 0].tolist() == [False, False, True, False, True, True, True]
    np.testing.assert_array_equal(labels[:4, 0], [0, 6, np.nan, np.nan])


def test_one_mark_voids_all_units_or_only_its_own():
    values = np.array([[0.0, 1, -1], [1, 1, 0], [-1, 2, 0], [0.5, 0, 0]])
    labels, wrong = affwild2_values.labels("au", values)
    assert wrong.sum(axis=1).tolist() == [0, 0, 1, 1]
    nothing = [np.nan] * 3
    np.testing.assert_array_equal(labels, [nothing, [1, 1, 0], nothing, nothing])
    labels, _ = affwild2_values.labels("au", values, partial=True)
    np.testing.assert_array_equal(labels[:2], [[0, 1, np.nan], [1, 1, 0]])
    assert np.isnan(labels[2:]).all(), "a wrong row has no label"


def test_lines_end_as_they_like():
    text = "\ufeffa\r\nb\rc\n\n  \n"
    assert affwild2_values.text_lines(text.encode()) == ["a", "b", "c"]
    assert affwild2_values.text_lines(b"") == []


def test_a_file_without_a_right_row_is_one_reject():
    rows = ["0,0,1"] * 11
    wrong = np.ones((11, 2), bool)
    found = affwild2_values.rejects("f", rows, 2, ("a", "b"), wrong, ("r", "r"))
    assert [(r.row, r.field, r.value) for r in found] == [(2, "columns", "0,0,1")]
    assert "none of its 11 rows" in found[0].reason
    wrong[5] = False
    found = affwild2_values.rejects("f", rows, 2, ("a", "b"), wrong, ("r", "r"))
    assert len(found) == 10
