"""Small trees in the layouts of the ABAW challenges, and what readers make of them."""

import pathlib

from tfrecords_builder.annotations import Annotations
from tfrecords_builder.readers import affwild2

AU8 = "AU1,AU2,AU4,AU6,AU12,AU15,AU20,AU25"
AU12 = "AU1,AU2,AU4,AU6,AU7,AU10,AU12,AU15,AU23,AU24,AU25,AU26"
EXPR7 = "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise"
EXPR8 = f"{EXPR7},Other"
VA = "valence,arousal"
MTL = "image,valence,arousal,expression,aus"


class Tree:
    """Empty picture files and label files below one folder."""

    def __init__(self, root: pathlib.Path):
        self.root = root

    def labels(self, path, *lines, end="\n", last="\n", start=""):
        file = self.root / "annotations" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes((start + end.join(lines) + last).encode())
        return file

    def pictures(self, folder, *names):
        """Makes pictures: a number stands for "00001.jpg"."""
        place = self.root / "cropped_aligned" / folder
        place.mkdir(parents=True, exist_ok=True)
        for name in names:
            file = f"{name:05d}.jpg" if isinstance(name, int) else name
            (place / file).write_bytes(b"")

    def read(self, reader=affwild2, **options) -> Annotations:
        return reader.annotations(self.root, **options)

    def rows(self, reader=affwild2, **options):
        """The table, by key."""
        return self.read(reader, **options).table.set_index("key")


def expressions(table):
    """The expression of each key; None where there is none."""
    return {
        key: value if isinstance(value, str) else None
        for key, value in table["expression"].items()
    }


def reasons(annotations):
    """File name, line, field and value of each reject."""
    return [
        (pathlib.Path(r.file).name, r.row, r.field, r.value)
        for r in annotations.rejects
    ]


def counts(annotations: Annotations, split: str) -> dict:
    """What expected.json says of a split, but for its spot rows."""
    table = annotations.table[annotations.table["split"] == split]
    units = list(annotations.taxonomy.action_units)
    has = {
        "expr": table["expression"].notna(),
        "va": table["valence"].notna() & table["arousal"].notna(),
        "au": table[units].notna().all(axis=1),
    }
    pairs = (("expr", "va"), ("expr", "au"), ("au", "va"))
    va = table.loc[has["va"], ["valence", "arousal"]]
    return {
        "frames": len(table),
        "labelled": {task: int(mask.sum()) for task, mask in has.items()},
        "pairs": {f"{a}+{b}": int((has[a] & has[b]).sum()) for a, b in pairs},
        "expr_counts": table["expression"].value_counts().to_dict(),
        "au_positives": {unit: int((table[unit] == 1).sum()) for unit in units},
        "va_mean": [round(float(mean), 4) for mean in va.mean()],
        "dropped": annotations.dropped[split],
    }


def spot(row, units) -> dict:
    """One row as the spot rows of expected.json are written."""
    found = {}
    if row["valence"] == row["valence"]:
        found["va"] = [row["valence"], row["arousal"]]
    if isinstance(row["expression"], str):
        found["expr"] = row["expression"].title()
    if (row[units] == row[units]).any():
        found["au"] = {unit: int(row[unit]) for unit in units}
    return found
