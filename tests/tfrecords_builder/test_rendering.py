"""The drawing of faces behind the sample data set."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from tfrecords_builder.rendering import dynamics
from tfrecords_builder.rendering import expressions
from tfrecords_builder.rendering import face
from tfrecords_builder.rendering import identity as identities
from tfrecords_builder.rendering import nuisance as circumstances
from tfrecords_builder.rendering import units as units_lib
from tfrecords_builder.rendering.lower_face import lips
from tfrecords_builder.rendering.upper_face import brow_line
from tfrecords_builder.rendering.upper_face import lids

SIZE = 112

# Rows and columns of a 112 px picture of a plain frontal face.
REGIONS = {
    "forehead": (slice(14, 36), slice(34, 78)),
    "inner_brows": (slice(28, 50), slice(46, 66)),
    "outer_brows": (slice(28, 50), slice(22, 90)),
    "eyes": (slice(40, 64), slice(22, 90)),
    "cheeks": (slice(56, 72), slice(22, 90)),
    "nose": (slice(46, 76), slice(42, 70)),
    "mouth": (slice(70, 100), slice(34, 78)),
    "chin": (slice(70, 112), slice(16, 96)),
}
WHERE = {
    "AU1": "inner_brows forehead eyes",
    "AU2": "outer_brows forehead eyes",
    "AU4": "outer_brows eyes",
    "AU5": "eyes",
    "AU6": "eyes cheeks",
    "AU7": "eyes cheeks",
    "AU9": "nose eyes outer_brows mouth cheeks",
    "AU10": "mouth nose cheeks",
    "AU12": "mouth cheeks",
    "AU15": "mouth",
    "AU17": "mouth chin",
    "AU20": "mouth",
    "AU23": "mouth",
    "AU24": "mouth",
    "AU25": "mouth",
    "AU26": "mouth chin",
    "AU45": "eyes",
}


@pytest.fixture(scope="module")
def person() -> identities.Identity:
    drawn = identities.sample_identity(np.random.default_rng(11))
    return dataclasses.replace(
        drawn, hair_style="crop", beard="none", glasses=0, freckles=0, age=0.1
    )


@pytest.fixture(scope="module")
def frontal() -> circumstances.Nuisance:
    drawn = circumstances.sample_nuisance(np.random.default_rng(12))
    still = ("yaw", "pitch", "roll", "shift_x", "shift_y", "light_x", "gaze_x", "tilt")
    changes = dict.fromkeys((*still, "blur", "grain", "gaze_y"), 0.0)
    return dataclasses.replace(drawn, **changes, scale=0.955, exposure=1.0)


def grey(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)


# Drawing.


def test_the_same_face_is_drawn_twice(person, frontal) -> None:
    units = {"AU12": 0.7, "AU6": 0.4}
    first = face.render(units, person, frontal, SIZE)
    assert np.array_equal(first, face.render(units, person, frontal, SIZE))


def test_units_that_are_left_out_are_zero(person, frontal) -> None:
    nothing = face.render({}, person, frontal, SIZE)
    zeros = dict.fromkeys(units_lib.UNITS, 0.0)
    assert np.array_equal(nothing, face.render(zeros, person, frontal, SIZE))


def test_every_drawn_unit_has_a_place() -> None:
    assert set(WHERE) == set(units_lib.UNITS)


@pytest.mark.parametrize("size", [SIZE, 64])
@pytest.mark.parametrize("unit", units_lib.UNITS)
def test_a_unit_changes_its_own_part_of_the_face(unit, size, person, frontal) -> None:
    neutral = grey(face.render({}, person, frontal, size))
    change = np.abs(grey(face.render({unit: 1.0}, person, frontal, size)) - neutral)
    change = cv2.resize(change, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    inside = np.zeros((SIZE, SIZE), bool)
    for region in WHERE[unit].split():
        inside[REGIONS[region]] = True
    assert change[inside].max() > 20
    assert change[inside].sum() > 0.8 * change.sum()


@pytest.mark.parametrize("unit", units_lib.UNITS)
def test_a_stronger_unit_changes_more(unit, person, frontal) -> None:
    neutral = grey(face.render({}, person, frontal, 64))
    changes = [
        np.abs(grey(face.render({unit: level}, person, frontal, 64)) - neutral).sum()
        for level in (0.3, 0.6, 1.0)
    ]
    assert 0 < changes[0] < changes[1] < changes[2]


def test_unit_12_lifts_and_widens_the_corners_of_the_mouth(person) -> None:
    rest, smile = _lips(person), _lips(person, AU12=1.0)
    assert smile.upper_inner[0, 1] < rest.upper_inner[0, 1] - 0.05
    assert smile.upper_inner[0, 0] < rest.upper_inner[0, 0] - 0.03


def test_unit_15_lowers_the_corners_of_the_mouth(person) -> None:
    droop = _lips(person, AU15=1.0).upper_inner[0, 1]
    assert droop > _lips(person).upper_inner[0, 1] + 0.04


def test_unit_25_parts_the_lips_and_26_widens_the_gap(person) -> None:
    assert _lips(person).gap == 0
    assert _lips(person, AU26=1.0).gap == 0
    parted = _lips(person, AU25=0.6).gap
    assert 0 < parted < _lips(person, AU25=0.6, AU26=0.8).gap


def test_unit_1_raises_the_inner_brow_and_unit_2_the_outer(person) -> None:
    rest, inner, outer = (
        brow_line(_units(**raised), person, 1)[:, 1]
        for raised in ({}, {"AU1": 1.0}, {"AU2": 1.0})
    )
    assert rest[0] - inner[0] > 0.07
    assert abs(rest[-1] - inner[-1]) < 0.01
    assert rest[-1] - outer[-1] > 0.06
    assert rest[0] - outer[0] < 0.02


def test_lids_never_cross(person) -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        drawn = dict(zip(units_lib.UNITS, rng.random(17).tolist(), strict=True))
        upper, lower = lids(drawn, person)
        assert (upper <= lower).all()


@pytest.mark.parametrize("size", [16, 40, 64, 96, 160])
def test_other_sizes_show_the_same_face(size, person, frontal) -> None:
    units = {"AU12": 0.8, "AU25": 0.6}
    drawn = face.render(units, person, frontal, size)
    assert drawn.shape == (size, size, 3)
    large = face.render(units, person, frontal, SIZE)
    both = [
        cv2.resize(p, (16, 16), interpolation=cv2.INTER_AREA) for p in (drawn, large)
    ]
    difference = np.abs(both[0].astype(int) - both[1].astype(int))
    assert difference.mean() < 3


def test_a_misspelt_unit_and_a_tiny_size_are_refused(person, frontal) -> None:
    with pytest.raises(ValueError, match=r"Received: \['AU99'\]"):
        face.render({"AU99": 1.0}, person, frontal, SIZE)
    with pytest.raises(ValueError, match="Received: size=8"):
        face.render({}, person, frontal, 8)


# What is shown.


def test_a_face_at_rest_lies_at_the_origin_of_affect() -> None:
    assert np.array_equal(units_lib.valence_arousal(np.zeros(17)), [0.0, 0.0])


@pytest.mark.parametrize(
    ("expression", "valence", "arousal"),
    [
        ("happiness", 1, 1),
        ("sadness", -1, -1),
        ("anger", -1, 1),
        ("disgust", -1, 1),
        ("fear", -1, 1),
        ("surprise", 0, 1),
    ],
)
def test_prototypes_lie_in_their_quadrant(expression, valence, arousal) -> None:
    parts = expressions.PROTOTYPES[expression]
    expected = {unit: chance * mean for unit, (chance, mean) in parts.items()}
    affect = units_lib.valence_arousal(units_lib.intensities(expected))
    assert np.array_equal(np.sign(np.round(affect / 0.5)), (valence, arousal))


def test_units_are_intensities_and_opposed_units_give_way() -> None:
    column = units_lib.UNITS.index
    for seed in range(300):
        rng = np.random.default_rng(seed)
        drawn = expressions.sample_units(rng, expressions.sample_class(rng))
        assert drawn.min() >= 0
        assert drawn.max() <= 1
        assert min(drawn[column("AU24")], drawn[column("AU25")]) < 0.5


def test_units_do_not_follow_from_the_class() -> None:
    rng = np.random.default_rng(5)
    drawn = [expressions.sample_units(rng, "happiness") for _ in range(200)]
    present = np.array(drawn) >= units_lib.PRESENT
    assert len({tuple(row) for row in present.tolist()}) > 20


def test_an_envelope_rises_holds_and_falls() -> None:
    time = np.linspace(0, 1, 101)
    curve = dynamics.envelope(time, 0.1, 0.2, 0.9, 0.3)
    assert curve[10] == curve[90] == 0
    assert curve[30:60] == pytest.approx(1.0)
    assert (np.diff(curve[:31]) >= 0).all()
    assert (np.diff(curve[60:]) <= 0).all()


def _units(**named: float) -> dict[str, float]:
    return {**dict.fromkeys(units_lib.UNITS, 0.0), **named}


def _lips(person: identities.Identity, **named: float):
    return lips(_units(**named), _units(**named), person)
