"""Names of lists, and the files that they mean."""

import pytest

from affect_tf.errors import UserError
from tfrecords_builder.readers import picture_folder
from tfrecords_builder.readers.picture_folder import find_below
from tfrecords_builder.readers.picture_folder import PictureFolder
from tfrecords_builder.readers.picture_folder import relative_path


@pytest.fixture
def folder(tmp_path):
    def make(*paths):
        for path in paths:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(b"")
        return tmp_path

    return make


def test_an_exact_name_goes_before_another_spelling(folder):
    files = PictureFolder(folder("a.JPG", "a.jpg", "b.Jpg", "c/\u00e9.png"))
    names = ["a.JPG", "a.jpg", "a.jPG", "b.jpg", "B.jpg", "c/e\u0301.PNG", "c", ""]
    found = ["a.JPG", "a.jpg", "a.JPG", "b.Jpg", None, "c/\u00e9.png", None, None]
    assert files.find(names).tolist() == found
    assert files.find([]).shape == (0,)


def test_hidden_files_and_other_files_are_no_pictures(folder):
    root = folder("a.jpg", ".b.jpg", ".git/c.jpg", "d/e.PNG", "d/notes.txt")
    files = PictureFolder(root)
    assert files.pictures() == ["a.jpg", "d/e.PNG"]
    assert files.num_unlisted(["a.jpg", None]) == 1
    assert files.num_unlisted([]) == 2
    assert files.anywhere("x/e.png") == ["d/e.PNG"]
    assert files.anywhere("b.jpg") == []


def test_linked_folders_are_read_and_circles_end(folder):
    root = folder("real/1/a.jpg")
    (root / "images").mkdir()
    (root / "images" / "1").symlink_to(root / "real" / "1")
    (root / "images" / "again").symlink_to(root / "images")
    assert PictureFolder(root / "images").paths == ["1/a.jpg"]


@pytest.mark.parametrize(
    ("written", "path"),
    [
        (" 1/a b.jpg ", "1/a b.jpg"),
        ("1\\2\\a.jpg", "1/2/a.jpg"),
        ("./1//a.jpg", "1/a.jpg"),
        ("1/../a.jpg", "a.jpg"),
        ("..a.jpg", "..a.jpg"),
        ("1/../../a.jpg", None),
        ("..", None),
        ("", None),
        (" ", None),
        ("/a.jpg", None),
        ("d:a.jpg", None),
        ("a\0.jpg", None),
        ("\udce9.jpg", None),
    ],
)
def test_a_path_stays_below_its_folder(written, path):
    assert relative_path(written) == path


def test_the_nearest_of_the_best_name_is_found(folder):
    root = folder("b/Lists.csv", "a/x/lists.csv", "1/2/deep.csv", "p/q/r/s.csv")
    assert find_below(root, "lists.csv") == root / "b" / "Lists.csv"
    assert find_below(root, "lists.csv", is_folder=True) is None
    assert find_below(root, "r", "x", is_folder=True) == root / "p" / "q" / "r"
    assert find_below(root, "s.csv") is None
    assert find_below(root, "s.csv", depth=3) == root / "p/q/r/s.csv"
    # Folders of pictures are not looked into.
    assert find_below(root, "deep.csv") is None


def test_a_root_that_is_none_is_refused(tmp_path):
    assert picture_folder.checked_root(str(tmp_path), "expw") == tmp_path
    for root, message in ((None, "must come with --root"), ("none", "be a folder")):
        with pytest.raises(UserError, match=message) as caught:
            picture_folder.checked_root(root, "expw")
        assert caught.value.exit_code == 2
