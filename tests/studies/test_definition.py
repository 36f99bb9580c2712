import dataclasses

import pytest

from affect_tf.data.windows import Windows
from affect_tf.models.temporal import BidirectionalGru
from affect_tf.objective.tasks import Expression
from affect_tf.studies.definition import Arm
from affect_tf.studies.definition import Comparison
from affect_tf.studies.definition import Study
from configs import deng2020_small

CONFIG = deng2020_small.config()
TWO = dataclasses.replace(CONFIG, num_students=2)
NO_STUDENT = dataclasses.replace(CONFIG, student=None)
NARROW = dataclasses.replace(CONFIG, tasks=(Expression(),))
ARMS = (Arm("a", CONFIG), Arm("b", CONFIG, "student"))


def with_time(name="rnn", **fields):
    architecture = dataclasses.replace(CONFIG.architecture, temporal=BidirectionalGru())
    config = dataclasses.replace(CONFIG, architecture=architecture, windows=Windows())
    return Arm(name, config, **fields)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Arm(" ", CONFIG), "one line of text"),
        (lambda: Arm("a\nb", CONFIG), "one line of text"),
        (lambda: Arm("a", CONFIG, "studnet"), "Did you mean 'student'"),
        (lambda: Arm("a", NO_STUDENT, "student"), "must have a student stage"),
        (lambda: Arm("a", CONFIG, "ensemble"), "2 to 99 students"),
        (
            lambda: Arm("a", dataclasses.replace(CONFIG, num_students=100)),
            "1 to 99 students",
        ),
        (lambda: Arm("a", CONFIG, paper={"expr/F1": 0.5}), "Did you mean 'expr/f1'"),
        (lambda: Arm("a", CONFIG, paper={"expr/f1": float("nan")}), "finite numbers"),
        (lambda: Arm("a", CONFIG, cnn=ARMS[0]), "that models time"),
        (lambda: with_time(cnn=Arm("b", TWO, "ensemble")), "one network"),
        (lambda: with_time(cnn=with_time(cnn=ARMS[0])), "one network"),
        (lambda: Study("t", ()), "at least one arm"),
        (lambda: Study("t", (ARMS[0], ARMS[0])), "its own name"),
        (lambda: Study("t", ARMS, (Comparison("a", "bb"),)), "Did you mean 'b'"),
        (lambda: Study("t", ARMS, (Comparison("a", "a"),)), "two arms"),
        (lambda: Study("t", ARMS, metrics=()), "at least one"),
        (lambda: Study("t", ARMS, metrics=("overall", "overall")), "each metric once"),
        (lambda: Study("t", ARMS, metrics=("overal",)), "Did you mean 'overall'"),
        (
            lambda: Study("t", (Arm("a", NARROW),), metrics=("va/ccc",)),
            "tasks that some arm predicts",
        ),
        (lambda: Study("t", ARMS, seeds=0), "at least 1"),
    ],
)
def test_a_broken_definition_is_refused_with_what_to_do(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "Received: " in str(caught.value)


def test_a_change_reaches_every_config_and_what_it_reads():
    study = Study("t", (*ARMS, with_time("c", cnn=Arm("d", CONFIG))))
    changed = study.map_configs(lambda config: dataclasses.replace(config, seed=9))
    assert {arm.config.seed for arm in changed.arms} == {9}
    assert changed.arms[2].cnn.config.seed == 9
    assert {arm.config.seed for arm in study.arms} == {0}
