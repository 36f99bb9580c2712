import numpy as np
import pytest

from affect_tf.errors import UserError
from affect_tf.serving.prediction.smoothing import Smoother

SECONDS = 0.3


def passed(rows, seconds=SECONDS):
    """Returns (row, value) of each row, and when it came: after how many rows."""
    smoother, out = Smoother(seconds), []
    for number, (time, person, value) in enumerate(rows):
        scores = None if value is None else {"score": np.float32([value])}
        for row, smooth in smoother.add(number, time, person, scores):
            out.append((row, smooth, number))
    out += [(row, smooth, len(rows)) for row, smooth in smoother.end()]
    return [(r, None if s is None else float(s["score"][0]), n) for r, s, n in out]


def random_rows(count=60):
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.01, 0.08, count))
    return [
        (times[i // 2], i % 2, None if i % 7 == 3 else float(rng.uniform()))
        for i in range(count)
    ]


def test_each_score_is_the_mean_by_hanns_window_over_the_person_alone():
    rows = random_rows()
    for number, value, _ in passed(rows):
        time, person, own = rows[number]
        if own is None:
            assert value is None
            continue
        near = [
            (0.5 + 0.5 * np.cos(np.pi * (t - time) / SECONDS), v)
            for t, p, v in rows
            if p == person and v is not None and abs(t - time) <= SECONDS
        ]
        weights, values = np.transpose(near)
        assert value == pytest.approx((weights * values).sum() / weights.sum(), 1e-5)


def test_rows_come_in_order_and_no_later_than_the_window():
    rows = random_rows()
    out = passed(rows)
    assert [number for number, _, _ in out] == list(range(len(rows)))
    for number, _, came in out:
        later = [i for i, row in enumerate(rows) if row[0] > rows[number][0] + SECONDS]
        assert came <= (later[0] if later else len(rows))


def test_no_smoothing_changes_nothing():
    rows = random_rows()
    assert [value for _, value, _ in passed(rows, 0.0)] == [
        None if value is None else pytest.approx(value, 1e-6) for _, _, value in rows
    ]


def test_the_past_is_forgotten():
    smoother = Smoother(SECONDS)
    for number in range(3000):
        list(smoother.add(number, number / 25, number // 50, {"s": np.zeros(1)}))
    assert len(smoother._past) <= 2
    assert sum(map(len, smoother._past.values())) < 25


@pytest.mark.parametrize("seconds", [-0.1, float("nan"), 61.0])
def test_seconds_out_of_range_are_refused(seconds):
    with pytest.raises(UserError, match="--smooth must be 0 to 60"):
        Smoother(seconds)
