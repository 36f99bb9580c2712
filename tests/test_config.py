import dataclasses

import numpy as np
import pytest

from affect_tf import config_text
from affect_tf.commands import run_folder
from affect_tf.data.sources import Source
from affect_tf.data.windows import Windows
from affect_tf.labels.taxonomy import ABAW1
from affect_tf.labels.taxonomy import Taxonomy
from affect_tf.objective.losses import SoftmaxFocal
from affect_tf.objective.tasks import Expression
from configs import deng2020
from configs import deng2020_rnn
from configs import deng2020_rnn_small
from configs import deng2020_small
from configs import jeong2022
from configs import jeong2022_small
from configs import sample
from configs import thinh2021
from configs import thinh2021_small
from configs import vu2021
from configs import vu2021_rnn
from configs import vu2021_rnn_small
from configs import vu2021_small

CONFIGS = [
    deng2020,
    deng2020_rnn,
    deng2020_rnn_small,
    deng2020_small,
    jeong2022,
    jeong2022_small,
    sample,
    thinh2021,
    thinh2021_small,
    vu2021,
    vu2021_rnn,
    vu2021_rnn_small,
    vu2021_small,
]


@pytest.mark.parametrize("module", CONFIGS)
def test_a_stored_config_reads_back_as_the_same_object(module):
    config = module.config().for_data(ABAW1, {})
    text = run_folder.layout(config)
    assert config_text.read(text, run_folder.CONFIG_MODULES) == config
    assert config_text.read(repr(config), run_folder.CONFIG_MODULES) == config


@pytest.mark.parametrize(
    "text", ["__import__('os').getcwd()", "ExperimentConfig.__init__", "open('x')"]
)
def test_a_stored_config_cannot_run_code(text):
    with pytest.raises(ValueError):
        config_text.read(text, run_folder.CONFIG_MODULES)


@pytest.mark.parametrize(
    "assignment, path, expected",
    [
        ("teacher.epochs=5", ("teacher", "epochs"), 5),
        ("student.learning_rate.rate=1e-3", ("student", "learning_rate", "rate"), 1e-3),
        ("teacher.patience=2", ("teacher", "patience"), 2),
        ("teacher.patience=None", ("teacher", "patience"), None),
        ("pretrained=weights.npz", ("pretrained",), "weights.npz"),
        ("precision=float32", ("precision",), "float32"),
        ("augmentation.translation=0", ("augmentation", "translation"), 0.0),
        ("augmentation.horizontal_flip=False", ("augmentation", "horizontal_flip"), 0),
    ],
)
def test_an_override_replaces_one_field_with_its_type(assignment, path, expected):
    value = config_text.override(sample.config(), assignment)
    for name in path:
        value = getattr(value, name)
    assert value == expected


def test_an_override_reaches_entries_of_a_tuple_by_name_and_by_position():
    config = config_text.override(
        sample.config(), "tasks.expr.distilled.temperature=2.5"
    )
    assert config.tasks[0].distilled.temperature == 2.5
    assert config.tasks[1] == sample.config().tasks[1]
    assert config_text.override(config, "sources.2.share=3").sources[2].share == 3


@pytest.mark.parametrize(
    "assignment, message",
    [
        ("teacher.epoch=5", "Did you mean 'epochs'"),
        ("techer.epochs=5", "Did you mean 'teacher'"),
        ("teacher.epochs=many", "Field teacher.epochs must be int"),
        ("teacher.epochs=2.5", "Field teacher.epochs must be int"),
        ("teacher.epochs=True", "Field teacher.epochs must be int"),
        ("teacher.epochs=0", "Stage.epochs must be at least 1"),
        ("teacher", "must read key.path=value"),
        ("teacher.epochs.more=1", "must follow the fields"),
        ("tasks.exp.distilled=1", "Did you mean 'expr'"),
        ("tasks.expr=1", "must end at a field"),
        ("student.mix=1", "set field by field"),
    ],
)
def test_a_wrong_override_says_what_is_wrong(assignment, message):
    with pytest.raises(ValueError, match=message):
        config_text.override(sample.config(), assignment)


def test_a_config_keeps_only_the_tasks_and_sources_that_the_data_have():
    config = sample.config().for_data(Taxonomy("va only"), {})
    assert [task.name for task in config.tasks] == ["va"]
    assert [source.task for source in config.sources] == ["va"]


def test_a_config_without_a_task_in_common_with_its_data_is_refused():
    with pytest.raises(ValueError, match="must share a task with its data"):
        sample.config().for_data(Taxonomy("none", has_va=False), {})


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("tasks", (), "each task once"),
        ("sources", (), "must not be empty"),
        ("batch_size", 0, "batch_size must be at least 1"),
        ("num_students", 0, "num_students must be at least 1"),
    ],
)
def test_an_impossible_config_is_refused(field, value, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(sample.config(), **{field: value})


def test_the_paper_of_deng_has_the_published_hyperparameters():
    config = deng2020.config()
    assert (config.teacher.epochs, config.student.epochs) == (8, 3)
    assert config.architecture.image_size == 112
    assert config.student.mix.labelled.supervised == 0.6
    assert [task.name for task in config.tasks] == ["expr", "au", "va"]
    assert config.tasks[0].distilled.temperature == 1.5
    assert config.tasks[2].num_bins == 20


def test_a_prior_correction_takes_the_class_counts_of_the_data():
    config = dataclasses.replace(sample.config(), prior_correction=0.5)
    loss = config.for_data(ABAW1, {"neutral": 92, "anger": 1}).tasks[0].supervised
    assert loss.tau == 0.5
    np.testing.assert_allclose(
        np.exp(loss.log_prior), [0.93, 0.02] + [0.01] * 5, rtol=1e-3
    )


def test_a_prior_correction_needs_the_loss_that_has_one():
    config = dataclasses.replace(
        sample.config(), tasks=(Expression(supervised=SoftmaxFocal()),)
    )
    with pytest.raises(ValueError, match="must come with SoftmaxCrossEntropy"):
        config.for_data(ABAW1, {})


def test_a_balanced_stream_of_expressions_takes_no_prior_correction():
    config = dataclasses.replace(sample.config(), prior_correction=0.5)
    expr = next(s for s in config.sources if s.task == "expr")
    balanced = dataclasses.replace(
        config, sources=(dataclasses.replace(expr, balanced=True),)
    )
    with pytest.raises(ValueError, match="--set prior_correction=0"):
        balanced.for_data(ABAW1, {})
    dataclasses.replace(balanced, prior_correction=0.0).for_data(ABAW1, {})


def test_a_task_without_training_labels_is_left_out_with_its_source():
    config = sample.config().for_data(ABAW1, {}, labelled=("expr", "au"))
    assert [task.name for task in config.tasks] == ["expr", "au"]
    assert [source.task for source in config.sources] == ["expr", "au"]


def test_the_small_networks_of_vu_correct_no_prior():
    for module in (vu2021_small, vu2021_rnn_small):
        config = module.config()
        assert config.prior_correction == 0.0
        assert config.architecture.head == vu2021.config().architecture.head
        assert config.tasks == vu2021.config().tasks
        assert not config.teacher.keep_shared and config.student.keep_shared


def test_a_source_is_kept_where_all_of_its_labels_are_there():
    config = vu2021_small.config()
    assert [s.name for s in config.for_data(ABAW1, {}, ("expr",)).sources] == [
        "mixed_expr"
    ]
    assert len(config.for_data(ABAW1, {}).sources) == 3


def test_a_task_that_is_taken_out_of_a_config_takes_its_sources_along():
    config = sample.config()
    alone = dataclasses.replace(config, tasks=config.tasks[:1])
    assert [source.task for source in alone.for_data(ABAW1, {}).sources] == ["expr"]
    without = dataclasses.replace(alone, sources=config.sources[1:])
    with pytest.raises(ValueError, match="must have a source for one of its tasks"):
        without.for_data(ABAW1, {})


def test_a_stage_without_shared_labels_keeps_those_of_each_source_alone():
    config = vu2021.config()
    assert not any(s.keep_shared for s in config.sources_of(config.teacher))
    assert config.sources_of(config.student) == config.sources
    everything = dataclasses.replace(config, sources=(Source("all"),))
    assert everything.sources_of(config.teacher) == everything.sources


def test_the_papers_of_vu_have_the_published_hyperparameters():
    for config, batch_size in ((vu2021.config(), 3 * 64), (vu2021_rnn.config(), 32)):
        for stage in (config.teacher, config.student):
            assert (stage.epochs, stage.patience) == (40, 5)
            assert float(stage.learning_rate(39, 40)) == pytest.approx(1e-4)
        assert config.batch_size == batch_size
        assert config.student.mix.labelled.supervised == 0.6
        assert [task.distilled.divergence for task in config.tasks] == ["kl", "kl"]
    assert config.windows == Windows(32, 16)


def test_the_recurrent_networks_of_deng_are_five_students_of_one_teacher():
    config = deng2020_rnn.config()
    assert (config.num_students, config.windows) == (5, Windows(32, 16))
    assert config.architecture.temporal.units == 64
    assert config.cnn is None and not config.train_cnn
