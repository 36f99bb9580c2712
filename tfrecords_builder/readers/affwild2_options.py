"""The flags that `affwild2` and `abaw_mtl` share, and their checks."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from affect_tf.errors import UserError

#: What becomes of pictures without a label.
UNLABELLED = ("drop", "keep")


def add_flags(add: Callable[..., object]) -> None:
    """Adds the flags that both readers have."""
    add(
        "--images",
        metavar="DIR",
        help="the folder that holds a folder of pictures for each video (default: "
        "cropped_aligned below --root)",
    )
    add(
        "--test_list",
        metavar="FILE",
        action="append",
        help="a list of the test set, which becomes the split 'test', unlabelled; may "
        "be given several times",
    )
    add(
        "--unlabelled",
        metavar="WHAT",
        help="drop (default), or keep: pictures without any label, for a student",
    )
    add(
        "--partial_aus",
        action="store_true",
        default=None,
        help="keep the units of a frame that are labelled where others are not "
        "(default: such a frame has no units, as in the challenges)",
    )


def options(flags: argparse.Namespace, source: str) -> dict[str, object]:
    """Returns the options of a reader of ABAW's data, from its flags.

    Args:
      flags: With the attributes of `add_flags`.
      source: The default of --source.

    Raises:
      UserError: If a flag does not fit a data set that has its own splits.
    """
    if flags.root is None:
        raise UserError(
            "--root must name the folder of the data set. Received: none. Add "
            "--root=DIR.",
            exit_code=2,
        )
    if flags.validation_fraction is not None:
        raise UserError(
            "--validation_fraction must be left out where a data set has its own "
            f"splits. Received: --validation_fraction={flags.validation_fraction}. "
            "Remove it.",
            exit_code=2,
        )
    return {
        "source": flags.source or source,
        "images": flags.images,
        "test_list": tuple(flags.test_list or ()),
        "unlabelled": flags.unlabelled or "drop",
        "partial_aus": bool(flags.partial_aus),
    }


def check_unlabelled(choice: str) -> None:
    """Raises a UserError where a choice is not in `UNLABELLED`."""
    if choice not in UNLABELLED:
        raise UserError(
            f"--unlabelled must be one of {', '.join(UNLABELLED)}. "
            f"Received: {choice!r}. Choose one of them.",
            exit_code=2,
        )
