"""The pictures that `stats` draws: what stands in them, and which there are."""

import io

import numpy as np
import pytest
from PIL import Image

from affect_tf.data.manifest import Manifest
from affect_tf.labels.taxonomy import ABAW1
from affect_tf.labels.taxonomy import Taxonomy
from tests.tfrecords_builder.conftest import build
from tests.tfrecords_builder.conftest import ROWS
from tfrecords_builder import charts
from tfrecords_builder import contact_sheet
from tfrecords_builder import distributions
from tfrecords_builder import figures
from tfrecords_builder import record_stream
from tfrecords_builder import stats
from tfrecords_builder.contact_sheet import FaceChoice


def measured(data, look=None):
    manifest = Manifest.load(data.out)
    return distributions.measure(data.out, manifest, look=look)


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_every_picture_is_drawn_where_there_is_something_to_draw(data):
    build(data)
    faces = FaceChoice(Manifest.load(data.out).taxonomy)
    written = stats.draw(measured(data, faces), faces, data.root / "plots" / "new")
    assert [path.name for path in written] == [
        "action_units.png",
        "action_units_together-train.png",
        "action_units_together-validation.png",
        "classes.png",
        "faces-train.png",
        "faces-validation.png",
        "labels.png",
        "people.png",
        "valence_arousal.png",
    ]
    for path in written:
        image = Image.open(path)
        assert image.format == "PNG" and min(image.size) > 100
        assert np.asarray(image.convert("L")).std() > 5


def test_data_of_one_task_have_the_pictures_of_that_task(data):
    data.write("file,split,AU1", "a/1.jpg,train,1", "c/1.jpg,validation,0")
    build(data)
    assert sorted(charts.draw(measured(data))) == ["action_units", "labels", "people"]


def test_without_a_frame_the_pictures_say_so():
    empty = {"train": distributions.Distribution(ABAW1)}
    assert sorted(charts.draw(empty)) == ["labels", "people"]
    assert sorted(charts.draw({})) == ["labels", "people"]
    for drawn in (charts.classes, charts.action_units, charts.density):
        assert "no labels" in drawn(empty).texts[0].get_text()
    sheet = contact_sheet.sheet("train", {}, {})
    assert sheet.texts[0].get_text() == "train: no faces"


def test_bars_are_shares_of_the_labelled_frames(data):
    build(data)
    figure = charts.classes(measured(data))
    # Of three training frames with a class: happiness, sadness and fear.
    widths = [bar.get_width() for bar in figure.axes[0].containers[0]]
    names = Manifest.load(data.out).taxonomy.expressions
    found = {name: w for name, w in zip(names, widths, strict=True) if w}
    assert found == pytest.approx({"happiness": 1 / 3, "sadness": 1 / 3, "fear": 1 / 3})
    assert "33%" in texts(figure)


def test_a_unit_that_nobody_annotated_is_told_from_one_that_never_occurs():
    split = distributions.Distribution(Taxonomy("t", (), ("AU1", "AU2", "AU4")))
    split.frames = 5
    split.labelled_units[:] = [4, 4, 0]
    split.positive_units[:] = [1, 0, 0]
    split._sets[2] = 4
    shown = texts(charts.action_units({"train": split}))
    assert shown == ["25%", "1 of 4", "0%", "0 of 4", "", "not annotated"]


def test_the_heat_map_is_the_share_of_the_rows_frames():
    split = distributions.Distribution(Taxonomy("t", (), ("AU1", "AU2", "AU4", "AU6")))
    split.labelled_units[:] = [9, 9, 0, 9]
    split.positive_units[:] = [4, 1, 0, 2]
    split.active_together[:] = [[4, 1, 0, 0], [1, 1, 0, 0], [0] * 4, [0, 0, 0, 2]]
    split.active_and_known[:] = [[4, 2, 0, 0], [1, 1, 0, 1], [0] * 4, [0, 1, 0, 2]]
    figure = charts.co_occurrence("train", split)
    drawn = figure.axes[0].images[0].get_array().filled(np.nan)
    expected = [[1, 0.5, np.nan], [1, 1, 0], [np.nan, 0, 1]]
    np.testing.assert_array_equal(drawn, expected)
    # Rows are named first; the unit that nobody annotated is left out.
    rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert rows == ["AU1  (4)", "AU2  (1)", "AU6  (2)"]


def test_the_density_has_valence_to_the_right_and_arousal_up(data):
    data.write("file,split,valence,arousal", "a/1.jpg,train,0.95,-0.55")
    build(data)
    figure = charts.density(measured(data))
    drawn = figure.axes[0].collections[0].get_array().filled(0).reshape(20, 20)
    assert np.argwhere(drawn).tolist() == [[4, 19]]
    assert drawn[4, 19] == 1.0


def test_pairs_of_tasks_are_counted_once(data):
    build(data)
    counts = [text.split("\n")[0] for text in texts(charts.label_availability(
        {"train": measured(data)["train"]}
    ))]  # fmt: skip
    # expr; expr+au, au; expr+va, au+va, va
    assert counts == ["3", "2", "3", "2", "1", "2"]


def read(data):
    manifest = Manifest.load(data.out)
    return list(record_stream.blocks(data.out, manifest, manifest.shards))


def picked(data, blocks, **options):
    """What `FaceChoice` takes: split -> class -> keys."""
    faces = FaceChoice(Manifest.load(data.out).taxonomy, **options)
    for block in blocks:
        faces(block)
    keys = {(data.images / r.split(",")[0]).read_bytes(): r[:5] for r in ROWS}
    return {
        split: {
            name: [keys[image] for image in images]
            for name, images in faces.faces(split).items()
        }
        for split in ("train", "validation")
    }


def test_faces_are_of_their_class(data, monkeypatch):
    build(data)
    monkeypatch.setattr(record_stream, "_FRAMES", 1)
    found = picked(data, read(data))
    assert found["train"]["happiness"] == ["a/1.j"]
    assert found["train"]["fear"] == ["b/2.j"]
    # Neither of its own, nor those without a class.
    assert found["train"]["neutral"] == found["train"]["anger"] == []
    assert sorted(found["validation"]["neutral"]) == ["c/1.j", "c/2.j"]


def test_the_choice_repeats_and_gives_every_frame_a_chance(data, monkeypatch):
    names = ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg"]
    data.write("file,split,expression", *(f"{name},train,fear" for name in names))
    build(data)
    together = read(data)
    monkeypatch.setattr(record_stream, "_FRAMES", 1)
    for blocks in (together, read(data)):
        chosen = [picked(data, blocks, seed=s, count=1) for s in range(24)]
        assert chosen[3] == picked(data, blocks, seed=3, count=1)
        assert {c["train"]["fear"][0] for c in chosen} == {n[:5] for n in names}


def test_rows_are_units_or_quarters_where_there_are_no_classes(data):
    data.write("file,split,AU1,AU2", "a/1.jpg,train,1,0", "a/2.jpg,train,0,0")
    build(data)
    assert picked(data, read(data))["train"] == {"AU1": ["a/1.j"], "AU2": []}
    data.write("file,split,valence,arousal", "a/1.jpg,train,-0.5,0.5")
    build(data, overwrite=True)
    found = picked(data, read(data))["train"]
    assert found["valence < 0, arousal ≥ 0"] == ["a/1.j"]
    assert sum(map(len, found.values())) == 1


def test_names_break_where_they_can():
    assert figures.wrapped("happiness", 16) == "happiness"
    broken = figures.wrapped("valence ≥ 0, arousal < 0", 16)
    assert broken == "valence ≥ 0,\narousal < 0"
    assert figures.wrapped("aff_wild2-2021", 8) == "aff_\nwild2-\n2021"
    lines = figures.wrapped("x" * 99, 16).split("\n")
    assert len(lines) == 4 and lines[3].endswith("…")
    assert max(map(len, lines)) == 16


def test_a_sheet_holds_one_picture_a_face():
    stream = io.BytesIO()
    Image.new("L", (8, 8), 128).save(stream, "PNG")
    rows = {"happiness": [stream.getvalue()] * 3, "fear": []}
    figure = contact_sheet.sheet("Faces", rows, {"happiness": 1234, "fear": 0})
    assert len(figure.axes) == 3
    assert figure.axes[0].images[0].get_array().shape == (8, 8, 3)
    shown = [text.get_text() for text in figure.texts]
    assert shown == ["Faces", "happiness", "1,234", "fear", "0"]
