"""Windows against plain loops over the frames of a clip."""

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.data.windows import Windows


def by_hand(frames, length, stride, max_gap):
    """Windows of one clip as lists of positions, None for padding."""
    stretches = []
    for position, number in enumerate(frames):
        step = number - frames[position - 1]
        if position and 1 <= step <= max_gap:
            stretches[-1].append(position)
        else:
            stretches.append([position])
    windows = []
    for stretch in stretches:
        if len(stretch) <= length:
            windows.append(stretch + [None] * (length - len(stretch)))
            continue
        start = 0
        while start + length <= len(stretch):
            windows.append(stretch[start : start + length])
            start += stride
        if windows[-1][-1] != stretch[-1]:
            windows.append(stretch[-length:])
    return windows


def cut(windows, stride, frames, clip=None):
    index, present = windows.windows_of(
        tf.constant(frames, tf.int64),
        stride,
        None if clip is None else tf.constant(clip, tf.int64),
    )
    rows = zip(index.numpy().tolist(), present.numpy().tolist(), strict=True)
    return [
        [i if known else None for i, known in zip(*row, strict=True)] for row in rows
    ]


def frame_numbers(rng, count):
    """Mostly rising by one, with gaps, repeats and steps back."""
    steps = rng.choice([1, 1, 1, 1, 1, 1, 1, 2, 3, 7, 0, -4], count)
    return np.cumsum(steps).tolist()


@pytest.mark.parametrize("seed", range(40))
def test_windows_are_those_of_a_plain_loop(seed):
    rng = np.random.default_rng(seed)
    length = int(rng.integers(1, 9))
    stride = int(rng.integers(1, length + 1))
    windows = Windows(length, stride, max_gap=int(rng.integers(1, 4)))
    frames, clip, expected = [], [], []
    for number in range(int(rng.integers(0, 6))):
        one = frame_numbers(rng, int(rng.integers(1, 60)))
        expected += [
            [None if place is None else place + len(frames) for place in window]
            for window in by_hand(one, length, stride, windows.max_gap)
        ]
        frames += one
        clip += [number] * len(one)
    found = cut(windows, stride, frames, clip)
    assert found == expected
    shown = {place for window in found for place in window} - {None}
    assert shown == set(range(len(frames)))


def test_the_tail_of_a_long_stretch_gets_a_window_that_ends_with_it():
    assert cut(Windows(4, 3), 3, range(9)) == [[0, 1, 2, 3], [3, 4, 5, 6], [5, 6, 7, 8]]
    assert cut(Windows(4, 2), 2, range(6)) == [[0, 1, 2, 3], [2, 3, 4, 5]]


def test_no_window_reaches_over_a_gap_or_into_the_next_clip():
    frames = [1, 2, 4, 9, 10, 11]
    pair = Windows(3, 1, max_gap=1)
    assert cut(pair, 1, frames) == [[0, 1, None], [2, None, None], [3, 4, 5]]
    wide = Windows(3, 1, max_gap=5)
    assert cut(wide, 3, frames) == [[0, 1, 2], [3, 4, 5]]
    apart = cut(wide, 3, frames, clip=[0, 0, 1, 1, 1, 1])
    assert apart == [[0, 1, None], [2, 3, 4], [3, 4, 5]]


def test_padding_repeats_the_last_frame_of_its_window():
    frame = tf.constant([1, 2, 3, 10], tf.int64)
    index, present = Windows(4, 1).windows_of(frame, 1)
    assert index.numpy().tolist() == [[0, 1, 2, 2], [3, 3, 3, 3]]
    assert present.numpy().sum() == 4


def test_no_frame_gives_no_window():
    index, present = Windows(5, 2).windows_of(tf.zeros([0], tf.int64), 2)
    assert index.shape == present.shape == (0, 5)
    assert (index.dtype, present.dtype) == (tf.int64, tf.bool)


def test_windows_are_the_same_in_a_graph_of_unknown_length():
    windows = Windows(4, 3, max_gap=2)
    frames = tf.constant([1, 2, 3, 5, 6, 7, 9, 30, 31], tf.int64)
    graph = tf.function(lambda frame: windows.windows_of(frame, 3))
    traced = graph.get_concrete_function(tf.TensorSpec([None], tf.int64))
    assert traced.structured_outputs[0].shape.as_list() == [None, 4]
    for ours, theirs in zip(traced(frames), windows.windows_of(frames, 3), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_evaluation_may_have_a_stride_of_its_own():
    assert Windows(8, 4).stride_in_evaluation == 4
    assert Windows(8, 4, evaluation_stride=8).stride_in_evaluation == 8


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"length": 0}, "Windows.length must be at least 1"),
        ({"max_gap": 0}, "Windows.max_gap must be at least 1"),
        ({"stride": 0}, r"Windows.stride must lie in \[1, length\]"),
        ({"length": 8, "stride": 9}, "would be in no window.*stride=9, length=8"),
        ({"evaluation_stride": 33}, "Windows.evaluation_stride must lie in"),
    ],
)
def test_windows_that_would_lose_frames_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Windows(**fields)
