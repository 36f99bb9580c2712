"""Reading --balance, --keep and --balance_as."""

import argparse
from fractions import Fraction

import pytest

from affect_tf.errors import UserError
from tfrecords_builder import balance_flags
from tfrecords_builder.balance_flags import parse
from tfrecords_builder.balance_plan import Classes
from tfrecords_builder.balance_plan import Keep
from tfrecords_builder.balance_plan import MlRos
from tfrecords_builder.balance_plan import Plan


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("expr=equal", Classes("expr")),
        ("expr=over", Classes("expr", "over")),
        ("expr=under", Classes("expr", "under")),
        ("expr=5000,cap=20", Classes("expr", 5000, 20)),
        ("va=bins", Classes("va", cap=10)),
        ("va=equal", Classes("va", cap=10)),
        ("va=under", Classes("va", "under", 10)),
        ("va=bins,cap=none", Classes("va")),
        ("va=500,cap=3,num_bins=10,range=data", Classes("va", 500, 3, 10, True)),
        ("va=bins,range=fixed", Classes("va", cap=10)),
        ("au=ml_ros", MlRos(None, 0.5)),
        ("au=ml_ros,threshold=2,budget=0.25", MlRos(2.0, 0.25)),
        ("au=ml_ros,threshold=mean", MlRos()),
        (" va = bins , cap = 4 ", Classes("va", cap=4)),
    ],
)
def test_a_method_is_read_with_its_options(text, expected):
    assert parse([text]) == Plan(methods=(expected,))


def test_methods_are_ordered_by_task_and_an_empty_line_is_an_empty_plan():
    plan = parse(["va=bins", "expr=equal", "au=ml_ros"])
    assert [method.task for method in plan.methods] == ["expr", "au", "va"]
    assert parse() == Plan()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("va=0.2", [Keep("va", Fraction(1, 5))]),
        ("va=1/3", [Keep("va", Fraction(1, 3))]),
        ("va=.5", [Keep("va", Fraction(1, 2))]),
        ("au@disfa=1", [Keep("au", Fraction(1), None, "disfa")]),
        ("va@aff*=0.2", [Keep("va", Fraction(1, 5), None, "aff*")]),
        (
            "expr:neutral=0.1,happy=0.5,Sadness=0.5",
            [
                Keep("expr", Fraction(1, 10), "neutral"),
                Keep("expr", Fraction(1, 2), "happiness"),
                Keep("expr", Fraction(1, 2), "sadness"),
            ],
        ),
        ("expr@aff:fear=1/4", [Keep("expr", Fraction(1, 4), "fear", "aff")]),
    ],
)
def test_what_to_keep_is_read_exactly_and_in_order(text, expected):
    assert parse(keep=[text]) == Plan(keeps=tuple(expected))


def test_the_recipe_is_what_the_help_says_it_is():
    lines = balance_flags.DESCRIPTION.split("deng2020")[1].splitlines()
    flags = [line.strip() for line in lines if line.strip().startswith("--")]
    spelled = parse(
        [flag.removeprefix("--balance=") for flag in flags if "--balance" in flag],
        [
            flag.removeprefix("--keep=")
            for flag in flags
            if flag.startswith("--keep=") and "affwild2*" in flag
        ],
    )
    recipe = parse(["deng2020"])
    for ours, theirs in (
        (recipe.keeps, spelled.keeps),
        (recipe.methods, spelled.methods),
    ):
        assert len(ours) == len(theirs) > 2
        for one, other in zip(ours, theirs, strict=True):
            assert {**vars(one), "optional": False} == vars(other)


def test_a_method_of_ones_own_replaces_that_of_the_recipe():
    for texts in (["deng2020", "va=under"], ["va=under", "deng2020"]):
        plan = parse(texts, ["au=0.5"])
        assert plan.methods[2] == Classes("va", "under", 10)
        assert len(plan.methods) == 3
        assert plan.keeps[-1] == Keep("au", Fraction(1, 2))
        assert len(plan.keeps) == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epxr=equal", "must name a task.*Did you mean 'expr'"),
        ("deng2002", "must name a task.*Did you mean 'deng2020'"),
        ("expr=eqal", "Did you mean 'equal'"),
        ("expr=ml_ros", "must name a method"),
        ("expr=0", "must name a method"),
        ("va=bin", "Did you mean 'bins'"),
        ("expr=bins", "must name a method.*Allowed: equal, over, under"),
        ("au=mlros", "Did you mean 'ml_ros'"),
        ("au", "must name a method"),
        ("expr=equal,tau=2", "must be one that it has.*Allowed: cap"),
        ("va=bins,nun_bins=3", "Did you mean 'num_bins'"),
        ("va=bins,cap=0", "cap must be a whole number"),
        ("va=bins,num_bins=none", "num_bins must be a whole number"),
        ("va=bins,range=all", "range must be data or fixed"),
        ("au=ml_ros,threshold=0.5", "a ratio of at least 1"),
        ("au=ml_ros,threshold=nan", "a ratio of at least 1"),
        ("au=ml_ros,budget=50", "share of the samples.*budget=0.5"),
        ("au=ml_ros,budget=", "share of the samples"),
    ],
)
def test_a_method_that_cannot_be_read_is_an_error_with_a_way_out(text, message):
    with pytest.raises(UserError, match=message) as error:
        parse([text])
    assert error.value.exit_code == 2
    assert text in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("va", "must be TASK=SHARE"),
        ("", "must be TASK=SHARE"),
        ("va=0.2,0.3", "must be TASK=SHARE"),
        ("vaa=0.2", "must name a task.*Did you mean 'va'"),
        ("va=2", "above 0 and be at most 1"),
        ("va=0", "above 0 and be at most 1"),
        ("va=-0.1", "above 0 and be at most 1"),
        ("va=1/0", "above 0 and be at most 1"),
        ("va=10%", "above 0 and be at most 1"),
        ("va=1e-999999999", "above 0 and be at most 1"),
        ("va=nan", "above 0 and be at most 1"),
        ("expr:neutrl=0.1", "Did you mean 'neutral'"),
        ("expr:neutral", "above 0 and be at most 1"),
        ("au:AU4=0.5", "only expressions have classes"),
    ],
)
def test_a_share_that_cannot_be_read_is_an_error_with_a_way_out(text, message):
    with pytest.raises(UserError, match=message) as error:
        parse(keep=[text])
    assert error.value.exit_code == 2


def test_a_task_named_twice_and_an_unknown_form_are_errors():
    with pytest.raises(UserError, match="name a task once, but va is there twice"):
        parse(["va=bins", "va=under"])
    with pytest.raises(UserError, match="Did you mean 'weights'"):
        parse(["va=bins"], balance_as="weight")


def test_weights_cannot_change_the_size_of_a_task():
    with pytest.raises(UserError, match="must leave a task its size.*expr=equal"):
        parse(["expr=under"], balance_as="weights")
    assert parse(["expr=equal"], balance_as="weights").as_weights


def test_the_flags_of_a_command_line_become_a_plan():
    parser = argparse.ArgumentParser()
    balance_flags.add_flags(parser.add_argument)
    line = ["--balance=expr=equal", "--balance=va=bins", "--keep=va=0.2"]
    plan = balance_flags.read(parser.parse_args([*line, "--balance_as=weights"]))
    assert plan == parse(["expr=equal", "va=bins"], ["va=0.2"], "weights")
    assert balance_flags.read(parser.parse_args([])) == Plan()
    parser.format_help()
