import pathlib

import pytest

from affect_tf.errors import UserError
from affect_tf.serving.prediction import inputs
from affect_tf.serving.prediction import outputs
from affect_tf.serving.prediction.inputs import Source
from tests.faces.film_files import shades
from tests.faces.film_files import write_film


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (
        "in/b.JPG",
        "in/a/c.mp4",
        "in/a,b [1].png",
        "in/notes.txt",
        "in/.hidden.jpg",
        "in/.cache/d.jpg",
        "7",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    (tmp_path / "in/a/up").symlink_to("..")
    return tmp_path


def found(*values):
    return [(source.name, source.kind) for source in inputs.find(values)]


def test_a_folder_is_searched_with_the_folders_in_it(folder):
    everything = [
        ("in/a,b [1].png", "picture"),
        ("in/a/c.mp4", "film"),
        ("in/b.JPG", "picture"),
    ]
    assert found("in") == everything
    assert found("in/b.JPG,in") == [everything[2], *everything[:2]], "each once"


def test_patterns_take_what_they_match(folder):
    assert found("in/*.*") == [("in/a,b [1].png", "picture"), ("in/b.JPG", "picture")]
    assert ("in/a/c.mp4", "film") in found("i?")
    assert found("**/*.mp4") == [("in/a/c.mp4", "film")]


def test_a_name_that_exists_is_no_pattern_no_list_and_no_camera(folder):
    assert found("in/a,b [1].png") == [("in/a,b [1].png", "picture")]
    assert found("7", "8") == [("7", "film"), ("8", "camera")]
    assert found("in/notes.txt") == [("in/notes.txt", "film")], "if one insists"


@pytest.mark.parametrize(
    "values, message",
    [
        ([], "Received: none"),
        (["absent.jpg"], "absent.jpg, which is no file"),
        (["in/*.webm"], "where there is no file"),
        (["in/*.txt"], "with 1 files of other kinds"),
        (["in,absent.jpg"], "absent.jpg"),
    ],
)
def test_what_is_not_there_is_named(folder, values, message):
    with pytest.raises(UserError, match=message) as caught:
        inputs.find(values)
    assert caught.value.exit_code == 2


def test_frames_are_counted_from_the_headers(folder):
    write_film(folder / "in/a/c.mp4", shades(6))
    sources = inputs.find(["in"])
    assert inputs.expected_frames(sources) == 6 + 2
    assert inputs.expected_frames([*sources, Source("0", "camera")]) is None


def test_annotated_copies_keep_their_folders_and_never_share_a_name(tmp_path):
    sources = [
        Source(str(tmp_path / name), kind)
        for name, kind in (
            ("a/x.jpg", "picture"),
            ("a/x.png", "picture"),
            ("b/x.mov", "film"),
        )
    ]
    places = outputs.overlay_paths(sources, pathlib.Path("out"))
    assert [str(path) for path in places.values()] == [
        "out/a/x.jpg.jpg",
        "out/a/x.png.jpg",
        "out/b/x.mp4",
    ]


def test_annotated_copies_of_names_within_names_differ(tmp_path):
    names = (
        "a.jpg",
        "a.png",
        "a.jpg.jpg",
        "a.jpg.2.png",
        "B.jpg",
        "b.png",
        "b.png.png",
    )
    sources = [Source(str(tmp_path / name), "picture") for name in names]
    places = outputs.overlay_paths(sources, pathlib.Path("out"))
    assert len({str(path).lower() for path in places.values()}) == len(names)


def test_what_an_earlier_run_wrote_is_no_input(folder):
    for name in ("in/seen/a/c.mp4", "in/seen/b.jpg"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    known = {"in/a,b [1].png", "in/a/c.mp4", "in/b.JPG"}
    for value in ("in", "i?", "**/*.*"):
        names = {s.name for s in inputs.search([value], ["in/seen"]).sources}
        assert names - {"7"} == known, value
    for value in ("in/seen", "in/seen/*.*", "in/seen/b.jpg"):
        assert inputs.search([value], ["in/seen"]).sources, "if one insists"
    assert len(inputs.search(["in"], ["in"]).sources) == 5


def test_files_of_other_kinds_are_counted_by_their_endings(folder):
    for name in ("x.GIF", "y.gif", "z"):
        (folder / "in" / name).write_bytes(b"")
    found = inputs.search(["in", "in/b.JPG"])
    assert found.others == {".gif": 2, ".txt": 1, "": 1}
    assert inputs.search(["in/b.JPG"]).others == {}


def test_an_input_is_never_written_over(folder):
    with pytest.raises(UserError, match="must not be one of the inputs"):
        outputs.check_not_inputs(["in/../in/b.JPG"], inputs.find(["in"]))
