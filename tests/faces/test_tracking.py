"""Persons keep their number: through motion, gaps, crossings; not through cuts."""

import numpy as np
import pytest

from affect_tf.errors import UserError
from affect_tf.faces.tracking import Follower
from affect_tf.faces.tracking import Tracker
from tests.faces.scripted import face


def track(script, rate: float = 25.0, **options) -> list[list[int]]:
    tracker = Tracker(**options)
    return [tracker.update(faces, n / rate) for n, faces in enumerate(script)]


def test_persons_are_numbered_in_order_of_appearance():
    script = [[face(100)], [face(100), face(400)], [face(400), face(700), face(100)]]
    assert track(script) == [[0], [0, 1], [1, 2, 0]]


def test_a_film_without_faces_has_no_persons():
    assert track([[], [], []]) == [[], [], []]


def test_a_detector_that_trembles_does_not_split_a_person():
    rng = np.random.default_rng(0)
    places = rng.normal(100, 6, (200, 2))
    sides = rng.uniform(65, 95, 200)
    script = [[face(x, y, s)] for (x, y), s in zip(places, sides, strict=True)]
    assert track(script) == [[0]] * 200


@pytest.mark.parametrize("step", [5, 30, 45])
def test_a_person_who_walks_is_one_person(step):
    assert track([[face(50 + step * n)] for n in range(20)]) == [[0]] * 20


def test_a_person_who_runs_is_held_by_their_velocity():
    # They speed up to more than a face a frame: no box overlaps the one before.
    places = np.cumsum(np.linspace(0, 120, 25))
    assert track([[face(x)] for x in places]) == [[0]] * 25


def test_a_missed_frame_makes_nobody_new():
    script = [[face(100), face(300)], [face(300)], [], [face(302), face(101)]]
    assert track(script) == [[0, 1], [1], [], [1, 0]]


@pytest.mark.parametrize("rate", [5.0, 25.0, 100.0])
def test_the_memory_is_in_seconds(rate):
    for seconds, person in ((0.8, 0), (1.3, 1)):
        gap = [[] for _ in range(round(seconds * rate) - 1)]
        last = track([[face(100)], *gap, [face(100)]], rate)[-1]
        assert last == [person], seconds


def test_people_who_cross_keep_their_numbers():
    script = []
    for n in range(60):
        # The two are listed in another order every other frame.
        pair = [face(100 + 6 * n, 100), face(460 - 6 * n, 112)]
        script.append(pair if n % 2 else pair[::-1])
    for number, persons in enumerate(track(script)):
        assert persons == ([1, 0] if number % 2 else [0, 1])


def test_people_who_cross_keep_their_numbers_while_one_hides_the_other():
    script = []
    for n in range(60):
        front, behind = face(100 + 6 * n, 100, 90), face(460 - 6 * n, 104)
        hidden = abs(front.box[0] + 5 - behind.box[0]) < 30
        script.append([front] if hidden else [front, behind])
    persons = track(script)
    assert any(len(row) == 1 for row in persons)
    assert all(row in ([0], [0, 1]) for row in persons)


def test_a_cut_to_another_place_or_size_brings_new_people():
    script = [[face(100), face(300)]] * 5 + [[face(220, 300)]] * 5
    assert track(script)[5:] == [[2]] * 5
    closer = [[face(100, side=60)]] * 5 + [[face(100, side=150)]] * 5
    assert track(closer)[5:] == [[1]] * 5


def test_nobody_is_in_a_frame_twice():
    # Two faces where one person was.
    persons = track([[face(100)], [face(95), face(110)]])[1]
    assert sorted(persons) == [0, 1]
    assert persons[0] == 0, "the nearer one"


def test_an_overlap_wins_over_a_face_that_is_only_near():
    tracker = Tracker()
    tracker.update([face(100), face(185)], 0.0)
    assert tracker.update([face(140), face(186)], 0.04) == [0, 1]


def test_values_that_make_no_sense_are_errors():
    for options in ({"max_gap_seconds": -1}, {"min_overlap": 0}, {"max_step": -1}):
        with pytest.raises(UserError, match=f"{next(iter(options))}="):
            Tracker(**options)
    for options in ({"patience_seconds": -1}, {"clearly": 0.5}):
        with pytest.raises(UserError, match=f"{next(iter(options))}="):
            Follower(**options)


def follow(script, rate: float = 25.0) -> list[int | None]:
    """Returns the person that is followed in each frame; persons are given."""
    follower, chosen = Follower(), []
    for number, faces in enumerate(script):
        persons, sides = list(faces), [face(0, side=s) for s in faces.values()]
        index = follower.choose(sides, persons, number / rate)
        chosen.append(None if index is None else persons[index])
    return chosen


def test_the_largest_face_is_followed_first():
    assert follow([{4: 80, 7: 100, 9: 90}]) == [7]


def test_the_choice_does_not_flicker_between_people_of_similar_size():
    script = [{0: 80 + 20 * (n % 2), 1: 90} for n in range(50)]
    assert follow(script) == [1] * 50


def test_who_is_only_a_little_larger_is_not_followed():
    assert follow([{0: 100, 1: 90}] * 3 + [{0: 90, 1: 110}] * 50) == [0] * 53


def test_two_who_are_large_in_turn_do_not_add_up():
    script = [{0: 100}] + [{0: 100, 1 + n % 2: 300} for n in range(50)]
    assert follow(script) == [0] * 51


def test_who_becomes_clearly_larger_for_long_enough_is_followed():
    chosen = follow([{0: 100, 1: 80}] * 5 + [{0: 100, 1: 160}] * 30)
    # Half a second at 25 frames a second.
    assert chosen == [0] * 17 + [1] * 18 or chosen == [0] * 18 + [1] * 17


def test_a_large_thing_that_is_taken_for_a_face_once_changes_nothing():
    script = [{0: 100}] * 5 + [{0: 100, 1: 300}] + [{0: 100}] * 5 + [{1: 300, 0: 100}]
    assert follow(script) == [0] * 12


def test_a_person_who_is_missed_is_waited_for():
    script = [{0: 100, 1: 80}] * 3 + [{1: 80}] * 5 + [{0: 100, 1: 80}] * 3
    assert follow(script) == [0] * 3 + [None] * 5 + [0] * 3


def test_after_the_wait_the_largest_of_the_others_is_followed():
    chosen = follow([{0: 100}] * 3 + [{1: 60, 2: 80}] * 30)
    assert chosen[:3] == [0] * 3 and chosen[3] is None
    assert chosen[-1] == 2
    assert chosen.count(None) in (12, 13)


def test_where_nobody_is_seen_nobody_is_chosen():
    assert follow([{}, {0: 50}, {}]) == [None, 0, None]
