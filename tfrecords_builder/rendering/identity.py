"""Who a picture shows: proportions, colours, hair, glasses, beard."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfrecords_builder.rendering.canvas import blend
from tfrecords_builder.rendering.canvas import Colour
from tfrecords_builder.rendering.canvas import shade

#: Skin from light to deep; a person lies anywhere between two neighbours.
_SKINS = (
    (246, 216, 198),
    (240, 203, 178),
    (230, 184, 150),
    (209, 158, 120),
    (178, 124, 88),
    (141, 94, 66),
    (106, 70, 51),
    (82, 55, 43),
)
_DARK_HAIR = ((30, 24, 24), (48, 34, 28), (66, 44, 32), (24, 24, 32))
_LIGHT_HAIR = (
    (112, 74, 44),
    (168, 122, 72),
    (214, 176, 112),
    (156, 70, 36),
    (92, 58, 40),
)
_GREY_HAIR = ((150, 148, 148), (205, 203, 200), (112, 110, 112))
_IRISES = ((70, 44, 28), (92, 62, 34), (66, 98, 128), (84, 112, 78), (110, 120, 124))
_CLOTHES = (
    (64, 92, 140),
    (168, 62, 66),
    (58, 120, 104),
    (222, 214, 200),
    (52, 54, 66),
    (196, 146, 64),
    (126, 92, 148),
    (226, 132, 112),
    (150, 172, 186),
)
HAIR_STYLES = (
    "bald",
    "crop",
    "side_part",
    "fringe",
    "curls",
    "long",
    "bob",
    "bun",
    "scarf",
)
_SHORT_HAIR_SHARES = (0.10, 0.32, 0.28, 0.12, 0.14, 0.02, 0.0, 0.02, 0.0)
_LONG_HAIR_SHARES = (0.01, 0.05, 0.06, 0.14, 0.15, 0.28, 0.14, 0.10, 0.07)
BEARDS = ("none", "stubble", "moustache", "goatee", "full")
_BEARD_SHARES = (0.50, 0.16, 0.08, 0.09, 0.17)


@dataclasses.dataclass(frozen=True)
class Identity:
    """One person. Lengths are in face coordinates, factors are about 1.

    Nothing here depends on, or changes, an action unit's intensity.

    Attributes:
      skin, lips, hair, iris, clothes, accessory: Colours, 0..255.
      hair_style: One of `HAIR_STYLES`.
      hair_seed: Chooses the curls, the part's side and the fringe's teeth.
      beard: One of `BEARDS`.
      glasses: 0 none, 1 round, 2 rectangular.
      earrings: Whether they are worn.
      forehead, cheeks, jaw: Widths, as factors.
      chin_drop: Added length of the lower face.
      eye_spacing: Distance of an eye's centre from the middle line.
      eye_size, eye_tilt, eye_height, crease: Eyes and lids.
      brow_thickness, brow_height, brow_arch, brow_reach: Brows.
      nose_width, nose_length, nose_bridge: Nose.
      mouth_width, upper_lip, lower_lip: Mouth.
      roundness: Fullness of the cheeks, -1..1.
      age: 0 young to 1 old: lines, bags, grey.
      blush: Redness of the cheeks, 0..1.
      freckles: How many there are.
      lashes: Thickness of the lash line, as a factor.
    """

    skin: Colour
    lips: Colour
    hair: Colour
    iris: Colour
    clothes: Colour
    accessory: Colour
    hair_style: str
    hair_seed: int
    beard: str
    glasses: int
    earrings: bool
    forehead: float
    cheeks: float
    jaw: float
    chin_drop: float
    eye_spacing: float
    eye_size: float
    eye_tilt: float
    eye_height: float
    crease: float
    brow_thickness: float
    brow_height: float
    brow_arch: float
    brow_reach: float
    nose_width: float
    nose_length: float
    nose_bridge: float
    mouth_width: float
    upper_lip: float
    lower_lip: float
    roundness: float
    age: float
    blush: float
    freckles: int
    lashes: float


def sample_identity(rng: np.random.Generator) -> Identity:
    """Draws a person; the generator's state alone decides who it is."""
    soft = float(rng.beta(0.7, 0.7))  # Angular (0) to soft (1) features.
    age = float(rng.beta(1.2, 2.2))
    colours = _sample_colours(rng, soft, age)
    shares = _LONG_HAIR_SHARES if rng.random() < soft else _SHORT_HAIR_SHARES
    bearded = rng.random() < 0.75 - 1.5 * soft and age > 0.08
    normal = np.clip(rng.normal(size=18), -2.0, 2.0).tolist()
    return Identity(
        **colours,
        hair_style=str(rng.choice(HAIR_STYLES, p=shares)),
        hair_seed=int(rng.integers(1 << 30)),
        beard=str(rng.choice(BEARDS, p=_BEARD_SHARES)) if bearded else "none",
        glasses=int(rng.choice(3, p=(0.8, 0.11, 0.09))),
        earrings=bool(rng.random() < 0.35 * soft),
        forehead=1.0 + 0.030 * normal[0],
        cheeks=1.0 + 0.035 * normal[1] - 0.02 * soft,
        jaw=1.03 + 0.050 * normal[2] - 0.08 * soft,
        chin_drop=0.01 + 0.028 * normal[3] - 0.03 * soft,
        eye_spacing=0.300 + 0.014 * normal[4],
        eye_size=1.07 + 0.065 * normal[5] + 0.09 * soft,
        eye_tilt=0.008 + 0.012 * normal[6],
        eye_height=-0.07 + 0.015 * normal[7],
        crease=float(rng.uniform(0.1, 1.0)),
        brow_thickness=(1.22 - 0.42 * soft) * (1.0 + 0.17 * normal[8]),
        brow_height=0.012 * normal[9] - 0.012 * soft,
        brow_arch=0.030 + 0.010 * normal[10] + 0.020 * soft,
        brow_reach=1.0 + 0.05 * normal[11],
        nose_width=1.10 + 0.13 * normal[12] - 0.09 * soft,
        nose_length=0.022 * normal[13] - 0.012 * soft,
        nose_bridge=1.0 + 0.2 * normal[14] - 0.25 * soft,
        mouth_width=0.256 + 0.015 * normal[15],
        upper_lip=(0.92 + 0.22 * soft) * (1.0 + 0.14 * normal[16]),
        lower_lip=(0.96 + 0.18 * soft) * (1.0 + 0.13 * normal[17]),
        roundness=float(rng.uniform(-1, 1)),
        age=age,
        blush=float(rng.uniform(0.1, 0.6) + 0.3 * soft),
        freckles=int(rng.integers(30, 60)) if rng.random() < 0.1 else 0,
        lashes=0.72 + 0.5 * soft,
    )


def _sample_colours(
    rng: np.random.Generator, soft: float, age: float
) -> dict[str, Colour]:
    tone = rng.uniform(0, len(_SKINS) - 1.001)
    low = int(tone)
    skin = blend(_SKINS[low], _SKINS[low + 1], tone - low)
    jitter = rng.normal(0, 3.0, 3)
    skin = (skin[0] + jitter[0], skin[1] + jitter[1], skin[2] + jitter[2])
    # Mostly the hair that goes with the skin, and now and then dyed.
    light = rng.random() < (0.75 if tone < 2 else 0.3 if tone < 3.2 else 0.06)
    palette = _LIGHT_HAIR if light else _DARK_HAIR
    if age > 0.55 and rng.random() < 1.6 * (age - 0.35):
        palette = _GREY_HAIR
    irises = _IRISES if light or tone < 2 else _IRISES[:2]
    made_up = rng.random() < 0.4 * soft
    lips = blend(shade(skin, 0.86), (188, 84, 88), 0.42)
    if made_up:
        lips = blend(lips, (176, 38, 62), rng.uniform(0.3, 0.75))
    return {
        "skin": skin,
        "lips": lips,
        "hair": shade(palette[rng.integers(len(palette))], rng.uniform(0.85, 1.15)),
        "iris": shade(irises[rng.integers(len(irises))], rng.uniform(0.85, 1.2)),
        "clothes": shade(_CLOTHES[rng.integers(len(_CLOTHES))], rng.uniform(0.8, 1.1)),
        "accessory": _CLOTHES[rng.integers(len(_CLOTHES))],
    }
