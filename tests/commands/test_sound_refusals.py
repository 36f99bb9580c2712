"""What does not go together with sound is said in one line, before anything is made."""

import dataclasses
import shutil

import numpy as np
import pytest
from absl.testing import flagsaver

import configs.deng2020_rnn
import configs.jeong2022_small
import main
from affect_tf.data.manifest import Manifest
from tests.commands import heard_clips
from tests.commands.clip_runs import tiny_recurrent
from tests.commands.clip_runs import write_clips
from tests.record_folder import vector
from tests.record_folder import write_records

ONE_CHANNEL = ["windows.channels=1", "architecture.temporal.sound.channels=1"]
OTHER_RATE = ["windows.rate=44100", "windows.sound=5.0"]
TRAINED_ALONG = ["train_cnn=True"]


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A folder of clips of all kinds, features, a run of a network, and files."""
    top = tmp_path_factory.mktemp("refused")
    clips = heard_clips.write_clips(top / "heard")
    heard_clips.write_clips(top / "silent", sound=False)
    write_clips(top / "untimed")
    seen = [
        dataclasses.replace(
            sample,
            frames=tuple(
                dataclasses.replace(
                    frame, image=b"", features={"face_embedding": vector(1.0, 2.0)}
                )
                for frame in sample.frames
            ),
        )
        for sample in heard_clips.samples(sound=False)
    ]
    write_records(top / "seen", seen, shards=1)
    # As all features, they say what made them.
    manifest = Manifest.load(top / "seen")
    origin = {"run": "towers", "config": "c", "weights": "w", "data": "d"}
    dataclasses.replace(manifest, features_from=origin).save(top / "seen")
    heard_clips.write_face_run(top / "face", clips)
    layers = {"conv1": {"weights": np.zeros([64, 1, 1, 2], np.float32)}}
    np.save(top / "layers.npy", np.array(layers, object), allow_pickle=True)
    return top


@pytest.fixture
def refused(here, monkeypatch, capsys):
    """Calls the command line; returns the exit code and what it said."""
    monkeypatch.setattr(configs.jeong2022_small, "config", heard_clips.tiny_hearing)
    monkeypatch.setattr(configs.deng2020_rnn, "config", tiny_recurrent)
    monkeypatch.chdir(here)

    def call(data="heard", config="jeong2022_small", **flags):
        given = {"mode": "teacher", "workdir": "runs", "config": config, "data": data}
        with flagsaver.flagsaver(**{**given, **flags}):
            code = main.main(["main.py"])
        return code, capsys.readouterr().out

    yield call
    made = [path.name for path in here.glob("runs/*/*") if path.name[0] != "."]
    shutil.rmtree(here / "runs", ignore_errors=True)
    assert not made


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"data": "silent", "set": TRAINED_ALONG}, "no sound, for {'rate': 22050"),
        ({"data": "untimed", "set": TRAINED_ALONG}, "must have the times of their"),
        ({"set": ONE_CHANNEL}, "'channels': 2}, for {'rate': 22050, 'channels': 1}"),
        ({"set": ["windows.channels=1"]}, "be those of architecture.temporal.sound"),
        ({"set": OTHER_RATE}, "for {'rate': 44100"),
        ({"set": ["windows.sound=5.0"]}, "sound must be at least 209,374 samples"),
        ({"set": ["windows.frames=0"]}, "must give just what architecture.temporal"),
        ({"set": ["architecture.temporal.sound=None"]}, "windows.sound=0"),
        ({}, "the network that sees its pictures"),
        ({"set": ["cnn=face"]}, "the network that hears its sound"),
        ({"set": ["cnn=face", "architecture.image_size=48"]}, "must have the image_si"),
        ({"set": ["cnn=nowhere", "train_cnn=True"]}, "nowhere, which has none"),
        ({"set": ["cnn=face", "sound=face"]}, "must have the same one"),
        ({"set": ["train_cnn=True", "pieces=3"]}, "pieces must divide the batch"),
        ({"set": ["pieces=2"]}, "pieces must come with train_cnn=True"),
        ({"set": ["adversarial=Adversarial(-1.0)"]}, "Adversarial.weight must"),
        (
            {"set": ["adversarial=Adversarial(1.0)", "sources=(Source('all'),)"]},
            "must have two sources or more",
        ),
        (
            {"config": "deng2020_rnn", "set": ["adversarial=Adversarial(1.0)"]},
            "of features that all tasks share",
        ),
        ({"data": "seen"}, "without sound_embedding"),
        ({"data": "seen", "set": TRAINED_ALONG}, "train_cnn must come with clips"),
        ({"data": "seen", "set": ["sound=layers.npy"]}, "sound must come with clips"),
        ({"mode": "features", "data": "seen", "set": ["cnn=face"]}, "made of pictures"),
        ({"mode": "features", "set": ["seed=1"]}, "networks that it names"),
        ({"mode": "evaluate", "set": ["sound=face"]}, "--set must change what"),
        ({"set": ["metric=abaw2"]}, "Did you mean 'abaw3'"),
    ],
)
def test_what_does_not_go_with_sound_is_refused_before_anything_is_written(
    refused, flags, said
):
    code, output = refused(**flags)
    assert said in output.replace("\n", " ")
    assert code == 2
    assert "Traceback" not in output
    assert output.count("error: ") == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing.npy", "must be there"),
        ("layers.npy", "conv1/biases"),
    ],
)
def test_a_file_that_is_no_soundnet_is_named(refused, name, said):
    code, output = refused(set=["cnn=face", f"sound={name}"])
    assert code == 1
    assert said in output.replace("\n", " ")
    assert name in output
    assert "Traceback" not in output
