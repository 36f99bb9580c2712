"""Balancing a table: what is copied, with which labels, and what is weighed."""

import numpy as np
import pandas as pd
import pytest

from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import Taxonomy
from tests.tfrecords_builder.balance_tables import balanced
from tests.tfrecords_builder.balance_tables import mixed
from tests.tfrecords_builder.balance_tables import SMALL
from tests.tfrecords_builder.balance_tables import table_of
from tfrecords_builder import balance


def counts(table):
    return table["expression"].value_counts().to_dict()


# Copies.


def test_classes_become_equal_in_the_training_split_alone():
    names = ["neutral"] * 60 + ["fear"] * 5 + ["happiness"] * 25
    table = table_of([*names, *names], split=["train"] * 90 + ["validation"] * 90)
    found = balanced(table, "expr=equal").table
    assert counts(found[found["split"] == "train"]) == {
        "neutral": 30,
        "fear": 30,
        "happiness": 30,
    }
    old = table[table["split"] == "validation"].reset_index(drop=True)
    new = found[found["split"] == "validation"].reset_index(drop=True)
    pd.testing.assert_frame_equal(old, new)
    fear = found["key"][(found["expression"] == "fear") & (found["split"] == "train")]
    assert fear.str.split("#").str[0].value_counts().unique().tolist() == [6]


@pytest.mark.parametrize(
    ("method", "expected"),
    [("over", [60, 60, 60]), ("under", [5, 5, 5]), ("40,cap=4", [40, 20, 40])],
)
def test_classes_meet_at_the_top_at_the_bottom_or_at_a_number(method, expected):
    table = table_of(["neutral"] * 60 + ["fear"] * 5 + ["happiness"] * 25)
    found = counts(balanced(table, f"expr={method}").table)
    assert [found[n] for n in ("neutral", "fear", "happiness")] == expected


def test_a_copy_has_the_picture_and_one_label_of_its_row():
    # Positives of AU1 and AU4: 3 and 1; of the one bag the only row is cloned until
    # (3 + n) / (1 + n) <= 2, once. It has labels of the other tasks, too.
    rows = [{"AU1": 1.0, "AU4": 0.0, "frame": 0}] * 2
    rare = {"AU1": 1.0, "AU4": 1.0, "expression": "fear", "video": "v", "frame": 7}
    table = table_of([*rows, {**rare, "valence": 0.5, "arousal": 0.1, "subject": "p"}])
    found = balanced(table, "au=ml_ros").table
    pd.testing.assert_frame_equal(found.iloc[:3], table)
    copy = found.iloc[3]
    assert len(found) == 4
    assert (copy["key"], copy["clip"]) == ("k0002#2", "k0002#2")
    assert copy["picture"] == "k0002"
    same = ["split", "source", "subject", "video", "frame", "row", "origin"]
    assert copy[same].tolist() == table.iloc[2][same].tolist()
    assert copy[["AU1", "AU4"]].tolist() == [1.0, 1.0]
    assert copy["expression"] is None
    assert np.isnan(copy["valence"]) and np.isnan(copy["arousal"])


def test_copies_of_one_row_for_several_tasks_are_numbered_on():
    rows = [{"expression": "neutral", "AU1": 1.0, "AU4": 0.0}] * 8
    rows.append({"expression": "fear", "AU1": 0.0, "AU4": 1.0})
    found = balanced(table_of(rows), "expr=4", "au=ml_ros,threshold=2").table
    copies = found[found["key"].str.startswith("k0008#")]
    # Three for fear; 8 / (1 + n) <= 2 asks for three more.
    assert copies["key"].tolist() == [f"k0008#{n}" for n in range(2, 8)]
    assert copies["expression"].notna().tolist() == [True] * 3 + [False] * 3
    assert not found["key"].duplicated().any()


def test_bins_are_evened_and_a_lone_sample_is_not_copied_a_thousand_times():
    pairs = [(0.05, 0.05)] * 900 + [(0.55, 0.55)] * 99 + [(-0.95, 0.95)]
    table = table_of([{"valence": v, "arousal": a} for v, a in pairs])
    found = balanced(table, "va=bins").after.grid
    # The lone one 10 times, and 495 of either other.
    assert sorted(found[found > 0].tolist()) == [10, 495, 495]
    found = balanced(table, "va=bins,cap=none").after.grid
    assert sorted(found[found > 0].tolist()) == [333] * 3
    found = balanced(table, "va=bins,num_bins=1").after.grid
    assert sorted(found[found > 0].tolist()) == [1, 99, 900]


def test_the_labels_of_other_tasks_are_left_as_they_are():
    table = mixed()
    found = balanced(table, "expr=equal")
    for name in ("valence", "arousal", "AU1", "AU4"):
        old, new = (t.set_index("key")[name].dropna() for t in (table, found.table))
        pd.testing.assert_series_equal(old, new)


def test_unlabelled_pictures_stay():
    table = table_of([None, "fear", "neutral", None, "neutral", "neutral"])
    assert balanced(table, "expr=under").table["key"][:1].tolist() == ["k0000"]
    assert len(balanced(table, "expr=under").table) == 4


def test_a_class_or_unit_without_a_label_is_left_out_with_a_note():
    found = balanced(mixed(), "expr=equal", "au=ml_ros")
    assert not any("left out" in note for note in found.notes)
    rows = [{"expression": "fear", "AU1": 1.0, "AU4": 0.0}] * 4
    found = balanced(table_of(rows), "expr=equal", "au=ml_ros", "va=bins")
    assert "expr: no label of neutral, happiness, sadness: left out" in found.notes
    assert "AU4 has no positive label: left out" in found.notes
    assert "va: no training label to balance" in found.notes
    assert len(found.table) == 4


# Weights.


def test_weights_are_those_of_the_classes_and_leave_every_row():
    table = table_of(["neutral"] * 6 + ["fear"] * 2 + [None], split="train")
    found = balanced(table, "expr=equal", balance_as="weights")
    np.testing.assert_allclose(
        found.table["sampling_expr"], [*[4 / 6] * 6, 2.0, 2.0, 1.0]
    )
    pd.testing.assert_frame_equal(found.table.drop(columns="sampling_expr"), table)
    assert found.sampling == ("expr",)
    assert found.after.expressions == pytest.approx(
        {"neutral": 4, "fear": 4, "happiness": 0, "sadness": 0}
    )


def test_a_row_that_would_be_cloned_once_weighs_twice_as_much_as_one_that_is_not():
    rows = [{"AU1": 1.0, "AU4": 0.0}] * 2 + [{"AU1": 1.0, "AU4": 1.0}]
    found = balanced(table_of(rows), "au=ml_ros", balance_as="weights")
    np.testing.assert_allclose(found.table["sampling_au"], [0.75, 0.75, 1.5])


def test_weights_have_mean_one_over_the_labelled_training_rows():
    table = mixed()
    found = balanced(
        table, "deng2020", "va=bins,num_bins=8", balance_as="weights", seed=2
    ).table
    labelled = {"expr": "expression", "au": "AU1", "va": "valence"}
    for task, name in labelled.items():
        numbers = found[f"sampling_{task}"]
        mine = found[name].notna() & (found["split"] == "train")
        assert numbers[mine].mean() == pytest.approx(1.0)
        assert numbers[mine].nunique() > 1
        assert (numbers[~mine] == 1).all()


# All of it.


ALL = ("expr=equal", "au=ml_ros,threshold=1", "va=bins,num_bins=6")


@pytest.mark.parametrize("form", ["copies", "weights"])
def test_the_result_follows_from_rows_and_seed_and_not_from_their_order(form):
    table = mixed()
    keep = ["expr:neutral=0.5", "va@one=0.5"]

    def result(table, seed):
        found = balanced(table, *ALL, keep=keep, balance_as=form, seed=seed).table
        return found.sort_values("key", ignore_index=True)

    expected = result(table, 1)
    pd.testing.assert_frame_equal(result(table, 1), expected)
    shuffled = table.sample(frac=1, random_state=0).reset_index(drop=True)
    pd.testing.assert_frame_equal(result(shuffled, 1), expected)
    assert not result(table, 2).equals(expected)


def test_another_seed_thins_and_clones_other_rows():
    table = table_of(["neutral"] * 60 + ["fear"] * 30)
    one, other = (
        set(balanced(table, "expr=under", seed=seed).table["key"]) for seed in (-1, 1)
    )
    assert one != other


def test_the_table_that_came_in_is_not_changed():
    table = mixed()
    before = table.copy(deep=True)
    balanced(table, *ALL, keep=["expr=0.5"])
    pd.testing.assert_frame_equal(table, before)


def test_the_distribution_after_is_that_of_the_new_table():
    found = balanced(mixed(), *ALL, keep=["expr:neutral=0.5"])
    train = found.table[found.table["split"] == "train"]
    for name, count in found.after.expressions.items():
        assert count == (train["expression"] == name).sum()
    assert found.after.positives["AU4"] == (train["AU4"] == 1).sum()
    assert found.after.units["AU4"] == train["AU4"].notna().sum()
    assert found.after.grid.sum() == train["valence"].notna().sum()
    assert found.after.frames == len(train)
    assert found.before.frames == 320
    assert max(found.after.imbalance.values()) < max(found.before.imbalance.values())


def test_the_grid_has_a_row_for_each_bin_of_valence():
    table = table_of([{"valence": 0.95, "arousal": -0.85}])
    assert np.argwhere(balanced(table).before.grid).tolist() == [[19, 1]]


def test_an_empty_plan_and_a_table_without_training_rows_change_nothing():
    table = mixed(20)
    assert balanced(table).table is table
    others = table.assign(split="test")
    found = balanced(others, *ALL, "deng2020")
    pd.testing.assert_frame_equal(found.table, others)
    assert found.dropped == {}


def test_the_recipe_does_what_there_is_data_for():
    taxonomy = Taxonomy("expressions", ("neutral", "fear"), has_va=False)
    table = table_of(["neutral"] * 40 + ["fear"] * 10, source="affwild2")
    found = balance.apply(table, taxonomy, balance.parse(["deng2020"]))
    assert found.after.expressions == {"neutral": 7.0, "fear": 7.0}
    assert "--balance: nothing to do for va, which the data lack" in found.notes


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"balance": ["va=bins"]}, "taxonomy 'bare'. Received: 'va'"),
        ({"balance": ["au=ml_ros"]}, "taxonomy 'bare'. Received: 'au'"),
        ({"keep": ["expr:anger=0.1"]}, "Received: 'anger'. .*neutral"),
        ({"keep": ["expr@maed=0.1"]}, "Received: 'maed'. Did you mean 'made'"),
    ],
)
def test_what_the_data_lack_is_an_error_with_a_way_out(plan, message):
    taxonomy = Taxonomy("bare", SMALL.expressions, has_va=False)
    with pytest.raises(UserError, match=message) as error:
        balance.apply(table_of(["fear"]), taxonomy, balance.parse(**plan))
    assert error.value.exit_code == 2


def test_clips_are_refused_in_the_training_split():
    clips = table_of(["fear"] * 4, clip=["a", "a", "b", "b"])
    with pytest.raises(UserError, match="must be of stills.*clip='a'"):
        balanced(clips, "expr=equal")
    clips["split"] = "validation"
    assert balanced(clips, "expr=equal").table["key"].tolist() == clips["key"].tolist()


def test_a_copy_never_takes_the_key_of_another_row():
    names = ["neutral"] * 3 + ["fear", "neutral"]
    keys = ["a", "b", "c", "d", "d#2"]
    with pytest.raises(UserError, match="key must be free. Received: 'd#2'"):
        balanced(table_of(names, key=keys), "expr=over")
