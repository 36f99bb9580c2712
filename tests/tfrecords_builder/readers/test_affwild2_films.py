"""Pictures that were cut already get the times and the sound of their films."""

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.data import record_decoder
from affect_tf.data.manifest import Manifest
from tests.faces.sound_files import click_times
from tests.faces.sound_files import clicks
from tests.faces.sound_files import write_sound_film
from tests.tfrecords_builder.conftest import picture
from tests.tfrecords_builder.readers.abaw_trees import MTL
from tests.tfrecords_builder.readers.abaw_trees import Tree
from tests.tfrecords_builder.readers.abaw_trees import VA
from tfrecords_builder import __main__ as command
from tfrecords_builder import verify

#: Pictures of both people of "v", whose film has ten frames a second.
FRAMES = 9


@pytest.fixture
def tree(tmp_path):
    made = Tree(tmp_path / "aff")
    for person in ("left", "right"):
        lines = ["0.5,0.5"] * (FRAMES + 3)
        made.labels(f"VA_Set/Train_Set/v_{person}.txt", VA, *lines)
        made.pictures(f"v_{person}", *range(1, FRAMES + 3))
    made.labels("VA_Set/Validation_Set/w.txt", VA, *["0,0"] * 3)
    made.pictures("w", 1, 2, 3)
    for path in (made.root / "cropped_aligned").rglob("*.jpg"):
        path.write_bytes(picture())
    (tmp_path / "films/batch1").mkdir(parents=True)
    track = clicks(1.0, 48_000, [0.45])
    write_sound_film(tmp_path / "films/batch1/v.mkv", [(0.0, track)], pictures=FRAMES)
    return made


def build(tree, *flags, dataset="affwild2"):
    out = tree.root.parent / "records"
    flags = [f"--dataset={dataset}", f"--root={tree.root}", f"--out={out}", *flags]
    return command.main([*flags, "--size=32"])


def samples(tree):
    folder = tree.root.parent / "records"
    manifest = Manifest.load(folder)
    assert not verify.verify(folder)
    return manifest, [
        record_decoder.decode(record.numpy(), manifest.taxonomy)
        for shard in manifest.shards
        for record in tf.data.TFRecordDataset(str(folder / shard.file))
    ]


def test_frames_get_the_time_and_clips_the_sound_of_their_film(tree) -> None:
    films = f"--videos={tree.root.parent / 'films'}"
    assert build(tree, films, "--sound=mono", "--clip_frames=6") == 0
    manifest, found = samples(tree)
    of_v = [sample for sample in found if sample.video == "v"]
    assert sorted(len(sample.frames) for sample in of_v) == [3, 3, 6, 6]
    for sample in of_v:
        times = [frame.time for frame in sample.frames]
        assert times == pytest.approx([f.number / 10 for f in sample.frames])
        end = round(times[-1] * 1e6) * 22_050 // 1_000_000
        pcm = np.frombuffer(sample.sound.pcm, "<i2")
        assert sample.sound.start == 0 and len(pcm) == end
        assert click_times(pcm[:, None], 22_050) == pytest.approx([0.45], abs=1e-3)
    # The film has frames 0 ... 8, and each person has pictures of 0 ... 10.
    assert manifest.dropped["train"]["no_frame"] == 4


def test_a_video_without_a_film_is_left_out_where_sound_is_wanted(tree, capsys) -> None:
    films = f"--videos={tree.root.parent / 'films'}"
    assert build(tree, films, "--sound=stereo", "--clip_frames=6") == 0
    assert "Videos without a film in --videos" in capsys.readouterr().out
    manifest, found = samples(tree)
    assert manifest.timed and manifest.sound["channels"] == 2
    assert found and not [sample for sample in found if sample.video == "w"]
    assert sum(reasons.get("no_film", 0) for reasons in manifest.dropped.values()) > 0


def test_films_give_times_without_sound_too(tree) -> None:
    assert build(tree, f"--videos={tree.root.parent / 'films'}") == 0
    manifest, found = samples(tree)
    stills = {sample.key: sample for sample in found}
    alone = [sample for sample in found if sample.video == "w"]
    assert alone and {s.frames[0].time for s in alone} == {None}
    assert not manifest.timed
    assert stills["v_left/00004"].frames[0].time == pytest.approx(0.3)
    assert manifest.sound == {} and not any(sample.sound for sample in found)


def test_the_lists_of_the_other_challenge_take_films_alike(tree) -> None:
    labels = "0.1,0.2,4,0,0,0,0,0,0,0,0,0,0,0,1"
    rows = [f"v_left/{number:05d}.jpg,{labels}" for number in (2, 3)]
    path = tree.root / "training_set_annotations.txt"
    path.write_text("\n".join([MTL, *rows, ""]))
    films = f"--videos={tree.root.parent / 'films'}"
    flags = (films, "--sound=mono", "--clip_frames=2")
    assert build(tree, *flags, dataset="abaw_mtl") == 0
    manifest, (sample,) = samples(tree)
    assert [f.time for f in sample.frames] == pytest.approx([0.1, 0.2])
    assert len(sample.sound.pcm) == 2 * 4410 and manifest.timed


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--sound=mono", "--clip_frames=8"), "--sound must come with --videos"),
        (("--sound=mono", "--videos=."), "--sound must come with --clip_frames"),
        (("--videos=none",), "--videos must be a folder of films"),
    ],
)
def test_sound_without_films_or_clips_is_refused(tree, flags, said, capsys) -> None:
    assert build(tree, *flags) == 2
    assert said in capsys.readouterr().err
