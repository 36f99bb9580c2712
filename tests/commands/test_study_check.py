"""What a study refuses before it trains anything."""

import dataclasses
import shutil

import pytest
import rich.console

from affect_tf.commands import study_check
from affect_tf.commands.study import run_study
from affect_tf.commands.study_runs import Runs
from affect_tf.data.input_pipeline import Source
from affect_tf.data.manifest import Manifest
from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import ABAW1
from affect_tf.studies.definition import Arm
from affect_tf.studies.definition import Study
from tests.commands.clip_runs import tiny_recurrent
from tests.commands.clip_runs import write_clips
from tests.commands.conftest import tiny

CNN = tiny()
RNN = tiny_recurrent()
BALANCED = (Source("va", task="va", balanced=True),)


def changed(config, **fields):
    return dataclasses.replace(config, **fields)


@pytest.fixture(scope="module")
def stills(small_folder):
    return small_folder


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp("clips"))


def check(arm, data, **fields):
    study_check.check([arm], changed(Manifest.load(data), **fields), data)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"batch_size": 13}, "must divide into 3 equal parts"),
        ({"sources": (Source("far", origins=("mars",)),)}, "'far' must have samples"),
        (
            {"sources": (Source("two", task="expr", also=("va",), origins=("x",)),)},
            "'two' must have samples",
        ),
        ({"sources": BALANCED}, "for its task. Received: task='va'"),
        ({"pretrained": "nowhere.h5"}, "pretrained must be a file"),
        ({"windows": RNN.windows}, "windows must come with architecture.temporal"),
    ],
)
def test_a_config_that_does_not_fit_the_data_is_refused(stills, fields, reason):
    arm = Arm("bad", changed(CNN, **fields))
    with pytest.raises(UserError, match=f"^In arm 'bad': .*{reason}") as caught:
        check(arm, stills)
    assert caught.value.exit_code == 2


def test_what_fits_is_let_through(stills, clips):
    check(Arm("plain", CNN), stills)
    check(Arm("drawn", changed(CNN, sources=BALANCED)), stills, sampling=("va",))
    check(Arm("on clips", CNN, "student"), clips)
    check(Arm("features", RNN, cnn=Arm("cnn", CNN)), clips)
    check(Arm("along", changed(RNN, train_cnn=True), cnn=Arm("cnn", CNN)), clips)
    widths = {"va_embedding": 128}
    check(Arm("given features", RNN), clips, features=widths)


def test_a_source_of_clips_is_not_balanced(clips):
    arm = Arm("bad", changed(CNN, sources=BALANCED))
    with pytest.raises(UserError, match="must read single pictures"):
        check(arm, clips, sampling=("va",))


@pytest.mark.parametrize(
    ("arm", "reason"),
    [
        (Arm("bad", RNN), "features, or a network that sees pictures"),
        (Arm("bad", changed(RNN, cnn="nowhere")), "nowhere, which has none"),
        (
            Arm("bad", RNN, cnn=Arm("c", changed(CNN, tasks=CNN.tasks[:1]))),
            "must have the tasks of the model of time",
        ),
        (
            Arm(
                "bad",
                changed(RNN, train_cnn=True),
                cnn=Arm("c", changed(CNN, taxonomy=changed(ABAW1, name="another"))),
            ),
            "must have the labels",
        ),
        (
            Arm(
                "bad",
                changed(
                    RNN,
                    train_cnn=True,
                    architecture=changed(RNN.architecture, image_size=48),
                ),
                cnn=Arm("c", CNN),
            ),
            "must have the architecture",
        ),
    ],
)
def test_a_model_of_time_needs_a_network_that_fits(clips, arm, reason):
    with pytest.raises(UserError, match=reason):
        check(arm, clips)


def test_the_network_below_is_checked_by_its_own_name(clips):
    below = Arm("below", changed(CNN, batch_size=13))
    with pytest.raises(UserError, match="^In arm 'below'"):
        check(Arm("above", RNN, cnn=below), clips)


def test_a_model_of_time_needs_clips(stills):
    with pytest.raises(UserError, match="must be given clips"):
        check(Arm("bad", RNN, cnn=Arm("cnn", CNN)), stills)


def test_features_must_be_those_that_an_arm_reads(clips):
    widths = {"expr_embedding": 128}
    for arm, reason in (
        (Arm("bad", RNN), "without va_embedding"),
        (Arm("bad", CNN), "must be given pictures"),
        (Arm("bad", RNN, cnn=Arm("cnn", CNN)), "In arm 'cnn': .* given pictures"),
    ):
        with pytest.raises(UserError, match=reason):
            check(arm, clips, features=widths)


def test_data_that_cannot_be_scored_or_read_are_refused(stills, tmp_path):
    arm, manifest = Arm("fine", CNN), Manifest.load(stills)
    train = tuple(each for each in manifest.shards if each.split == "train")
    with pytest.raises(UserError, match="must have a validation split"):
        check(arm, stills, shards=train)
    damaged = tmp_path / "damaged"
    shutil.copytree(stills, damaged)
    (damaged / manifest.shards[0].file).unlink()
    with pytest.raises(UserError, match="no such file"):
        check(arm, damaged)


def test_every_arm_is_checked_before_anything_is_done(stills, tmp_path, monkeypatch):
    monkeypatch.setattr(Runs, "do", lambda *_: pytest.fail("is trained"))
    arms = (Arm("good", CNN), Arm("bad", changed(CNN, batch_size=13)))
    with pytest.raises(UserError, match="^In arm 'bad'"):
        run_study(
            Study("S", arms), "s", stills, tmp_path, rich.console.Console(quiet=True)
        )
    assert not (tmp_path / "studies").exists()
