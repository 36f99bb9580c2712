"""Reads the lists of the ABAW multi-task (MTL) challenges.

    ROOT/
      cropped_aligned/<video>[_left|_right]/00001.jpg ...
      training_set_annotations.txt       or train_set.txt, with or without a suffix
      validation_set_annotations.txt     or validation_set.txt

    image,valence,arousal,expression,aus
    video1/00012.jpg,0.11,-0.20,4,0,0,1,0,0,1,0,0,0,0,1,0

A row names its picture; nothing follows from its place. Valence and arousal are both
labels or neither (-5); the expression is a code of eight classes (-1); one missing unit
(-1) voids all twelve, unless `partial_aus`. Numbers may be written as floats ("-5.0").
A row with a value that no label has is rejected as a whole.

What is left out without being wrong is counted as in `affwild2`, by split, in frames:

    invalid_label_only   a row with only marks of a missing label, and a picture
    no_image             a row with a label (in a test list: any row), and no picture
    no_annotation        a picture in the folder of a listed video that no list names
"""

from __future__ import annotations

import argparse
import os
import pathlib
from collections.abc import Callable
from collections.abc import Sequence

import pandas as pd

from affect_tf.data.manifest import SPLITS
from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import EXPRESSIONS_8
from affect_tf.labels.taxonomy import Taxonomy
from tfrecords_builder import annotations as annotations_lib
from tfrecords_builder.annotations import Annotations
from tfrecords_builder.picture_source import PictureFiles
from tfrecords_builder.readers import abaw_mtl_lists
from tfrecords_builder.readers import affwild2_films
from tfrecords_builder.readers import affwild2_frames
from tfrecords_builder.readers import affwild2_layout
from tfrecords_builder.readers import affwild2_options
from tfrecords_builder.readers.abaw_mtl_lists import PictureList
from tfrecords_builder.readers.affwild2_pictures import Listing

#: Value of the `source` column, and name of the vocabulary.
SOURCE = "abaw_mtl"
HELP = (
    "The lists of the ABAW multi-task challenges.\n"
    "--root holds training_set_annotations.txt, validation_set_annotations.txt and "
    "cropped_aligned."
)


def add_flags(add: Callable[..., object]) -> None:
    """Adds the flags of this reader."""
    affwild2_options.add_flags(add)
    affwild2_films.add_flags(add)


def read(flags: argparse.Namespace) -> Annotations:
    """Returns the data set that a command line asks for."""
    wanted = affwild2_films.options(flags)
    found = annotations(flags.root, **affwild2_options.options(flags, SOURCE))
    return affwild2_films.joined(found, flags.source or SOURCE, wanted)


def annotations(
    root: str | os.PathLike[str],
    *,
    source: str = SOURCE,
    images: str | os.PathLike[str] | None = None,
    test_list: Sequence[str | os.PathLike[str]] = (),
    unlabelled: str = "drop",
    partial_aus: bool = False,
) -> Annotations:
    """Reads the lists and lists the pictures.

    Args:
      root: The folder that holds the lists of one challenge.
      source: Value of the `source` column.
      images: The folder of the pictures; by default "cropped_aligned" below `root`.
      test_list: Files with the name of a picture a line, which are in the split
        "test", without labels.
      unlabelled: "drop", or "keep": pictures without any label become rows, too, in
        the split of the video; where no list names it, in "train".
      partial_aus: Whether one unlabelled unit leaves the others of its frame.

    Returns:
      The annotations; a key is "video_left/00001". A film that is in two splits is in
      the table twice, for `splits.settle`.

    Raises:
      UserError: If the folders or lists are missing, a list is malformed as a whole,
        or the lists and pictures do not belong together.
    """
    affwild2_options.check_unlabelled(unlabelled)
    root = affwild2_layout.check_root(root)
    found, crops = abaw_mtl_lists.find(
        root, None if images is None else pathlib.Path(images)
    )
    if not found and not test_list:
        raise UserError(
            "--root must hold a list like training_set_annotations.txt or "
            f"train_set.txt. Received: {root}, which holds none. Name the folder that "
            "the lists were unpacked into.",
            exit_code=2,
        )
    listing = Listing(affwild2_layout.pictures_folder(root, crops, images))
    lists = [abaw_mtl_lists.read(p, s, partial_aus) for s, p in found.items()]
    vocabulary = taxonomy(lists, source)
    units = vocabulary.action_units
    lists += [abaw_mtl_lists.read_test(path) for path in test_list]
    frames = united([each.frames for each in lists], units)
    listing.check_any(list(frames["folder"].unique()))
    splits = _splits(frames)
    others = [folder for folder in listing.folders if folder not in splits]
    keep = unlabelled == "keep"
    if keep:
        splits |= dict.fromkeys(others, "train")
    table, dropped = affwild2_frames.with_pictures(frames, listing, units, splits, keep)
    missing = [s for s in ("train", "validation") if s not in found]
    notes = [f"No list of the {split} split below {root}." for split in missing]
    return Annotations(
        table=annotations_lib.complete(
            table.assign(archive=affwild2_layout.ARCHIVE), vocabulary, source
        ),
        taxonomy=vocabulary,
        pictures=PictureFiles(str(listing.root)),
        origin=str(root),
        rejects=tuple(reject for each in lists for reject in each.rejects),
        notes=(
            *notes,
            *(note for each in lists for note in each.notes),
            *listing.notes(others, keep),
        ),
        dropped=dropped,
        reader=SOURCE,
    )


def taxonomy(lists: Sequence[PictureList], name: str) -> Taxonomy:
    """Returns the classes and units that the headers of the lists name.

    Args:
      lists: Those with labels; there may be none.
      name: What the vocabulary is called.
    """
    names = {each for part in lists for each in part.names}
    units = {each for each in names if each.startswith("AU")}
    return Taxonomy(
        name,
        EXPRESSIONS_8 if "expression" in names else (),
        tuple(sorted(units, key=lambda unit: int(unit[2:]))),
        "valence" in names,
    )


def united(parts: Sequence[pd.DataFrame], units: Sequence[str]) -> pd.DataFrame:
    """Returns the frames of several lists, one below the other.

    Args:
      parts: From `abaw_mtl_lists`; at least one.
      units: The action units of the result.
    """
    columns = list(affwild2_frames.no_labels(0, units))
    return pd.concat(
        [part.reindex(columns=columns) for part in parts], ignore_index=True
    )


def _splits(frames: pd.DataFrame) -> dict[str, str]:
    """Returns the split of each folder: of several the first, as it is ordered."""
    found = frames[["folder", "split"]].drop_duplicates()
    rank = found["split"].map(SPLITS.index)
    first = found.iloc[rank.argsort(kind="stable")].drop_duplicates("folder")
    return dict(zip(first["folder"], first["split"], strict=True))
