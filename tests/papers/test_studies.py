"""The studies of the papers: what their arms differ in."""

import dataclasses
import math
import pathlib

import pytest

import configs.studies
from affect_tf.data.windows import Windows
from affect_tf.studies.definition import Comparison
from configs.studies import deng_figure5
from configs.studies import deng_table1
from configs.studies import deng_table2
from configs.studies import jeong_table1
from configs.studies import thinh_table1
from configs.studies import vu_table1
from configs.studies import vu_table2
from configs.studies import vu_table3

STUDIES = [
    deng_figure5,
    deng_table1,
    deng_table2,
    jeong_table1,
    thinh_table1,
    vu_table1,
    vu_table2,
    vu_table3,
]


def differences(one, other, prefix=""):
    """Returns the paths of the fields in which two configs differ."""
    found = set()
    for field in dataclasses.fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if a != b and dataclasses.is_dataclass(a) and type(a) is type(b):
            found |= differences(a, b, f"{prefix}{field.name}.")
        elif a != b:
            found.add(prefix + field.name)
    return found


@pytest.mark.parametrize("module", STUDIES)
def test_a_study_has_three_seeds_and_says_what_the_paper_found(module):
    study = module.study()
    assert study.seeds >= 3
    assert study.source and study.expectation and study.comparisons
    assert module.__name__.rpartition(".")[2] in module.__doc__


def arms(module):
    return {arm.name: arm.config for arm in module.study().arms}


def test_sharing_is_one_field():
    of_arm = arms(vu_table2)
    found = differences(of_arm["no sharing"], of_arm["with sharing"])
    assert found == {"student.keep_shared"}


def test_balance_is_one_field():
    of_arm = arms(deng_table1)
    for task in ("expr", "au", "va"):
        one, other = of_arm[f"{task}, imbalanced"], of_arm[f"{task}, balanced"]
        assert differences(one, other) == {"sources"}
        assert differences(*one.sources, *other.sources) == {"balanced"}


def test_a_single_task_has_a_control_arm_with_as_many_steps():
    study = thinh_table1.study()
    of_arm = arms(thinh_table1)
    # Batches of 96 of the faces with expressions, with units, and with both.
    expr, au, both = (math.ceil(count / 96) for count in (3946, 2835, 952))
    multitask = (expr + au + both) * of_arm["multitask"].teacher.epochs
    for name, steps in (("EXPR", expr), ("AU", au)):
        alone, longer = of_arm[f"{name} alone"], of_arm[f"{name} alone, as many steps"]
        assert differences(alone, longer) == {"teacher.epochs"}
        assert alone.teacher.epochs == of_arm["multitask"].teacher.epochs
        assert longer.teacher.epochs * steps == pytest.approx(multitask, rel=0.03)
        comparison = Comparison(f"{name} alone, as many steps", "multitask")
        assert comparison in study.comparisons


def test_no_optimizer_of_a_shared_backbone_decays_its_weights():
    assert all(
        config.optimizer.weight_decay == 0 for config in arms(thinh_table1).values()
    )


def test_a_shared_backbone_is_one_field_and_focal_loss_another():
    of_arm = arms(thinh_table1)
    multitask = of_arm["multitask"]
    assert differences(multitask, of_arm["shared backbone"]) == {"separate_optimizers"}
    focal = of_arm["multitask, focal loss"]
    assert differences(multitask, focal) == {"tasks"}
    assert differences(multitask.tasks[0], focal.tasks[0]) == {"supervised"}


def test_two_tasks_are_three_without_the_third_set_in_as_many_rows_and_steps():
    of_arm = arms(vu_table1)
    two, three = of_arm["EXPR, VA"], of_arm["EXPR, VA, EXPR_VA"]
    assert differences(two, three) == {"sources", "teacher.epochs"}
    assert two.sources == three.sources[:2]
    # An epoch is a pass over the longest set, which gives a half or a third of a batch.
    steps = [
        math.ceil(3946 / (each.batch_size // len(each.sources))) * each.teacher.epochs
        for each in (two, three)
    ]
    assert steps[0] == pytest.approx(steps[1], rel=0.01)


@pytest.mark.parametrize("module", [deng_table2, vu_table3])
def test_the_recurrent_arms_read_the_network_of_the_others(module):
    study = module.study()
    of_arm = {arm.name: arm for arm in study.arms}
    network = of_arm["CNN student"]
    recurrent = [arm for arm in study.arms if arm.config.architecture.temporal]
    assert len(recurrent) == 4
    for arm in recurrent:
        assert (arm.cnn.config, arm.cnn.system) == (network.config, "student")
        still = dataclasses.replace(arm.config.architecture, temporal=None)
        assert still == network.config.architecture
    # The networks are compared with the one that they read, and with no other.
    for comparison in study.comparisons:
        if of_arm[comparison.baseline] not in recurrent:
            assert comparison.baseline == "CNN student"


@pytest.mark.parametrize("module", [deng_table2, vu_table3])
def test_a_control_arm_differs_from_sequences_by_their_length_alone(module):
    study = module.study()
    of_arm = {arm.name: arm for arm in study.arms}
    controls = [name for name in of_arm if "one frame" in name]
    assert len(controls) == 2
    for name in controls:
        sequences = name.replace(", one frame,", "")
        assert Comparison(name, sequences) in study.comparisons
        one, many = of_arm[name].config, of_arm[sequences].config
        assert differences(one, many) == {
            "name",
            "batch_size",
            "teacher.epochs",
            "student.epochs",
            "windows.length",
            "windows.stride",
            "windows.evaluation_stride",
        }
        assert many.windows == Windows(16, 8, evaluation_stride=16)
        assert one.windows.length == 1
        assert one.batch_size == many.batch_size * many.windows.length
        # 41 and 58 steps an epoch on the clips of the docstring.
        for stage in ("teacher", "student"):
            steps = getattr(one, stage).epochs * 41, getattr(many, stage).epochs * 58
            assert steps[0] == pytest.approx(steps[1], rel=0.03)


def test_delta_is_one_field_and_a_modality_goes_from_model_and_data_alike():
    of_arm = arms(jeong_table1)
    for name in ("delta 0.5", "delta 1", "delta 0 to 1"):
        for system in ("teacher", "student"):
            one, other = of_arm[f"both {system}"], of_arm[f"both, {name} {system}"]
            assert differences(one, other) == {"adversarial"}
    mixed = [of_arm[f"both, mixed batches{d} teacher"] for d in ("", ", delta 1")]
    assert differences(*mixed) == {"adversarial"}
    assert differences(of_arm["both teacher"], mixed[0]) == {"name", "batching"}
    found = differences(of_arm["both student"], of_arm["picture student"])
    assert found == {"name", "architecture.temporal.sound", "windows.sound"}
    found = differences(of_arm["both student"], of_arm["sound student"])
    assert found == {"name", "architecture.temporal.face", "windows.frames"}


def test_every_study_of_a_paper_is_tested_here():
    folder = pathlib.Path(configs.studies.__path__[0])
    files = {path.stem for path in folder.glob("[!_]*_*.py")}
    named = {module.__name__.rpartition(".")[2] for module in STUDIES}
    assert files == named
