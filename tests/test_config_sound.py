"""Configs that hear: what --set makes of them, what is stored, what is refused."""

import dataclasses
import re

import pytest

from affect_tf import config_text
from affect_tf.commands import run_folder
from affect_tf.data.past import Past
from affect_tf.data.sources import Source
from affect_tf.data.windows import Windows
from affect_tf.labels.taxonomy import ABAW3
from affect_tf.models.fusion import FaceAndSound
from affect_tf.models.sound import SoundNet8
from affect_tf.models.temporal import BidirectionalGru
from affect_tf.objective.objective import Adversarial
from affect_tf.objective.weighting import ConstantWeighting
from affect_tf.objective.weighting import PatienceWeighting
from affect_tf.training.schedules import Linear
from configs import deng2020_rnn
from configs import jeong2022
from configs import jeong2022_small
from configs import sample

RISING = "adversarial=Adversarial(Linear(0.0, 1.0))"
DEAF = ["windows.sound=0", "architecture.temporal.sound=None"]
BLIND = ["windows.frames=0", "architecture.temporal.face=False"]
GRU = ["architecture.temporal=BidirectionalGru()", "windows=Windows()"]


def changed(assignments, module=jeong2022):
    config = module.config()
    for each in assignments:
        config = config_text.override(config, each, run_folder.CONFIG_MODULES)
    return config


def fitted(assignments, module=jeong2022, **data):
    return changed(assignments, module).for_data(ABAW3, {}, **data)


def documented(module):
    """What follows --set in the docstring of a config, without quotes."""
    found = re.findall(r"--set (?:\"([^\"]*)\"|([^\s`]+))", module.__doc__)
    return [quoted or plain for quoted, plain in found]


def value_at(config, path):
    for key in path.split("."):
        config = getattr(config, key)
    return config


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("pretrained=FACES.h5", "FACES.h5"),
        ("sound=soundnet.npy", "soundnet.npy"),
        ("train_cnn=True", True),
        ("pieces=16", 16),
        ("adversarial=Adversarial(0.5)", Adversarial(0.5)),
    ],
)
def test_what_the_papers_config_says_to_set_can_be_set(assignment, expected):
    assert assignment in documented(jeong2022)
    name = assignment.partition("=")[0]
    assert value_at(changed([assignment]), name) == expected


def test_all_that_both_docstrings_say_to_set_is_taken_together():
    paper = documented(jeong2022)
    assert len(paper) == 5
    assert changed(paper).pieces == 16
    for assignment in documented(jeong2022_small):
        module = sample if assignment.startswith("teacher.") else jeong2022_small
        assert changed([assignment], module) != module.config()
    # The discriminators of Table I that are named without --set.
    for text in ("Adversarial(1.0)", "Adversarial(Linear(0.0, 1.0))"):
        assert text in jeong2022.__doc__
        assert repr(changed([f"adversarial={text}"]).adversarial.weight) in (
            "1.0",
            repr(Linear(0.0, 1.0)),
        )


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("adversarial=Adversarial(1)", Adversarial(1.0)),
        (RISING, Adversarial(Linear(0.0, 1.0))),
        ("adversarial=Adversarial(Linear())", Adversarial(Linear(0.0, 1.0))),
        ("adversarial=None", None),
        ("student.weighting=PatienceWeighting(1)", PatienceWeighting(1.0)),
        ("student.weighting=ConstantWeighting(va=2)", ConstantWeighting(va=2.0)),
        ("student.weighting.rate=0", PatienceWeighting(0.0)),
        ("metric=overall", "overall"),
        ("windows=Past(4, 0.5, sound=0)", Past(4, 0.5, sound=0.0)),
        ("windows.spacing=0.5", Past(spacing=0.5)),
        ("windows.stride=10", Past(stride=10)),
        ("architecture.temporal.sound=SoundNet8(2)", SoundNet8(channels=2)),
        ("architecture.temporal.sound.width=4", SoundNet8(width=4)),
        ("architecture.temporal=FaceAndSound(sound=None)", FaceAndSound(sound=None)),
        ("architecture.temporal.widths=(64, 32)", FaceAndSound(widths=(64, 32))),
    ],
)
def test_the_fields_of_sound_can_be_set(assignment, expected):
    path, _, text = assignment.partition("=")
    # A whole part is compared where one field of it was set.
    owner = path if "(" in text or not dataclasses.is_dataclass(expected) else None
    owner = owner or path.rpartition(".")[0]
    if path.endswith("widths"):
        owner = "architecture.temporal"
    assert value_at(changed([assignment]), owner) == expected


def test_later_overrides_reach_into_a_discriminator_that_was_set():
    config = changed([RISING, "adversarial.weight.end=0.5"])
    assert config.adversarial == Adversarial(Linear(0.0, 0.5))
    assert changed([RISING, "adversarial.weight=0.5"]).adversarial == Adversarial(0.5)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("adversarial=0.5", "adversarial must be Adversarial"),
        ("adversarial=Linear(0.0, 1.0)", "adversarial must be Adversarial"),
        ("adversarial.weight=0.5", "lies inside None"),
        ("adversarial=Adversarial(-0.5)", "Adversarial.weight must"),
        ("adversarial=Adversarial('half')", "Adversarial.weight must be finite"),
        ("adversarial=Adversary(0.5)", "Did you mean 'Adversarial'"),
        ("metric=abaw2", "Did you mean 'abaw3'"),
        ("pieces=0", "pieces must be at least 1"),
        ("pieces=2.5", "pieces must be int"),
        ("sound=1", None),
        ("student.weighting=Linear(0.0, 1.0)", "weighting must be TaskWeighting"),
        ("student.weighting=PatienceWeighting(-1.0)", "PatienceWeighting.rate must"),
        ("windows=Past(frames=0, sound=0)", "look at frames or listen"),
        ("windows.channels=3", "channels must be 1 or 2"),
        ("windows.frames=1.5", "windows.frames must be int"),
        ("architecture.temporal.lstm_activation=swish", "be 'relu' or 'tanh'"),
        ("architecture.temporal=SoundNet8()", "architecture.temporal must be"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_or_is_a_text(assignment, message):
    if message is None:
        # Folders may be called 1.
        assert changed([assignment]).sound == "1"
        return
    with pytest.raises(ValueError, match=message):
        changed([assignment])


@pytest.mark.parametrize(
    "assignments",
    [
        [],
        ["adversarial=Adversarial(0.5)"],
        [RISING, "train_cnn=True", "pieces=16", "sound=a run", "cnn=b run"],
        [*DEAF, "student.weighting=ConstantWeighting(va=2.0)"],
        [*BLIND, "windows.stride=20", "metric=overall"],
    ],
)
def test_what_was_set_is_read_back_from_a_runs_folder(assignments):
    config = fitted(assignments)
    text = run_folder.layout(config)
    assert config_text.read(text, run_folder.CONFIG_MODULES) == config
    assert hash(config) == hash(config_text.read(text, run_folder.CONFIG_MODULES))


@pytest.mark.parametrize(
    "assignments",
    [
        DEAF,
        BLIND,
        ["windows.channels=2", "architecture.temporal.sound.channels=2"],
        ["train_cnn=True", "pieces=256"],
        ["train_cnn=True", "sound=soundnet.npy", "pretrained=FACES.h5"],
        [*DEAF, "cnn=run"],
        [*BLIND, "sound=run", "pretrained=FACES.h5"],
        ["windows.sound=20"],
        GRU,
    ],
)
def test_fields_that_go_together_are_taken(assignments):
    config = fitted(assignments)
    assert config.windows == changed(assignments).windows


TIME = "windows must be what architecture.temporal reads: a Past for FaceAndSound"
SEEN = "windows must give just what architecture.temporal reads"
REFUSED = [
    (["windows=None"], "windows must come with architecture.temporal"),
    (["architecture.temporal=None"], "windows must come with architecture.temporal"),
    (["windows=Windows()"], TIME),
    (["architecture.temporal=BidirectionalGru()"], TIME),
    (BLIND[:1], SEEN),
    (BLIND[1:], SEEN),
    (DEAF[:1], SEEN),
    (DEAF[1:], SEEN),
    (["windows.channels=2"], "windows.channels must be those of"),
    (["windows.sound=9"], "windows.sound must be at least 209,374 samples"),
    ([*BLIND, "cnn=run"], "cnn must come with an architecture.temporal that sees"),
    (["cnn=run", "pretrained=FACES.h5"], "cnn must come without pretrained"),
    ([*DEAF, "sound=run"], "sound must come with an architecture.temporal that hears"),
    ([*GRU, "sound=run"], "sound must come with an architecture.temporal that hears"),
    (["pieces=16"], "pieces must come with train_cnn=True"),
    (["train_cnn=True", "pieces=3"], "pieces must divide the batch"),
    (["train_cnn=True", "pieces=512"], "pieces must divide the batch"),
    ([*GRU, RISING], "adversarial must come with an architecture.temporal of feat"),
    ([RISING, "separate_optimizers=True"], "come without separate_optimizers"),
]


@pytest.mark.parametrize(("assignments", "message"), REFUSED)
def test_fields_that_do_not_go_together_are_refused_with_a_way_back(
    assignments, message
):
    config = changed(assignments)
    with pytest.raises(ValueError, match=f"ExperimentConfig.*{message}") as caught:
        config.for_data(ABAW3, {})
    # What it must do, what it is, and what to do: three sentences.
    assert re.search(r"\. Received: .+\. [A-Z].+\.$", str(caught.value))


@pytest.mark.parametrize("module", [sample, deng2020_rnn])
def test_other_models_have_no_discriminator(module):
    with pytest.raises(ValueError, match="Use FaceAndSound, or set adversarial=None"):
        fitted(["adversarial=Adversarial(1.0)"], module)


def sources_of(*names):
    by_name = {source.name: source for source in jeong2022.SOURCES}
    by_name["all"] = Source("all")
    return tuple(by_name[name] for name in names)


@pytest.mark.parametrize(
    ("names", "count"),
    [
        (["va", "expr", "au", "mtl"], 3),
        (["va", "expr", "au"], 3),
        (["expr", "au", "mtl", "mtl", "all"], 2),
        (["mtl", "va", "expr"], None),
        (["va", "mtl", "expr"], None),
        (["all", "va", "expr"], None),
        (["va", "mtl"], None),
        (["mtl"], None),
    ],
)
def test_the_sources_that_are_told_apart_are_two_or_more_and_come_first(names, count):
    config = dataclasses.replace(changed([RISING]), sources=sources_of(*names))
    if count is None:
        with pytest.raises(ValueError, match="two sources or more .* before those"):
            config.for_data(ABAW3, {})
        return
    assert config.for_data(ABAW3, {}).num_discriminated == count
    without = dataclasses.replace(config, adversarial=None)
    assert without.for_data(ABAW3, {}).num_discriminated == 0


@pytest.mark.parametrize(
    ("labelled", "count"), [(["va", "au"], 2), (["expr", "va"], 2), (["va"], None)]
)
def test_sources_are_counted_of_the_tasks_that_the_data_have(labelled, count):
    if count is None:
        with pytest.raises(ValueError, match="adversarial must have two sources"):
            fitted([RISING], labelled=labelled)
    else:
        assert fitted([RISING], labelled=labelled).num_discriminated == count


def test_windows_and_past_are_told_apart_by_their_own_fields():
    assert fitted(GRU).architecture.temporal == BidirectionalGru()
    assert fitted(GRU).windows == Windows()
    with pytest.raises(ValueError, match="must name a field of the config"):
        changed(["windows.length=8"])
