"""Reads Aff-Wild2 with the label files of the ABAW challenges, in any edition.

    ROOT/
      cropped_aligned/<video>[_left|_right]/00001.jpg ...
      annotations/
        AU_Set/Train_Set/<video>[_left|_right].txt ...
        EXPR_Set/Validation_Set/...
        VA_Set/...

Task folders are found wherever below ROOT they lie, by what their names begin with, and
so are the split folders in them (`affwild2_layout`). Names in the files' headers decide
which class or unit a value is about, so that editions with 7 and 8 classes or 8 and 12
units may lie side by side: their vocabularies are united by name. But a video has one
file a task; with two, of two editions, the reader stops.

Row k of a file, its header excluded and counted from 0, is frame k and picture k + 1.
The labels of a frame by several tasks are joined into one row. One invalid task leaves
the others; one invalid unit voids all units of the frame, unless `partial_aus`.

What is left out without being wrong is counted, by split, in frames:

    invalid_label_only   a row in some file, only marks of a missing label, a picture
    no_image             a label in some file, and no picture
    no_annotation        a picture of a video that has label files, past their end

What has neither picture nor label is not counted, nor is what is in `rejects`, nor are
the pictures of a folder that no label file names (a note says which folders).
"""

from __future__ import annotations

import argparse
import collections
import os
import pathlib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence

from affect_tf.data.manifest import SPLITS
from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import KNOWN_EXPRESSIONS
from affect_tf.labels.taxonomy import TASKS
from affect_tf.labels.taxonomy import Taxonomy
from tfrecords_builder import annotations as annotations_lib
from tfrecords_builder.annotations import Annotations
from tfrecords_builder.picture_source import PictureFiles
from tfrecords_builder.readers import affwild2_files
from tfrecords_builder.readers import affwild2_films
from tfrecords_builder.readers import affwild2_frames
from tfrecords_builder.readers import affwild2_layout
from tfrecords_builder.readers import affwild2_options
from tfrecords_builder.readers.affwild2_files import Labels
from tfrecords_builder.readers.affwild2_layout import LabelFile
from tfrecords_builder.readers.affwild2_layout import listed
from tfrecords_builder.readers.affwild2_pictures import composed
from tfrecords_builder.readers.affwild2_pictures import Listing

#: Value of the `source` column, and name of the vocabulary.
SOURCE = "affwild2"
HELP = (
    "Aff-Wild2 with the label files of any ABAW challenge.\n"
    "--root holds the annotation folders and cropped_aligned."
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
    """Reads the label files and lists the pictures.

    Args:
      root: The folder that holds the annotation folders.
      source: Value of the `source` column.
      images: The folder of the pictures; by default "cropped_aligned" below `root`.
      test_list: Files with the name of a folder of pictures a line. Every picture of
        these is in the split "test", without labels.
      unlabelled: "drop", or "keep": pictures without any label become rows, too, in
        the split of the video; where no label file names it, in "train".
      partial_aus: Whether one unlabelled unit leaves the others of its frame.

    Returns:
      The annotations; a key is "video_left/00001". A film that is in two splits is in
      the table twice, for `splits.settle`.

    Raises:
      UserError: If the folders are missing, a video has two files for a task, or the
        label files and pictures do not belong together.
    """
    affwild2_options.check_unlabelled(unlabelled)
    root = affwild2_layout.check_root(root)
    layout = affwild2_layout.find(
        root, None if images is None else pathlib.Path(images)
    )
    if not layout.label_files and not test_list:
        raise UserError(
            "--root must hold label files like AU_Set/Train_Set/video1.txt, in folders "
            f"whose names begin with AU, EXPR or VA. Received: {root}, which holds "
            "none. Name the folder that the annotations were unpacked into.",
            exit_code=2,
        )
    listing = Listing(affwild2_layout.pictures_folder(root, layout.pictures, images))
    places = [affwild2_frames.folder_of(f.name, listing) for f in layout.label_files]
    _check_one_each(layout.label_files, places)
    files = [affwild2_files.read(f, partial_aus) for f in layout.label_files]
    vocabulary = taxonomy(files, source)
    units = vocabulary.action_units
    tests, notes = _test_folders(test_list, listing)
    listing.check_any([*places, *tests])
    frames = affwild2_frames.joined(list(zip(places, files, strict=True)), units)
    frames = affwild2_frames.with_tests(frames, listing, tests, units)
    keep = unlabelled == "keep"
    splits = dict.fromkeys(tests, "test") | _splits(places, layout.label_files)
    others = [folder for folder in listing.folders if folder not in splits]
    if keep:
        splits |= dict.fromkeys(others, "train")
    table, dropped = affwild2_frames.with_pictures(frames, listing, units, splits, keep)
    return Annotations(
        table=annotations_lib.complete(
            table.assign(archive=affwild2_layout.ARCHIVE), vocabulary, source
        ),
        taxonomy=vocabulary,
        pictures=PictureFiles(str(listing.root)),
        origin=str(root),
        rejects=tuple(reject for each in files for reject in each.rejects),
        notes=(
            *layout.notes(),
            *_notes(files, places, listing),
            *notes,
            *listing.notes(others, keep),
        ),
        dropped=dropped,
        reader=SOURCE,
    )


def taxonomy(files: Iterable[Labels], name: str) -> Taxonomy:
    """Returns the classes and units that the headers of the files name.

    Args:
      files: Label files; those without usable rows count by their headers.
      name: What the vocabulary is called.
    """
    found: dict[str, set[str]] = {"expr": set(), "au": set(), "va": set()}
    for each in files:
        found[each.file.task] |= set(each.names)
    return Taxonomy(
        name,
        tuple(each for each in KNOWN_EXPRESSIONS if each in found["expr"]),
        tuple(sorted(found["au"], key=lambda unit: int(unit[2:]))),
        bool(found["va"]),
    )


def _check_one_each(files: Sequence[LabelFile], folders: Sequence[str]) -> None:
    """Raises where a video has two files for a task, of two editions or spellings."""
    known: dict[tuple[str, str], LabelFile] = {}
    for file, folder in zip(files, folders, strict=True):
        other = known.setdefault((file.task, folder), file)
        if other is file:
            continue
        # One task folder with the video in two splits is a leak, which is for
        # `splits.settle` to judge.
        same_task = other.path.parent.parent == file.path.parent.parent
        if other.split != file.split and same_task:
            continue
        raise UserError(
            "A video must have one label file a task. Received: for "
            f"{folder!r} both {other.path} and {file.path}. Name the folder of one "
            "edition with --root, and that of the pictures with --images."
        )


def _test_folders(
    lists: Sequence[str | os.PathLike[str]], listing: Listing
) -> tuple[dict[str, tuple[int, str]], list[str]]:
    """Returns folder -> line and list, for those with pictures, and remarks."""
    found: dict[str, tuple[int, str]] = {}
    absent = []
    for path in lists:
        for line, entry in affwild2_files.list_entries(path):
            if "/" in entry:
                raise UserError(
                    "--test_list must name a folder in each line. Received: "
                    f"{entry!r} in line {line} of {path}. For a list of pictures use "
                    "--dataset=abaw_mtl."
                )
            folder = composed(entry)
            found.setdefault(folder, (line, os.fspath(path)))
            if folder not in listing:
                absent.append(folder)
    names = sorted(set(absent))
    notes = [f"Listed test videos without pictures: {listed(names)}."] if names else []
    return found, notes


def _splits(folders: Sequence[str], files: Sequence[LabelFile]) -> dict[str, str]:
    """Returns the split of each folder: of several the first, as it is ordered."""
    found: dict[str, str] = {}
    for folder, file in zip(folders, files, strict=True):
        found[folder] = min(found.get(folder, file.split), file.split, key=SPLITS.index)
    return found


def _notes(
    files: Sequence[Labels], folders: Sequence[str], listing: Listing
) -> list[str]:
    """Returns what is remarkable about the label files."""
    found = []
    for remark in (affwild2_files.EMPTY, affwild2_files.NO_HEADER):
        names = [str(each.file.path) for each in files if each.remark == remark]
        if names:
            found.append(f"Label files {remark}: {listed(names)}.")
    for task in TASKS:
        headers = [e.names for e in files if e.file.task == task and e.names]
        kinds = collections.Counter(headers)
        if len(kinds) > 1:
            parts = "; ".join(f"{','.join(k)} in {n:,}" for k, n in kinds.items())
            found.append(f"The {task} files have {len(kinds)} headers: {parts}.")
    broken = [each for each in files if each.rejects and each.rejected.all()]
    if broken:
        names = [str(each.file.path) for each in broken]
        found.append(f"Label files of which no row can be used: {listed(names)}.")
    absent = sorted({folder for folder in folders if folder not in listing})
    if absent:
        found.append(f"Label files of videos without pictures: {listed(absent)}.")
    return found
