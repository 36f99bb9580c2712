"""Damaged films give what they have, and then say what is wrong."""

import contextlib
import socket
import struct
import threading

import numpy as np
import pytest

from affect_tf.errors import UserError
from affect_tf.faces import film_decoding
from affect_tf.faces import films
from affect_tf.faces.films import FilmError
from tests.faces.film_files import shades
from tests.faces.film_files import write_film


def everything(path) -> tuple[list[films.FilmFrame], str]:
    """Returns the frames of a film, and the error after them."""
    seen = []
    try:
        for frame in films.frames(path):
            seen.append(frame)
    except FilmError as error:
        return seen, str(error)
    return seen, ""


def noisy(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return list(rng.integers(0, 255, (count, 48, 64, 3), np.uint8))


def test_a_film_with_a_hole_gives_the_frames_around_it(tmp_path):
    path = write_film(tmp_path / "a.mp4", noisy(20), gop=1)
    data = bytearray(path.read_bytes())
    start = len(data) // 2
    data[start : start + 15000] = b"\xff" * 15000
    path.write_bytes(data)
    seen, error = everything(path)
    assert 10 <= len(seen) < 20
    assert seen[-1].time == pytest.approx(19 / 25)
    assert [frame.index for frame in seen] == list(range(len(seen)))
    assert "must be whole" in error and f"{len(seen)} frames were decoded" in error


def test_a_frame_of_no_known_colours_is_passed_over(tmp_path, monkeypatch):
    path = write_film(tmp_path / "a.mp4", shades(5))
    show, times = film_decoding.upright, []

    def fails_once(frame, stream):
        times.append(frame.time)
        if len(times) == 3:
            raise ValueError("unknown colours")
        return show(frame, stream)

    monkeypatch.setattr(film_decoding, "upright", fails_once)
    seen, error = everything(path)
    assert [frame.index for frame in seen] == [0, 1, 2, 3]
    np.testing.assert_allclose([f.time for f in seen], [0, 0.04, 0.12, 0.16])
    assert "unknown colours; 4 frames" in error


def test_an_mp4_that_lost_its_end_is_noticed(tmp_path):
    path = write_film(tmp_path / "a.mp4", noisy(20), gop=1)
    data = path.read_bytes()
    # The index first, as films from the network have it: 8 bytes of size and name.
    moov, mdat = data.index(b"moov") - 4, data.index(b"mdat") - 4
    index = bytearray(data[moov:])
    shift = len(index)
    places = index.index(b"stco") + 8
    (count,) = struct.unpack_from(">I", index, places)
    for entry in range(places + 4, places + 4 + 4 * count, 4):
        (place,) = struct.unpack_from(">I", index, entry)
        struct.pack_into(">I", index, entry, place + shift)
    path.write_bytes(data[:mdat] + index + data[mdat:moov])
    assert len(everything(path)[0]) == 20 and not everything(path)[1]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - (moov - mdat) // 2])
    seen, error = everything(path)
    assert 5 < len(seen) < 15
    assert "of 20 frames" in error


def test_a_matroska_film_that_lost_its_end_is_noticed(tmp_path):
    path = write_film(tmp_path / "a.mkv", noisy(75), gop=1)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 3])
    seen, error = everything(path)
    assert 10 < len(seen) < 40
    assert "of 3.0 seconds" in error


def test_a_film_that_its_player_trims_is_whole(tmp_path):
    path = write_film(tmp_path / "a.mp4", shades(50))
    data = bytearray(path.read_bytes())
    entry = data.index(b"elst") + 12
    struct.pack_into(">I", data, entry, 1000)  # Show one second,
    struct.pack_into(">i", data, entry + 4, 10 * 512)  # from the tenth frame on.
    path.write_bytes(data)
    seen, error = everything(path)
    assert not error
    assert len(seen) == 25 and seen[0].time == 0
    assert seen[0].image.mean() == pytest.approx(20 + 10 * 215 / 49, abs=4)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_what_is_no_film_is_an_error_that_names_the_file(tmp_path, name):
    (tmp_path / name).write_text("file,expression\n" * 50)
    for read in (films.probe, lambda path: next(films.frames(path))):
        with pytest.raises(FilmError, match=rf"FFmpeg reads\. Received: .*{name}"):
            read(tmp_path / name)


def test_a_missing_film_and_a_folder_are_errors_of_the_command(tmp_path):
    for path in (tmp_path / "absent.mp4", tmp_path):
        with pytest.raises(UserError, match="must be a file") as error:
            films.probe(path)
        assert error.value.exit_code == 2


def test_a_film_without_pictures_is_an_error(tmp_path):
    path = write_film(tmp_path / "a.mkv", shades(2), sound=(0.0, 0.5))
    import av

    sound = tmp_path / "sound.mkv"
    with av.open(str(path)) as source, av.open(str(sound), "w") as target:
        track = source.streams.audio[0]
        copy = target.add_stream_from_template(track)
        for packet in source.demux(track):
            if packet.dts is not None:
                packet.stream = copy
                target.mux(packet)
    with pytest.raises(FilmError, match="must have a picture track"):
        films.probe(sound)
    with pytest.raises(FilmError, match="must have a picture track"):
        next(films.frames(sound))


def test_a_title_in_no_known_letters_does_no_harm(tmp_path):
    path = write_film(tmp_path / "a.mkv", shades(3))
    path.write_bytes(path.read_bytes().replace(b"Lavf", b"\xff\xfe\xff\xe9"))
    seen, error = everything(path)
    assert len(seen) == 3 and not error


def test_odd_names_are_only_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_film(tmp_path / "a.mp4", shades(3)).rename(tmp_path / "concat:ü 1%d.mp4")
    seen, error = everything("concat:ü 1%d.mp4")
    assert len(seen) == 3 and not error


def test_a_playlist_opens_no_other_place(tmp_path):
    path = tmp_path / "a.m3u8"
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        path.write_text(f"#EXTM3U\n#EXTINF:1,\n{place}\n#EXT-X-ENDLIST\n")
        # Answers, so that the test ends, where somebody does come.
        answered = threading.Thread(target=_answer, args=(server,), daemon=True)
        answered.start()
        with pytest.raises(FilmError):
            list(films.frames(path))
        assert answered.is_alive()


def _answer(server: socket.socket) -> None:
    with contextlib.suppress(OSError):  # Closed at the end of the test.
        server.accept()[0].close()
