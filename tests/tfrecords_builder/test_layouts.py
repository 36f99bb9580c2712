"""Small trees in the layouts of every data set, with what must come out of them."""

import json

import pytest
import tensorflow as tf

from affect_tf.data.manifest import Manifest
from affect_tf.data.record_decoder import decode
from tfrecords_builder import __main__ as command

LAYOUTS = {
    "affwild2_abaw2020": "affwild2",
    "affwild2_abaw2021": "affwild2",
    "affwild2_abaw2022": "affwild2",
    "abaw_mtl": "abaw_mtl",
    "affectnet": "affectnet",
    "expw": "expw",
    "afew_va": "afew_va",
    "disfa": "disfa",
}
COUNTS = (
    "frames",
    "labelled",
    "pairs",
    "expr_counts",
    "au_positives",
    "va_mean",
    "dropped",
)


@pytest.fixture(scope="module", params=LAYOUTS)
def built(request, shared_dir, tmp_path_factory):
    """A folder that one command has built, and what must be in it."""
    root = shared_dir / "layouts" / request.param
    if not root.is_dir():
        pytest.skip("this tree is not here")
    out = tmp_path_factory.mktemp(request.param)
    flags = [f"--dataset={LAYOUTS[request.param]}", f"--root={root}", f"--out={out}"]
    assert command.main(flags) == 0
    return out, json.loads((root / "expected.json").read_text())["splits"]


def test_every_count_is_as_expected(built, capsys):
    out, expected = built
    capsys.readouterr()
    assert command.main(["stats", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["splits"]
    assert found.keys() == expected.keys()
    for split, counts in expected.items():
        for name in COUNTS:
            assert found[split][name] == counts[name], (split, name)


def test_single_rows_are_as_expected(built):
    out, expected = built
    manifest = Manifest.load(out)
    samples = {}
    for shard in manifest.shards:
        for record in tf.data.TFRecordDataset(str(out / shard.file)):
            sample = decode(record.numpy(), manifest.taxonomy)
            samples[sample.key] = sample
    for split, counts in expected.items():
        assert counts["spot_rows"]
        for key, labels in counts["spot_rows"].items():
            sample = samples[key]
            (frame,) = sample.frames
            assert sample.split == split
            expression = (labels.get("expr") or "").lower()
            assert frame.expression == (expression or None)
            assert frame.action_units == labels.get("au", {})
            affect = (frame.valence, frame.arousal)
            assert affect == pytest.approx(labels.get("va", (None, None)), abs=1e-6)


def test_what_was_built_is_sound(built):
    assert command.main(["verify", str(built[0])]) == 0
