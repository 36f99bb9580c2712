"""The manifest beside the shards: what a folder of records holds."""

from __future__ import annotations

import dataclasses
import fnmatch
import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from affect_tf import files
from affect_tf.data.sample import SCHEMA_VERSION
from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import Taxonomy

#: Name of the manifest inside its folder.
FILE_NAME = "manifest.json"

#: The splits, in the order in which they are reported.
SPLITS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True)
class Shard:
    """One TFRecord file; all its samples are of one split, source and task set.

    Attributes:
      file: Path inside the folder, with forward slashes.
      split: "train", "validation" or "test".
      source: The data set or subset that its samples come from.
      tasks: The tasks that label every sample in it; empty where none does.
      samples: Number of records.
      frames: Number of pictures, at least `samples`.
      bytes: Size of the file.
      sha256: Checksum of the file, in hexadecimal.
    """

    file: str
    split: str
    source: str
    tasks: tuple[str, ...]
    samples: int
    frames: int
    bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What a folder of records holds.

    Attributes:
      taxonomy: The vocabulary that the records are encoded with.
      shards: Every file, in order of name.
      counts: split -> frames, samples, subjects, videos (numbers); by_source, by_task,
        label_sets ("expr+va", or "none") and classes (frames of each); and
        action_units, name -> {labelled, positive} frames.
      seed: Seed of the order of the samples (and of a split made by the builder).
      frames_per_sample: The shortest and the longest clip, {"min", "max"}.
      image_size: Side of every stored picture in pixels.
      created_by: Program and version.
      rejected: Rows of the input that are listed in `rejected.csv`.
      fingerprint: Of the plan and the pictures that the shards were built from.
      dropped: split -> reason -> frames that were left out although nothing is wrong
        with them: "no_image", "invalid_label_only".
      sampling: The tasks for which the records say how often they are to be drawn.
      reader: The builder's readers that made the table, "csv" or "affwild2+disfa";
        empty in folders from before it was noted.
      subjects_known: Whether the input said who is seen. Where it is False, every
        sample is a subject of its own: one person may be in both splits.
      features: Name -> width of the vectors that the frames have instead of pictures;
        empty where they have pictures.
      features_from: What made them: "run", the folder of a run as it was given;
        "weights" and "data", digests; "config", a name. Empty where there are none.
      sound: Of the sound that the records have: "rate", samples a second (Hz), and
        "channels", 1 or 2; empty where none was stored. A clip of a film without a
        sound track has none in any case.
      timed: Whether every frame has its time.
      schema_version: Of the records and of this file.
    """

    taxonomy: Taxonomy
    shards: tuple[Shard, ...]
    counts: dict[str, dict[str, Any]]
    seed: int
    frames_per_sample: dict[str, int]
    image_size: int
    created_by: str = ""
    rejected: int = 0
    fingerprint: str = ""
    dropped: dict[str, dict[str, int]] = dataclasses.field(default_factory=dict)
    sampling: tuple[str, ...] = ()
    reader: str = ""
    subjects_known: bool = True
    features: dict[str, int] = dataclasses.field(default_factory=dict)
    features_from: dict[str, str] = dataclasses.field(default_factory=dict)
    sound: dict[str, int] = dataclasses.field(default_factory=dict)
    timed: bool = False
    schema_version: int = SCHEMA_VERSION

    @classmethod
    def load(cls, directory: str | os.PathLike[str]) -> Manifest:
        """Reads the manifest of a folder.

        Raises:
          UserError: If the folder or its manifest is missing, damaged, or written
            for another schema.
        """
        path = pathlib.Path(directory) / FILE_NAME
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            version = fields["schema_version"]
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UserError(
                f"A data folder must hold {FILE_NAME}. "
                f"Received: {os.fspath(directory)!r}, which does not. "
                "Build the data with 'python -m tfrecords_builder --help', or name "
                "the folder that it was built into."
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise _damaged(path, error) from error
        if version != SCHEMA_VERSION:
            raise UserError(
                f"Records must be of schema version {SCHEMA_VERSION}. "
                f"Received: {version} in {path}. "
                "Build the data again with this version of the toolkit."
            )
        try:
            fields["taxonomy"] = Taxonomy.from_json(fields["taxonomy"])
            fields["shards"] = tuple(
                Shard(**{**shard, "tasks": tuple(shard["tasks"])})
                for shard in fields["shards"]
            )
            fields["sampling"] = tuple(fields.get("sampling", ()))
            for name in ("features", "features_from", "sound"):
                fields[name] = dict(fields.get(name, {}))
            widths = fields["features"].values()
            if not all(isinstance(width, int) and width > 0 for width in widths):
                raise ValueError(f"features={fields['features']}")
            _check_sound(fields["sound"])
            return cls(**fields)
        except (ValueError, KeyError, TypeError) as error:
            raise _damaged(path, error) from error

    def save(self, directory: str | os.PathLike[str]) -> None:
        """Writes the manifest into a folder, as one whole."""
        fields = {"schema_version": self.schema_version, "created_by": self.created_by}
        fields |= {
            field.name: getattr(self, field.name) for field in dataclasses.fields(self)
        }
        fields["taxonomy"] = self.taxonomy.to_json()
        fields["shards"] = [dataclasses.asdict(shard) for shard in self.shards]
        text = json.dumps(fields, indent=2, ensure_ascii=False) + "\n"
        files.write_text(pathlib.Path(directory) / FILE_NAME, text)

    def file_problems(self, directory: str | os.PathLike[str]) -> list[str]:
        """Returns a line for each shard that is missing or of another size.

        A cheap look that every command takes: TensorFlow reads a shard that was cut
        short without a word, as far as it goes. The builder's `verify` reads it all.
        """
        problems = []
        for shard in self.shards:
            path = pathlib.Path(directory) / shard.file
            size = path.stat().st_size if path.exists() else None
            if size != shard.bytes:
                found = "no such file" if size is None else f"{size} bytes"
                problems.append(
                    f"Shard {path} must have {shard.bytes} bytes. Received: {found}. "
                    f"Run 'python -m tfrecords_builder verify {os.fspath(directory)}', "
                    "then build it again."
                )
        return problems

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that have samples, in the order of `SPLITS`."""
        present = {shard.split for shard in self.shards}
        return tuple(split for split in SPLITS if split in present)

    def select(
        self,
        split: str,
        task: str | None = None,
        sources: Sequence[str] = ("*",),
        also: Sequence[str] = (),
    ) -> tuple[Shard, ...]:
        """Returns the shards to read, in order of name.

        Args:
          split: "train", "validation" or "test".
          task: Keeps the shards whose samples all have a label for it; None keeps
            all.
          sources: Patterns of source names, as in a shell ("affwild2", "disfa*").
          also: Further tasks for which they must all have a label.

        Returns:
          The shards; none where nothing matches.
        """
        return tuple(
            shard
            for shard in self.shards
            if shard.split == split
            and {*also, *([] if task is None else [task])} <= set(shard.tasks)
            and any(fnmatch.fnmatchcase(shard.source, pattern) for pattern in sources)
        )

    def count(
        self,
        split: str,
        task: str | None = None,
        sources: Sequence[str] = ("*",),
        unit: str = "frames",
    ) -> int:
        """Returns how many frames (or samples) the selected shards hold.

        Args:
          split: As for `select`.
          task: As for `select`.
          sources: As for `select`.
          unit: "frames" or "samples".
        """
        return sum(getattr(s, unit) for s in self.select(split, task, sources))


def _check_sound(sound: dict[str, Any]) -> None:
    """Raises ValueError where the sound is not described as the builder does."""
    if not sound:
        return
    rate, channels = sound["rate"], sound["channels"]
    known = isinstance(rate, int) and rate > 0 and channels in (1, 2)
    if not known or len(sound) > 2:
        raise ValueError(f"sound={sound}")


def _damaged(path: pathlib.Path, error: Exception) -> UserError:
    return UserError(
        f"A manifest must be what the builder wrote. Received: {path}, which is "
        f"damaged ({type(error).__name__}: {error}). Build the data again, "
        "into a new folder."
    )
