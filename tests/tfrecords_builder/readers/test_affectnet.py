"""AffectNet's lists: labels, marks for none, faces, and rows that are wrong."""

import json
import pickle

import numpy as np
import pytest

from affect_tf.errors import UserError
from tests.tfrecords_builder.readers.face_trees import check_expected
from tests.tfrecords_builder.readers.face_trees import MARKS
from tests.tfrecords_builder.readers.face_trees import reasons
from tfrecords_builder import checks
from tfrecords_builder.cropped_faces import Cut
from tfrecords_builder.readers import affectnet
from tfrecords_builder.readers import affectnet_lists

HEADER = ",".join(affectnet_lists.COLUMNS)
TEXT = ";".join(f"{value:.2f}" for value in MARKS.ravel())


def row(
    path="1/a.jpg", code=1, valence=0.5, arousal=-0.25, box="8,6,60,60", marks=TEXT
):
    return f"{path},{box},{marks},{code},{valence},{arousal}"


class Tree:
    """Lists and empty pictures, in the folders of the first release."""

    def __init__(self, root):
        self.root = root
        self.lists = root / "Manually_Annotated_file_lists"
        self.images = root / "Manually_Annotated_Images"
        self.pictures("1/a.jpg", "1/b.jpg", "2/c.jpg", "2/v.jpg")
        self.write("training.csv", HEADER, row("1/a.jpg"), row("1/b.jpg", 0))
        self.write("validation.csv", row("2/v.jpg", 2))

    def pictures(self, *names):
        for name in names:
            (self.images / name).parent.mkdir(parents=True, exist_ok=True)
            (self.images / name).write_bytes(b"")

    def write(self, name, *lines, end="\n", last=True):
        self.lists.mkdir(exist_ok=True)
        text = end.join(lines) + end * last
        (self.lists / name).write_bytes(text.encode(errors="surrogateescape"))

    def read(self, **options):
        return affectnet.annotations(self.root, **options)

    def train(self, *lines, **options):
        """The training rows of a list without a header, by key."""
        self.write("training.csv", *lines)
        table = self.read(**options).table
        return table[table["split"] == "train"].set_index("key")


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def test_real_pictures_give_what_is_expected(shared_dir):
    root = shared_dir / "layouts" / "affectnet"
    found = affectnet.annotations(root)
    checks.check(found)
    expected = check_expected(found, root)
    rows = affectnet_lists.read(root, "manual", Cut()).rows
    for split, values in expected.items():
        codes = rows.loc[rows["split"] == split, "code"].astype(int).astype(str)
        assert codes.value_counts().to_dict() == values["codes"]
    assert not found.rejects
    assert found.notes[1].startswith("validation.csv: 7 neutral, 9 happiness, 3 surp")
    pictures = pickle.loads(pickle.dumps(found.pictures))
    assert all(pictures.read(k).startswith(b"\xff\xd8") for k in found.table["key"])


def test_eight_classes_keep_contempt(shared_dir):
    root = shared_dir / "layouts" / "affectnet"
    codes = json.loads((root / "expected.json").read_text())["splits"]["train"]["codes"]
    found = affectnet.annotations(root, classes=8)
    assert found.taxonomy.expressions[-1] == "contempt"
    table = found.table[found.table["split"] == "train"]
    assert (table["expression"] == "contempt").sum() == codes["7"]
    assert table["expression"].notna().all()
    assert not any(note.startswith("Pictures of contempt") for note in found.notes)
    note = affectnet.annotations(root).notes[-1]
    assert note.startswith("Pictures of contempt, which keep") and note.endswith(": 1.")


def test_codes_are_named_in_the_order_of_the_data_set(tree):
    names = [f"1/{code}.jpg" for code in range(11)]
    tree.pictures(*names)
    lines = [row(name, code) for code, name in enumerate(names)]
    table = tree.train(*lines, classes=8)
    words = "neutral happiness sadness surprise fear disgust anger contempt"
    assert table["expression"].tolist() == words.split()
    # None, uncertain and no face have no label, whatever stands beside the code.
    assert tree.read().dropped["train"]["invalid_label_only"] == 3
    assert tree.read().table.set_index("key").loc["1/7", "valence"] == 0.5


def test_minus_two_is_no_value(tree):
    lines = [row("1/a.jpg", 3, -2, "-2.000"), row("1/b.jpg", 7, -2, -2)]
    table = tree.train(*lines, row("2/c.jpg", 7, -1, 1))
    assert table.index.tolist() == ["1/a", "2/c"]
    assert table.loc["1/a", "expression"] == "surprise"
    assert np.isnan(table.loc["1/a", "valence"])
    assert np.isnan(table.loc["1/a", "arousal"])
    assert table.loc["2/c", ["valence", "arousal"]].tolist() == [-1, 1]
    assert table.loc["2/c", "expression"] is None
    assert tree.read().dropped["train"]["invalid_label_only"] == 1
    assert tree.read(classes=8).dropped["train"]["invalid_label_only"] == 0


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("validation", [True, False])
def test_each_list_may_have_a_header(tree, training, validation):
    tree.write("training.csv", *[HEADER] * training, row("1/a.jpg"), row("1/b.jpg"))
    tree.write("validation.csv", *[HEADER.upper()] * validation, row("2/v.jpg"))
    found = tree.read()
    assert not found.rejects
    assert found.table["key"].tolist() == ["1/a", "1/b", "2/v"]
    assert found.table["split"].tolist() == ["train", "train", "validation"]
    first, other = 1 + training, 1 + validation
    assert found.table["row"].tolist() == [first, first + 1, other]
    origins = [str(tree.lists / f"{n}.csv") for n in ("training", "validation")]
    assert found.table["origin"].tolist() == [origins[0]] * 2 + origins[1:]


def test_a_header_says_where_the_columns_are(tree):
    names = HEADER.split(",")
    cells = row("1/a.jpg", 4).split(",")
    lines = [",".join([str(i), *reversed(c)]) for i, c in enumerate([names, cells])]
    table = tree.train(*lines)
    assert table.loc["1/a", "expression"] == "fear"
    tree.write("training.csv", HEADER.replace("arousal", "a"), row())
    with pytest.raises(UserError, match="lacks arousal"):
        tree.read()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff", "\n\n"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends_and_blank_lines_do_not_matter(tree, end, start, last):
    lines = [HEADER, row("1/a.jpg", 6), "", row('"1/b.jpg"', 5)]
    tree.write("training.csv", start + lines[0], *lines[1:], end=end, last=last)
    found = tree.read()
    assert not found.rejects
    table = found.table.iloc[:2]
    assert table["expression"].tolist() == ["anger", "disgust"]
    assert table["row"].tolist() == [2 + start.count("\n"), 4 + start.count("\n")]


WRONG = {
    "short": ("1/b.jpg,1,2", "row", "1/b.jpg"),
    "long": (row("1/b.jpg") + ",1", "row", "1/b.jpg"),
    "code": (row("1/b.jpg", 11), "expression", "11"),
    "fraction": (row("1/b.jpg", 1.5), "expression", "1.5"),
    "no code": (row("1/b.jpg", ""), "expression", ""),
    "text": (row("1/b.jpg", "happy"), "expression", "happy"),
    "valence": (row("1/b.jpg", 1, 3), "valence", "3"),
    "below": (row("1/b.jpg", 1, -1.5), "valence", "-1.5"),
    "arousal": (row("1/b.jpg", 1, 0, "nan"), "arousal", "nan"),
    "infinite": (row("1/b.jpg", 1, 0, "inf"), "arousal", "inf"),
    "one of two": (row("1/b.jpg", 1, -2, 0), "valence", "-2"),
    "blank": (row("1/b.jpg", 1, "", 0), "valence", ""),
    "box": (row("1/b.jpg", box="x,6,60,60"), "face_x", "x"),
    "endless box": (row("1/b.jpg", box="8,6,60,inf"), "face_height", "inf"),
    "no path": (row(" "), "subDirectory_filePath", " "),
    "outside": (row("../b.jpg"), "subDirectory_filePath", "../b.jpg"),
    "absolute": (row("C:\\b.jpg"), "subDirectory_filePath", "C:\\b.jpg"),
    "not UTF-8": (row("1/\udce9.jpg"), "subDirectory_filePath", "1/\udce9.jpg"),
    "control": (row('"1/\x07.jpg"'), "subDirectory_filePath", "1/\x07.jpg"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_row_is_named_and_nothing_else_is_lost(tree, name):
    line, field, value = WRONG[name]
    tree.write("training.csv", HEADER, row("1/a.jpg"), line, row("2/c.jpg"))
    found = tree.read()
    assert reasons(found) == [("training.csv", 3, field, value)]
    assert found.rejects[0].reason.startswith("must ")
    assert found.table["key"].tolist() == ["1/a", "2/c", "2/v"]


def test_several_faults_of_a_row_and_trailing_commas(tree):
    lines = [row("1/a.jpg", 12, 4, 4), row("1/b.jpg") + ", ,"]
    assert tree.train(*lines).index.tolist() == ["1/b"]
    assert [r[2] for r in reasons(tree.read())] == ["expression", "valence", "arousal"]
    assert tree.read().num_rows == 3


def test_a_list_that_is_no_csv_file_is_an_error(tree):
    tree.write("training.csv", row(marks='"' + "1;" * 70_000))
    with pytest.raises(UserError, match=r"training.csv, in which .* line 1 is not"):
        tree.read()
