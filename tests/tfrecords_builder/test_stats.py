"""What `stats` says of a folder, against plain counting of its records."""

import dataclasses
import io
import json

import numpy as np
import pytest
import rich.console
import tensorflow as tf

from affect_tf.data import record_decoder
from affect_tf.data.manifest import Manifest
from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import ABAW2
from affect_tf.labels.taxonomy import Taxonomy
from tests.tfrecords_builder.conftest import build
from tests.tfrecords_builder.conftest import SIZE
from tfrecords_builder import __main__ as command
from tfrecords_builder import distributions
from tfrecords_builder import removal_journal
from tfrecords_builder import stats_report
from tfrecords_builder import writer
from tfrecords_builder.readers import csv_folder

CLIPS = (
    "file,split,subject,video,clip,frame,AU1,AU4,expression,valence,arousal",
    "a/1.jpg,train,1,film,x,3,1,1,,0.1,0.2",
    "a/2.jpg,train,1,film,x,1,1,,fear,0.1,0.1",
    "a/3.png,train,1,film,x,2,0,1,fear,,",
    "b/1.jpg,train,2,film,y,0,1,0,happy,1,-1",
    "b/2.jpg,train,2,,,,,,,,",
)


def stats(data, *flags):
    """The splits of the JSON document."""
    stream = io.StringIO()
    console = rich.console.Console(file=stream, width=80, soft_wrap=True)
    arguments = [str(data.out), "--json", *flags]
    assert command._command("stats", arguments, console) == 0
    return json.loads(stream.getvalue())["splits"]


def frames(data, split):
    """Every frame of a split with the sample it is in, decoded the slow way."""
    manifest = Manifest.load(data.out)
    found = []
    for shard in manifest.shards:
        if shard.split == split:
            for record in tf.data.TFRecordDataset(str(data.out / shard.file)):
                sample = record_decoder.decode(record.numpy(), manifest.taxonomy)
                found += [(frame, sample) for frame in sample.frames]
    return found


def recounted(data, split):
    """What `stats` should say, counted one frame after the other."""
    rows = frames(data, split)
    tasks = [set(frame.tasks) for frame, _ in rows]
    pairs = [(f.valence, f.arousal) for f, _ in rows if f.valence is not None]
    samples = {sample.key: sample for _, sample in rows}.values()
    expressions = [f.expression for f, _ in rows if f.expression is not None]
    units = [f.action_units for f, _ in rows]
    named = sorted({name for known in units for name in known})
    return {
        "frames": len(rows),
        "samples": len(samples),
        "subjects": len({(s.source, s.subject) for s in samples}),
        "videos": len({(s.source, s.video) for s in samples if s.video}),
        "labelled": {t: sum(t in each for each in tasks) for t in ("expr", "va", "au")},
        "pairs": {
            pair: sum(set(pair.split("+")) <= each for each in tasks)
            for pair in ("expr+va", "expr+au", "au+va")
        },
        "expr_counts": {name: expressions.count(name) for name in set(expressions)},
        "au_positives": {n: sum(known.get(n, 0) for known in units) for n in named},
        "au_labelled": {n: sum(n in known for known in units) for n in named},
        "au_cooccurrence": {
            one: {
                two: sum(known.get(one, 0) * known.get(two, 0) for known in units)
                for two in named
            }
            for one in named
        },
        "va_mean": np.mean(pairs, axis=0).round(4).tolist() if pairs else None,
        "by_source": {"faces": len(rows)},
    }


@pytest.mark.parametrize("split", ["train", "validation"])
def test_numbers_are_those_of_the_records(data, split):
    build(data, frames_per_shard=2)
    found = stats(data)
    assert list(found) == ["train", "validation"]
    expected = recounted(data, split)
    assert {name: found[split][name] for name in expected} == expected


def test_numbers_of_clips_are_those_of_their_frames(data):
    data.write(*CLIPS)
    build(data)
    found = stats(data)["train"]
    expected = recounted(data, "train")
    assert {name: found[name] for name in expected} == expected
    assert found["clip_frames"] == {"min": 1, "mean": 1.6667, "max": 3}
    assert found["label_sets"] == {"none": 1, "expr+au": 1, "au+va": 1, "expr+au+va": 2}
    assert (found["subjects"], found["videos"]) == (2, 1)


def test_shares_of_units_are_of_frames_that_know_both(data):
    data.write(*CLIPS)
    build(data)
    # AU1 is active three times: once with AU4, once without, once nobody knows.
    assert stats(data)["train"]["au_conditional"] == {
        "AU1": {"AU1": 1.0, "AU4": 0.5},
        "AU4": {"AU1": 0.5, "AU4": 1.0},
    }


def test_the_density_has_valence_in_rows_and_keeps_the_ends(data):
    data.write(*CLIPS)
    build(data)
    density = np.array(stats(data)["train"]["va_histogram"])
    assert density.shape == (20, 20)
    # (0.1, 0.2), (0.1, 0.1) and the corner (1, -1).
    assert np.argwhere(density).tolist() == [[11, 11], [11, 12], [19, 0]]


def test_means_are_those_of_the_decimals_in_the_file(data):
    # In float32 the sum of these lies below that of the decimals.
    values = ["0.1001", "0.2", "0.3", "0.0001"]
    names = [row.split(",")[0] for row in CLIPS[1:5]]
    rows = [f"{n},train,{v},{v}" for n, v in zip(names, values, strict=True)]
    data.write("file,split,valence,arousal", *rows)
    build(data)
    assert stats(data)["train"]["va_mean"] == [0.15, 0.15]  # 0.15005 without noise
    assert stats(data)["train"]["va_deviation"] == [0.1118, 0.1118]


def test_what_was_dropped_is_said_by_reason(data):
    annotations = csv_folder.annotations(data.csv, data.images)
    dropped = {"train": {"no_image": 3, "leakage": 2}, "test": {"no_face": 9}}
    annotations = dataclasses.replace(annotations, dropped=dropped)
    writer.build(annotations, data.out, size=SIZE)
    found = stats(data)
    usual = {"invalid_label_only": 0, "no_image": 0, "no_annotation": 0}
    assert found["train"]["dropped"] == {**usual, "no_image": 3, "leakage": 2}
    assert found["validation"]["dropped"] == usual
    assert found["test"]["dropped"] == {**usual, "no_face": 9}
    assert found["test"]["frames"] == 0
    assert found["test"]["clip_frames"] == {"min": None, "mean": None, "max": None}


def test_a_folder_without_records_has_numbers_too(data, capsys):
    build(data)
    manifest = Manifest.load(data.out)
    ends = {"min": 0, "max": 0}
    empty = dataclasses.replace(
        manifest, shards=(), counts={}, frames_per_sample=ends, dropped={}
    )
    empty.save(data.out)
    assert stats(data) == {}
    assert command.main(["stats", str(data.out), f"--plots={data.root / 'p'}"]) == 0
    assert "No records" in capsys.readouterr().out
    dataclasses.replace(empty, dropped={"train": {"no_face": 96}}).save(data.out)
    assert stats(data)["train"]["va_mean"] is None
    assert command.main(["stats", str(data.out)]) == 0
    assert "no face" in capsys.readouterr().out


def test_one_source_can_be_counted(data):
    data.write("file,source,AU1", "a/1.jpg,one,1", "a/2.jpg,two,1", "b/1.jpg,two,0")
    build(data)
    everything, two = stats(data), stats(data, "--source=tw*")
    total = sum(split["frames"] for split in everything.values())
    assert total == 3
    assert sum(split["frames"] for split in two.values()) == 2
    assert all(set(split["by_source"]) == {"two"} for split in two.values())
    # The manifest does not say whose they were.
    assert all(split["dropped"] is None for split in two.values())
    with pytest.raises(UserError, match="Did you mean 'two'") as caught:
        stats(data, "--source=twi")
    assert caught.value.exit_code == 2


def test_only_the_document_is_on_the_standard_output(data, capsys):
    build(data)
    plots = data.root / "plots"
    arguments = ["stats", str(data.out), "--json", f"--plots={plots}"]
    assert command.main(arguments) == 0
    shown = capsys.readouterr()
    assert set(json.loads(shown.out)) == {"splits"}
    assert "classes.png" in shown.err


def test_tables_fit_into_eighty_columns():
    names = tuple(f"AU{i}" for i in range(1, 46))
    wide = Taxonomy("wide", ABAW2.expressions, names)
    splits = {}
    for name in ("train", "validation", "test"):
        split = splits[name] = distributions.Distribution(wide)
        split.frames = split.samples = 12_345_678
        split.by_source = {"a" * 70: 12_000_000, "[b]": 345_678}
        split.lengths = np.array([0, 0, 12_345_678])
        split.expressions += 1_234_567
        split.labelled_units += np.arange(45) * 250_000
        split.positive_units += np.arange(45) * 200_000
        split._sets += 1_543_209
        split.dropped = {"no_image": 1_234_567}
    for width in (80, 120):
        stream = io.StringIO()
        console = rich.console.Console(file=stream, width=width, soft_wrap=True)
        stats_report.show(splits, console)
        lines = stream.getvalue().splitlines()
        assert max(len(line.rstrip()) for line in lines) <= width
        assert "…" not in stream.getvalue()
        assert "from [b]" in stream.getvalue()


def test_a_damaged_shard_is_named(data):
    manifest = build(data)
    shard = data.out / manifest.shards[0].file
    shard.write_bytes(shard.read_bytes()[:-5])
    with pytest.raises(UserError, match=f"{shard.name}, which cannot be read"):
        stats(data)
    shard.write_bytes(b"")
    with pytest.raises(UserError, match=f"{shard.name}.*0 records of 1"):
        stats(data)


def test_a_folder_that_is_being_changed_is_refused(data):
    build(data)
    journal = removal_journal.Journal((("faces", "1"),), "", "", {}, (), ())
    journal.save(data.out)
    (data.out / "manifest.json").unlink()
    with pytest.raises(UserError, match="from which people are being removed"):
        stats(data)


def test_a_real_layout_gives_its_expected_numbers(shared_dir, tmp_path, data):
    root = shared_dir / "layouts" / "affwild2_abaw2021"
    flags = [f"--root={root}", f"--out={tmp_path / 'out'}"]
    assert command.main(["--dataset=affwild2", *flags]) == 0
    data.out = tmp_path / "out"
    found = stats(data)
    for name, split in json.loads((root / "expected.json").read_text())[
        "splits"
    ].items():
        del split["spot_rows"]
        assert {key: found[name][key] for key in split} == split
