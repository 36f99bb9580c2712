"""The tables and crops of films, when somebody in them leaves the folder."""

import dataclasses
import io

import pandas as pd
import pytest

from affect_tf.data.manifest import Manifest
from tests.tfrecords_builder.conftest import picture
from tests.tfrecords_builder.conftest import SIZE
from tests.tfrecords_builder.test_drop import drop
from tests.tfrecords_builder.test_drop import subjects
from tfrecords_builder import crop_files
from tfrecords_builder import verify
from tfrecords_builder import writer
from tfrecords_builder.annotations import FilmTables
from tfrecords_builder.readers import csv_folder

#: film, frame, person, key. Anna is in one film alone, where the tracker
#: took her for two people, with Ben in another, and in a third the tracker took both
#: for one.
FRAMES = (
    ("alone", 0, 0, "alone/00000"),
    ("alone", 1, 1, "alone/00001"),
    ("alone", 2, None, ""),
    ("both", 0, 0, "both/00000_p0"),
    ("both", 0, 1, "both/00000_p1"),
    ("both", 1, 0, "both/00001_p0"),
    ("both", 1, 1, "both/00001_p1"),
    ("both", 2, None, ""),
    ("mixed", 0, 0, "mixed/00000"),
    ("mixed", 1, 0, "mixed/00001"),
    ("mixed", 2, 0, "mixed/00002"),
    ("mixed", 3, 0, "mixed/00003"),
    ("portrait", 0, 0, "portrait"),
)
FILMS = (("alone", 3, 25.0), ("both", 3, 30.0), ("mixed", 4, 25.0))
WHO = {
    "alone/00000": ("anna", "alone", 0),
    "alone/00001": ("anna", "alone", 1),
    "both/00000_p0": ("anna", "both", 0),
    "both/00001_p0": ("anna", "both", 1),
    "both/00000_p1": ("ben", "both", 0),
    "both/00001_p1": ("ben", "both", 1),
    "mixed/00000": ("anna", "mixed", 0),
    "mixed/00001": ("ben", "mixed", 1),
    "mixed/00002": ("anna", "mixed", 2),
    "mixed/00003": ("ben", "mixed", 3),
    "portrait": ("anna", "", 0),
}


def build_films(data, clips=False):
    rows = []
    for seed, (key, (subject, video, frame)) in enumerate(WHO.items()):
        path = data.images / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(seed))
        first = {"alone": "alone/00000", "both": f"both/00000_p{key[-1]}"}
        first["mixed"] = f"mixed/0000{frame % 2}"
        clip = first[video] if clips and video else key
        rows.append(f"{key},{subject},{video},{frame},{clip},1")
    data.write("file,subject,video,frame,clip,AU1", *rows)
    annotations = csv_folder.annotations(data.csv, data.images, validation_fraction=0)
    names = ["film", "frame", "person", "key"]
    frames = pd.DataFrame(FRAMES, columns=names).astype({"person": "Int64"})
    frames["score"] = [0.1 + 0.2, 2, None, 1e-9, 1, 0.123456789, 2, None, *range(5)]
    films = pd.DataFrame(FILMS, columns=["film", "frames", "rate"])
    tables = FilmTables(frames, films)
    annotations = dataclasses.replace(annotations, films=tables)
    writer.build(annotations, data.out, size=SIZE, frames_per_shard=2)
    folder = data.out / ".faces"
    for name, contents in (
        ("alone-0", {"film": {"film": "alone"}, "photographs": None}),
        ("both-1", {"film": {"film": "both"}, "photographs": None}),
        ("empty-2", {"film": {"film": "empty"}, "photographs": None}),
        ("photos-3", {"film": None, "photographs": ["a", "portrait"]}),
    ):
        crops = {**contents, "problems": [], "again": False}
        with crop_files.create(folder / f"{name}.zip", crops) as crop_file:
            crop_file.add({"frame": "0", "person": "0"}, picture(9))
    (folder / "damaged-4.zip").write_bytes(b"x")
    (folder / ".both-1.zip.abcd1234").write_bytes(b"x")


def table(data, name):
    return pd.read_csv(io.BytesIO(data.files()[name]), dtype=str, keep_default_na=False)


@pytest.mark.parametrize("clips", [False, True])
def test_rows_of_the_person_go_and_those_of_others_keep_their_text(data, clips):
    build_films(data, clips)
    assert verify.verify(data.out) == ()
    before = (data.out / "frames.csv").read_text().splitlines()
    assert drop(data, "anna") == 0
    assert set(subjects(data)) == {"ben"}
    kept = [before[i] for i in (0, 5, 7, 8, 10, 12)]
    assert (data.out / "frames.csv").read_text().splitlines() == kept
    # Nobody else was in the other film.
    assert table(data, "films.csv")["film"].tolist() == ["both", "mixed"]
    assert verify.verify(data.out) == ()


def test_the_crops_of_their_films_go_as_whole_files(data, capsys):
    build_films(data)
    assert drop(data, "anna", flags=["--dry_run"]) == 0
    assert ".faces/both-1.zip: the whole file" in capsys.readouterr().out
    assert drop(data, "anna") == 0
    # Nobody knows who is in the damaged one.
    names = sorted(path.name for path in (data.out / ".faces").iterdir())
    assert names == [".lock", "empty-2.zip"]


def make_crops(data, film):
    contents = {"film": {"film": film}, "photographs": None, "problems": []}
    with crop_files.create(data.out / f".faces/{film}-9.zip", contents) as crop_file:
        crop_file.add({"frame": "0", "person": "0"}, picture(9))


@pytest.mark.parametrize("name", ["anna", "faces/anna", "anna/p0"])
def test_crops_that_came_back_go_with_the_same_command(data, capsys, name):
    build_films(data)
    assert drop(data, "anna") == 0
    for film in ("anna", "hannah"):
        make_crops(data, film)
    with (data.out / "films.csv").open("a") as stream:
        stream.write("anna,3,25.0\n")
    before = data.files()
    capsys.readouterr()
    assert drop(data, name, flags=["--dry_run"]) == 0
    assert data.files() == before
    assert drop(data, name) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert ".faces/anna-9.zip: the whole file" in shown
    assert "films.csv: 1 row" in shown and f"{name}: no record in" in shown
    names = {path.name for path in (data.out / ".faces").iterdir()}
    assert names == {".lock", "empty-2.zip", "hannah-9.zip"}
    assert table(data, "films.csv")["film"].tolist() == ["both", "mixed"]
    assert set(subjects(data)) == {"ben"}
    assert verify.verify(data.out) == ()
    assert drop(data, name) == 2


def test_what_is_left_of_one_goes_with_the_records_of_another(data):
    build_films(data)
    make_crops(data, "gone")
    assert drop(data, "ben", "gone") == 0
    assert not (data.out / ".faces/gone-9.zip").exists()
    assert set(subjects(data)) == {"anna"}


@pytest.mark.parametrize("film", ["both", "portrait"])
def test_a_name_of_a_film_takes_no_rows_of_those_who_stay(data, film):
    build_films(data)
    before = (table(data, "frames.csv"), table(data, "films.csv"))
    assert drop(data, film) == 0
    assert table(data, "frames.csv").equals(before[0])
    assert table(data, "films.csv").equals(before[1])
    assert verify.verify(data.out) == ()


def test_a_damaged_crop_file_is_no_trace_of_anybody(data):
    build_films(data)
    before = data.files()
    assert drop(data, "nobody") == 2
    assert {**data.files(), **before} == data.files()


def test_who_shares_a_film_stays_in_it(data):
    build_films(data)
    assert drop(data, "ben") == 0
    frames = table(data, "frames.csv")
    assert frames["key"].tolist() == [
        "alone/00000",
        "alone/00001",
        "",
        "both/00000_p0",
        "both/00001_p0",
        "",
        "mixed/00000",
        "mixed/00002",
        "portrait",
    ]
    assert len(table(data, "films.csv")) == 3
    names = {path.name for path in (data.out / ".faces").iterdir()}
    assert names >= {"alone-0.zip", "photos-3.zip"}
    assert "both-1.zip" not in names


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("frames.csv", "both,1,0,", "both,2,0,", "says 2"),
        ("frames.csv", "alone,0,", "blone,0,", "says 'blone'"),
        ("frames.csv", "both,2,", "both,7,", "lists frame 7 of 'both'"),
        ("frames.csv", "both,1,1,", "both,1,0,", "frame and person twice"),
        ("frames.csv", "00001_p1", "00001_p0", "lists one key twice"),
        ("frames.csv", "both/00001_p1", "both/new", "1 are in no record"),
        ("frames.csv", "both,2,", "both,x,", "frames.csv: cannot be read (inv"),
        ("frames.csv", "key", "kee", "frames.csv: cannot be read"),
        ("films.csv", "both", "bath", "does not list 'both'"),
        ("films.csv", "film", "felm", "films.csv: cannot be read"),
    ],
)
def test_tables_that_say_something_else_are_found(data, file, old, new, expected):
    build_films(data)
    path = data.out / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    found = [str(problem) for problem in verify.verify(data.out)]
    assert any(expected in problem for problem in found), found


def test_a_table_of_films_that_is_gone_is_noticed(data):
    build_films(data)
    (data.out / "films.csv").unlink()
    (found,) = verify.verify(data.out)
    assert str(found) == "films.csv: is missing beside frames.csv"


def test_faces_that_were_left_out_are_no_contradiction(data):
    build_films(data)
    path = data.out / "frames.csv"
    path.write_text(path.read_text().replace("both/00001_p1", "both/new"))
    manifest = Manifest.load(data.out)
    dropped = {"train": {"downsampled": 1}}
    dataclasses.replace(manifest, dropped=dropped).save(data.out)
    assert verify.verify(data.out) == ()
