"""Films that are damaged or none, folders that cannot be used, and how far it is."""

import pathlib
import time

import pytest
import rich.console

from affect_tf.errors import UserError
from affect_tf.faces import detection
from tests.tfrecords_builder.made_films import film
from tests.tfrecords_builder.made_films import frame
from tests.tfrecords_builder.made_films import photograph
from tests.tfrecords_builder.test_extraction import extract
from tests.tfrecords_builder.test_extraction import squares  # noqa: F401
from tfrecords_builder import crop_work
from tfrecords_builder import extraction_report
from tfrecords_builder import lock
from tfrecords_builder.extraction_progress import Done
from tfrecords_builder.extraction_progress import Watch


def cut(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def test_a_film_that_breaks_off_says_where_and_keeps_what_it_has(tmp_path):
    path = film(tmp_path / "in/cut.avi", [frame((4, 8, 20))] * 60)
    cut(path, 0.5)
    found = extract(tmp_path)
    (problem,) = found.problems
    assert problem.name == "cut" and 1 < problem.frames < 60
    assert problem.seconds == pytest.approx((problem.frames - 1) / 25)
    assert str(tmp_path) not in problem.reason
    assert len(found.frames) == problem.frames == found.films["frames"].item()
    assert all(found.crops.read(key) for key in found.frames["key"])


def test_what_was_damaged_is_looked_at_again(tmp_path, monkeypatch):
    film(tmp_path / "in/a.mp4", [frame((4, 8, 20))] * 2)
    (tmp_path / "in/b.mp4").write_text("This is no film.")
    assert [problem.name for problem in extract(tmp_path).problems] == ["b"]
    made = []
    work = crop_work.extract
    monkeypatch.setattr(
        crop_work, "extract", lambda each: made.append(each) or work(each)
    )
    assert [problem.name for problem in extract(tmp_path).problems] == ["b"]
    assert [each.footage[0].name for each in made] == ["b"]


@pytest.mark.parametrize("data", [b"", b"no film", b"\x00" * 3000])
def test_a_file_that_is_no_film_is_a_problem_and_no_crash(tmp_path, data):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.mp4").write_bytes(data)
    photograph(tmp_path / "in/b.jpg", frame((4, 8, 20)))
    (tmp_path / "in/c.jpg").write_bytes(data)
    found = extract(tmp_path)
    assert [(p.name, p.frames, p.seconds) for p in found.problems] == [
        ("a", 0, None),
        ("c", 0, None),
    ]
    assert found.frames["key"].tolist() == ["b"] and found.films.empty
    assert found.crops.read("b")


def test_nothing_but_problems_is_no_crash(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.mp4").write_bytes(b"")
    found = extract(tmp_path)
    assert found.frames.empty and len(found.problems) == 1
    assert found.frames["key"].tolist() == []


def test_photographs_are_upright(tmp_path):
    # Stored on its side: the square is at the left, and belongs to the top.
    photograph(tmp_path / "in/a.jpg", frame((8, 20, 24)), orientation=6)
    (face,) = extract(tmp_path).frames.itertuples()
    assert (face.left, face.top) == pytest.approx((20, 8), abs=1)


def test_one_photograph_more_leaves_the_other_batches_as_they_are(tmp_path):
    (tmp_path / "in").mkdir()
    data = photograph(tmp_path / "a.png", frame((4, 8, 20))).read_bytes()
    for number in range(400):
        (tmp_path / f"in/{number:03d}.png").write_bytes(data)
    assert len(extract(tmp_path, detector="none").frames) == 400
    before = {path.name for path in (tmp_path / "faces").iterdir()}
    assert len(before) > 3
    (tmp_path / "in/100 and a half.png").write_bytes(data)
    found = extract(tmp_path, detector="none")
    assert len(found.frames) == 401 and found.crops.read("100 and a half")
    after = {path.name for path in (tmp_path / "faces").iterdir()}
    assert len(after - before) == 1


def test_two_runs_do_not_share_a_folder(tmp_path):
    film(tmp_path / "in/a.mp4", [frame((4, 8, 20))] * 2)
    (tmp_path / "faces").mkdir()
    with (tmp_path / "faces/.lock").open("w") as stream:
        assert lock.hold(stream)
        with pytest.raises(UserError, match="one build at a time"):
            extract(tmp_path)
    extract(tmp_path)
    with (tmp_path / "faces/.lock").open("w") as stream:
        assert lock.hold(stream)
        # What is finished needs no lock.
        assert len(extract(tmp_path).frames) == 2


def test_a_folder_that_cannot_be_written_to_is_an_error_with_advice(tmp_path):
    film(tmp_path / "in/a.mp4", [frame((4, 8, 20))] * 2)
    (tmp_path / "faces").write_text("a file")
    with pytest.raises(UserError, match="Make room, or name another --out"):
        extract(tmp_path)


def test_a_full_disk_is_no_fault_of_the_film(tmp_path, monkeypatch):
    film(tmp_path / "in/a.mp4", [frame((4, 8, 20))] * 2)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(crop_work, "_add", full)
    with pytest.raises(UserError, match="No space left on device"):
        extract(tmp_path)
    assert [path.name for path in (tmp_path / "faces").iterdir()] == [".lock"]


@pytest.mark.parametrize("options", [{"keep": "most"}, {"detector": "mtcn"}])
def test_an_unknown_option_is_an_error_of_the_command(tmp_path, options):
    film(tmp_path / "in/a.mp4", [frame((4, 8, 20))])
    with pytest.raises(UserError, match="must be one of") as error:
        extract(tmp_path, **options)
    assert error.value.exit_code == 2


def test_a_detector_whose_package_is_missing_stops_the_run(tmp_path, monkeypatch):
    film(tmp_path / "in/a.mp4", [frame((4, 8, 20))])

    def missing():
        raise UserError("It must be installed. Received: none. Run 'pip install it'.")

    monkeypatch.setitem(detection.DETECTORS, "missing", missing)
    with pytest.raises(UserError, match="pip install it"):
        extract(tmp_path, detector="missing")


def test_progress_ends_with_everything_done(tmp_path):
    film(tmp_path / "in/a.mp4", [frame((4, 8, 20))] * 3)
    photograph(tmp_path / "in/b.png", frame((4, 8, 20)))
    told = []
    extract(tmp_path, progress=told.append)
    assert told[-1]._replace(seconds_left=None) == Done(2, 2, 4, 1.0, None)
    film(tmp_path / "in/c.mp4", [frame((4, 8, 20))] * 5)
    extract(tmp_path, progress=told.append)
    # Frames are those of this run; films of an earlier one count as done.
    assert told[-1]._replace(seconds_left=None) == Done(3, 3, 5, 1.0, None)


def test_progress_looks_inside_of_films(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    watch = Watch(tmp_path, {"a": (600, 1), "b": (300, 1)}, (100, 2), None)
    assert watch.done() == Done(2, 4, 0, 0.1, None)
    # Loading a detector takes its time, which is no speed.
    now[0] = 50.0
    (tmp_path / "a").write_text("10 0.1000")
    assert watch.done() == Done(2, 4, 10, pytest.approx(0.16), None)
    now[0] = 60.0
    (tmp_path / "a").write_text("20 0.2000")
    # 60 bytes in 10 seconds; 780 of 900 are left.
    assert watch.done() == Done(2, 4, 20, pytest.approx(0.22), pytest.approx(130))
    (tmp_path / "b").write_text("7 1.0000")
    assert watch.done()[:4] == (3, 4, 27, pytest.approx(0.52))
    watch.finish("a", 99)
    assert watch.done()[:4] == (4, 4, 106, pytest.approx(1.0))
    assert [path.name for path in pathlib.Path(tmp_path).iterdir()] == ["b"]
    (tmp_path / "b").write_text("7")
    assert watch.done()[:4] == (3, 4, 99, pytest.approx(0.7))


def test_notes_that_somebody_cleans_away_do_not_stop_the_progress(tmp_path):
    (tmp_path / "notes").mkdir()
    watch = Watch(tmp_path / "notes", {"a": (600, 1), "b": (300, 1)}, (100, 2), None)
    (tmp_path / "notes").rmdir()
    watch.finish("a", 9)
    assert watch.done() == Done(3, 4, 9, pytest.approx(0.7), None)


def test_progress_is_shown_on_terminals_and_elsewhere(monkeypatch):
    done = Done(3, 1200, 4021, 0.25, 3725.4)
    text = "3 of 1,200 files, 4,021 frames, 1:02:05 left"
    assert extraction_report.described(done) == text
    for terminal in (True, False):
        console = rich.console.Console(force_terminal=terminal, width=120)
        monkeypatch.setattr(extraction_report, "_SECONDS", 0.0)
        report = extraction_report.ExtractionReport(console)
        with console.capture() as shown, report:
            report(done)
        assert text in shown.get()
