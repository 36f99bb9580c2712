"""What the tests of readers with whole pictures share: faces, counts and flags."""

import argparse
import json
import pathlib

import numpy as np

from tfrecords_builder.annotations import Annotations

#: 68 landmarks of a face between (20, 10) and (60, 58): jaw, brows, nose, eyes, mouth.
MARKS = np.concatenate(
    [
        [[20 + 2.5 * i, 30 + 28 * np.sin(np.pi * i / 16)] for i in range(17)],
        [[24 + 3 * i, 12 - 2 * (i == 2)] for i in range(5)],
        [[44 + 3 * i, 12 - 2 * (i == 2)] for i in range(5)],
        [[40, 20 + 5 * i] for i in range(4)],
        [[36 + 2 * i, 37] for i in range(5)],
        [[30 + 3 * np.cos(i), 22 + np.sin(i)] for i in range(6)],
        [[50 + 3 * np.cos(i), 22 + np.sin(i)] for i in range(6)],
        [[32 + 16 * i / 6, 45] for i in range(7)],
        [[46 - 2 * i, 49] for i in range(13)],
    ]
)


def counts(annotations: Annotations, split: str) -> dict:
    """What expected.json says of a split without action units, but for spot rows."""
    table = annotations.table[annotations.table["split"] == split]
    expression, va = table["expression"].notna(), table["valence"].notna()
    means = table[["valence", "arousal"]].mean()
    return {
        "frames": len(table),
        "labelled": {"expr": int(expression.sum()), "va": int(va.sum()), "au": 0},
        "pairs": {"expr+va": int((expression & va).sum()), "expr+au": 0, "au+va": 0},
        "expr_counts": table["expression"].value_counts().to_dict(),
        "au_positives": {},
        "va_mean": [round(float(m), 4) for m in means] if va.any() else None,
        "dropped": annotations.dropped[split],
    }


def spot(row) -> dict:
    """One row as the spot rows of expected.json are written."""
    found = {}
    if row["valence"] == row["valence"]:
        found["va"] = [row["valence"], row["arousal"]]
    if isinstance(row["expression"], str):
        found["expr"] = row["expression"]
    return found


def check_expected(annotations: Annotations, tree: pathlib.Path) -> dict:
    """Compares all that expected.json says; returns its splits for what is left."""
    expected = json.loads((tree / "expected.json").read_text())["splits"]
    table = annotations.table.set_index("key")
    assert set(table["split"]) == set(expected)
    for split, values in expected.items():
        known = counts(annotations, split)
        assert known == {name: values[name] for name in known}
        for key, wanted in values["spot_rows"].items():
            assert spot(table.loc[key]) == wanted
            assert table.loc[key, "split"] == split
    return expected


def reasons(annotations: Annotations) -> list:
    """File name, line, field and value of each reject."""
    return [
        (pathlib.Path(r.file).name, r.row, r.field, r.value)
        for r in annotations.rejects
    ]


def flags(reader, root, *given, **others) -> argparse.Namespace:
    """What a command line gives the reader, with the values of the whole build."""
    parser = argparse.ArgumentParser()
    reader.add_flags(parser.add_argument)
    found = parser.parse_args(given)
    assert given or all(value is None for value in vars(found).values())
    build = {"root": str(root), "source": None, "taxonomy": None, "size": 112}
    build |= {"validation_fraction": None, "seed": 0, "workers": 1, "out": "out"}
    return argparse.Namespace(**{**build, **others}, **vars(found))
