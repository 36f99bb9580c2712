import contextlib
import dataclasses
import io
import shutil

import pytest
from absl.testing import flagsaver

import configs.sample
import main
from affect_tf.commands import run_lock
from affect_tf.config import ExperimentConfig
from affect_tf.data.manifest import Manifest
from affect_tf.models.backbones import Tiny
from affect_tf.models.build import Architecture

if not main.FLAGS.is_parsed():
    main.FLAGS(["main.py"])


def tiny() -> ExperimentConfig:
    config = SAMPLE()
    stage = {"epochs": 2}
    return dataclasses.replace(
        config,
        architecture=Architecture(Tiny(), image_size=32),
        teacher=dataclasses.replace(config.teacher, **stage),
        student=dataclasses.replace(config.student, **stage),
        batch_size=12,
        evaluation_batch_size=8,
        precision="float32",
    )


SAMPLE = configs.sample.config


@pytest.fixture
def run(monkeypatch, capsys, small_folder):
    """Runs the command line on small data; returns the exit code and the output."""
    monkeypatch.setattr(configs.sample, "config", tiny)

    def call(*arguments, data=small_folder, workdir="runs", **flags):
        folder = None if data is None else str(data)
        with flagsaver.flagsaver(data=folder, workdir=str(workdir), **flags):
            code = main.main(["main.py", *arguments])
        return code, capsys.readouterr().out

    return call


@pytest.fixture(scope="session")
def trained(tmp_path_factory, small_folder, worker_id):
    """A workdir with a trained teacher and two students, and what each mode said."""
    own = tmp_path_factory.mktemp("runs") / "trained"
    if worker_id == "master":
        return _train(own, small_folder)
    # It takes long: one worker does it, and each has a copy to write into.
    shared = tmp_path_factory.getbasetemp().parent / "trained"
    with run_lock.alone(shared.with_suffix(".lock"), lambda: None):
        if not shared.exists():
            _train(own, small_folder).rename(shared)
    return shutil.copytree(shared, own)


def _train(folder, data):
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(configs.sample, "config", tiny)
        given = {"data": str(data), "workdir": str(folder)}
        for mode in ("teacher", "student"):
            said = io.StringIO()
            with (
                flagsaver.flagsaver(mode=mode, num_students=2, **given),
                contextlib.redirect_stdout(said),
            ):
                assert main.main(["main.py"]) == 0, said.getvalue()
            (folder / f"{mode}.txt").write_text(said.getvalue())
    return folder


@pytest.fixture
def damaged(tmp_path, small_folder):
    """A copy of the data in which one shard was cut short."""
    folder = tmp_path / "damaged"
    shutil.copytree(small_folder, folder)
    path = folder / Manifest.load(folder).shards[0].file
    path.write_bytes(path.read_bytes()[:-30])
    return folder
