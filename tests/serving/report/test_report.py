"""The report: its numbers, its pictures, and that the page works in a browser."""

import base64
import io
import json
import pathlib
import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from affect_tf.faces import film_decoding
from affect_tf.faces import films
from affect_tf.labels.taxonomy import Taxonomy
from affect_tf.serving import report
from affect_tf.serving.report import document
from affect_tf.serving.report import photographs
from affect_tf.serving.report import thumbnails
from tests.faces.film_files import write_film
from tests.serving.result_rows import failed
from tests.serving.result_rows import rows
from tests.serving.result_rows import TAXONOMY


def _described(table, taxonomy=TAXONOMY):
    return document.described(table, taxonomy, {})


def _curve(text):
    return np.frombuffer(base64.b64decode(text), "<u2").astype(np.float64)


def _level(url):
    data = base64.b64decode(url.partition(",")[2])
    return float(np.asarray(Image.open(io.BytesIO(data)))[:, :, 1].mean())


def test_curves_hold_the_numbers_of_the_table():
    table = rows("film.mp4", range(20))
    table.loc[4:6, "success"] = 0
    curves = _described(table)["films"][0]["people"][0]["curves"]
    whole = _curve(curves["valence"])
    assert (whole[4:7] == 65535).all()
    known = np.delete(np.arange(20), [4, 5, 6])
    decoded = 2 * whole[known] / 65534 - 1
    np.testing.assert_allclose(decoded, table["valence"].to_numpy()[known], atol=1e-4)
    fear = _curve(curves["fear"])[known] / 65534
    np.testing.assert_allclose(fear, table["fear"].to_numpy()[known], atol=1e-4)
    assert set(curves) >= {"AU01", "AU12_c", "arousal_spread"}


def test_points_of_a_long_film_are_means_of_neighbours():
    table = rows("film.mp4", range(6000))
    film = _described(table)["films"][0]
    assert film["framesAPoint"] == 5 and len(film["times"]) == 1200
    mean = table["arousal"].to_numpy().reshape(1200, 5).mean(1)
    whole = _curve(film["people"][0]["curves"]["arousal"])
    np.testing.assert_allclose(2 * whole / 65534 - 1, mean, atol=1e-4)
    middles = table["timestamp"].to_numpy().reshape(1200, 5).mean(1)
    np.testing.assert_allclose(film["times"], middles, atol=1e-3)


def test_people_of_a_film_share_one_clock():
    both = pd.concat([rows("film.mp4", range(50)), rows("film.mp4", range(30, 40), 1)])
    film = _described(both.sort_values(["frame", "face_id"]))["films"][0]
    assert [person["number"] for person in film["people"]] == [0, 1]
    seen = [_curve(person["curves"]["fear"]) != 65535 for person in film["people"]]
    assert seen[0].all() and list(np.flatnonzero(seen[1])) == list(range(30, 40))


def test_a_hundred_thousand_rows_make_a_page_below_ten_megabytes(tmp_path):
    parts = [rows("film.mp4", range(n, n + 700), n, seed=n) for n in range(140)]
    parts.append(pd.concat([rows(f"{n}.jpg", [0], seed=n) for n in range(400)]))
    table = pd.concat(parts, ignore_index=True).sort_values(["file", "frame"])
    report.write(table, tmp_path / "report.html", TAXONOMY)
    assert (tmp_path / "report.html").stat().st_size < 5_000_000
    assert _described(table)["films"][0]["leftOut"] == 140 - 12


def test_the_page_names_nothing_outside_of_it(tmp_path):
    text = document.page(rows("film.mp4", range(3)), TAXONOMY)
    assert "default-src 'none'" in text
    assert not re.search(r"https?:|//[a-z]+\.[a-z]|<link|@import|fetch\(", text)


def test_names_of_files_stay_text():
    name = "</script><script>alert(1)</script>.jpg"
    text = document.page(failed(name, "no face"), TAXONOMY, title="<b>%%DATA%%")
    assert text.count("<script") == 2 and "alert(1)<" not in text
    assert "&lt;b&gt;" in text
    data = re.search(r'application/json">(.*?)</script>', text, re.DOTALL).group(1)
    assert json.loads(data)["problems"] == [[name, "no face"]]


def test_stills_are_the_frames_of_their_times(tmp_path):
    # Neighbours differ by 40 levels or more, so that one frame off is seen.
    levels = [20 + 41 * n % 205 for n in range(200)]
    images = [np.full((48, 64, 3), level, np.uint8) for level in levels]
    times = [round(0.1 * n, 3) for n in range(200)]
    film = write_film(tmp_path / "film.mp4", images, times=times, gop=25)
    chosen = [190, 3, 60, 61, 120]
    wanted = [(n, times[n], (0.0, 0.0, 64.0, 48.0)) for n in chosen]
    found = [_level(url) for url in thumbnails.of_film(film, wanted, 24)]
    np.testing.assert_allclose(found, [levels[n] for n in chosen], atol=8)
    # Times that are no frame's do not lead astray.
    shifted = [(n, time + 0.05, box) for n, time, box in wanted]
    assert thumbnails.of_film(film, shifted, 24) == thumbnails.of_film(film, wanted, 24)


def test_what_lies_far_between_stills_is_not_decoded(tmp_path, monkeypatch):
    film = write_film(tmp_path / "a.mkv", [np.zeros((48, 64, 3), np.uint8)] * 500)
    packets, see = [], film_decoding.Damage.see
    monkeypatch.setattr(
        film_decoding.Damage, "see", lambda d, p: (packets.append(1), see(d, p))
    )
    wanted = [(450, 18.0, (0.0, 0.0, 64.0, 48.0))]
    assert None not in thumbnails.of_film(film, wanted, 24)
    assert len(packets) < 60


@pytest.mark.parametrize(
    "name, codec",
    [
        ("a.264", "libx264"),
        ("a.avi", "libx264"),
        ("a.avi", "mpeg4"),
        ("a.flv", "libx264"),
        ("a.mkv", "libx264"),
        ("a.mp4", "libx264"),
        ("a.ts", "libx264"),
    ],
)
def test_stills_are_the_frames_that_were_scored_in_every_format(tmp_path, name, codec):
    levels = [20 + 41 * n % 205 for n in range(150)]
    images = [np.full((48, 64, 3), level, np.uint8) for level in levels]
    film = write_film(tmp_path / name, images, codec=codec)
    seen = [(f.index, round(f.time, 6), f.image) for f in films.frames(film)]
    assert len(seen) == 150
    chosen = [149, 0, 1, 2, 3, 4, 97, 98, 99, 100, 101]
    box = (0.0, 0.0, 64.0, 48.0)
    wanted = [(*seen[n][:2], box) for n in chosen]
    pictures = thumbnails.of_film(film, wanted, 24)
    expected = [
        thumbnails.data_url(thumbnails.cut(seen[n][2], box), 24) for n in chosen
    ]
    assert pictures == expected
    np.testing.assert_allclose(
        [_level(url) for url in pictures], [levels[n] for n in chosen], atol=8
    )


def test_a_film_that_is_gone_has_numbers_but_no_pictures():
    person = _described(rows("gone.mp4", range(30)))["films"][0]["people"][0]
    assert {still["picture"] for still in person["stills"]} == {None}
    assert len(person["stills"]) == 16


def test_faces_of_a_turned_photograph_are_cut_where_they_are(tmp_path):
    picture = np.zeros((1200, 900, 3), np.uint8)
    picture[900:1100, 100:300] = 200
    exif = Image.Exif()
    exif[0x0112] = 6  # Stored lying on its side.
    stored = Image.fromarray(np.rot90(picture).copy())
    stored.save(tmp_path / "turned.jpg", exif=exif)
    box = (130.0, 930.0, 140.0, 140.0)
    (url,) = thumbnails.of_photograph(tmp_path / "turned.jpg", [box], 64)
    assert _level(url) > 190


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_data_cost_no_picture(tmp_path):
    # Pillow's own turn fails on the first entry, which is no width.
    width_as_text = b"\x01\0\0\x02\0\0\0\x04abc\0"
    turn = b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x02" + width_as_text + turn + bytes(4)
    lying = np.zeros((90, 120, 3), np.uint8)
    lying[:, :60] = 200  # Upright, its upper half.
    Image.fromarray(lying).save(tmp_path / "a.jpg", exif=exif)
    box = (10.0, 10.0, 40.0, 40.0)
    (url,) = thumbnails.of_photograph(tmp_path / "a.jpg", [box], 64)
    assert _level(url) > 190


def test_a_face_at_the_edge_is_cut_inside_the_picture():
    image = np.arange(40 * 60 * 3, dtype=np.uint8).reshape(40, 60, 3)
    for box in (
        (-30, -30, 20, 20),
        (50, 30, 500, 500),
        (np.nan, 0, 1, 1),
        (0, 0, 0, 0),
    ):
        part = thumbnails.cut(image, box)
        assert part.shape[0] == part.shape[1] >= 1


def test_photographs_are_counted_in_full_and_shown_in_part(monkeypatch):
    monkeypatch.setattr(photographs, "MOST_CARDS", 10)
    many = pd.concat([rows(f"{n}.jpg", [0], seed=n) for n in range(35)])
    grid = photographs.grid(many, TAXONOMY)
    assert grid["files"] == grid["faces"] == sum(grid["counts"]) == 35
    assert [card["file"] for card in grid["cards"]] == [
        f"{int(n * 3.5)}.jpg" for n in range(10)
    ]


def test_frames_without_a_face_are_no_problem_but_files_without_one_are():
    film = pd.concat([rows("film.mp4", range(5)), failed("film.mp4", "no face", 5)])
    wall = failed("wall.jpg", "no face")
    bad = failed("film.mp4", "cannot be read: it ends after 6 of 9 frames", 6)
    told = _described(pd.concat([film, wall, bad]))["problems"]
    assert [file for file, _ in told] == ["wall.jpg", "film.mp4"]


@pytest.mark.parametrize(
    "taxonomy",
    [Taxonomy("va"), Taxonomy("au", (), ("AU1",), False), TAXONOMY],
    ids=["va", "au", "all"],
)
def test_a_page_is_made_for_any_tasks_and_for_no_rows(taxonomy):
    for table in (rows("film.mp4", range(3)), rows("film.mp4", []), pd.DataFrame()):
        assert "How to read this page" in document.page(table, taxonomy)


@pytest.fixture(scope="module")
def browse(tmp_path_factory):
    """Opens a report in a browser, runs a script in it and returns the page then."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("needs Chromium")
    folder = tmp_path_factory.mktemp("browser")

    def opened(text: str, script: str) -> str:
        page = pathlib.Path(folder) / "report.html"
        page.write_text(text.replace("</body>", f"<script>{script}</script></body>"))
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=390,900"]
        flags += [f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=2000"]
        command = [program, *flags, "--dump-dom", page.as_uri()]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
        return ran.stdout

    return opened


def test_one_cursor_moves_everybody_by_keys(browse):
    film = "a_name_without_any_place_to_break_it_that_is_wider_than_a_phone.mp4"
    table = pd.concat([rows(film, range(50)), rows(film, range(50), 1)])
    still = rows("photo.jpg", [0], seed=3)
    text = document.page(pd.concat([table, still]), TAXONOMY)
    # After the page has drawn itself for the first time.
    script = """setTimeout(() => {
      const lines = [...document.querySelectorAll('.timeline')];
      for (const key of ['Home', 'ArrowRight', 'ArrowRight'])
        lines[0].dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
      const told = lines.map((line) => line.getAttribute('aria-valuenow'));
      const fits = document.documentElement.scrollWidth <= innerWidth;
      document.title = `${told.join(' ')} ${fits ? 'fits' : 'too wide'}`;
    }, 300);"""
    page = browse(text, script)
    assert "<title>2 2 fits</title>" in page
    spoken = re.search(r'aria-valuetext="([^"]*)"', page).group(1)
    assert spoken.startswith(f"0.08 s, {table.iloc[2]['expression']}")
    assert page.count('class="name"') == 1
