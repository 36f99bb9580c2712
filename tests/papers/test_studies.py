"""The studies of the papers: what their arms differ in."""

import dataclasses
import pathlib

import pytest

import configs.studies
from configs.studies import deng_figure5
from configs.studies import deng_table1
from configs.studies import deng_table2
from configs.studies import thinh_table1
from configs.studies import vu_table1
from configs.studies import vu_table2
from configs.studies import vu_table3

STUDIES = [
    deng_figure5,
    deng_table1,
    deng_table2,
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


def test_a_shared_backbone_is_one_field_and_focal_loss_another():
    of_arm = arms(thinh_table1)
    multitask = of_arm["multitask"]
    assert differences(multitask, of_arm["shared backbone"]) == {"separate_optimizers"}
    focal = of_arm["multitask, focal loss"]
    assert differences(multitask, focal) == {"tasks"}
    assert differences(multitask.tasks[0], focal.tasks[0]) == {"supervised"}


def test_two_tasks_are_three_without_the_third_set_and_its_rows():
    of_arm = arms(vu_table1)
    two, three = of_arm["EXPR, VA"], of_arm["EXPR, VA, EXPR_VA"]
    assert differences(two, three) == {"sources", "batch_size"}
    assert two.sources == three.sources[:2]
    assert 3 * two.batch_size == 2 * three.batch_size


@pytest.mark.parametrize("module", [deng_table2, vu_table3])
def test_the_recurrent_arms_read_the_network_of_the_others(module):
    by_kind = {False: [], True: []}
    for arm in module.study().arms:
        by_kind[arm.config.architecture.temporal is not None].append(arm)
    assert len(by_kind[True]) == len(by_kind[False])
    for recurrent, single in zip(by_kind[True], by_kind[False], strict=True):
        assert recurrent.system == single.system
        assert differences(recurrent.cnn.config, single.config) <= {"num_students"}
        still = dataclasses.replace(recurrent.config.architecture, temporal=None)
        assert still == single.config.architecture


def test_every_study_of_a_paper_is_tested_here():
    folder = pathlib.Path(configs.studies.__path__[0])
    files = {path.stem for path in folder.glob("[!_]*_*.py")}
    named = {module.__name__.rpartition(".")[2] for module in STUDIES}
    assert files == named
