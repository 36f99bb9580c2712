"""The command line as a person meets it."""

import os
import signal

import pytest

from affect_tf.data.manifest import Manifest
from tests.tfrecords_builder.conftest import SIZE
from tfrecords_builder import __main__ as command
from tfrecords_builder import command_line
from tfrecords_builder import pictures


def run(data, *more):
    flags = [f"--csv={data.csv}", f"--images={data.images}", f"--out={data.out}"]
    return command.main(["--dataset=csv", *flags, f"--size={SIZE}", *more])


def test_a_build_shows_what_it_wrote_and_then_that_nothing_is_left(data, capsys):
    assert run(data) == 0
    shown = capsys.readouterr().out
    assert "7 rows, taxonomy faces" in shown
    assert "2 of 3" in shown and "surprise" in shown
    assert "Wrote 7 shards" in shown
    assert run(data) == 0
    assert "Nothing to do" in capsys.readouterr().out


def test_rejects_are_counted_in_the_summary(data, capsys):
    (data.images / "b/2.jpg").write_bytes(b"x")
    assert run(data, "--max_rejects=0.2") == 0
    assert "Rejected 1 of 7 rows: see rejected.csv" in capsys.readouterr().out


def test_too_many_rejects_end_with_status_1(data, capsys):
    (data.images / "b/2.jpg").write_bytes(b"x")
    assert run(data) == 1
    assert "error: At most 1.00% of the rows" in capsys.readouterr().err
    assert (data.out / "rejected.csv").exists()


def test_verify_names_the_file_and_ends_with_status_1(data, capsys):
    run(data)
    assert command.main(["verify", str(data.out)]) == 0
    assert "7 frames, all as they were built" in capsys.readouterr().out
    shard = data.out / Manifest.load(data.out).shards[0].file
    shard.write_bytes(shard.read_bytes()[:-1])
    assert command.main(["verify", str(data.out)]) == 1
    assert shard.name in capsys.readouterr().err
    assert command.main(["verify", str(data.root / "no")]) == 1
    assert "manifest.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "required: --dataset, --out"),
        (["--dataset=csv", "--out=x"], "--dataset=csv must come with --csv"),
        (["--dataset=csv", "--out=x", "--cvs=y"], "Did you mean '--csv'"),
        (["--dataset=afew", "--out=x"], "invalid choice: 'afew'"),
        (["--dataset=synthetic", "--out=x", "--csv=y"], "come with --dataset=csv"),
        (["--csv=y", "--dataset=csv", "--out=x"], "--dataset=csv, and after it"),
        (["--dataset=csv", "--validation_fraction=.5"], "required: --out"),
        (["--dataset=synthetic"] * 2 + ["--out=x"], "'synthetic' twice"),
        (["--dataset=affwild2", "--out=x"], "must come with --root"),
        (["--dataset=synthetic", "--out=x", "--num_train=-1"], "num_train=-1"),
        (["verify"], "DIR"),
    ],
)
def test_a_wrong_command_line_ends_with_status_2(flags, message, capsys):
    assert command.main(flags) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("error: ") and message in shown


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--size=4", "--size must lie in 8 ... 4096"),
        ("--workers=0", "--workers must be positive"),
        ("--frames_per_shard=0", "--frames_per_shard must be positive"),
        ("--max_rejects=nan", "--max_rejects must be a share"),
        ("--taxonomy=abaw", "Did you mean 'abaw"),
        ("--taxonomy=ABAV3", "Did you mean 'abaw3'"),
    ],
)
def test_a_value_out_of_range_ends_with_status_2(data, flag, message, capsys):
    assert run(data, flag) == 2
    assert message in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_an_error_of_one_line(data, capsys):
    data.out.write_text("a file")
    assert run(data) == 1
    assert "--out must be a folder" in capsys.readouterr().err


def test_help_names_every_flag(capsys):
    with pytest.raises(SystemExit):
        command.main(["--help"])
    shown = capsys.readouterr().out
    for flag in ("--dataset", "--max_rejects", "--overwrite", "--workers"):
        assert flag in shown
    assert "verify" in shown and "affwild2" in shown
    with pytest.raises(SystemExit):
        command.main(["--dataset=csv", "--help"])
    shown = capsys.readouterr().out
    assert "--csv" in shown and "--images" in shown and "--max_rejects" not in shown


def test_no_reader_takes_a_flag_of_the_build():
    of_build = command_line.build_parser_of_readers()._option_string_actions
    for dataset in command_line.READERS:
        taken = command_line.reader_parser(dataset)._option_string_actions
        assert not {*taken} & {*of_build} - {"--dataset"}, dataset


def test_the_sample_data_set_builds_and_verifies(tmp_path):
    out = tmp_path / "sample"
    sizes = ["--num_train=6", "--num_validation=2", "--size=32", "--frames_per_clip=2"]
    assert command.main(["--dataset=synthetic", f"--out={out}", *sizes]) == 0
    assert command.main(["verify", str(out)]) == 0
    assert Manifest.load(out).frames_per_sample == {"min": 2, "max": 2}


def test_ctrl_c_says_how_to_continue(data, capsys, monkeypatch):
    prepare = pictures.prepare

    def interrupted(image, size):
        # From a thread, as the picture of a later shard is read: the signal itself
        # arrives in the main thread, wherever that is.
        if image == (data.images / "c/1.jpg").read_bytes():
            os.kill(os.getpid(), signal.SIGINT)
        return prepare(image, size)

    monkeypatch.setattr(pictures, "prepare", interrupted)
    # A suite that a shell runs in the background would ignore the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    assert run(data, "--workers=1") == 130
    assert "give the same command again to continue" in capsys.readouterr().err
    assert not (data.out / "manifest.json").exists()
    monkeypatch.undo()
    signal.signal(signal.SIGINT, before)
    assert run(data) == 0
    assert "Continuing: 6 frames done before." in capsys.readouterr().out
