"""Builds with `--sound`: what is stored, checked, counted and removed."""

import argparse
import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from affect_tf import files
from affect_tf.data import record_decoder
from affect_tf.data import records
from affect_tf.data.manifest import Manifest
from affect_tf.errors import UserError
from tfrecords_builder import __main__ as command
from tfrecords_builder import runners
from tfrecords_builder import sound_flags
from tfrecords_builder import verify
from tfrecords_builder import writer
from tfrecords_builder.readers import synthetic
from tfrecords_builder.rendering import voice

CLIPS = ("--num_train=10", "--num_validation=2", "--frames_per_clip=3", "--size=16")


def build(out, *flags):
    return command.main(["--dataset=synthetic", f"--out={out}", *CLIPS, *flags])


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    out = tmp_path_factory.mktemp("heard") / "records"
    assert build(out, "--sound=stereo", "--sound_seconds=0.5") == 0
    return out


@pytest.fixture
def heard(tmp_path):
    annotations = synthetic.annotations(10, 2, 0, 16, 3, sound_channels=1)
    writer.build(annotations, tmp_path, size=16, workers=1)
    return tmp_path


def stored(folder):
    """The samples of a folder, by key."""
    manifest = Manifest.load(folder)
    found = {}
    for shard in manifest.shards:
        for record in tf.data.TFRecordDataset(str(folder / shard.file)):
            sample = record_decoder.decode(record.numpy(), manifest.taxonomy)
            found[sample.key] = sample
    return found


def changed(folder, **fields):
    """Writes other fields into one sample with sound, vouched for by the manifest."""
    manifest = Manifest.load(folder)
    key = next(key for key, sample in stored(folder).items() if sample.sound)
    shards = []
    for shard in manifest.shards:
        path = folder / shard.file
        content = [r.numpy() for r in tf.data.TFRecordDataset(str(path))]
        samples = [record_decoder.decode(r, manifest.taxonomy) for r in content]
        with tf.io.TFRecordWriter(str(path)) as stream:
            for sample in samples:
                new = fields if sample.key == key else {}
                sample = dataclasses.replace(sample, **new)
                stream.write(records.encode(sample, manifest.taxonomy))
        size, digest = path.stat().st_size, files.sha256(path)
        shards.append(dataclasses.replace(shard, bytes=size, sha256=digest))
    dataclasses.replace(manifest, shards=tuple(shards)).save(folder)
    return [str(problem) for problem in verify.verify(folder)]


def test_a_clip_has_the_times_and_the_sound_of_its_film(shared) -> None:
    manifest = Manifest.load(shared)
    assert manifest.timed and manifest.sound == {"rate": 22_050, "channels": 2}
    sample = stored(shared)["validation-000001"]
    assert [frame.number for frame in sample.frames] == [0, 1, 2]
    times = [frame.time for frame in sample.frames]
    assert times == pytest.approx([10, 10 + 1 / 30, 10 + 2 / 30], abs=1e-6)
    whole = voice.speech(0, "validation", 1, 3)
    end = round(times[-1] * 1e6) * 22_050 // 1_000_000
    assert sample.sound.start == 10 * 22_050 - 11_025
    assert sample.sound.pcm == whole[sample.sound.start : end].tobytes()
    assert not verify.verify(shared)


def test_mono_is_the_mean_of_both_sides(heard, shared) -> None:
    mono, stereo = (stored(f)["validation-000001"].sound for f in (heard, shared))
    sides = np.frombuffer(stereo.pcm, "<i2").reshape(-1, 2)
    both = np.frombuffer(mono.pcm, "<i2")
    assert mono.start == 0
    assert np.array_equal(both[stereo.start :], np.rint(sides.mean(1)))


def test_some_clips_have_no_track_and_keep_their_times(heard) -> None:
    silent = [s for s in stored(heard).values() if s.sound is None]
    expected = [i for i in range(10) if voice.is_silent(0, "train", i)]
    assert [int(s.key[-6:]) for s in silent if s.split == "train"] == expected
    assert expected and silent[0].frames[0].time == 10


def test_without_sound_clips_gain_nothing_but_their_times(tmp_path) -> None:
    made = synthetic.annotations(3, 1, 4, 16, 3)
    untimed = dataclasses.replace(made, table=made.table.assign(time=np.nan))
    for name, each in (("now", made), ("before", untimed)):
        writer.build(each, tmp_path / name, size=16, workers=1)
    now, before = stored(tmp_path / "now"), stored(tmp_path / "before")
    for key, sample in now.items():
        assert sample.frames[0].time == 10 and sample.sound is None
        frames = [dataclasses.replace(f, time=None) for f in sample.frames]
        assert dataclasses.replace(sample, frames=tuple(frames)) == before[key]
    manifests = [Manifest.load(tmp_path / name) for name in ("now", "before")]
    assert [m.timed for m in manifests] == [True, False]
    assert [m.sound for m in manifests] == [{}, {}]


def test_sound_moves_valence_and_arousal_and_no_other_label() -> None:
    plain = synthetic.annotations(30, 0, 0, 16, 3).table
    moody = synthetic.annotations(30, 0, 0, 16, 3, sound_channels=1).table
    moved = [name for name in plain if not plain[name].equals(moody[name])]
    assert moved == ["valence", "arousal"]
    shift = (moody["valence"] - plain["valence"]).dropna()
    assert 0.05 < shift.abs().mean() < 0.5


def test_another_sound_is_another_build(tmp_path) -> None:
    prints = set()
    for channels, seconds in ((0, 10.0), (1, 10.0), (2, 10.0), (1, 5.0)):
        made = synthetic.annotations(
            2, 1, 0, 16, 2, sound_channels=channels, sound_seconds=seconds
        )
        prints.add(writer.dry_run(made, tmp_path, size=16).fingerprint)
    assert len(prints) == 4


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"sound": records.Sound(b"\0" * 4410, 0)}, "sound up to sample 2205"),
        ({"sound": records.Sound(b"\0\0", 10**6)}, "sound up to sample 1000001"),
    ],
)
def test_sound_that_does_not_end_at_its_clip_is_found(heard, fields, problem) -> None:
    assert any(problem in line for line in changed(heard, **fields))


def test_sound_and_times_that_the_manifest_does_not_state_are_found(heard) -> None:
    manifest = Manifest.load(heard)
    dataclasses.replace(manifest, sound={}).save(heard)
    assert "the manifest knows of none" in str(verify.verify(heard)[0])
    stereo = {"rate": 22_050, "channels": 2}
    dataclasses.replace(manifest, sound=stereo).save(heard)
    assert any("up to sample" in str(problem) for problem in verify.verify(heard))


def test_stats_count_the_sound(shared, capsys) -> None:
    assert command.main(["stats", str(shared), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["splits"]["train"]["sound"]
    sounds = [s.sound for s in stored(shared).values() if s.split == "train"]
    sizes = [len(sound.pcm) for sound in sounds if sound]
    assert found["samples"] == len(sizes)
    assert found["seconds"] == pytest.approx(sum(sizes) / 4 / 22_050, abs=1e-3)
    assert command.main(["stats", str(shared)]) == 0
    assert "minutes of sound" in capsys.readouterr().out


def test_a_voice_leaves_with_its_person(heard) -> None:
    sample = stored(heard)["train-000008"]
    assert sample.subject == "train-00001" and sample.sound
    assert command.main(["drop", str(heard), "--subject=train-00001"]) == 0
    trace = sample.sound.pcm[: 2 * 22_050]
    left = [path for path in heard.rglob("*") if path.is_file()]
    assert left and not any(trace in path.read_bytes() for path in left)
    assert "train-000008" not in stored(heard) and not verify.verify(heard)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--sound_seconds=3",), "--sound_seconds must come with --sound"),
        (("--sound=mono", "--sound_seconds=0"), "must be a positive number"),
        (("--sound=mono", "--clip_frames=1"), "--sound must come with clips"),
        (("--sound=mono", "--frames_per_clip=1"), "--frames_per_clip must be"),
        (("--sound=mono", "--dataset=disfa", "--root=."), "--dataset=disfa"),
        (("--sound=5.1",), "invalid choice"),
    ],
)
def test_flags_that_make_no_sense_are_refused(tmp_path, flags, said, capsys) -> None:
    assert build(tmp_path / "new", *flags) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "new" / "manifest.json").exists()


def test_flags_that_nobody_gave_are_no_sound() -> None:
    assert sound_flags.read(argparse.Namespace()).channels == 0
    with pytest.raises(UserError, match="Received: --sound_seconds=nan"):
        sound_flags.read(argparse.Namespace(sound="mono", sound_seconds=float("nan")))


def test_a_clip_of_which_one_time_is_unknown_has_neither_times_nor_sound(
    tmp_path,
) -> None:
    made = synthetic.annotations(1, 1, 0, 16, 3, sound_channels=1)
    table = made.table.copy()
    table.loc[table["key"] == "validation-000000-001", "time"] = np.nan
    made = dataclasses.replace(made, table=table)
    manifest = writer.build(made, tmp_path, size=16)
    found = stored(tmp_path)
    odd, whole = found["validation-000000"], found["train-000000"]
    assert {frame.time for frame in odd.frames} == {None} and odd.sound is None
    assert whole.frames[0].time == 10 and whole.sound
    assert not manifest.timed and not verify.verify(tmp_path)


def test_other_times_are_another_build(tmp_path) -> None:
    made = synthetic.annotations(1, 1, 0, 16, 3)
    later = dataclasses.replace(
        made, table=made.table.assign(time=made.table["time"] + 1)
    )
    one, other = (writer.dry_run(each, tmp_path, size=16) for each in (made, later))
    assert one.fingerprint != other.fingerprint


def test_workers_and_processes_write_the_same_sound(tmp_path) -> None:
    made = synthetic.annotations(5, 1, 0, 16, 2, sound_channels=1)
    sums = set()
    for name, options in (
        ("one", {"workers": 1}),
        ("four", {"workers": 4}),
        ("processes", {"runner": runners.Local(2)}),
    ):
        shards = writer.build(made, tmp_path / name, size=16, **options).shards
        sums.add(tuple(shard.sha256 for shard in shards))
    assert len(sums) == 1
