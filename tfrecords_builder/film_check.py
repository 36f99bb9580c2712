"""Whether the tables of films beside the records agree with them and each other."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pandas as pd

from affect_tf.data.manifest import Manifest
from affect_tf.data.sample import Sample
from tfrecords_builder import folder as folder_lib

_FRAMES, _FILMS = folder_lib.FILM_FILES


class FilmCheck:
    """Compares samples with the table of frames as they are read.

    A sample is of a film where its key is in the table; clips have the key of their
    first frame, and their other frames are not looked up. A photograph is a film of
    one frame that is not in the table of films.
    """

    def __init__(self, root: pathlib.Path, manifest: Manifest) -> None:
        self._absent = manifest.rejected + sum(
            sum(reasons.values()) for reasons in manifest.dropped.values()
        )
        self._faults: list[tuple[str, str]] = []
        self._stored = 0
        self._rows: dict[str, tuple[str, int]] = {}
        self._frames = self._films = None
        if (root / _FRAMES).is_file():
            self._frames = self._read(
                root / _FRAMES, ["film", "frame", "person", "key"], "frame"
            )
            self._films = self._read(root / _FILMS, ["film", "frames"], "frames")
        if self._frames is not None:
            seen = self._frames[self._frames["key"] != ""]
            places = zip(seen["film"], seen["frame"], strict=True)
            self._rows = dict(zip(seen["key"], places, strict=True))

    def sample_faults(self, sample: Sample) -> Iterator[str]:
        """Takes a sample, and yields where the table says something else of it."""
        film, number = self._rows.get(sample.key, (None, 0))
        if film is None:
            return
        self._stored += len(sample.frames)
        if sample.video not in ("", film):
            yield (
                f"{sample.key!r} is of the video {sample.video!r}, and {_FRAMES} says "
                f"{film!r}"
            )
        if sample.frames[0].number != number:
            yield (
                f"{sample.key!r} is frame {sample.frames[0].number}, and {_FRAMES} "
                f"says {number}"
            )

    def table_faults(self) -> Iterator[tuple[str, str]]:
        """Yields the file and what is wrong in it, when every sample was taken."""
        yield from self._faults
        if self._frames is None:
            return
        seen = self._frames[self._frames["key"] != ""]
        for name, rows in (
            ("key", seen[seen["key"].duplicated()]),
            ("film, frame and person", self._repeated()),
        ):
            if not rows.empty:
                first = rows.iloc[0]
                value = first["key"] or f"{first['film']!r}, frame {first['frame']}"
                yield _FRAMES, f"lists one {name} twice: {value}"
        absent = len(seen) - self._stored
        # What the table calls a face is a record, or was counted when it was left out.
        if absent > self._absent:
            yield (
                _FRAMES,
                f"lists {len(seen):,} faces, of which {absent:,} are in no record, but "
                f"the manifest counts {self._absent:,} as left out",
            )
        if self._films is not None:
            yield from self._film_faults()

    def _read(
        self, path: pathlib.Path, columns: list[str], number: str
    ) -> pd.DataFrame | None:
        """Returns columns of a table, one of them as whole numbers; notes a fault."""
        try:
            table = pd.read_csv(path, dtype=str, keep_default_na=False)[columns]
            return table.astype({number: "int64"})
        except FileNotFoundError:
            self._faults.append((path.name, f"is missing beside {_FRAMES}"))
        except (ValueError, KeyError) as error:
            self._faults.append((path.name, f"cannot be read ({error})"))
        return None

    def _repeated(self) -> pd.DataFrame:
        """Returns rows of a frame and person of a film that have a row already.

        Data sets may have films of one name, whose rows cannot be told apart.
        """
        twice = self._frames[self._frames.duplicated(["film", "frame", "person"])]
        if self._films is None:
            return twice
        names = self._films["film"]
        return twice[~twice["film"].isin(names[names.duplicated()])]

    def _film_faults(self) -> Iterator[tuple[str, str]]:
        """Yields what the two tables say differently."""
        last = self._frames.groupby("film")["frame"].max()
        unknown = last[~last.index.isin(self._films["film"]) & (last > 0)]
        for film in unknown.index:
            yield _FILMS, f"does not list {film!r}, which {_FRAMES} does"
        stated = self._films.groupby("film")["frames"].max().reindex(last.index)
        for film, number in last[last >= stated].items():
            yield (
                _FRAMES,
                f"lists frame {number} of {film!r}, which has {stated[film]:,.0f} "
                f"frames in {_FILMS}",
            )
