"""The report: one HTML file that needs nothing else, and asks no network for anything.

The page draws itself from the numbers in it. It holds pictures of faces, so it is to be
kept like those.
"""

from __future__ import annotations

import html
import importlib.resources
import json
import os
from collections.abc import Mapping
from typing import Any

import pandas as pd

from affect_tf import files
from affect_tf.faces import films
from affect_tf.labels.taxonomy import Taxonomy
from affect_tf.serving.prediction.table import unit_column
from affect_tf.serving.report import photographs
from affect_tf.serving.report import thumbnails
from affect_tf.serving.report import tracks

_KIND = "Facial expression report"
#: In the order in which the page needs them.
_SCRIPTS = ("numbers.js", "charts.js", "timeline.js", "film.js", "photographs.js")

#: What one page shows at the most, so that it stays below 10 MB: curves in bytes,
#: points of a curve, people of a film and of all films, films, stills of a person and
#: of all.
_CURVE_BYTES, _MOST_POINTS, _LEAST_POINTS = 3_500_000, 1200, 60
_PEOPLE_A_FILM, _PEOPLE, _FILMS = 12, 120, 100
_STILLS, _ALL_STILLS = 16, 900
#: Columns that are looked at whatever the model does.
_ALWAYS = ("file", "frame", "timestamp", "face_id", "success", "problem", "expression")
#: Files that could not be read, or not to their end, that are listed.
_PROBLEMS = 200


def write(
    rows: pd.DataFrame,
    out: str | os.PathLike[str],
    taxonomy: Taxonomy,
    title: str = "",
    thresholds: Mapping[str, float] | None = None,
) -> None:
    """Writes a report.

    Films and photographs are read again for the pictures of faces. A file that is gone
    has none; its numbers are there all the same.

    Args:
      rows: Of any number of files; see `table`. Maybe none.
      out: The file to write; it is there whole or not at all.
      taxonomy: Of the model.
      title: What the page is about; it stands behind the kind of page that it is.
      thresholds: {action unit: the probability from which it counts as present}, to be
        told to the reader.
    """
    files.write_text(out, page(rows, taxonomy, title, thresholds))


def page(
    rows: pd.DataFrame,
    taxonomy: Taxonomy,
    title: str = "",
    thresholds: Mapping[str, float] | None = None,
) -> str:
    """Returns the text of a report; see `write`."""
    folder = importlib.resources.files(__package__) / "page"
    text = (folder / "report.html").read_text("utf-8")
    scripts = [(folder / name).read_text("utf-8") for name in _SCRIPTS]
    parts = {
        "TITLE": html.escape(f"{_KIND}: {title}" if title else _KIND),
        "STYLE": (folder / "report.css").read_text("utf-8"),
        "SCRIPT": "\n".join(scripts),
        "DATA": _json(described(rows, taxonomy, thresholds or {})),
    }
    # Split once, so that nothing in a part is taken for a mark.
    pieces = text.split("%%")
    return "".join(parts.get(piece, piece) for piece in pieces)


def described(
    rows: pd.DataFrame, taxonomy: Taxonomy, thresholds: Mapping[str, float]
) -> dict[str, Any]:
    """Returns what the page shows, ready for JSON."""
    whole = _completed(rows)
    moving = whole.groupby("file", sort=False)["frame"].transform("max") > 0
    named = whole["file"].map(lambda name: films.is_film(str(name))).astype(bool)
    is_film = moving.astype(bool) | named
    return {
        "expressions": list(taxonomy.expressions),
        "units": [unit_column(unit) for unit in taxonomy.action_units],
        "hasAffect": taxonomy.has_va,
        "thresholds": [thresholds.get(unit) for unit in taxonomy.action_units],
        "films": _films(whole[is_film], taxonomy),
        "filmsLeftOut": max(0, whole[is_film]["file"].nunique() - _FILMS),
        "photographs": photographs.grid(whole[~is_film], taxonomy),
        **_problems(whole),
    }


def _films(rows: pd.DataFrame, taxonomy: Taxonomy) -> list[dict[str, Any]]:
    shown = list(rows.groupby("file", sort=False))[:_FILMS]
    each = max(1, min(_PEOPLE_A_FILM, _PEOPLE // max(len(shown), 1)))
    people = [min(each, _people(film)) for _, film in shown]
    total = max(sum(people), 1)
    stills = max(2, min(_STILLS, _ALL_STILLS // total))
    points = _CURVE_BYTES // (total * tracks.bytes_a_point(taxonomy))
    points = max(_LEAST_POINTS, min(_MOST_POINTS, points))
    return [
        _film(str(name), film, taxonomy, each, stills, points) for name, film in shown
    ]


def _film(
    name: str,
    rows: pd.DataFrame,
    taxonomy: Taxonomy,
    most: int,
    stills: int,
    points: int,
) -> dict[str, Any]:
    clock = tracks.Clock(rows, points)
    people, left_out = tracks.persons(rows, most, stills)
    wanted = [(s.frame, s.time, s.box) for each in people for s in each.stills]
    pictures = iter(thumbnails.of_film(name, wanted, thumbnails.FILM_SIDE))
    with_face = rows[rows["success"] == 1]["frame"].nunique()
    return {
        "file": name,
        "seconds": round(clock.end, 3),
        "frames": clock.frames,
        "withFace": int(with_face),
        "framesAPoint": clock.frames_a_point,
        "times": [round(time, 3) for time in clock.times.tolist()],
        "slots": stills,
        "leftOut": left_out,
        "people": [
            {
                "number": person.number,
                "curves": tracks.channels(person, clock, taxonomy),
                "summary": tracks.summary(person, taxonomy),
                "stills": [
                    {
                        "slot": s.slot,
                        "time": round(s.time, 3),
                        "picture": next(pictures),
                    }
                    for s in person.stills
                ],
            }
            for person in people
        ],
    }


def _people(rows: pd.DataFrame) -> int:
    return int(rows[rows["success"] == 1]["face_id"].nunique())


def _problems(rows: pd.DataFrame) -> dict[str, Any]:
    """Returns the files that were not read to their end, or have no face at all."""
    failed = rows[(rows["success"] != 1) & (rows["problem"] != "")]
    with_face = set(rows[rows["success"] == 1]["file"])
    # Frames of a film without a face are no problem of the film.
    told = failed[(failed["problem"] != "no face") | ~failed["file"].isin(with_face)]
    told = told.drop_duplicates(["file", "problem"])
    listed = zip(told["file"][:_PROBLEMS], told["problem"][:_PROBLEMS], strict=True)
    return {
        "problems": [[str(file), str(problem)] for file, problem in listed],
        "problemsLeftOut": max(0, len(told) - _PROBLEMS),
    }


def _completed(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns a table that has the columns which are always looked at."""
    missing = [name for name in _ALWAYS if name not in rows.columns]
    return rows.reindex(columns=[*rows.columns, *missing]) if missing else rows


def _json(value: dict[str, Any]) -> str:
    """Returns JSON that no file name can make the page take for markup."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028")
