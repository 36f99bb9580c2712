import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.data.batch import Batch
from affect_tf.evaluation import predictions as predictions_lib
from affect_tf.evaluation.predictions import Predictions
from affect_tf.labels.taxonomy import ABAW1
from affect_tf.labels.taxonomy import ABAW2
from affect_tf.labels.taxonomy import EXPRESSIONS_7
from affect_tf.labels.taxonomy import Taxonomy


def fake_batches(num_rows=7, size=3, as_tensors=False):
    """Batches of `size` rows whose input is the row's number; the last one padded."""
    make = tf.constant if as_tensors else np.asarray
    for start in range(0, num_rows, size):
        rows = np.arange(start, start + size)
        weight = (rows < num_rows).astype(np.float32)
        yield Batch(
            inputs={"image": make(rows.astype(np.float32))},
            labels={"va": make(np.stack([rows, -rows], 1).astype(np.float32))},
            masks={"va": make(weight)},
            source=make(np.zeros(size, np.int32)),
            weight=make(weight),
            key=make([f"é{row}".encode() for row in rows]),
            subject=make([b"" for _ in rows]),
            frame=make(100 + rows),
            row=make(np.where(weight > 0, rows, -1)),
        )


def constant(value):
    def model(inputs):
        image = np.asarray(inputs["image"])
        return {"va": np.full((len(image), 2), value, np.float32)}

    return model


def echo(inputs):
    return {"va": tf.stack([inputs["image"], inputs["image"]], axis=1)}


@pytest.mark.parametrize("as_tensors", [False, True])
def test_collect_sees_every_row_once_and_drops_padding(as_tensors):
    found = predictions_lib.collect([echo], fake_batches(as_tensors=as_tensors))
    assert found.key.tolist() == [f"é{row}" for row in range(7)]
    np.testing.assert_array_equal(found.scores["va"][:, 0], np.arange(7))
    np.testing.assert_array_equal(found.labels["va"][:, 1], -np.arange(7))
    np.testing.assert_array_equal(found.frame, 100 + np.arange(7))
    assert found.scores["va"].dtype == np.float32
    assert found.frame.dtype == np.int64
    assert len(found) == 7


def test_collect_accepts_a_tf_dataset():
    batch = next(fake_batches(3, as_tensors=True))
    dataset = tf.data.Dataset.from_tensor_slices(batch).batch(2)
    assert predictions_lib.collect([echo], dataset).key.tolist() == ["é0", "é1", "é2"]


def test_a_single_model_has_no_spread():
    assert predictions_lib.collect([echo], fake_batches()).spread is None


def test_an_ensemble_averages_scores_and_its_spread_is_their_deviation():
    found = predictions_lib.collect([constant(0.2), constant(0.6)], fake_batches())
    np.testing.assert_allclose(found.scores["va"], 0.4, rtol=1e-6)
    np.testing.assert_allclose(found.spread["va"], 0.2, rtol=1e-6)


def test_an_ensemble_averages_probabilities_and_neither_logits_nor_votes():
    """0.999 beside two of 0.4: the mean says 0.6, the vote no, the logits 0.9."""

    def unit(probability):
        return lambda inputs: {"au": np.full((3, 1), probability, np.float32)}

    batch = next(fake_batches(3))._replace(labels={}, masks={})
    found = predictions_lib.collect([unit(0.999), unit(0.4), unit(0.4)], [batch])
    np.testing.assert_allclose(found.scores["au"], (0.999 + 0.8) / 3, rtol=1e-6)


def test_averaging_predictions_equals_collecting_together():
    models = [constant(0.1), constant(0.7), echo]
    together = predictions_lib.collect(models, fake_batches())
    apart = predictions_lib.average(
        [predictions_lib.collect([model], fake_batches()) for model in models]
    )
    np.testing.assert_array_equal(apart.scores["va"], together.scores["va"])
    np.testing.assert_array_equal(apart.spread["va"], together.spread["va"])


def test_averaging_refuses_other_rows(make):
    first, second = make(20, seed=0), make(20, seed=1)
    with pytest.raises(ValueError, match="same rows"):
        predictions_lib.average([first, second])
    with pytest.raises(ValueError, match="same rows"):
        predictions_lib.average([first, first.select(np.arange(19, -1, -1))])
    moved = dataclasses.replace(first, frame=np.arange(20))
    with pytest.raises(ValueError, match="same rows"):
        predictions_lib.average([first, moved])


def test_averaging_refuses_other_tasks(make):
    first = make(20)
    second = dataclasses.replace(first, scores={"va": first.scores["va"]})
    with pytest.raises(ValueError, match="same tasks"):
        predictions_lib.average([first, second])


def test_progress_counts_real_rows():
    seen = []
    predictions_lib.collect([echo], fake_batches(), seen.append)
    assert seen == [3, 6, 7]


def test_nothing_to_run_is_an_error():
    with pytest.raises(ValueError, match="member"):
        predictions_lib.collect([], fake_batches())
    with pytest.raises(ValueError, match="member"):
        predictions_lib.average([])
    with pytest.raises(ValueError, match="must have a row"):
        predictions_lib.collect([echo], [])


def test_a_score_that_is_not_finite_is_refused_with_its_key():
    def diverged(inputs):
        scores = np.zeros((3, 2), np.float32)
        scores[np.asarray(inputs["image"]) == 4] = np.nan
        return {"va": scores}

    with pytest.raises(ValueError, match="1 of 7 rows.*'é4'"):
        predictions_lib.collect([diverged], fake_batches())


def test_a_padded_row_may_hold_anything():
    def diverges_on_padding(inputs):
        image = np.asarray(inputs["image"])
        return {"va": np.where(image[:, None] >= 7, np.nan, [[0.0, 0.0]])}

    assert len(predictions_lib.collect([diverges_on_padding], fake_batches())) == 7


@pytest.mark.parametrize("task", ["au", "va"])
def test_nan_is_fine_where_the_mask_hides_it_and_refused_where_not(make, task):
    found = make(30)
    hidden = found.labels[task].copy()
    hidden[found.masks[task] == 0] = np.nan
    dataclasses.replace(found, labels={**found.labels, task: hidden})
    hidden[:] = np.nan
    with pytest.raises(ValueError, match=f"labels of '{task}' must be finite"):
        dataclasses.replace(found, labels={**found.labels, task: hidden})


def test_lengths_must_agree(make):
    found = make(30)
    with pytest.raises(ValueError, match="one entry a row"):
        dataclasses.replace(found, subject=found.subject[:-1])
    with pytest.raises(ValueError, match="Predictions.frame must have one entry a row"):
        dataclasses.replace(found, frame=np.arange(29))
    with pytest.raises(ValueError, match="must mask what they label"):
        dataclasses.replace(found, masks={})


def test_select_keeps_order_and_takes_no_rows_at_all(make):
    found = dataclasses.replace(make(30), frame=np.arange(30))
    assert found.select(np.asarray([4, 2])).key.tolist() == ["row4", "row2"]
    assert found.select(np.asarray([4, 2])).frame.tolist() == [4, 2]
    assert len(found.select(np.zeros(30, bool))) == 0


def test_a_saved_file_reads_back_the_same(make, tmp_path):
    member, other = (
        dataclasses.replace(make(30, noise=noise), frame=np.arange(30))
        for noise in (1.0, 0.1)
    )
    found = predictions_lib.average([member, other])
    found.save(tmp_path / "out" / "p.npz", ABAW1)
    back = Predictions.load(tmp_path / "out" / "p.npz", ABAW1)
    for (name, before), (same, after) in zip(
        found._arrays(), back._arrays(), strict=True
    ):
        assert name == same
        assert before.dtype == after.dtype
        np.testing.assert_array_equal(before, after)
    member.save(tmp_path / "q.npz")
    assert Predictions.load(tmp_path / "q.npz", ABAW2).spread is None


def test_a_file_from_before_frames_were_numbered_has_frame_zero(make, tmp_path):
    found = make(5)
    arrays = {name: array for name, array in found._arrays() if name != "frame"}
    np.savez(tmp_path / "p.npz", **arrays)
    assert Predictions.load(tmp_path / "p.npz").frame.tolist() == [0] * 5


def test_a_file_of_another_taxonomy_is_refused(make, tmp_path):
    make(5).save(tmp_path / "p.npz", ABAW1)
    shuffled = Taxonomy("other", EXPRESSIONS_7[::-1], ABAW1.action_units)
    with pytest.raises(ValueError, match="made with 'abaw1'"):
        Predictions.load(tmp_path / "p.npz", shuffled)
    renamed = dataclasses.replace(ABAW1, name="mine")
    assert len(Predictions.load(tmp_path / "p.npz", renamed)) == 5


def test_a_failed_save_leaves_the_old_file(make, tmp_path, monkeypatch):
    make(5).save(tmp_path / "p.npz")

    def fail(stream, **arrays):
        stream.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez_compressed", fail)
    with pytest.raises(OSError, match="disk full"):
        make(9).save(tmp_path / "p.npz")
    assert len(Predictions.load(tmp_path / "p.npz")) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["p.npz"]
