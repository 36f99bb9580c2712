"""Frames that several windows show, against plain loops over random windows."""

import numpy as np
import pytest

from affect_tf.data.batch import Batch
from affect_tf.evaluation import merging
from affect_tf.evaluation import predictions as predictions_lib


def windows(lengths, length, stride):
    """Yields the rows of each window of films of these lengths, -1 for padding."""
    first = 0
    for frames in lengths:
        last = max(frames - length, 0)
        for start in sorted({*range(0, last, stride), last}):
            rows = np.arange(start, start + length)
            yield np.where(rows < frames, first + rows, -1)
        first += frames


def batches(lengths, length=4, stride=3, windows_of_a_batch=2):
    """Batches of windows whose input is a number that no two windows share."""
    cut = list(windows(lengths, length, stride))
    while len(cut) % windows_of_a_batch:
        cut.append(np.full(length, -1))
    for start in range(0, len(cut), windows_of_a_batch):
        rows = np.stack(cut[start : start + windows_of_a_batch])
        seen = 1000.0 * (start + np.arange(len(rows)))[:, None] + rows
        row = rows.ravel()
        weight = (row >= 0).astype(np.float32)
        yield Batch(
            inputs={"seen": seen.astype(np.float32), "present": rows >= 0},
            labels={"expr": np.where(row >= 0, row, 0).astype(np.int32)},
            masks={"expr": weight * (row % 2)},
            source=np.zeros_like(row),
            weight=weight,
            key=np.asarray([b"" if r < 0 else f"film/{r}".encode() for r in row]),
            subject=np.asarray([b"" if r < 0 else b"film" for r in row]),
            frame=np.where(row >= 0, 10 * row, 0),
            row=row,
        )


def model_of(factor):
    """Scores that depend on the window, 1/3 so that sums round; NaN at padding."""

    def model(inputs):
        seen = np.where(inputs["present"], inputs["seen"], np.nan).ravel()
        return {"expr": np.stack([seen / 3, factor * seen], 1).astype(np.float32)}

    return model


def slowly(models, data):
    """What `collect` is to return, frame by frame."""
    shown = {}
    for batch in data:
        members = [model(batch.inputs)["expr"] for model in models]
        for place, row in enumerate(batch.row.tolist()):
            if row >= 0:
                shown.setdefault(row, []).append([m[place] for m in members])
    scores, spread = [], []
    for row in sorted(shown):
        members = np.mean(np.asarray(shown[row], np.float64), axis=0)
        members = members.astype(np.float32).astype(np.float64)
        scores.append(members.mean(axis=0))
        spread.append(members.std(axis=0))
    return np.float32(scores), np.float32(spread), shown


@pytest.mark.parametrize("seed", range(8))
def test_every_frame_comes_once_with_the_mean_over_its_windows(seed):
    random = np.random.default_rng(seed)
    lengths = random.integers(1, 20, random.integers(1, 6)).tolist()
    length = int(random.integers(1, 9))
    stride, together = random.integers(1, [length + 1, 5]).tolist()
    data = list(batches(lengths, length, stride, together))
    models = [model_of(0.7), model_of(-1.3), model_of(0.1)]
    found = predictions_lib.collect(models, data)
    scores, spread, shown = slowly(models, data)
    rows = np.arange(sum(lengths))
    assert sorted(shown) == rows.tolist()
    assert found.key.tolist() == [f"film/{row}" for row in rows]
    np.testing.assert_array_equal(found.frame, 10 * rows)
    np.testing.assert_array_equal(found.labels["expr"], rows)
    np.testing.assert_array_equal(found.masks["expr"], rows % 2)
    np.testing.assert_array_equal(found.scores["expr"], scores)
    np.testing.assert_array_equal(found.spread["expr"], spread)


def test_members_collected_apart_make_the_same_ensemble():
    models = [model_of(0.7), model_of(-1.3)]
    together = predictions_lib.collect(models, batches([11, 5, 1]))
    apart = predictions_lib.average(
        [predictions_lib.collect([model], batches([11, 5, 1])) for model in models]
    )
    np.testing.assert_array_equal(apart.scores["expr"], together.scores["expr"])
    np.testing.assert_array_equal(apart.spread["expr"], together.spread["expr"])


def test_one_window_a_frame_changes_no_score():
    found = predictions_lib.collect([model_of(0.1)], batches([8, 4], stride=4))
    expected = [model_of(0.1)(b.inputs)["expr"] for b in batches([8, 4], stride=4)]
    expected = np.concatenate(expected)
    kept = np.isfinite(expected[:, 0])
    np.testing.assert_array_equal(found.scores["expr"], expected[kept])
    assert found.spread is None


def test_progress_counts_frames_and_not_how_often_they_are_shown():
    seen = []
    data = batches([9], length=4, stride=1, windows_of_a_batch=2)
    predictions_lib.collect([model_of(1)], data, seen.append)
    assert seen == [5, 7, 9]


def test_only_frames_that_may_still_be_shown_stay_open():
    merger, most = merging.Merger(), 0
    for batch in batches([500], length=8, stride=2, windows_of_a_batch=3):
        merger.add(batch, [model_of(1)(batch.inputs)])
        most = max(most, len(merger._open["row"]))
    assert most <= 8 + 2 * 2
    assert merger.frames == 500
    assert len(merger.finish()["key"]) == 500


def test_a_batch_of_padding_alone_changes_nothing():
    data = list(batches([6]))
    empty = data[-1]._replace(weight=np.zeros(8, np.float32), row=np.full(8, -1))
    found = predictions_lib.collect([model_of(1)], [empty, *data, empty])
    assert found.key.tolist() == [f"film/{row}" for row in range(6)]


def test_frames_out_of_order_are_refused():
    data = list(batches([30]))
    with pytest.raises(ValueError, match="order of their frames.*row=0 after"):
        predictions_lib.collect([model_of(1)], [*data, data[0]])


def test_a_row_that_is_neither_padding_nor_placed_is_refused():
    batch = next(batches([30]))._replace(row=np.full(8, -1))
    with pytest.raises(ValueError, match="row=-1"):
        predictions_lib.collect([model_of(1)], [batch])
