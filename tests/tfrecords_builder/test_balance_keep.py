"""Thinning before balancing, as the released code of Deng et al. 2020 does it."""

import numpy as np

from tests.tfrecords_builder.balance_tables import balanced
from tests.tfrecords_builder.balance_tables import SMALL
from tests.tfrecords_builder.balance_tables import table_of


def thinned_by_the_book(labels):
    """Their steps: neutral at multiples of 10, then happiness, then sadness at 2."""
    for name, every in (("neutral", 10), ("happiness", 2), ("sadness", 2)):
        labels = [
            (key, label)
            for position, (key, label) in enumerate(labels)
            if label != name or position % every == 0
        ]
    return labels


def test_expressions_are_thinned_by_running_index_class_by_class():
    random = np.random.default_rng(0)
    table = table_of(random.choice(SMALL.expressions, 300, p=[0.5, 0.1, 0.3, 0.1]))
    found = balanced(table, keep=["expr:neutral=0.1,happiness=0.5,sadness=0.5"]).table
    expected = thinned_by_the_book(
        list(zip(table["key"], table["expression"], strict=True))
    )
    assert list(zip(found["key"], found["expression"], strict=True)) == expected


def test_thinning_worked_by_hand():
    # Positions:     0    1    2    3    4    5    6    7    8    9    10   11
    names = dict(n="neutral", f="fear", h="happiness")
    table = table_of([names[c] for c in "nhnhffhnhhnn"])
    found = balanced(table, keep=["expr:neutral=0.1,happiness=0.5"])
    # Neutral stays at 0 and 10: n h h f f h h h n. Happiness is then at 1, 2, 5, 6, 7,
    # and stays at 2 and 6, which were 3 and 8.
    assert found.table["key"].tolist() == [f"k{i:04d}" for i in (0, 3, 4, 5, 8, 10)]
    assert found.dropped == {"train": {"downsampled": 6}}
    assert found.notes[0] == "1/10 of neutral: 2 of 5 labels stay"


def test_every_fifth_frame_stays_of_the_source_that_is_named():
    pairs = [{"valence": 0.1, "arousal": 0.0, "source": "ab"[i % 2]} for i in range(40)]
    found = balanced(table_of(pairs), keep=["va@a=0.2"]).table
    kept = found[found["source"] == "a"]["key"].tolist()
    assert kept == ["k0000", "k0010", "k0020", "k0030"]
    assert (found["source"] == "b").sum() == 20


def test_a_thinned_row_stays_for_its_other_labels_and_other_rows_are_not_counted():
    both = {"expression": "fear", "valence": 0.1, "arousal": 0.2}
    table = table_of([both, {}, both, {"AU1": 1.0}, both, both])
    found = balanced(table, keep=["va=0.5"])
    assert found.table["key"].tolist() == table["key"].tolist()
    assert found.table["valence"].notna().tolist() == [True, *[False] * 3, True, False]
    assert (found.table["expression"] == "fear").sum() == 4
    assert found.dropped == {}


def test_validation_rows_are_neither_thinned_nor_counted():
    splits = ["train", "validation"] * 10
    found = balanced(table_of(["fear"] * 20, split=splits), keep=["expr=0.2"])
    assert found.table["split"].value_counts().to_dict() == {
        "validation": 10,
        "train": 2,
    }
    assert found.dropped == {"train": {"downsampled": 8}}


def test_positions_are_counted_by_source_film_person_frame_and_key():
    # In the order in which they are counted, and listed backwards.
    places = [
        {"source": "a", "video": "z", "subject": "p", "frame": 2},
        {"source": "a", "video": "z", "subject": "p", "frame": 10},
        {"source": "a", "video": "z", "subject": "q", "frame": 1},
        {"source": "b", "video": "y", "subject": "p", "frame": 0},
        {"source": "b", "video": "y", "subject": "p", "frame": 0},
    ]
    rows = [{**place, "valence": 0.0, "arousal": 0.0} for place in places[::-1]]
    found = balanced(table_of(rows, key=list("dbcea")), keep=["va=0.5"])
    # Keys by position: a, e, c, then b before d.
    assert sorted(found.table["key"]) == ["a", "c", "d"]
