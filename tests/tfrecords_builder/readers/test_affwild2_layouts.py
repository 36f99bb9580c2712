"""Trees of the ABAW challenges with real pictures, against their expected counts."""

import json
import pickle

import pytest

from tests.tfrecords_builder.readers.abaw_trees import counts
from tests.tfrecords_builder.readers.abaw_trees import spot
from tfrecords_builder import checks
from tfrecords_builder.readers import abaw_mtl
from tfrecords_builder.readers import affwild2

TREES = {
    "affwild2_abaw2020": affwild2,
    "affwild2_abaw2021": affwild2,
    "affwild2_abaw2022": affwild2,
    "abaw_mtl": abaw_mtl,
}


@pytest.fixture(params=TREES)
def tree(request, shared_dir):
    root = shared_dir / "layouts" / request.param
    expected = json.loads((root / "expected.json").read_text())["splits"]
    return TREES[request.param].annotations(root), expected


def test_counts_are_those_that_are_expected(tree):
    found, expected = tree
    checks.check(found)
    assert set(found.table["split"]) == set(expected)
    units = tuple(expected["train"]["au_positives"])
    assert found.taxonomy.action_units == units
    assert found.taxonomy.tasks == ("expr", "au", "va")
    for split, values in expected.items():
        values = {k: v for k, v in values.items() if k != "spot_rows"}
        assert counts(found, split) == values


def test_rows_are_those_that_are_expected(tree):
    found, expected = tree
    table, units = found.table.set_index("key"), list(found.taxonomy.action_units)
    for split, values in expected.items():
        for key, wanted in values["spot_rows"].items():
            row = table.loc[key]
            assert spot(row, units) == wanted
            assert row["split"] == split
            assert f"{row['frame'] + 1:05d}" == key.rpartition("/")[2]


def test_every_row_has_a_picture_and_its_line(tree):
    found, _ = tree
    pictures = pickle.loads(pickle.dumps(found.pictures))
    for row in found.table.itertuples():
        assert pictures.read(row.picture).startswith(b"\xff\xd8")
        assert pictures.stamp(row.picture) != "absent"
    for row in found.table.iloc[::20].itertuples():
        with open(row.origin) as stream:
            line = stream.read().splitlines()[row.row - 1]
        if found.reader == "abaw_mtl":
            assert line.startswith(f"{row.key}.jpg,")
        else:
            assert row.row == row.frame + 2


def test_what_is_ignored_is_said(shared_dir):
    found = affwild2.annotations(shared_dir / "layouts" / "affwild2_abaw2021")
    notes = "\n".join(found.notes)
    assert "annotations/README.txt" in notes
    assert "ghost_no_images" in notes
    assert "video_without_annotation" in notes
    assert not found.rejects


def test_kept_pictures_are_those_that_were_dropped(shared_dir):
    root = shared_dir / "layouts" / "affwild2_abaw2020"
    kept = affwild2.annotations(root, unlabelled="keep")
    assert kept.dropped == {
        "train": {"invalid_label_only": 0, "no_image": 34, "no_annotation": 0},
        "validation": {"invalid_label_only": 0, "no_image": 6, "no_annotation": 0},
    }
    sizes = kept.table["split"].value_counts()
    assert sizes["train"] == 118 + 13 + 1, "one folder has no label file at all"
    assert sizes["validation"] == 35 + 3 + 1
    checks.check(kept)
