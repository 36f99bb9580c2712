"""People who leave a folder leave nothing behind, whatever interrupts it."""

import dataclasses

import pytest
import tensorflow as tf

from affect_tf.data import record_decoder
from affect_tf.data.manifest import Manifest
from tests.tfrecords_builder.conftest import build
from tests.tfrecords_builder.conftest import Data
from tests.tfrecords_builder.conftest import HEADER
from tests.tfrecords_builder.conftest import picture
from tests.tfrecords_builder.conftest import SIZE
from tfrecords_builder import __main__ as command
from tfrecords_builder import verify
from tfrecords_builder import writer
from tfrecords_builder.readers import csv_folder

#: Anna is in three shards, alone in one; nobody else has a label of va in train.
PEOPLE = (
    "a/1.jpg,train,anna,happiness,0.5,-0.25,,",
    "a/2.jpg,train,anna,,,,1,0",
    "a/3.png,train,ben,,,,1,",
    "b/1.jpg,train,carl,,,,0,",
    "b/2.jpg,train,anna,fear,,,0,0",
    "c/1.jpg,train,ben,neutral,,,0,1",
    "c/2.jpg,validation,dora,neutral,,,,1",
)
AU = "train/faces.au-00000-of-00001.tfrecord"
ALONE = "train/faces.expr+va-00000-of-00001.tfrecord"


class Killed(BaseException):
    """Stands for whatever ends a process."""


@pytest.fixture
def built(data):
    data.write(HEADER, *PEOPLE)
    build(data)
    return data


def drop(data, *subjects, flags=()):
    flags = [*(f"--subject={subject}" for subject in subjects), *flags]
    return command.main(["drop", str(data.out), *flags])


def records(data, file):
    return [record.numpy() for record in tf.data.TFRecordDataset(str(data.out / file))]


def subjects(data):
    """Everybody in the folder, in order."""
    manifest = Manifest.load(data.out)
    return [
        record_decoder.decode(record, manifest.taxonomy).subject
        for shard in manifest.shards
        for record in records(data, shard.file)
    ]


def test_other_records_keep_their_bytes_and_their_order(built):
    manifest = Manifest.load(built.out)
    before = {shard.file: records(built, shard.file) for shard in manifest.shards}
    times = {f: (built.out / f).stat().st_mtime_ns for f in before}
    assert drop(built, "anna") == 0
    assert sorted(subjects(built)) == ["ben", "ben", "carl", "dora"]
    after = Manifest.load(built.out)
    assert {shard.file for shard in manifest.shards} - {
        shard.file for shard in after.shards
    } == {ALONE}
    for shard in after.shards:
        kept = [record for record in before[shard.file] if b"anna" not in record]
        assert records(built, shard.file) == kept
        is_same_file = (built.out / shard.file).stat().st_mtime_ns == times[shard.file]
        assert is_same_file == (len(kept) == len(before[shard.file]))
    assert verify.verify(built.out) == ()


def test_the_folder_is_a_build_without_them_but_for_its_history(built, tmp_path):
    assert drop(built, "anna") == 0
    (tmp_path / "without").mkdir()
    without = Data(tmp_path / "without")
    without.write(HEADER, *(row for row in PEOPLE if "anna" not in row))
    build(without)
    expected, found = Manifest.load(without.out), Manifest.load(built.out)
    assert found.fingerprint != expected.fingerprint
    assert found.dropped == {"train": {"person_removed": 3}}
    history = {"fingerprint": "", "dropped": {}}
    changed = dataclasses.replace(found, **history)
    taxonomy = changed.taxonomy
    # The vocabulary stays, even where nobody is left who shows it.
    assert dataclasses.replace(changed, counts={}) == dataclasses.replace(
        expected, counts={}, taxonomy=taxonomy, **history
    )
    for split, counts in expected.counts.items():
        ours = changed.counts[split]
        assert {name: ours[name] for name in counts if name not in _VOCABULARY} == {
            name: counts[name] for name in counts if name not in _VOCABULARY
        }


#: Counts that name everything in the vocabulary.
_VOCABULARY = ("classes", "action_units", "by_task")


def test_it_says_who_went_and_what_nobody_is_left_for(built, capsys):
    assert drop(built, "anna", "faces/dora") == 0
    shown = capsys.readouterr().out
    assert "faces/anna, faces/dora: 4 frames (train 3, validation 1)" in shown
    assert f"{AU}: 1 of 3 frames" in shown
    assert f"{ALONE}: 1 of 1 frame, and with them the file" in shown
    assert "warning: The validation split has no sample left" in shown
    assert "warning: The train split has no label for va left" in shown
    assert "Removed 2 people: none of the 3 frames left" in shown
    assert not (built.out / "validation").exists()
    assert verify.verify(built.out) == ()


def test_a_dry_run_says_the_same_and_changes_nothing(built, capsys):
    before = built.files()
    assert drop(built, "anna", flags=["--dry_run"]) == 0
    shown = capsys.readouterr().out
    assert "faces/anna: 3 frames" in shown and "Nothing was changed" in shown
    assert built.files() == before


def test_everybody_can_go(built, capsys):
    assert drop(built, "anna", "ben", "carl", "dora") == 0
    manifest = Manifest.load(built.out)
    assert (manifest.shards, manifest.counts) == ((), {})
    assert list(built.files()) == ["manifest.json"]
    assert verify.verify(built.out) == ()
    assert command.main(["stats", str(built.out)]) == 0


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "must be told whom to remove"),
        (["ana"], "nobody of that name is in"),
        (["faces/ana"], "Sources in the folder: faces."),
        (["one/ben"], "Received: --subject=one/ben"),
        (["anna", "nobody"], "Received: --subject=nobody"),
    ],
)
def test_whoever_is_not_there_is_an_error(built, capsys, names, message):
    before = built.files()
    assert drop(built, *names) == 2
    shown = capsys.readouterr().err
    # Another name at hand would be somebody who is removed by a slip.
    assert message in shown and "mean" not in shown and "faces/ben" not in shown
    assert built.files() == before


def test_a_name_of_two_sources_must_be_said_in_full(data, capsys):
    rows = ("a/1.jpg,one,x,1", "a/2.jpg,two,x,1", "b/1.jpg,two,one/x,0")
    data.write("file,source,subject,AU1", *rows)
    annotations = csv_folder.annotations(data.csv, data.images, validation_fraction=0)
    writer.build(annotations, data.out, size=SIZE)
    assert drop(data, "x") == 2
    assert "may be one/x, two/x" in capsys.readouterr().err
    # A subject may have a "/" in its name; the source in front says more.
    assert drop(data, "one/x") == 0
    assert sorted(subjects(data)) == ["one/x", "x"]
    assert drop(data, "two/one/x", "x") == 0
    assert subjects(data) == []


def test_copies_that_balancing_made_go_too(data):
    data.write("file,subject,AU1", "a/1.jpg,anna,1", "a/2.jpg,ben,0")
    annotations = csv_folder.annotations(data.csv, data.images, validation_fraction=0)
    table = annotations.table
    copies = [
        table.assign(key=table["key"] + mark, clip=table["key"] + mark)
        for mark in ("", "#2", "#3")
    ]
    table = csv_folder.pd.concat(copies, ignore_index=True)
    annotations = dataclasses.replace(annotations, table=table)
    writer.build(annotations, data.out, size=SIZE)
    assert subjects(data).count("anna") == 3
    assert drop(data, "anna") == 0
    assert subjects(data) == ["ben"] * 3


def test_rejected_pictures_that_name_them_are_forgotten(data, capsys):
    data.images.joinpath("anna").mkdir()
    rows = ("anna/1.jpg,anna,1", "anna/2.jpg,anna,1", "a/1.jpg,ben,0", "b/2.jpg,ben,1")
    data.write("file,subject,AU1", *rows)
    (data.images / "anna/1.jpg").write_bytes(picture(1))
    (data.images / "anna/2.jpg").write_bytes(b"x")
    (data.images / "b/2.jpg").write_bytes(b"x")
    annotations = csv_folder.annotations(data.csv, data.images, validation_fraction=0)
    writer.build(annotations, data.out, size=SIZE, max_rejects=0.6)
    assert Manifest.load(data.out).rejected == 2
    assert drop(data, "anna") == 0
    listed = (data.out / "rejected.csv").read_text()
    assert "b/2.jpg" in listed and "anna" not in listed
    assert "still lists 1 row" in capsys.readouterr().out
    assert verify.verify(data.out) == ()


def test_rejects_of_others_in_the_same_film_stay(data):
    rows = ("f_left/1.jpg,f_left,f,1", "f_right/1.jpg,f_right,f,1")
    data.write("file,subject,video,AU1", *rows)
    for row in rows:
        path = data.images / row.split(",")[0]
        path.parent.mkdir()
        path.write_bytes(picture())
    annotations = csv_folder.annotations(data.csv, data.images, validation_fraction=0)
    writer.build(annotations, data.out, size=SIZE)
    (data.out / "rejected.csv").write_text(
        "file,row,field,value,reason\nf.txt,1,class,9,no\nx.csv,2,file,f_left/2.jpg,no\n"
    )
    assert drop(data, "f_left") == 0
    assert (data.out / "rejected.csv").read_text().count("\n") == 2
    assert "f.txt" in (data.out / "rejected.csv").read_text()
    assert drop(data, "f_right") == 0
    assert not (data.out / "rejected.csv").exists()


def test_nothing_of_them_is_left_on_the_disk(built):
    faces = [(built.images / row.split(",")[0]) for row in PEOPLE if "anna" in row]
    faces = [path.read_bytes() for path in faces]
    # What builds leave that are killed.
    notes = built.out / ".build"
    notes.mkdir()
    (notes / "plan.json").write_text("{}")
    for name in (".build/unfinished-0.tfrecord", ".manifest.json.abcd1234",
                 ".rejected.csv.x_1234yz", ".drop/frames.csv"):  # fmt: skip
        path = built.out / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(faces[0])
    (built.out / ".beam-x").mkdir()
    (built.out / ".beam-x/0.pickle").write_bytes(b"anna")
    assert drop(built, "anna") == 0
    for name, content in built.files().items():
        assert b"anna" not in content, name
        assert not any(face[200:] in content for face in faces), name
    hidden = [path for path in built.out.rglob(".*")]
    assert hidden == []
