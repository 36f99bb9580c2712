"""Overlays: the right faces on the right frames, on the film's own clock and sound."""

import errno
import fractions

import av
import numpy as np
import pytest

from affect_tf.errors import UserError
from affect_tf.faces import films
from affect_tf.faces import sound
from affect_tf.faces.film_decoding import FilmError
from affect_tf.serving import overlay
from tests.faces.film_files import shades
from tests.faces.film_files import write_film
from tests.serving.result_rows import failed
from tests.serving.result_rows import rows
from tests.serving.result_rows import TAXONOMY


def _frames(path):
    return list(films.frames(path))


def _grey(count, height=240, width=320):
    return [np.full((height, width, 3), 128, np.uint8)] * count


def _beep(path, codec, begins=0.4, rate=22_050):
    """A grey film of a second with a short tone in its silence."""
    write_film(path, _grey(25, 48, 64))
    wave = np.zeros(rate, np.float32)
    first = round(begins * rate)
    wave[first : first + 2000] = 0.5 * np.sin(np.arange(2000) / 5)
    whole = path.with_suffix(".sound.mkv")
    with av.open(str(path)) as source, av.open(str(whole), "w") as target:
        pictures = target.add_stream_from_template(source.streams.video[0])
        track = target.add_stream(codec, rate=rate, layout="mono")
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = pictures
                target.mux(packet)
        frame = av.AudioFrame.from_ndarray(wave[np.newaxis], "fltp", "mono")
        frame.sample_rate, frame.pts = rate, 0
        frame.time_base = fractions.Fraction(1, rate)
        resampler = av.AudioResampler(track.format.name, "mono", rate, 1024)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            target.mux(track.encode(part))
        target.mux(track.encode(None))
    return whole


def _loud(path):
    pcm = sound.read(path).pcm[:, 0]
    return np.flatnonzero(np.abs(pcm) > 4000)[[0, -1]] / 22_050


def _aac_packets(path):
    with av.open(str(path)) as container:
        packets = container.demux(container.streams.audio[0])
        return [bytes(packet) for packet in packets if packet.size]


def test_frames_keep_the_times_of_a_film_of_variable_rate(tmp_path):
    times = [0.0, 0.011, 0.1, 0.133, 0.9, 0.941, 2.5]
    film = write_film(tmp_path / "film.mkv", shades(7), times=times)
    overlay.write(film, rows(film, range(7)), tmp_path / "out.mp4", TAXONOMY)
    written = _frames(tmp_path / "out.mp4")
    assert [frame.time for frame in written] == pytest.approx(times, abs=1e-9)


def test_a_face_is_drawn_on_its_frames_alone(tmp_path):
    film = write_film(tmp_path / "film.mp4", _grey(6))
    table = rows(film, [2, 3], box=(150, 80, 60, 70))
    overlay.write(film, table, tmp_path / "out.mp4", TAXONOMY)
    edge = [frame.image[100:140, 148:153] for frame in _frames(tmp_path / "out.mp4")]
    changed = [int(np.ptp(part.astype(int))) > 60 for part in edge]
    assert changed == [False, False, True, True, False, False]


def test_a_turned_film_comes_out_upright_with_even_sides(tmp_path):
    images = shades(3, 48, 66)
    film = write_film(tmp_path / "turned.mp4", images, turn=(90, False))
    overlay.write(film, rows(film, range(3)), tmp_path / "out.mp4", TAXONOMY)
    assert _frames(tmp_path / "out.mp4")[0].image.shape == (66, 48, 3)
    odd = write_film(tmp_path / "odd.mkv", shades(3, 47, 63))
    overlay.write(odd, rows(odd, []), tmp_path / "odd.mp4", TAXONOMY)
    assert _frames(tmp_path / "odd.mp4")[0].image.shape == (48, 64, 3)
    assert films.probe(tmp_path / "odd.mp4").codec == "h264"


def test_aac_is_copied_and_other_sound_is_encoded_in_its_place(tmp_path):
    for codec in ("aac", "pcm_s16le"):
        film = _beep(tmp_path / f"{codec}.mkv", codec)
        out = tmp_path / f"{codec}.mp4"
        overlay.write(film, rows(film, []), out, TAXONOMY)
        assert films.probe(out).sound.codec == "aac"
        np.testing.assert_allclose(_loud(out), _loud(film), atol=0.004)
    assert _aac_packets(tmp_path / "aac.mp4") == _aac_packets(
        tmp_path / "aac.sound.mkv"
    )


def test_a_damaged_film_keeps_what_can_be_decoded(tmp_path):
    whole = write_film(tmp_path / "whole.mkv", shades(100))
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(FilmError, match="it ends after"):
        _frames(cut)
    seen, out = [], tmp_path / "out.mp4"
    overlay.write(cut, rows(cut, range(50)), out, TAXONOMY, progress=seen.append)
    assert 5 < len(_frames(out)) == sum(seen) < 95


def test_what_is_no_film_leaves_nothing_behind(tmp_path):
    text = tmp_path / "text.mp4"
    text.write_text("no film")
    with pytest.raises(FilmError, match="FFmpeg"):
        overlay.write(text, rows(text, []), tmp_path / "out.mp4", TAXONOMY)
    with pytest.raises(UserError, match="replace its film"):
        overlay.write(text, rows(text, []), text, TAXONOMY)
    film = write_film(tmp_path / "film.mp4", shades(3))
    with pytest.raises(UserError, match="can be written"):
        overlay.write(film, rows(film, []), text / "out.mp4", TAXONOMY)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mp4", "text.mp4"]


def test_what_cannot_be_encoded_is_a_problem_of_that_film_alone(tmp_path):
    wide = np.full((32, 17_000, 3), 40, np.uint8)
    film = write_film(tmp_path / "wide.mkv", [wide] * 2, codec="ffv1")
    with pytest.raises(FilmError, match="H.264 can hold.*wide.mkv"):
        overlay.write(film, rows(film, []), tmp_path / "out.mp4", TAXONOMY)
    assert [path.name for path in tmp_path.iterdir()] == ["wide.mkv"]
    with pytest.raises(FilmError, match="JPEG can hold"):
        overlay.jpeg(np.zeros((2, 66_000, 3), np.uint8))


def test_a_disk_that_is_full_is_no_problem_of_the_film(tmp_path, monkeypatch):
    film = write_film(tmp_path / "film.mp4", shades(3))

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("affect_tf.files.os.fsync", full)
    with pytest.raises(UserError, match="No space left.*space that is left") as caught:
        overlay.write(film, rows(film, []), tmp_path / "out.mp4", TAXONOMY)
    assert not isinstance(caught.value, FilmError)


def test_an_interrupt_leaves_no_half_film(tmp_path):
    film = write_film(tmp_path / "film.mp4", shades(5))

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        overlay.write(film, rows(film, []), tmp_path / "out.mp4", TAXONOMY, stop)
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


def test_a_photograph_is_drawn_on_a_copy():
    image = _grey(1)[0]
    table = rows("a.jpg", [0], box=(200, 60, 80, 90))
    drawn = overlay.picture(image, table, TAXONOMY)
    assert (image == 128).all()
    assert drawn.shape == image.shape and (drawn[60:150, 200] != 128).any()
    # Nobody looked for the box of an aligned face: its scores are drawn all the same.
    aligned = overlay.picture(image, table.drop(columns=["FaceRectX"]), TAXONOMY)
    assert (aligned != 128).any()


@pytest.mark.parametrize("place", [(-900, -900, 40, 40), (0, 0, 5000, 5000)])
def test_a_box_may_lie_outside_of_the_picture(place):
    drawn = overlay.picture(_grey(1)[0], rows("a.jpg", [0], box=place), TAXONOMY)
    assert drawn.shape == (240, 320, 3)


def test_a_photograph_without_a_face_says_so():
    drawn = overlay.picture(_grey(1)[0], failed("a.jpg", "no face"), TAXONOMY)
    assert (drawn[:20, :60] != 128).any() and (drawn[60:] == 128).all()


def test_a_real_film_keeps_its_frames_and_its_sound(shared_dir, tmp_path):
    film = shared_dir / "videos" / "no_face_4s.mp4"
    overlay.write(film, rows(film, []), tmp_path / "out.mp4", TAXONOMY)
    before, after = films.frames(film), films.frames(tmp_path / "out.mp4")
    for one, other in zip(before, after, strict=True):
        assert one.time == pytest.approx(other.time, abs=1e-9)
        middle = np.s_[200:400, 300:700]
        difference = one.image[middle].astype(int) - other.image[middle]
        assert abs(difference.mean()) < 3
    assert _aac_packets(film) == _aac_packets(tmp_path / "out.mp4")
