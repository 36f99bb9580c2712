"""Nobody, and no film, in two splits."""

import pandas as pd
import pytest

from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import ABAW2
from tfrecords_builder import annotations as annotations_lib
from tfrecords_builder import checks
from tfrecords_builder import splits
from tfrecords_builder.annotations import Annotations
from tfrecords_builder.picture_source import PictureFiles


def films(*rows):
    """Annotations of (video, subject, split) rows."""
    table = pd.DataFrame(rows, columns=["video", "subject", "split"])
    table["key"] = [f"{row[0]}/{i}" for i, row in enumerate(rows)]
    table["origin"] = [f"{row[2]}/{row[0]}.txt" for row in rows]
    return Annotations(
        table=annotations_lib.complete(table, ABAW2, "affwild2"),
        taxonomy=ABAW2,
        pictures=PictureFiles("."),
        origin="affwild2",
        dropped={"train": {"no_image": 1}},
    )


def test_a_film_in_two_splits_is_reported_with_its_files_and_the_way_out():
    leaking = films(("v", "v", "train"), ("v", "v", "validation"), ("w", "w", "train"))
    assert splits.settle(leaking, "refuse") is leaking
    with pytest.raises(UserError) as error:
        checks.check(leaking)
    for part in ("'v' of affwild2", "train/v.txt", "validation/v.txt", "0 more"):
        assert part in str(error.value)
    assert "--leakage=drop" in str(error.value)


def test_dropping_removes_training_rows_and_counts_them():
    leaking = films(("v", "v", "train"), ("v", "v", "validation"), ("w", "w", "train"))
    settled = splits.settle(leaking, "drop")
    checks.check(settled)
    left = settled.table[["video", "split"]].to_numpy().tolist()
    assert left == [["v", "validation"], ["w", "train"]]
    assert settled.dropped == {"train": {"no_image": 1, "leakage": 1}}
    assert "Removed 1 train rows" in settled.notes[-1]


def test_people_of_one_film_leak_though_their_names_differ():
    settled = splits.settle(
        films(("v", "v_left", "train"), ("v", "v_right", "validation")), "drop"
    )
    assert list(settled.table["subject"]) == ["v_right"]


def test_a_film_of_two_lists_of_one_archive_leaks_between_sources():
    leaking = films(("v", "v", "train"), ("v", "v", "validation"))
    leaking.table["source"] = ["mtl", "affwild2"]
    leaking.table["archive"] = ["mtl", "affwild2"]
    checks.check(leaking)
    leaking.table["archive"] = "affwild2"
    with pytest.raises(UserError, match="A film must lie in one split"):
        checks.check(leaking)
    assert list(splits.settle(leaking, "drop").table["source"]) == ["affwild2"]


def test_a_person_of_two_films_leaks_and_test_rows_come_first():
    settled = splits.settle(
        films(("a", "p", "validation"), ("b", "p", "test"), ("c", "p", "train")), "drop"
    )
    assert list(settled.table["split"]) == ["test"]
    assert settled.dropped["validation"] == {"leakage": 1}


def test_nothing_changes_where_nothing_leaks():
    clean = films(("a", "p", "train"), ("b", "q", "validation"))
    assert splits.settle(clean, "drop") is clean


def test_an_unknown_way_out_is_refused():
    with pytest.raises(UserError, match="refuse, drop"):
        splits.settle(films(("a", "p", "train")), "remove")


def test_groups_stay_together_and_the_share_is_met_repeatably():
    groups = pd.Series([f"p{i // 10}" for i in range(200)])
    split = pd.Series(splits.by_group(groups, 0.3, 0))
    assert split.groupby(groups).nunique().eq(1).all()
    assert (split == "validation").mean() == pytest.approx(0.3)
    assert (splits.by_group(groups, 0.3, 0) == split).all()
    assert (splits.by_group(groups, 0.3, 1) != split).any()
    assert (splits.by_group(groups, 0.0, 0) == "train").all()
    assert {*splits.by_group(groups[:20], 0.01, 0)} == {"train", "validation"}


@pytest.mark.parametrize("fraction", [-0.1, 1.0, float("nan")])
def test_a_share_out_of_range_is_refused(fraction):
    with pytest.raises(UserError, match=r"\[0, 1\)"):
        splits.by_group(pd.Series(["a"]), fraction, 0)
