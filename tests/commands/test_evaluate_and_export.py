import json
import shutil

import numpy as np
import tensorflow as tf

from affect_tf.commands import run_folder
from affect_tf.commands import run_models
from affect_tf.commands import session as session_lib
from affect_tf.data.manifest import Manifest
from affect_tf.evaluation.predictions import Predictions
from affect_tf.labels.taxonomy import ABAW1
from affect_tf.training import fit


def test_evaluate_writes_scores_plots_and_the_spread_of_an_ensemble(
    run, trained, tmp_path
):
    code, output = run(
        mode="evaluate",
        workdir=trained,
        json=str(tmp_path / "scores.json"),
        out=str(tmp_path / "plots"),
    )
    assert code == 0
    assert "student-0+student-1 on validation" in output
    document = json.loads((tmp_path / "scores.json").read_text())
    assert {"accuracy", "f1", "by_class"} <= set(document["scores"]["expr"])
    assert document["scores"]["va"]["valence_ccc"] is not None
    assert document["scores"]["au"]["f1"] is not None
    assert document["protocol"]["runs"] == ["student-0", "student-1"]
    assert set(document["protocol"]["mean_spread"]) == {"expr", "au", "va"}
    assert all(value > 0 for value in document["protocol"]["mean_spread"].values())
    assert len(document["protocol"]["members_overall"]) == 2
    stored = Predictions.load(tmp_path / "plots" / "predictions.npz", ABAW1)
    assert len(stored) == 21
    assert set(stored.spread) == {"expr", "au", "va"}
    names = {path.name for path in (tmp_path / "plots").glob("*.png")}
    assert names >= {"confusion.png", "action_units.png", "valence_arousal.png"}


def test_evaluate_agrees_with_the_scores_that_training_left(run, trained, tmp_path):
    target = tmp_path / "scores.json"
    run(
        mode="evaluate",
        workdir=trained,
        runs=["teacher"],
        json=str(target),
        out=str(tmp_path / "plots"),
    )
    left = json.loads((trained / "sample/teacher/scores.json").read_text())
    assert json.loads(target.read_text())["scores"] == left["scores"]


def test_the_export_scores_the_stored_pictures_as_evaluate_does(
    run, trained, tmp_path, small_folder
):
    code, _ = run(
        mode="export", workdir=trained, runs=["teacher"], out=str(tmp_path / "model")
    )
    assert code == 0
    served = tf.saved_model.load(str(tmp_path / "model" / "1"))
    manifest = Manifest.load(small_folder)
    strings = [
        record
        for shard in manifest.select("validation")
        for record in tf.data.TFRecordDataset(str(small_folder / shard.file))
    ]
    from affect_tf.data import records

    rows = records.parse(tf.stack(strings), manifest.taxonomy, manifest.taxonomy)
    result = served.signatures["serving_default"](image_bytes=rows.image)
    model = run_models.trained_model(trained / "sample" / "teacher")
    config = run_folder.stored_config(trained / "sample" / "teacher")
    faces = session_lib.open_session(config, small_folder, trained, None).faces
    (batch,) = faces.evaluation("validation", 21)
    expected = fit.scorer(model, config.tasks)(batch.inputs)
    order = {key: i for i, key in enumerate(rows.key.numpy())}
    position = [order[key] for key in batch.key.numpy()]
    for name, task in (
        ("expression_scores", "expr"),
        ("action_unit_scores", "au"),
        ("valence_arousal", "va"),
    ):
        found = result[name].numpy()[position]
        np.testing.assert_allclose(found, expected[task], atol=1e-5)


def test_a_split_that_is_not_there_is_named(run, trained):
    code, output = run(mode="evaluate", workdir=trained, split="test")
    assert code == 2
    assert "Choose from ('train', 'validation')" in output


def test_a_copy_of_a_student_is_no_member_of_the_ensemble(run, trained, tmp_path):
    shutil.copytree(trained / "sample", tmp_path / "sample")
    students = tmp_path / "sample/student-0", tmp_path / "sample/student-0-backup"
    shutil.copytree(*students)
    code, output = run(mode="evaluate", workdir=tmp_path)
    assert code == 0
    assert "student-0+student-1 on validation" in output


def test_a_student_that_is_not_finished_is_left_out_and_named(run, trained, tmp_path):
    shutil.copytree(trained / "sample", tmp_path / "sample")
    shutil.rmtree(tmp_path / "sample/student-1/checkpoints/latest")
    code, output = run(mode="evaluate", workdir=tmp_path)
    assert code == 0
    assert "student-1 is left out" in output
    assert "student-0 on validation" in output
