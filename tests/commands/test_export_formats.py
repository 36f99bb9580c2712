"""`--mode=export --format=...` from the command line."""

import dataclasses
import json
import shutil

import pytest

import main
from affect_tf.commands import export_formats
from affect_tf.data.manifest import Manifest
from affect_tf.serving import formats
from affect_tf.serving.formats import compare
from affect_tf.serving.formats import onnx


def test_a_format_is_written_into_the_version_and_what_it_loses_is_said_loudly(
    run, trained, tmp_path, monkeypatch
):
    monkeypatch.setattr(export_formats, "_REPRESENTATIVE", 32)
    monkeypatch.setattr(compare, "MOST_LOST", -1.0)
    code, output = run(
        mode="export",
        workdir=trained,
        runs=["teacher"],
        out=str(tmp_path),
        format=["saved_model", "tflite_int8", "tflite_int8"],
    )
    assert code == 0
    assert "Formats against the SavedModel, 21 validation faces" in output
    assert "WARNING: tflite_int8 loses" in output
    assert "Do not use it where that matters." in output
    folder = tmp_path / "1" / formats.FOLDER
    names = {path.name for path in folder.iterdir()}
    assert names == {"model_int8.tflite", "labels.json", "comparison.json"}
    stored = json.loads((folder / "comparison.json").read_text())
    assert list(stored["formats"]) == ["tflite_int8"]
    entry = stored["formats"]["tflite_int8"]
    assert entry["faces"] == 21
    assert set(entry["scores"]) == set(compare.METRICS)
    assert "stored thresholds" in stored["protocol"]
    calibration = json.loads((tmp_path / "1/assets/calibration.json").read_text())
    assert calibration["kept"] == "21 labelled faces, fewer than 50"
    assert "not calibrated: 21 labelled faces" in output


def test_missing_packages_are_named_before_anything_is_scored(
    run, trained, tmp_path, monkeypatch
):
    monkeypatch.setattr(onnx, "_PACKAGES", ("onnx_that_is_not_there",))
    code, output = run(
        mode="export", workdir=trained, out=str(tmp_path / "x"), format=["onnx"]
    )
    assert code == 2
    assert "pip install -r requirements-onnx.txt" in output
    assert not (tmp_path / "x").exists()


def test_int8_without_training_faces_is_refused(
    run, trained, tmp_path, validation_only
):
    code, output = run(
        mode="export",
        data=validation_only,
        workdir=trained,
        out=str(tmp_path / "x"),
        format=["tflite_int8"],
    )
    assert code == 2
    assert "must have a train split for --format=tflite_int8" in output
    assert not (tmp_path / "x").exists()


def test_the_flag_offers_what_there_is():
    offered = main.FLAGS["format"].parser.enum_values
    assert list(offered) == [formats.SAVED_MODEL, *formats.FILES]


def test_another_mode_refuses_the_flag(run, trained):
    code, output = run(mode="evaluate", workdir=trained, format=["onnx"])
    assert code == 2
    assert "--format must come with --mode=export" in output


@pytest.fixture
def validation_only(tmp_path, small_folder):
    """The data without the shards of the training split."""
    folder = tmp_path / "validation_only"
    shutil.copytree(small_folder, folder)
    manifest = Manifest.load(folder)
    dataclasses.replace(
        manifest,
        shards=tuple(manifest.select("validation")),
        counts={"validation": manifest.counts["validation"]},
    ).save(folder)
    return folder
