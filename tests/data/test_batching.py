"""Whose turn it is, against sources that are walked through one step at a time."""

import math

import pytest

from affect_tf.data import batching
from affect_tf.data.batching import RoundRobin
from affect_tf.data.batching import Sequential
from affect_tf.data.batching import Stratified
from affect_tf.data.sources import Source

THREE = tuple(Source(task, task=task) for task in ("expr", "au", "va"))
COUNTS = (10, 4, 25)


def schedule(kind, batch_size, steps):
    """The source of each step, and how many batches each gave before every step."""
    rows = kind.rows(THREE, batch_size)
    turns = kind.turns(COUNTS, rows)
    whose = [int(batching.source_of(step, turns)) for step in range(steps)]
    return whose, [batching.given_before(step, turns, 3) for step in range(steps)]


def test_round_robin_gives_every_source_one_step_in_turn():
    whose, _ = schedule(RoundRobin(), 5, 7)
    assert whose == [0, 1, 2, 0, 1, 2, 0]


def test_sequential_walks_through_one_source_after_the_other_in_every_epoch():
    whose, _ = schedule(Sequential(), 5, 16)
    epoch = [0, 0, 1, 2, 2, 2, 2, 2]
    assert whose == epoch + epoch


@pytest.mark.parametrize("kind", [RoundRobin(), Sequential()])
@pytest.mark.parametrize("batch_size", [1, 3, 5, 40])
def test_what_was_given_before_a_step_is_what_the_steps_before_took(kind, batch_size):
    whose, given = schedule(kind, batch_size, 90)
    for step in range(90):
        taken = tuple(whose[:step].count(source) for source in range(3))
        assert given[step] == taken


def test_in_a_stratified_batch_every_source_gives_at_every_step():
    assert Stratified().turns(COUNTS, (4, 4, 4)) is None
    assert batching.given_before(7, None, 3) == (7, 7, 7)


@pytest.mark.parametrize("batch_size", [3, 6, 12, 60])
def test_an_epoch_shows_every_sample_of_every_source(batch_size):
    whole = [math.ceil(count / batch_size) for count in COUNTS]
    third = [math.ceil(count / (batch_size // 3)) for count in COUNTS]
    for kind, expected in (
        (Stratified(), max(third)),
        (RoundRobin(), 3 * max(whole)),
        (Sequential(), sum(whole)),
    ):
        rows = kind.rows(THREE, batch_size)
        assert kind.steps_per_epoch(COUNTS, rows) == expected


@pytest.mark.parametrize("kind", [RoundRobin(), Sequential()])
def test_a_batch_of_one_source_is_whole_and_knows_no_share(kind):
    assert kind.rows(THREE, 7) == (7, 7, 7)
    with pytest.raises(ValueError, match="share=2 of source 'twice'"):
        kind.rows((*THREE, Source("twice", share=2)), 7)
    with pytest.raises(ValueError, match="must have a source and at least one sample"):
        kind.rows((), 7)


def test_shares_divide_a_stratified_batch_or_the_next_multiple_is_named():
    sources = (Source("a", share=2), Source("b"))
    assert Stratified().rows(sources, 12) == (8, 4)
    with pytest.raises(ValueError, match="3 equal parts.*such as 9"):
        Stratified().rows(sources, 10)
