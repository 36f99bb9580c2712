"""Windows of clips as training and evaluation see them, against plain loops."""

import collections
import dataclasses
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.data import images
from affect_tf.data.augment import Augmentation
from affect_tf.data.batching import RoundRobin
from affect_tf.data.batching import Sequential
from affect_tf.data.batching import Stratified
from affect_tf.data.input_pipeline import Faces
from affect_tf.data.manifest import Manifest
from affect_tf.data.sample import Frame
from affect_tf.data.sample import Sample
from affect_tf.data.sources import Source
from affect_tf.data.windows import Windows
from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import ABAW1
from tests.data.test_windows import by_hand
from tests.record_folder import face
from tests.record_folder import vector
from tests.record_folder import write_records

STILL = Augmentation(translation=0.0, horizontal_flip=False)
WINDOWS = Windows(length=4, stride=3, evaluation_stride=2, max_gap=2)
SOURCES = (
    Source("expr", task="expr"),
    Source("va", task="va"),
    Source("both", task="expr", also=("va",)),
)


def clips(features):
    """Fourteen clips of 1 to 12 frames with gaps; labels come and go in each."""
    rng = np.random.default_rng(0)
    samples = []
    for number in range(14):
        frames, place = [], 0
        for position in range(number % 7 * 2 + 1):
            place += int(rng.choice([1, 1, 1, 2, 5]))
            level = 12 * number + position
            shown = {"image": face(level)}
            if features:
                shown = {"features": {"expr_embedding": vector(level, place)}}
            has_va = rng.random() < 0.4
            frames.append(
                Frame(
                    **shown,
                    expression="fear" if rng.random() < 0.5 else None,
                    valence=0.5 if has_va else None,
                    arousal=0.25 if has_va else None,
                    number=place,
                )
            )
        split = "train" if number % 7 not in (3, 6) else "validation"
        samples.append(
            Sample(f"clip{number}", tuple(frames), "made", f"p{number}", split=split)
        )
    return samples


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    found = {}
    for kind in ("pictures", "features"):
        samples = clips(kind == "features")
        folder = write_records(tmp_path_factory.mktemp(kind), samples)
        found[kind] = samples, faces_in(folder)
    return found


@pytest.fixture(params=["pictures", "features"])
def case(request, cases):
    """The samples, and a `Faces` that reads them in windows."""
    return cases[request.param]


def faces_in(folder, windows=WINDOWS, **options):
    folder = pathlib.Path(folder)
    return Faces(folder, Manifest.load(folder), ABAW1, 32, windows=windows, **options)


def windows_of(samples, split, stride, tasks=()):
    """(key, frame numbers, None for padding) of each window, by plain loops."""
    found = []
    for sample in samples:
        numbers = [frame.number for frame in sample.frames]
        for window in by_hand(numbers, 4, stride, 2):
            shown = [sample.frames[place] for place in window if place is not None]
            if sample.split == split and all(
                any(task in frame.tasks for frame in shown) for task in tasks
            ):
                of = [None if place is None else numbers[place] for place in window]
                found.append((sample.key, tuple(of)))
    return found


def seen(batches):
    """The same of batches, in their order; windows without any frame are left out."""
    found = []
    for batch in batches:
        present = batch.inputs["present"].numpy()
        frames = batch.frame.numpy().reshape(present.shape)
        keys = batch.key.numpy().reshape(present.shape)
        for key, of, known in zip(keys, frames, present, strict=True):
            assert not of[~known].any() and set(key[~known]) <= {b""}
            if known.any():
                numbers = [n if k else None for n, k in zip(of, known, strict=True)]
                found.append((key[0].decode(), tuple(numbers)))
    return found


def take(dataset, count):
    return list(dataset.take(count))


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_a_pass_shows_every_window_with_a_label_of_each_task_once(cases, source):
    samples, faces = cases["features"]
    expected = windows_of(samples, "train", 3, source.tasks)
    assert 0 < len(expected) < len(windows_of(samples, "train", 3))
    assert faces.count(source) == len(expected)
    batches = take(faces.training([source], 1, STILL, seed=4), 2 * len(expected))
    shown = seen(batches)
    assert sorted(shown[: len(expected)], key=str) == sorted(expected, key=str)
    assert sorted(shown[len(expected) :], key=str) == sorted(expected, key=str)
    assert shown[: len(expected)] != shown[len(expected) :]


# Of less than a window, of several, of more than all.
@pytest.mark.parametrize(
    ("case", "batch_size"),
    [("pictures", 3), ("pictures", 9), ("features", 12), ("features", 64)],
    indirect=["case"],
)
def test_evaluation_shows_the_windows_of_every_clip_in_order(case, batch_size):
    samples, faces = case
    batches = list(faces.evaluation("validation", batch_size))
    rows = max(1, batch_size // 4) * 4
    assert {batch.row.shape[0] for batch in batches} == {rows}
    assert collections.Counter(seen(batches)) == collections.Counter(
        windows_of(samples, "validation", 2)
    )
    of_row = {}
    for batch in batches:
        for row, key, frame, weight in zip(
            *(x.numpy() for x in (batch.row, batch.key, batch.frame, batch.weight)),
            strict=True,
        ):
            assert (row == -1) == (weight == 0) == (key == b"")
            if weight:
                assert of_row.setdefault(int(row), (key, frame)) == (key, frame)
    assert sorted(of_row) == list(range(len(set(of_row.values()))))
    frames = [f for s in samples if s.split == "validation" for f in s.frames]
    assert len(of_row) == len(frames)


def test_a_row_is_the_position_that_the_frame_has_without_windows(cases):
    _, faces = cases["features"]
    alone = {}
    for batch in dataclasses.replace(faces, windows=None).evaluation("validation", 5):
        for row, key, frame in zip(batch.row, batch.key, batch.frame, strict=True):
            alone[int(row)] = (key.numpy(), int(frame))
    assert alone.pop(-1, (b"", 0)) == (b"", 0)
    for batch in faces.evaluation("validation", 8):
        for row, key, frame in zip(batch.row, batch.key, batch.frame, strict=True):
            assert int(row) == -1 or alone[int(row)] == (key.numpy(), int(frame))


def test_inputs_keep_time_and_all_else_is_flat_and_0_below_padding(case):
    samples, faces = case
    by_key = {sample.key: sample for sample in samples}
    for batch in take(faces.training(SOURCES[:2], 6, STILL, seed=0), 8):
        np.testing.assert_array_equal(batch.source, [0] * 12 + [1] * 12)
        present = batch.inputs["present"].numpy().ravel()
        np.testing.assert_array_equal(batch.weight, present)
        np.testing.assert_array_equal(batch.row, np.zeros(24))
        if "image" in batch.inputs:
            assert batch.inputs["image"].shape == (6, 4, 32, 32, 3)
            level = batch.inputs["image"].numpy()[..., 0, 0, 0].ravel()
        else:
            assert batch.inputs["expr_embedding"].shape == (6, 4, 2)
            assert batch.inputs["expr_embedding"].dtype == tf.float32
            level = batch.inputs["expr_embedding"].numpy()[..., 0].ravel()
        assert batch.subject.numpy()[0].startswith(b"made/p")
        for n in range(24):
            if not present[n]:
                assert not any(mask.numpy()[n].any() for mask in batch.masks.values())
                assert not any(x.numpy()[n].any() for x in batch.labels.values())
                assert batch.subject.numpy()[n] == b""
                continue
            sample = by_key[batch.key.numpy()[n].decode()]
            numbers = [frame.number for frame in sample.frames]
            place = numbers.index(int(batch.frame[n]))
            frame = sample.frames[place]
            assert level[n] == 12 * int(sample.key[4:]) + place
            assert float(batch.masks["va"][n]) == (frame.valence is not None)
            assert float(batch.masks["expr"][n]) == (frame.expression is not None)


@pytest.mark.parametrize(
    ("case", "kind", "windows"),
    [
        ("pictures", Stratified(), WINDOWS),
        ("features", Sequential(), WINDOWS),
        ("pictures", RoundRobin(), None),
    ],
    indirect=["case"],
)
def test_a_run_shows_its_sources_in_turn_and_takes_up_at_any_step(case, kind, windows):
    samples, faces = case
    faces = dataclasses.replace(faces, windows=windows, shuffle_buffer=24)
    options = {"augmentation": Augmentation(brightness=0.3), "seed": 5}
    whole = take(faces.training(SOURCES, 6, **options, batching=kind), 21)
    assert faces.steps_per_epoch(SOURCES, 6, kind) < 19  # Not the first epoch.
    resumed = faces.training(SOURCES, 6, **options, first_step=19, batching=kind)
    for ours, theirs in zip(take(resumed, 2), whole[19:], strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, ours, theirs)
    counts = [len(windows_of(samples, "train", 3, s.tasks)) for s in SOURCES]
    expected = {
        Stratified(): [[0, 0, 1, 1, 2, 2]] * 21,
        Sequential(): [[n] * 6 for n in range(3) for _ in range(-(-counts[n] // 6))],
        RoundRobin(): [[step % 3] * 6 for step in range(21)],
    }[kind]
    if kind == Sequential():
        assert faces.steps_per_epoch(SOURCES, 6, kind) == len(expected)
    for step, batch in enumerate(whole):
        sources = np.repeat(
            expected[step % len(expected)], windows.length if windows else 1
        )
        np.testing.assert_array_equal(batch.source, sources)


def test_without_sharing_the_labels_of_further_tasks_stay(cases):
    _, faces = cases["features"]
    faces = dataclasses.replace(faces, windows=None)
    source = dataclasses.replace(SOURCES[2], keep_shared=False)
    masks = take(faces.training([source], 40, STILL, 0), 1)[0].masks
    assert masks["expr"].numpy().any() and masks["va"].numpy().any()
    masks = take(
        faces.training([dataclasses.replace(source, also=())], 40, STILL, 0), 1
    )[0].masks
    assert masks["expr"].numpy().any() and not masks["va"].numpy().any()


def test_windows_without_a_label_of_the_task_are_a_source_without_samples(tmp_path):
    # One clip with both labels, but never in the same window.
    frames = [Frame(face(n), "fear" if n < 4 else None, number=n) for n in range(8)]
    frames[7] = Frame(face(7), valence=0.1, arousal=0.1, number=7)
    folder = write_records(tmp_path, [Sample("a", tuple(frames), "made", "p")])
    faces = faces_in(folder, Windows(4, 4))
    assert [faces.count(source) for source in SOURCES[:2]] == [1, 1]
    with pytest.raises(ValueError, match=r"'both' must have samples.*also=\('va',\)"):
        faces.steps_per_epoch(SOURCES, 3)


def test_a_balanced_source_has_no_windows(tmp_path):
    frame = Frame(face(1), "fear")
    folder = write_records(tmp_path, [Sample("a", (frame,), "made", "p")])
    source = Source("expr", task="expr", balanced=True)
    with pytest.raises(UserError, match="must read single faces.*beside windows"):
        faces_in(folder).training([source], 1, STILL, 0)


def test_a_damaged_shard_is_named_while_its_windows_are_counted(tmp_path):
    folder = write_records(tmp_path, clips(features=True))
    shard = Manifest.load(folder).shards[0]
    path = folder / shard.file
    path.write_bytes(path.read_bytes()[:-7] + b"damaged")
    with pytest.raises(UserError):
        faces_in(folder).steps_per_epoch([Source("all")], 1)


@pytest.mark.parametrize("windows", [Windows(4, 2), None], ids=["windows", "frames"])
def test_of_a_long_clip_only_the_rows_of_a_batch_are_decoded(
    tmp_path, monkeypatch, windows
):
    frames = tuple(Frame(face(n), "fear", number=n) for n in range(90))
    samples = [
        Sample(split, frames, "made", split, split=split)
        for split in ("train", "validation")
    ]
    decode = images.decode_batch

    def at_most_8(stored, *rest):
        with tf.control_dependencies([tf.debugging.assert_less(tf.size(stored), 9)]):
            return decode(tf.identity(stored), *rest)

    monkeypatch.setattr(images, "decode_batch", at_most_8)
    faces = faces_in(write_records(tmp_path, samples), windows)
    assert len(list(faces.evaluation("validation", 8))) > 11
    size = 2 if windows else 8
    assert len(take(faces.training([Source("all")], size, STILL, 0), 30)) == 30
