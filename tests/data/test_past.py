"""Past frames and past sound against plain loops; nothing of the future comes in."""

import dataclasses
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.data.augment import Augmentation
from affect_tf.data.input_pipeline import Faces
from affect_tf.data.manifest import Manifest
from affect_tf.data.past import Past
from affect_tf.data.sample import Frame
from affect_tf.data.sample import Sample
from affect_tf.data.sample import Sound
from affect_tf.data.sources import Source
from affect_tf.labels.taxonomy import ABAW1
from tests.record_folder import face
from tests.record_folder import write_records

STILL = Augmentation(translation=0.0, horizontal_flip=False)
RATE = 400
PAST = Past(frames=3, spacing=0.1, sound=0.5, rate=RATE, channels=2)
WINDOW = 200


def pcm(first, count):
    """Sample n of a film is n on the left and -n on the right."""
    left = np.arange(first, first + count)
    return np.stack([left, -left], 1).astype("<i2")


def clip(number, times, sound=None, split="train", level=None):
    frames = tuple(
        Frame(
            image=face((20 * number + place if level is None else level) % 256),
            expression="fear" if place % 3 else None,
            valence=0.5,
            arousal=0.25,
            number=place,
            time=time,
        )
        for place, time in enumerate(times)
    )
    name = f"clip{number}"
    return Sample(name, frames, "made", name, name, split, sound=sound)


def some_clips(split="validation"):
    """25 and 30 frames a second, a gap, and sound whole, late, short and absent."""
    even = [place / 30 for place in range(12)]
    return [
        clip(0, even, Sound(pcm(0, 400).tobytes()), split),
        clip(1, [place / 25 for place in range(9)], None, split),
        clip(
            2,
            [0.5, 0.6, 0.633, 0.9, 1.0, 1.1],
            Sound(pcm(100, 300).tobytes(), 100),
            split,
        ),
        # The track ends at 0.5 s, the film does not.
        clip(3, [0.2, 0.9, 1.6], Sound(pcm(0, 200).tobytes()), split),
        clip(4, [0.3], Sound(pcm(0, 120).tobytes()), split),
    ]


def faces_in(folder, samples, past=PAST):
    folder = pathlib.Path(folder)
    write_records(folder, samples, sound={"rate": RATE, "channels": 2})
    return Faces(folder, Manifest.load(folder), ABAW1, 32, windows=past)


def past_frames(sample, place):
    """By a plain loop: the level of each past frame, None where there is none."""
    times = [frame.time for frame in sample.frames]
    found = []
    for back in (0.2, 0.1, 0.0):
        near = [
            (round(abs(time - (times[place] - back)), 6), n)
            for n, time in enumerate(times)
        ]
        miss, where = min(near)
        found.append(where if miss <= PAST.tolerance else None)
    return found


def past_sound(sample, place):
    """By a plain loop over the samples of the window."""
    wave = np.zeros([WINDOW, 2], int)
    if sample.sound is None:
        return wave, 0
    stored = np.frombuffer(sample.sound.pcm, "<i2").reshape([-1, 2])
    end = round(sample.frames[place].time * 1e6) * RATE // 1_000_000
    heard = 0
    for position in range(WINDOW):
        n = end - WINDOW + position - sample.sound.start
        heard += n >= 0
        if 0 <= n < len(stored):
            wave[position] = stored[n]
    return wave, heard


def by_key(batches):
    """{(key, frame): (levels, present, sound, heard)} of the rows that weigh."""
    found = {}
    for batch in batches:
        inputs = {name: value.numpy() for name, value in batch.inputs.items()}
        for row in np.flatnonzero(batch.weight.numpy()):
            place = batch.key.numpy()[row].decode(), int(batch.frame.numpy()[row])
            assert place not in found
            found[place] = (
                inputs["image"][row, :, 0, 0, 0],
                inputs["present"][row],
                inputs["sound"][row],
                inputs["heard"][row],
            )
    return found


@pytest.mark.parametrize("batch_size", [5, 64])
def test_evaluation_shows_every_frame_once_with_its_past(tmp_path, batch_size):
    samples = some_clips()
    faces = faces_in(tmp_path, samples)
    batches = list(faces.evaluation("validation", batch_size * PAST.length))
    assert {b.inputs["sound"].shape for b in batches} == {(batch_size, WINDOW, 2)}
    found = by_key(batches)
    assert len(found) == sum(len(sample.frames) for sample in samples)
    for number, sample in enumerate(samples):
        for place in range(len(sample.frames)):
            levels, present, sound, heard = found[sample.key, place]
            expected = past_frames(sample, place)
            assert [p if here else None for p, here in zip(
                [(int(v) - 20 * number) % 256 for v in levels], present, strict=True
            )] == expected  # fmt: skip
            wave, samples_heard = past_sound(sample, place)
            np.testing.assert_array_equal(sound, wave)
            assert heard == samples_heard
    rows = np.concatenate([b.row.numpy() for b in batches])
    assert sorted(rows[rows >= 0]) == list(range(len(found)))


def test_a_record_that_holds_its_times_is_looked_at_by_time_not_by_number(tmp_path):
    found = by_key(faces_in(tmp_path, some_clips()).evaluation("validation", 64))
    # 0.1 s are three frames of 30 a second, and two and a half of 25.
    assert found["clip0", 9][1].tolist() == [True, True, True]
    assert (found["clip0", 9][0] % 20).tolist() == [3, 6, 9]
    assert found["clip1", 7][1].tolist() == [True, True, True]


@pytest.mark.parametrize("what", ["picture", "sound"])
def test_a_changed_future_changes_nothing(tmp_path, what):
    times = [place / 30 for place in range(30)]
    wave = pcm(0, 400)
    sample = clip(0, times, Sound(wave.tobytes()), "validation")
    before = by_key(faces_in(tmp_path / "a", [sample]).evaluation("validation", 64))
    if what == "picture":
        frames = tuple(
            dataclasses.replace(frame, image=face(255)) if place > 14 else frame
            for place, frame in enumerate(sample.frames)
        )
        changed = dataclasses.replace(sample, frames=frames)
    else:
        wave = wave.copy()
        # The first sample that begins at the time of frame 14, or later.
        wave[-(-14 * RATE // 30) :] += 1
        changed = dataclasses.replace(sample, sound=Sound(wave.tobytes()))
    after = by_key(faces_in(tmp_path / "b", [changed]).evaluation("validation", 64))
    for place in range(30):
        same = all(
            np.array_equal(*pair)
            for pair in zip(before["clip0", place], after["clip0", place], strict=True)
        )
        assert same == (place <= 14), place


def test_training_takes_every_stride_th_frame_with_a_label(tmp_path):
    samples = some_clips("train")
    past = dataclasses.replace(PAST, stride=2)
    faces = faces_in(tmp_path, samples, past)
    source = Source("expr", task="expr")
    expected = {
        (sample.key, place)
        for sample in samples
        for place in range(0, len(sample.frames), 2)
        if place % 3
    }
    assert faces.count(source) == len(expected)
    batches = list(faces.training([source], len(expected), STILL, 0).take(2))
    for batch in batches:
        assert set(by_key([batch])) == expected
        assert batch.weight.numpy().min() == 1
    resumed = next(iter(faces.training([source], len(expected), STILL, 0, 1)))
    tf.nest.map_structure(
        lambda ours, theirs: np.testing.assert_array_equal(ours, theirs),
        batches[1],
        resumed,
    )


@pytest.mark.parametrize("frames, sound", [(3, 0.0), (0, 0.5)])
def test_a_modality_that_is_not_looked_at_is_not_read(tmp_path, frames, sound):
    past = dataclasses.replace(PAST, frames=frames, sound=sound)
    faces = faces_in(tmp_path, some_clips("train") + some_clips(), past)
    wanted = {"image", "present"} if frames else {"sound", "heard"}
    for stream in (
        faces.evaluation("validation", 4),
        faces.training([Source("va", task="va")], 4, STILL, 0),
    ):
        assert set(next(iter(stream)).inputs) == wanted


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"frames": -1}, "Past.frames must be a whole number from 0 on"),
        ({"stride": 0}, "Past.stride must be a whole number from 1 on"),
        ({"sound": -1.0}, "Past.sound must be seconds"),
        ({"tolerance": 0.2}, "Past.tolerance must be below half the spacing"),
        ({"channels": 3}, "Past.channels must be 1 or 2"),
        ({"frames": 0, "sound": 0.0}, "Past must look at frames or listen"),
    ],
)
def test_a_past_that_cannot_be_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Past(**fields)


def test_the_papers_past_is_six_frames_and_220500_samples():
    assert Past().num_samples == 220_500
    assert Past().frames == 6
