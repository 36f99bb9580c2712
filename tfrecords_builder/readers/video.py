"""Reads raw films and photographs: faces are found, aligned and followed.

What comes out has the labels of `--labels`, or none: records to look at, to predict
on, or to label.
"""

from __future__ import annotations

import argparse
import os
import pathlib
from collections.abc import Callable
from collections.abc import Sequence

from affect_tf.data.manifest import SPLITS
from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import Taxonomy
from tfrecords_builder import annotations as annotations_lib
from tfrecords_builder import extraction
from tfrecords_builder import merge
from tfrecords_builder import sound_flags
from tfrecords_builder.annotations import Annotations
from tfrecords_builder.annotations import FilmTables
from tfrecords_builder.crop_work import Footage
from tfrecords_builder.extraction_progress import Progress
from tfrecords_builder.film_tables import Extraction
from tfrecords_builder.readers import film_flags
from tfrecords_builder.readers import footage as footage_lib
from tfrecords_builder.readers import video_labels
from tfrecords_builder.readers import video_rows
from tfrecords_builder.runners import Runner
from tfrecords_builder.sound_flags import SoundFlags
from tfrecords_builder.sound_source import FilmSounds
from tfrecords_builder.sound_source import Soundtracks

HELP = (
    "Raw films and photographs: faces are found, aligned and followed.\n"
    "--root is a folder or one file; --labels joins a CSV file of labels to the frames."
)

#: Frames of a clip, at most.
CLIP_FRAMES = 1024
#: What can be done about a damaged film.
DAMAGED = ("reject", "keep")


def annotations(
    root: str | os.PathLike[str],
    faces: str | os.PathLike[str],
    *,
    labels: str | os.PathLike[str] | None = None,
    source: str = "video",
    keep: str = "largest",
    detector: str = "default",
    damaged: str = "reject",
    split: str | None = None,
    clip_frames: int = CLIP_FRAMES,
    size: int = 112,
    validation_fraction: float | None = None,
    seed: int = 0,
    runner: Runner | None = None,
    progress: Progress | None = None,
    sound: SoundFlags | None = None,
) -> Annotations:
    """Finds the faces of films and photographs.

    A film or photograph is called after its path without the extension. The key of a
    face is "<film>/00012", by the frame, counted from 0, or "<photograph>"; where all
    faces are kept, "_p<person>" follows. A person is followed through one film, and is
    a subject "<film>/p0" unless the labels name one; the frames of a person in a film
    make clips. Frames without a face are in the tables of the films, and are counted
    as dropped.

    Args:
      root: A folder, or one file.
      faces: Folder for the crop files.
      labels: A CSV file; `video_labels` has its columns.
      source: Name of the source and the vocabulary.
      keep: "largest" face of each frame, or "all".
      detector: Name of a face detector.
      damaged: "reject" leaves damaged films out; "keep" takes what can be decoded,
        whose frame numbers may be too small behind the damage.
      split: Of what the labels give none; by default "train" with labels and "test"
        without.
      clip_frames: Frames of a clip, at most; there may be gaps between them.
      size: Side of the crops, pixels.
      validation_fraction: Share of the rows that becomes the validation split, by
        whole films and subjects; the others train.
      seed: Seed of that choice.
      runner: Who looks through the films.
      progress: Told how far that is.
      sound: What is to be stored of the films' sound; None is nothing.

    Raises:
      UserError: If an option is wrong, there is nothing to read, or the labels are
        malformed as a whole.
    """
    _check(damaged, split, clip_frames, validation_fraction)
    footage = footage_lib.find(root)
    # A mistake in the labels should not show after hours of looking through films.
    told = None
    if labels is not None:
        told = video_labels.read(pathlib.Path(labels), footage, source)
        _check_splits(told, labels, validation_fraction)
    found = extraction.extract(
        footage, faces, detector=detector, size=size, keep=keep,
        runner=runner, progress=progress,
    )  # fmt: skip
    rejects = film_flags.rejects(footage, found.problems, damaged == "keep")
    if damaged == "reject":
        found = _without_damaged(found)
    split = split or ("test" if told is None else "train")
    rows = video_rows.of_faces(found.frames, footage).assign(split=split)
    if told is None:
        taxonomy, unused = Taxonomy(source, (), (), has_va=False), []
    else:
        taxonomy = told.taxonomy
        located, repeated = video_labels.locate(told, found.frames, found.films)
        rejects += (*told.rejects, *repeated)
        rows = video_rows.join(rows, located[located["reason"] == ""], str(labels))
        unused = [located[located["reason"] != ""], told.unknown]
    if validation_fraction is not None:
        rows["split"] = video_rows.split_by_film(rows, validation_fraction, seed)
    table = annotations_lib.complete(rows, taxonomy, source, os.fspath(root))
    return Annotations(
        table=merge.cut_clips(table, clip_frames),
        taxonomy=taxonomy,
        pictures=found.crops,
        origin=os.fspath(root),
        rejects=rejects,
        notes=(*_notes(found), *(() if told is None else told.notes)),
        dropped=video_rows.dropped(found.frames, rows, unused, split),
        reader="video",
        subjects_known=told is not None and told.names_subjects,
        films=FilmTables(found.frames.drop(columns="photograph"), found.films),
        sounds=_sounds(footage, source, sound),
    )


def add_flags(add: Callable[..., object]) -> None:
    """Adds the reader's flags with `add`, as `add_argument`."""
    add(
        "--faces",
        choices=extraction.KEEP,
        help="whose face of a frame: the largest (default), or all",
    )
    add(
        "--labels",
        metavar="FILE",
        help="a CSV file: a column 'video', a column 'frame' (from 0) or 'time' (in "
        "seconds), and any of person, subject, split, expression, valence, arousal, "
        "AU1, AU2, ...",
    )
    add(
        "--split",
        choices=SPLITS,
        help="of what the labels give none (default: train with labels, else test)",
    )
    add(
        "--damaged",
        choices=DAMAGED,
        help="reject (default) leaves damaged films out; keep takes what can be "
        "decoded, whose frame numbers may be wrong",
    )
    film_flags.add_detector(add)


def read(flags: argparse.Namespace) -> Annotations:
    """Returns the data set that a command line asks for."""
    clip_frames = flags.clip_frames
    with film_flags.progress(flags) as progress:
        return annotations(
            flags.root,
            film_flags.folder(flags),
            labels=flags.labels,
            source=flags.source or "video",
            keep=flags.faces or "largest",
            detector=flags.detector or "default",
            damaged=flags.damaged or "reject",
            split=flags.split,
            clip_frames=CLIP_FRAMES if clip_frames is None else clip_frames,
            size=flags.size,
            validation_fraction=flags.validation_fraction,
            seed=flags.seed,
            runner=film_flags.runner(flags),
            progress=progress,
            sound=sound_flags.read(flags),
        )


def _sounds(
    footage: Sequence[Footage], source: str, sound: SoundFlags | None
) -> Soundtracks | None:
    """Returns where the sound of the films comes from; None where none is wanted."""
    if sound is None or not sound.channels:
        return None
    paths = {each.name: each.path for each in footage if each.is_film}
    return Soundtracks({source: FilmSounds(paths, sound.channels)}, sound.seconds)


def _without_damaged(found: Extraction) -> Extraction:
    """Returns what was found in films that are whole."""
    damaged = {problem.name for problem in found.problems}
    frames, films = found.frames, found.films
    return found._replace(
        frames=frames[~frames["film"].isin(damaged)].reset_index(drop=True),
        films=films[~films["film"].isin(damaged)].reset_index(drop=True),
    )


def _notes(found: Extraction) -> list[str]:
    """Returns what was seen, in a line."""
    frames = found.frames
    seen = frames[frames["key"] != ""]
    people = len(seen[["film", "person"]].drop_duplicates())
    shown = len(frames.drop_duplicates(["film", "frame"]))
    faces = f"{len(seen):,} faces of {people:,} people, each counted once a film"
    return [f"{shown:,} frames and photographs show {faces}."]


def _check(
    damaged: str, split: str | None, clip_frames: int, fraction: float | None
) -> None:
    for name, value, allowed in (
        ("damaged", damaged, DAMAGED),
        ("split", split, (None, *SPLITS)),
    ):
        if value not in allowed:
            raise UserError(
                f"--{name} must be one of {', '.join(filter(None, allowed))}. "
                f"Received: {value!r}. Choose one.",
                exit_code=2,
            )
    if clip_frames < 1:
        raise UserError(
            f"--clip_frames must be at least 1. Received: {clip_frames}. Use 1 for "
            "stills.",
            exit_code=2,
        )
    if split is not None and fraction is not None:
        raise UserError(
            "--split must come without --validation_fraction, which splits. Received: "
            f"--split={split} --validation_fraction={fraction}. Remove one of them.",
            exit_code=2,
        )


def _check_splits(
    told: video_labels.Labels, path: str | os.PathLike[str], fraction: float | None
) -> None:
    if fraction is not None and "split" in told.table:
        raise UserError(
            "--validation_fraction must be left out where the labels have a 'split' "
            f"column. Received: --validation_fraction={fraction} with {path}. Remove "
            "one of them.",
            exit_code=2,
        )
