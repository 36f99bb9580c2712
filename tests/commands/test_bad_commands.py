import pathlib
import subprocess
import sys

import pytest

import main
from affect_tf.data.manifest import Manifest


@pytest.mark.parametrize(
    "flags, code, message",
    [
        ({"mode": "student"}, 2, "must have a finished teacher"),
        ({"mode": "evaluate"}, 2, "must have been trained"),
        ({"mode": "export", "runs": ["other"]}, 2, "other, which is no trained run"),
        ({"mode": "teacher", "data": "nowhere"}, 2, "must hold a manifest.json"),
        ({"config": "deng2021"}, 2, "Did you mean 'deng2020'"),
        ({"config": "deng2020", "data": None}, 2, "--data must name a folder"),
        ({"mode": "teacher", "set": ["teacher.epoch=1"]}, 2, "Did you mean 'epochs'"),
        ({"mode": "teacher", "set": ["batch_size=10"]}, 2, "divide into 3 equal parts"),
        ({"mode": "doctor", "set": ["precision=fp8"]}, 2, "precision must be one of"),
        ({"mode": "teacher", "set": ["seed=-1"]}, 2, "seed must lie in"),
        ({"mode": "teacher", "set": ["shuffle_buffer=0"]}, 2, "shuffle_buffer must be"),
        ({"mode": "teacher", "workdir": "/dev/null/x"}, 1, "/dev/null"),
        ({"mode": "teacher", "set": ["pretrained=no.npz"]}, 1, "no.npz"),
        ({"mode": "teacher", "study": "sample"}, 2, "--study must come with"),
        ({"mode": "student", "out": "x"}, 2, "--mode=evaluate"),
        ({"mode": "study", "study": "sampl"}, 2, "Did you mean 'sample'"),
        ({"mode": "study", "config": "sample"}, 2, "--config must come with"),
        ({"mode": "study", "study": "sample", "set": ["seed=3"]}, 2, "--seeds"),
        ({"mode": "evaluate", "num_students": 2}, 2, "--num_students must come with"),
        ({"mode": "export", "num_students": 2}, 2, "--num_students must come with"),
        ({"mode": "teacher", "data": "nowhere\udce9"}, 2, "nowhere\\udce9"),
    ],
)
def test_a_bad_command_says_what_to_do_without_a_traceback(
    run, tmp_path, flags, code, message
):
    found, output = run(**{"workdir": tmp_path, **flags})
    assert found == code
    assert message in output.replace("\n", " ")
    assert "Traceback" not in output


#: The command line, which tells at its end whether it has loaded TensorFlow.
_WATCHED = """
import atexit, runpy, sys
atexit.register(lambda: print("tensorflow" in sys.modules))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize(
    "argument, message",
    [
        ("--batch=0", "Received: --batch=0: 0 is not a positive integer."),
        ("--bacth=9", "Received: --bacth. Did you mean --batch?"),
        ("--config", "Received: Missing value for flag --config."),
    ],
)
def test_a_flag_that_cannot_be_read_is_one_line_and_loads_nothing(argument, message):
    path = pathlib.Path(main.__file__)
    start = f"import sys; sys.argv = {[str(path), argument]!r}"
    done = subprocess.run(
        [sys.executable, "-c", start + _WATCHED],
        cwd=path.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "False\n")
    assert done.stderr.startswith("error: A flag must")
    assert done.stderr.endswith(f"{message} See --helpfull.\n")
    assert done.stderr.count("\n") == 1


def test_the_help_shows_the_flags_of_every_experiment():
    """They are defined beside the mode that has them, and shown as those of main."""
    shown = {flag.name for flag in main.FLAGS.get_key_flags_for_module(main)}
    assert {"mode", "config", "data", "set", "format", "split", "seeds"} <= shown
    assert {"input", "smooth", "overlay", "port", "max_bytes"} <= shown
    assert {name for name in main._USED_IN if name not in shown} == set()


def test_the_doctor_tells_machine_data_and_choice(run, tmp_path, small_folder):
    code, output = run(mode="doctor", workdir=tmp_path, data=small_folder)
    assert "TensorFlow" in output
    assert "float32: asked for" in output
    assert code == 0
    assert "Nothing is wrong" in output


@pytest.mark.parametrize("mode", ["teacher", "doctor"])
def test_a_shard_that_was_cut_short_is_named_before_anything_is_read(
    run, tmp_path, damaged, mode
):
    code, output = run(mode=mode, workdir=tmp_path, data=damaged)
    assert code == 1
    assert Manifest.load(damaged).shards[0].file in output


def test_a_failed_start_does_not_hold_the_folder(run, tmp_path):
    assert run(mode="teacher", workdir=tmp_path, set=["pretrained=no.npz"])[0] == 1
    assert not (tmp_path / "sample/teacher/config.txt").exists()


def test_the_help_names_every_config():
    text = pathlib.Path(main.__file__).read_text() + main.FLAGS.get_help()
    for name in main.CONFIGS:
        assert name in text
