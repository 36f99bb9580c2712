"""The drawn person's voice: what it tells, and that it tells it alike every time."""

import numpy as np
import pytest

from tfrecords_builder.rendering import samples
from tfrecords_builder.rendering import voice


def heard(monkeypatch, valence, arousal, index=2):
    """The sound of a person who feels the same for ten seconds."""
    felt = lambda *place: np.tile([valence, arousal], (len(place[-1]), 1))  # noqa: E731
    monkeypatch.setattr(voice, "_felt", felt)
    return voice.speech(0, "train", index, 3).astype(np.float64)[:, 0]


def level(sound):
    return 10 * np.log10(np.mean(sound**2))


def spectrum(sound):
    """Power of the voice up to 1 kHz and above it, dB."""
    power = np.abs(np.fft.rfft(sound)) ** 2
    hertz = np.fft.rfftfreq(len(sound), 1 / voice.RATE)
    bands = ((60, 1000), (1800, 5000))
    return [10 * np.log10(power[(hertz > a) & (hertz < b)].sum()) for a, b in bands]


def pitch(sound):
    """The most usual distance of two pulses, as Hz."""
    blocks = sound[: len(sound) // 2048 * 2048].reshape(-1, 2048)
    loud = blocks[np.square(blocks).mean(1) > np.square(sound).mean()]
    power = np.abs(np.fft.rfft(loud, 4096, axis=1)) ** 2
    like = np.fft.irfft(power, axis=1)[:, : voice.RATE // 60].sum(0)
    shortest = voice.RATE // 400
    return voice.RATE / (shortest + like[shortest:].argmax())


def test_a_film_begins_ten_seconds_before_its_first_picture() -> None:
    assert voice.frame_times(3) == pytest.approx([10, 10 + 1 / 30, 10 + 2 / 30])
    sound = voice.speech(0, "train", 0, 3)
    assert sound.shape == (round(10.1 * voice.RATE), 2) and sound.dtype == np.int16
    assert 100 < np.abs(sound).max() < 32_767


def test_a_voice_is_the_same_again_and_another_in_another_sample() -> None:
    one, other = (voice.speech(5, "validation", index, 2) for index in (4, 5))
    assert np.array_equal(one, voice.speech(5, "validation", 4, 2))
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, voice.speech(6, "validation", 4, 2))


def test_arousal_makes_a_voice_louder_and_higher(monkeypatch) -> None:
    calm, excited = (heard(monkeypatch, 0.0, arousal) for arousal in (-0.5, 0.5))
    assert 8 < level(excited) - level(calm) < 16
    assert 1.3 < pitch(excited) / pitch(calm) < 2.2


def test_valence_moves_the_voice_to_the_upper_formants(monkeypatch) -> None:
    sad, glad = (heard(monkeypatch, valence, 0.0) for valence in (-0.5, 0.5))
    (low, high), (more_low, more_high) = spectrum(sad), spectrum(glad)
    assert (more_high - more_low) - (high - low) > 6


def test_people_have_voices_of_their_own_in_all_their_samples() -> None:
    same = {voice.speaker(0, "train", index) for index in range(8)}
    voices = [voice.speaker(0, "train", 8 * person) for person in range(200)]
    assert len(same) == 1
    assert 100 < min(v.pitch for v in voices) < 115
    assert 195 < max(v.pitch for v in voices) < 215


def test_a_mood_is_slow_and_has_the_deviation_that_is_stated() -> None:
    time = np.arange(0.0, 12.0, 0.1)
    moods = np.stack([voice.mood(0, "train", i, time) for i in range(800)])
    assert np.std(moods[:, 50], axis=0) == pytest.approx([voice.MOOD] * 2, rel=0.1)
    assert np.abs(moods.mean(axis=(0, 1))).max() < 0.03
    # Nobody changes by more than a tenth of the scale in a tenth of a second.
    assert np.abs(np.diff(moods, axis=1)).max() < 0.1


def test_the_mood_is_in_the_labels_and_not_in_the_pictures() -> None:
    seen = samples.perform(0, "train", 3, 5).affect
    felt = voice.affect(0, "train", 3, 5)
    mood = voice.mood(0, "train", 3, voice.frame_times(5))
    assert np.allclose(felt, np.clip(seen + mood, -1, 1)) and np.abs(mood).max() > 0.02
    before = samples.render_clip(0, 3, 2, size=32).pictures
    voice.speech(0, "train", 3, 2)
    assert np.array_equal(before, samples.render_clip(0, 3, 2, size=32).pictures)


def test_one_film_in_ten_is_silent() -> None:
    silent = [voice.is_silent(0, "train", index) for index in range(600)]
    assert np.mean(silent) == pytest.approx(voice.SILENT, abs=0.04)
    index = silent.index(True)
    assert voice.speech(0, "train", index, 2) is None
