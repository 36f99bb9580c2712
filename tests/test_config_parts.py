"""Whole parts of a config by --set: read, typed, and refused with a way back."""

import dataclasses
import typing

import pytest

from affect_tf import config_text
from affect_tf import config_types
from affect_tf.commands.run_folder import CONFIG_MODULES
from affect_tf.config import ExperimentConfig
from affect_tf.data.augment import Augmentation
from affect_tf.data.batching import RoundRobin
from affect_tf.data.batching import Sequential
from affect_tf.data.sources import Source
from affect_tf.data.windows import Windows
from affect_tf.labels.taxonomy import ABAW1
from affect_tf.models.backbones import Tiny
from affect_tf.models.build import MlpHead
from affect_tf.objective.losses import SoftmaxCrossEntropy
from affect_tf.objective.losses import SoftmaxFocal
from affect_tf.objective.mixing import Cell
from affect_tf.objective.mixing import CellMix
from affect_tf.objective.tasks import Expression
from affect_tf.training.optimizers import Adam
from affect_tf.training.schedules import Cosine
from configs import deng2020_rnn
from configs import jeong2022
from configs import jeong2022_small
from configs import sample


def changed(assignment, config=None):
    return config_text.override(config or sample.config(), assignment, CONFIG_MODULES)


@pytest.mark.parametrize(
    "path, text, expected",
    [
        ("batching", "Sequential()", Sequential()),
        ("batching", "RoundRobin()", RoundRobin()),
        ("student", "None", None),
        ("optimizer", "Adam(beta_1=0.5)", Adam(beta_1=0.5)),
        ("augmentation", "Augmentation(0, False)", Augmentation(0.0, False)),
        ("tasks", "(Expression(),)", (Expression(),)),
        ("sources", "(Source('a', task='expr'),)", (Source("a", task="expr"),)),
        ("architecture.backbone", "Tiny()", Tiny()),
        ("architecture.head", "MlpHead(512, 0.5)", MlpHead(512, 0.5)),
        ("teacher.learning_rate", "Cosine(1e-3)", Cosine(1e-3)),
        ("student.mix.labelled", "Cell(0.5, 0.5)", Cell(0.5, 0.5)),
        ("student.mix", "CellMix(labelled=(1, 0.5))", CellMix(labelled=(1, 0.5))),
        ("tasks.expr.supervised", "SoftmaxFocal(gamma=1.0)", SoftmaxFocal(1.0)),
        ("tasks.expr.distilled", "None", None),
        ("sources.expr.origins", "('a*', 'b')", ("a*", "b")),
    ],
)
def test_a_part_is_replaced_as_a_whole(path, text, expected):
    value = changed(f"{path}={text}")
    for key in path.split("."):
        if isinstance(value, tuple):
            value = next(entry for entry in value if entry.name == key)
        else:
            value = getattr(value, key)
    assert value == expected


def test_an_entry_of_a_tuple_is_replaced_as_a_whole():
    config = changed("tasks.expr=Expression(supervised=SoftmaxFocal())")
    assert config.tasks[0] == Expression(supervised=SoftmaxFocal())
    assert config.tasks[1:] == sample.config().tasks[1:]


def test_whole_numbers_are_taken_for_floats_and_become_floats():
    adam = changed("optimizer=Adam(beta_1=0, clip_norm=1)").optimizer
    assert adam == Adam(beta_1=0.0, clip_norm=1.0)
    assert isinstance(adam.beta_1, float) and isinstance(adam.clip_norm, float)


def test_outputs_and_losses_of_a_task_can_be_set_one_after_the_other():
    config = changed("tasks.va.num_bins=None", deng2020_rnn.config())
    with pytest.raises(ValueError, match="valence and arousal as plain outputs"):
        config.for_data(ABAW1, {})
    config = changed("tasks.va.supervised=Concordance()", config)
    config = changed("tasks.va.distilled=ConcordanceDistillation()", config)
    assert config.for_data(ABAW1, {}).tasks == config.tasks


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"stride": 8.5}, "stride must be a whole number"),
        ({"length": "8"}, "length must be a whole number"),
        ({"max_gap": True}, "max_gap must be a whole number"),
        ({"length": None}, "length must be a whole number"),
        ({"evaluation_stride": 4.0}, "evaluation_stride must be a whole number"),
    ],
)
def test_windows_are_of_whole_frames(fields, message):
    with pytest.raises(ValueError, match=message):
        Windows(**fields)


def test_windows_and_what_reads_them_can_be_set_one_after_the_other():
    config = changed("windows=Windows(8, 4)")
    config = changed("architecture.temporal=BidirectionalGru(32)", config)
    assert (config.windows, config.architecture.temporal.units) == (Windows(8, 4), 32)


@pytest.mark.parametrize(
    "assignment, message",
    [
        ("batching=Sequental()", "Did you mean 'Sequential'"),
        ("batching=Adam()", "batching must be Batching.*such as Stratified"),
        ("optimizer=Cosine(1.0)", "optimizer must be OptimizerConfig"),
        ("tasks.expr.supervised=Cosine(1e-3)", "must be SupervisedLoss"),
        ("tasks.expr.supervised=SoftmaxFocal(gama=2)", "Did you mean 'gamma'"),
        ("tasks.expr.supervised=SoftmaxFocal(gamma=-1)", "gamma must be finite"),
        ("tasks.expr=Cosine(1e-3)", "tasks.expr must be Task"),
        ("tasks.expr=1", "must end at a field"),
        (
            "windows=Windows(16, 8.5)",
            "Windows.stride must be int. Received: stride=8.5",
        ),
        ("windows=Windows(length=True)", "Windows.length must be int"),
        ("optimizer=Adam(beta_1='0.9')", "Adam.beta_1 must be float"),
        ("optimizer=Adam(beta_1=2)", r"beta_1 must lie in \[0, 1\)"),
        ("optimizer=Adam(0.9, 0.9, 1e-7, 0, None, 1)", "Adam must be given fields"),
        ("student.mix=CellMix(labelled=(1,))", "CellMix.labelled must be Cell or"),
        ("tasks=(Expression(Cosine(1e-3)),)", "Expression.supervised must be"),
        ("tasks.au.supervised=SoftmaxFocal()", "ActionUnits.supervised must be a loss"),
        ("tasks.expr=Expression(SigmoidFocal())", "Expression.supervised must be a"),
        ("tasks=Expression()", "must be a tuple of Task"),
        ("tasks=(1,)", "must be a tuple of Task"),
        ("teacher.learning_rate=Cosine()", "missing 1 required positional"),
        ("architecture.head=Tiny()", "a part that can be called.*such as MlpHead"),
        ("student.mix=1", "student.mix must be CellMix"),
        ("pretrained=open('x')", "made of the toolkit's parts"),
        ("teacher.epochs=Cell(1.0, 1.0)", "teacher.epochs must be int"),
    ],
)
def test_a_part_that_does_not_fit_is_refused_with_a_way_back(assignment, message):
    with pytest.raises(ValueError, match=message):
        changed(assignment)


def test_without_modules_only_plain_values_are_read():
    with pytest.raises(ValueError, match="batching must be Batching"):
        config_text.override(sample.config(), "batching=Sequential()")


def test_every_value_of_a_config_fits_the_type_that_its_field_declares():
    def check(part):
        hints = typing.get_type_hints(type(part))
        for field in dataclasses.fields(part):
            value = getattr(part, field.name)
            assert config_types.fits(value, hints[field.name]), (field.name, value)
            for each in value if isinstance(value, tuple) else (value,):
                if dataclasses.is_dataclass(each):
                    check(each)

    for module in (sample, deng2020_rnn, jeong2022, jeong2022_small):
        check(module.config())
    rising = "adversarial=Adversarial(Linear(0.0, 1.0))"
    check(changed(rising, jeong2022.config()))


@pytest.mark.parametrize(
    "value, hint, does",
    [
        (True, int, False),
        (True, bool, True),
        (1, float, False),
        (None, int | None, True),
        ((1.0, 2.0), tuple[float, float], True),
        ((1.0,), tuple[float, float], False),
        (("a",), tuple[str, ...], True),
        ((1,), tuple[str, ...], False),
        (SoftmaxCrossEntropy, SoftmaxCrossEntropy, False),
    ],
)
def test_fitting_is_strict_about_flags_lengths_and_classes(value, hint, does):
    assert config_types.fits(value, hint) == does


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"windows": Windows()}, "windows must come with architecture.temporal"),
        ({"cnn": "run"}, "cnn must come with an architecture.temporal"),
        ({"train_cnn": True}, "train_cnn must come with architecture.temporal"),
    ],
)
def test_fields_of_time_that_do_not_go_together_are_refused(changes, message):
    config = dataclasses.replace(sample.config(), **changes)
    with pytest.raises(ValueError, match=message):
        config.for_data(ABAW1, {})


def test_windows_are_needed_where_time_is_modelled():
    config = dataclasses.replace(deng2020_rnn.config(), windows=None)
    with pytest.raises(ValueError, match="Give both or neither"):
        config.for_data(ABAW1, {})
    assert isinstance(deng2020_rnn.config().for_data(ABAW1, {}), ExperimentConfig)


def test_an_entry_of_a_tuple_that_is_set_to_none_is_left_out():
    config = changed("sources.va=None")
    assert [source.name for source in config.sources] == ["expr", "au"]
    assert [task.name for task in changed("tasks.0=None").tasks] == ["au", "va"]
