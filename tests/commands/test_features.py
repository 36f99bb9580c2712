import contextlib
import io
import json
import shutil

import numpy as np
import pytest
from absl.testing import flagsaver

import configs.deng2020_rnn
import configs.sample
import main
from affect_tf.data import feature_records
from affect_tf.data.manifest import Manifest
from affect_tf.data.sample import Frame
from affect_tf.data.sample import Sample
from affect_tf.evaluation.predictions import Predictions
from affect_tf.labels.taxonomy import Taxonomy
from affect_tf.serving import Predictor
from affect_tf.training import checkpoints
from tests.commands import stored_films
from tests.commands.clip_runs import brief_recurrent
from tests.commands.clip_runs import LENGTHS
from tests.commands.clip_runs import write_clips
from tests.commands.conftest import tiny
from tests.commands.stored import first_kernel
from tests.record_folder import face
from tests.record_folder import write_records


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def made(clips, trained, tmp_path_factory):
    """Runs of networks, features, and a recurrent teacher on them.

    The features are those of the teacher, and in `other` those of the run that is
    taken where none is named; what that said is in `other.txt`.
    """
    folder = tmp_path_factory.mktemp("made")
    shutil.copytree(trained, folder / "runs")
    pictures = {"mode": "features", "data": str(clips)}
    features = {"config": "deng2020_rnn", "data": str(folder / "features")}
    steps = (
        {**pictures, "runs": ["teacher"], "out": str(folder / "features")},
        {"mode": "teacher", **features},
        {**pictures, "out": str(folder / "other")},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(configs.sample, "config", tiny)
        patch.setattr(configs.deng2020_rnn, "config", brief_recurrent)
        for flags in steps:
            said = io.StringIO()
            with (
                flagsaver.flagsaver(workdir=str(folder / "runs"), **flags),
                contextlib.redirect_stdout(said),
            ):
                assert main.main(["main.py"]) == 0, said.getvalue()
    (folder / "other.txt").write_text(said.getvalue())
    return folder


@pytest.fixture
def work(run, clips, made, monkeypatch):
    """Calls the command line on the clips and the runs that were made."""
    monkeypatch.setattr(configs.deng2020_rnn, "config", brief_recurrent)

    def call(data=clips, **flags):
        return run(data=data, workdir=made / "runs", **flags)

    return call


def test_features_keep_everything_of_a_record_but_its_pictures(made, clips):
    extracted = made / "features"
    before, after = stored_films.samples(clips), stored_films.samples(extracted)
    assert before.keys() == after.keys()
    for key, sample in before.items():
        for old, new in zip(sample.frames, after[key].frames, strict=True):
            assert old.image and not new.image
            assert {*new.features} == {f"{t}_embedding" for t in ("expr", "au", "va")}
            assert all(len(vector) == 2 * 128 for vector in new.features.values())
            assert (old.number, old.expression) == (new.number, new.expression)
            assert (old.valence, old.action_units) == (new.valence, new.action_units)
    manifest = Manifest.load(extracted)
    assert {*manifest.features.values()} == {128} and len(manifest.features) == 3
    assert not manifest.file_problems(extracted)
    assert manifest.counts == Manifest.load(clips).counts


def test_an_extraction_that_was_stopped_ends_with_the_same_bytes(
    work, made, tmp_path, monkeypatch
):
    target, written = tmp_path / "again", []
    original = feature_records.write_shard

    def stops(source, path, *rest):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(path)
        yield from original(source, path, *rest)

    given = {"mode": "features", "runs": ["teacher"], "out": str(target)}
    monkeypatch.setattr(feature_records, "write_shard", stops)
    code, output = work(**given)
    assert code == 130
    assert "goes on" in output
    assert not (target / "manifest.json").exists()
    written.clear()
    monkeypatch.setattr(feature_records, "write_shard", original)
    assert work(**given)[0] == 0
    assert Manifest.load(target).shards == Manifest.load(made / "features").shards
    code, output = work(**given)
    assert code == 0
    assert "already" in output


def test_the_best_run_gives_the_features_unless_one_is_named(made):
    folder = made / "runs" / "sample"
    best = max(
        ("student-0", "student-1"), key=lambda n: checkpoints.best_score(folder / n)
    )
    assert f"seen by {best}" in (made / "other.txt").read_text()
    digest = checkpoints.digest(folder / best)
    assert Manifest.load(made / "other").features_from["weights"] == digest


def test_a_recurrent_model_says_the_same_of_features_and_of_pictures(
    work, made, clips, tmp_path
):
    scored = {}
    for name, data in (("features", made / "features"), ("pictures", clips)):
        out = tmp_path / name
        code, output = work(
            mode="evaluate", config="deng2020_rnn", data=data, out=str(out)
        )
        assert code == 0, output
        scored[name] = Predictions.load(out / "predictions.npz")
    stored, seen = scored["features"], scored["pictures"]
    np.testing.assert_array_equal(stored.key, seen.key)
    np.testing.assert_array_equal(stored.frame, seen.frame)
    assert len({*zip(stored.key, stored.frame, strict=True)}) == sum(LENGTHS)
    assert set(stored.scores) == {"va"}
    np.testing.assert_allclose(stored.scores["va"], seen.scores["va"], atol=1e-3)
    assert (tmp_path / "pictures" / "faces.png").exists()
    assert not (tmp_path / "features" / "faces.png").exists()
    document = json.loads((tmp_path / "features" / "scores.json").read_text())
    assert document["scores"]["rows"] == sum(LENGTHS)
    # Other windows in evaluation: each frame is seen beside others.
    given = {"config": "deng2020_rnn", "set": ["windows.evaluation_stride=4"]}
    given |= {"data": made / "features", "out": str(tmp_path)}
    assert work(mode="evaluate", **given)[0] == 0
    scores = Predictions.load(tmp_path / "predictions.npz").scores["va"]
    assert not np.allclose(scores, stored.scores["va"], atol=1e-6)


def test_training_on_pictures_leaves_a_frozen_network_as_it_is(work, made):
    """Trained along it moves: see `test_sound_runs`."""
    cnn = made / "runs" / "sample" / "teacher"
    given = [f"cnn={cnn}", "train_cnn=False", "name=frozen"]
    code, output = work(mode="teacher", config="deng2020_rnn", set=given)
    assert code == 0, output
    run = made / "runs" / "frozen" / "teacher"
    np.testing.assert_array_equal(first_kernel(run), first_kernel(cnn))


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"mode": "features", "runs": ["student-0", "student-1"]}, "must name one run"),
        ({"mode": "features", "runs": ["nobody"]}, "must have been trained"),
        (
            {"mode": "teacher", "config": "deng2020_rnn", "set": ["name=new"]},
            "--mode=features",
        ),
        (
            {
                "mode": "teacher",
                "config": "deng2020_rnn",
                "set": ["name=new", "cnn=nowhere"],
            },
            "nowhere",
        ),
        (
            {"mode": "evaluate", "config": "deng2020_rnn", "set": ["windows.length=3"]},
            "--set must change what --mode=evaluate does not take from the run",
        ),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(work, flags, said):
    code, output = work(**flags)
    assert code == 2
    assert said in output
    assert "Traceback" not in output


def test_only_features_of_something_else_are_overwritten_and_not_unasked(
    work, made, tmp_path
):
    target = tmp_path / "features"
    shutil.copytree(made / "features", target)
    (target / "notes.txt").write_text("mine")
    given = {"mode": "features", "runs": ["student-0"], "out": str(target)}
    code, output = work(**given)
    assert code == 2
    assert "--overwrite" in output
    assert work(overwrite=True, **given)[0] == 0
    digest = checkpoints.digest(made / "runs" / "sample" / "student-0")
    assert Manifest.load(target).features_from["weights"] == digest
    assert (target / "notes.txt").read_text() == "mine"


def test_a_folder_of_other_things_is_never_overwritten(work, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    given = {"mode": "features", "runs": ["teacher"], "out": str(tmp_path)}
    code, output = work(overwrite=True, **given)
    assert code == 2
    assert "Choose another --out" in output
    assert (tmp_path / "thesis.txt").exists()


def test_damaged_and_missing_shards_are_made_again(work, made, tmp_path):
    target = tmp_path / "features"
    shutil.copytree(made / "features", target)
    first, second, *_ = [shard.file for shard in Manifest.load(target).shards]
    (target / first).unlink()
    (target / second).write_bytes((target / second).read_bytes()[:-9])
    given = {"mode": "features", "runs": ["teacher"], "out": str(target)}
    assert work(**given)[0] == 0
    assert Manifest.load(target) == Manifest.load(made / "features")
    whole = (target / first).read_bytes()
    (target / first).write_bytes(whole[:-9] + b"otherwise")
    assert work(overwrite=True, **given)[0] == 0
    assert (target / first).read_bytes() == whole


@pytest.mark.parametrize("mode", ["evaluate", "student"])
def test_features_of_another_network_are_refused(work, made, mode):
    code, output = work(mode=mode, config="deng2020_rnn", data=made / "other")
    assert code == 2
    assert "features of the network" in output or "other records" in output


def test_features_are_for_models_of_time_only(work, made):
    code, output = work(mode="teacher", data=made / "features", set=["name=new"])
    assert code == 2
    assert "must be given pictures" in output
    code, output = work(mode="features", data=made / "features", runs=["teacher"])
    assert code == 2


def test_a_network_that_has_changed_since_is_not_used_with_old_features(work, made):
    other = made / "runs" / "sample" / "student-0"
    code, output = work(mode="evaluate", config="deng2020_rnn", set=[f"cnn={other}"])
    assert code == 2
    assert "other weights" in output


def test_an_exported_model_of_time_scores_films_as_evaluation_does(
    work, made, clips, tmp_path
):
    given = {"config": "deng2020_rnn", "set": ["windows.evaluation_stride=1"]}
    out, scores = tmp_path / "export", tmp_path / "scores"
    code, output = work(mode="export", data=made / "features", out=str(out), **given)
    assert code == 0, output
    assert work(mode="evaluate", out=str(scores), **given)[0] == 0
    predictor = Predictor(out, detector="none", batch_size=5)
    films = stored_films.films(clips, "validation").values()
    table = predictor.columns.frame(predictor.stream(films))
    predictions = Predictions.load(scores / "predictions.npz")
    assert stored_films.largest_difference(table, predictions) < 1e-5
    code, output = work(mode="export", format=["tflite"], config="deng2020_rnn")
    assert (code, "--format must be left out" in output) == (2, True)


def test_a_film_without_labels_is_predicted_frame_by_frame(
    work, made, tmp_path, small_folder
):
    film = tmp_path / "film"
    frames = tuple(Frame(face(10 * number), number=number) for number in range(11))
    sample = Sample("film", frames, "made", "someone", "film", "test")
    taxonomy = Taxonomy("other", ("neutral", "anger"), ("AU2",))
    write_records(film, [sample], taxonomy=taxonomy, shards=1)
    given = {"mode": "evaluate", "config": "deng2020_rnn", "split": "test"}
    code, output = work(data=film, out=str(tmp_path / "out"), **given)
    assert code == 0, output
    assert "no scores" in output
    predictions = Predictions.load(tmp_path / "out" / "predictions.npz")
    np.testing.assert_array_equal(predictions.frame, np.arange(11))
    assert np.isfinite(predictions.scores["va"]).all()
