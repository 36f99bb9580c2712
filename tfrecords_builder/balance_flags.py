"""What `--balance`, `--keep` and `--balance_as` say: their help, read and checked."""

from __future__ import annotations

import argparse
import fractions
import re
from collections.abc import Callable
from collections.abc import Sequence

from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import canonical_expression
from affect_tf.labels.taxonomy import closest
from affect_tf.labels.taxonomy import KNOWN_EXPRESSIONS
from affect_tf.labels.taxonomy import TASKS
from tfrecords_builder.balance_plan import CAP_OF_BINS
from tfrecords_builder.balance_plan import Classes
from tfrecords_builder.balance_plan import Keep
from tfrecords_builder.balance_plan import MlRos
from tfrecords_builder.balance_plan import Plan
from tfrecords_builder.balance_plan import PRESETS

#: Sizes that classes may be brought to, beside a number.
TARGETS = ("equal", "over", "under")

#: Text above the flags in --help.
TITLE = "balancing"
DESCRIPTION = """\
Makes rare labels of the training split more frequent, task by task. Only
stills change; validation and test stay as they are.

  --balance=expr=equal   as many samples of each class, in all as many as
                         before: rare classes are copied, frequent ones
                         thinned at random
  --balance=expr=over    every class copied up to the most frequent one
  --balance=expr=under   every class thinned down to the rarest one
  --balance=expr=5000    every class copied or thinned to 5,000
  --balance=va=bins      expr=equal with the occupied cells of 20 x 20 bins of
                         valence and arousal for classes; va=over, va=under
                         and va=500 too
  --balance=au=ml_ros    multilabel random oversampling (ML-ROS, Charte et al.
                         2015): random samples with a rare unit are copied
                         until its imbalance ratio is down to the mean ratio
  --balance=deng2020     the recipe of Deng et al. 2020, for what there is:
                         --keep=expr@affwild2*:neutral=1/10
                         --keep=expr@affwild2*:happiness=1/2
                         --keep=expr@affwild2*:sadness=1/2
                         --keep=va@affwild2*=1/5
                         --balance=expr=equal
                         --balance=au=ml_ros,threshold=2,budget=0.5
                         --balance=va=bins,range=data,cap=none

Options follow a comma:
  cap=N        no sample occurs more than N times (va: 10; expr: none)
  num_bins=N   bins of each dimension (va: 20)
  range=data   bins between the least and the largest value, not -1 and 1 (va)
  threshold=T  imbalance ratio above which a unit is rare (au: the mean ratio)
  budget=B     copies that end it, as a share of the samples (au: 0.5)

--keep thins before anything is balanced, by position and not at random, for
neighbouring frames look alike:
  --keep=va=0.2             every 5th sample with valence and arousal
  --keep=va@affwild2=1/5    the same of one source ("aff*" names several)
  --keep=expr:neutral=0.1,happiness=0.5
      of all samples with an expression, the neutral ones stay where their
      position is a multiple of 10; then, counted anew, happy ones where even

A sample that loses one task's label stays for its other tasks. Copies carry
only the label that they were made for."""


def add_flags(add: Callable[..., object]) -> None:
    """Adds the flags to an argument group that has `TITLE` and `DESCRIPTION`."""
    add(
        "--balance",
        action="append",
        default=[],
        metavar="TASK=METHOD",
        help="what to balance and how, see above; may be given once a task",
    )
    add(
        "--keep",
        action="append",
        default=[],
        metavar="TASK=SHARE",
        help="what to thin beforehand, see above; may be given several times",
    )
    add(
        "--balance_as",
        default="copies",
        metavar="FORM",
        help="copies (default): more and fewer records; weights: every sample once, "
        "with a number that a source with balanced=True is drawn by in training",
    )


def read(flags: argparse.Namespace) -> Plan:
    """Returns the plan of a command line with the flags of `add_flags`."""
    return parse(flags.balance, flags.keep, flags.balance_as)


def parse(
    balance: Sequence[str] = (),
    keep: Sequence[str] = (),
    balance_as: str = "copies",
) -> Plan:
    """Reads the values of the flags.

    A method that is named for a task replaces that of a preset.

    Args:
      balance: Values of `--balance`: a preset, or TASK=METHOD with options.
      keep: Values of `--keep`, in the order in which they apply, after the presets'.
      balance_as: "copies" or "weights".

    Returns:
      The plan; an empty one without values.

    Raises:
      UserError: If a value cannot be read, with the closest that could. Exit code 2.
    """
    if balance_as not in ("copies", "weights"):
        raise _wrong(
            "--balance_as must be copies or weights",
            f"--balance_as={balance_as}",
            closest(balance_as, ("copies", "weights")),
        )
    methods: dict[str, Classes | MlRos] = {}
    keeps: list[Keep] = []
    for text in balance:
        if text in PRESETS:
            keeps += PRESETS[text].keeps
            for method in PRESETS[text].methods:
                methods.setdefault(method.task, method)
            continue
        method = _method(text)
        if method.task in methods and not methods[method.task].optional:
            raise _wrong(
                f"--balance must name a task once, but {method.task} is there twice",
                f"--balance={text}",
                "Remove one.",
            )
        methods[method.task] = method
    for text in keep:
        keeps += _keeps(text)
    if balance_as == "weights":
        for method in methods.values():
            if isinstance(method, Classes) and method.target != "equal":
                raise _wrong(
                    "Weights must leave a task its size",
                    f"--balance={method.task}={method.target} with "
                    "--balance_as=weights",
                    f"Write --balance={method.task}=equal, or --balance_as=copies.",
                )
    ordered = tuple(methods[task] for task in TASKS if task in methods)
    return Plan(tuple(keeps), ordered, balance_as == "weights")


def _method(text: str) -> Classes | MlRos:
    """Reads "va=bins,cap=10"."""
    head, *options = text.split(",")
    task, separator, name = (part.strip() for part in head.partition("="))
    received = f"--balance={text}"
    if task not in TASKS:
        names = TASKS if separator else (*PRESETS, *TASKS)
        raise _wrong("--balance must name a task", received, closest(task, names))
    values = _options(task, options, received)
    if task == "au":
        if name != "ml_ros":
            raise _wrong(
                "--balance=au must name a method", received, closest(name, ("ml_ros",))
            )
        return MlRos(**values)
    if task == "va" and name == "bins":
        name = "equal"
    if name not in TARGETS and not re.fullmatch("[1-9][0-9]*", name):
        allowed = TARGETS if task == "expr" else ("bins", *TARGETS)
        raise _wrong(
            f"--balance={task} must name a method or the samples of a class",
            received,
            closest(name, (*allowed, "5000")),
        )
    cap = None if task == "expr" else CAP_OF_BINS
    target = name if name in TARGETS else int(name)
    return Classes(task, target, **{"cap": cap, **values})


def _options(task: str, texts: Sequence[str], received: str) -> dict[str, object]:
    """Reads "cap=10" and the like, as fields of a method."""
    allowed = {
        "expr": ("cap",),
        "va": ("cap", "num_bins", "range"),
        "au": ("threshold", "budget"),
    }[task]
    values: dict[str, object] = {}
    for text in texts:
        name, _, value = (part.strip() for part in text.partition("="))
        if name not in allowed:
            raise _wrong(
                f"An option of --balance={task} must be one that it has",
                f"{name!r} in {received}",
                closest(name, allowed),
            )
        if name == "range":
            if value not in ("data", "fixed"):
                raise _wrong(
                    "range must be data or fixed", received, "Write range=data."
                )
            values["data_range"] = value == "data"
        elif name in ("cap", "num_bins"):
            unlimited = name == "cap" and value == "none"
            values[name] = None if unlimited else _count(name, value, received)
        elif name == "threshold" and value == "mean":
            values[name] = None
        else:
            values[name] = _positive(name, value, received)
    return values


def _count(name: str, value: str, received: str) -> int:
    if not re.fullmatch("[1-9][0-9]{0,8}", value):
        raise _wrong(
            f"{name} must be a whole number of at least 1",
            received,
            f"Write for example {name}=10.",
        )
    return int(value)


def _positive(name: str, value: str, received: str) -> float:
    """Reads a threshold, at least 1, or a budget, in (0, 10]."""
    low, high = (1.0, 1e9) if name == "threshold" else (1e-9, 10.0)
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not low <= number <= high:
        rule = (
            "threshold must be mean, or a ratio of at least 1"
            if name == "threshold"
            else "budget must be a share of the samples, above 0 and at most 10"
        )
        example = "2" if name == "threshold" else "0.5"
        raise _wrong(rule, received, f"Write for example {name}={example}.")
    return number


def _keeps(text: str) -> list[Keep]:
    """Reads "expr@affwild2:neutral=0.1,happiness=0.5", class by class."""
    received = f"--keep={text}"
    match = re.fullmatch(r"\s*(\w+)\s*(?:@([^:=,]+))?(?:=([^,=]*)|:(.+))", text)
    if not match:
        raise _wrong(
            "--keep must be TASK=SHARE or TASK:CLASS=SHARE,CLASS=SHARE",
            received,
            "Write for example --keep=va=0.2 or --keep=expr:neutral=0.1.",
        )
    task, source, share, classes = match.groups()
    source = (source or "*").strip()
    if task not in TASKS:
        raise _wrong("--keep must name a task", received, closest(task, TASKS))
    if classes is None:
        return [Keep(task, _factor(share, received), None, source)]
    if task != "expr":
        raise _wrong(
            f"--keep={task} must be one share: only expressions have classes",
            received,
            f"Write --keep={task}=0.2.",
        )
    keeps = []
    for part in classes.split(","):
        name, _, share = part.partition("=")
        expression = canonical_expression(name)
        if expression not in KNOWN_EXPRESSIONS:
            raise _wrong(
                "--keep must name an expression",
                f"{name.strip()!r} in {received}",
                closest(expression, KNOWN_EXPRESSIONS),
            )
        keeps.append(Keep(task, _factor(share, received), expression, source))
    return keeps


def _factor(text: str, received: str) -> fractions.Fraction:
    """Reads "0.1" or "1/10" exactly."""
    factor = fractions.Fraction(0)
    # No exponents: "1e-999999999" is a number of a billion digits.
    if re.fullmatch(r"[01]?\.[0-9]{1,6}|[0-9]{1,7}(/0*[1-9][0-9]{0,6})?", text.strip()):
        factor = fractions.Fraction(text.strip())
    if not 0 < factor <= 1:
        raise _wrong(
            "A share of --keep must lie above 0 and be at most 1",
            f"{text.strip()!r} in {received}",
            "Write for example 0.1 or 1/10.",
        )
    return factor


def _wrong(rule: str, received: str, advice: str) -> UserError:
    return UserError(f"{rule}. Received: {received}. {advice}", exit_code=2)
