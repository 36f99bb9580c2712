"""What goes wrong in the middle costs no row of what went well."""

import queue
import struct
import threading

import pytest

from affect_tf.errors import UserError
from affect_tf.faces import films
from affect_tf.faces.films import FilmFrame
from affect_tf.serving import Predictor
from affect_tf.serving.loaded_model import LoadedModel
from affect_tf.serving.prediction import sightings
from affect_tf.serving.prediction.material import Material
from tests.serving.prediction import bright_faces
from tests.serving.prediction.bright_faces import film
from tests.serving.prediction.bright_faces import picture


def frames_of(people):
    return [FilmFrame(i, i / 25, picture(n, i)) for i, n in enumerate(people)]


def films_of(*films_people):
    return [
        Material(f"film {number}", frames=lambda people=people: frames_of(people))
        for number, people in enumerate(films_people)
    ]


def broken(error):
    raise error


@pytest.mark.parametrize(
    "error", [struct.error("broken"), UserError("broken"), ValueError("broken")]
)
def test_a_photograph_that_fails_in_any_way_is_a_row(predictor, error):
    materials = [
        Material("a", picture=lambda: picture(1)),
        Material("b", picture=lambda: broken(error)),
        Material("c", picture=lambda: picture(1)),
    ]
    outcomes = []
    rows = predictor.columns.frame(predictor.stream(materials, ended=outcomes.append))
    assert rows["success"].tolist() == [1, 0, 1]
    assert rows["problem"].tolist() == ["", "cannot be read: broken", ""]
    assert [bool(outcome.problem) for outcome in outcomes] == [False, True, False]


def test_a_film_that_fails_in_any_way_is_a_row(predictor, monkeypatch, tmp_path):
    paths = [film(tmp_path / f"{name}.mp4", [1, 1]) for name in "ab"]
    read = films.frames

    def frames(path):
        yield from read(path)
        if path == str(paths[0]):
            raise IndexError

    monkeypatch.setattr(films, "frames", frames)
    rows = predictor.predict(paths)
    assert rows["success"].tolist() == [1, 1, 0, 1, 1]
    assert "IndexError" in rows["problem"][2]


def test_memory_that_is_short_is_no_fault_of_a_photograph(predictor):
    materials = [Material("a", picture=lambda: broken(MemoryError()))]
    with pytest.raises(MemoryError):
        list(predictor.stream(materials))


@pytest.mark.parametrize("step", ["align", "detect"])
def test_a_frame_that_cannot_be_looked_at_is_a_row_among_the_others(
    predictor, monkeypatch, step
):
    materials = [
        *films_of([0, 2, 0, 1], [1]),
        Material("a", picture=lambda: picture(2)),
        Material("b", picture=lambda: picture(1)),
    ]
    if step == "align":
        align = sightings.alignment.align
        monkeypatch.setattr(
            sightings.alignment,
            "align",
            lambda image, *rest: (
                align(image, *rest)
                if image.mean() < 180
                else broken(UserError("points"))
            ),
        )
    else:
        detectors = queue.SimpleQueue()
        detectors.put(
            lambda image: (
                bright_faces.detect(image)
                if image.mean() < 180
                else broken(RuntimeError("points"))
            )
        )
        monkeypatch.setattr(predictor._finder, "_detectors", detectors)
    rows = predictor.columns.frame(predictor.stream(materials))
    assert rows["file"].tolist() == ["film 0"] * 4 + ["film 1", "a", "b"]
    assert rows["frame"].tolist() == [0, 1, 2, 3, 0, 0, 0]
    assert rows["success"].tolist() == [0, 0, 0, 1, 1, 0, 1]
    problem = "cannot be read: points"
    assert rows["problem"].tolist() == [
        *("no face", problem, "no face", "", "", problem, "")
    ]


def test_an_error_of_scoring_comes_after_the_rows_before_it(predictor, monkeypatch):
    outputs, calls = LoadedModel.from_images, []

    def scored(self, images):
        calls.append(len(images))
        if len(calls) == 3:
            raise UserError("Lower --batch.")
        return outputs(self, images)

    monkeypatch.setattr(LoadedModel, "from_images", scored)
    rows = predictor.stream(films_of([1] * 20))
    got = []
    with pytest.raises(UserError, match="Lower"):
        got.extend(iter(rows.__next__, None))
    assert len(got) == 6, "two batches of three"


def test_what_was_seen_before_a_stop_is_scored_smoothed_and_given(small_export, bright):
    """25 faces are fewer than a batch, and all within the time of the smoothing."""
    predictor = Predictor(small_export, batch_size=32, smooth=2.0)
    stopped, outcomes = threading.Event(), []

    def frames():
        for frame in frames_of([1] * 60):
            if frame.index == 24:
                stopped.set()
            yield frame

    materials = [Material("camera", frames=frames), *films_of([1])]
    rows = predictor.columns.frame(
        predictor.stream(materials, ended=outcomes.append, stopped=stopped)
    )
    assert rows["frame"].tolist() == list(range(25))
    assert rows["success"].eq(1).all()
    assert [outcome.frames for outcome in outcomes] == [25]


def test_a_source_that_hangs_is_stopped_all_the_same(small_export, bright, monkeypatch):
    predictor = Predictor(small_export, batch_size=32, smooth=2.0)
    module = "affect_tf.serving.prediction.predictor"
    monkeypatch.setattr(f"{module}._PATIENCE", 0.2)
    stopped, over = threading.Event(), threading.Event()

    def frames():
        yield from frames_of([1] * 5)
        stopped.set()
        over.wait(20)

    rows = predictor.stream([Material("camera", frames=frames)], stopped=stopped)
    got = [next(rows) for _ in range(5)]
    over.set()
    assert [row[1] for row in got] == list(range(5))
    assert list(rows) == []


def test_frames_before_the_first_face_keep_their_numbers(predictor):
    people = {100: 0, 105: 0, 110: 0, 115: 1, 120: 0}
    things = (FilmFrame(i, i / 25, picture(n)) for i, n in people.items())
    rows = predictor.predict(things)
    assert rows["frame"].tolist() == list(people)
    assert rows["timestamp"].tolist() == [i / 25 for i in people]


def test_frames_without_a_face_do_not_pile_up_behind_one_with_a_face(predictor):
    """A batch of three is never full: only the bound on what waits has it scored."""
    asked = 0

    def frames():
        nonlocal asked
        for asked in range(300):
            yield FilmFrame(asked, asked / 25, picture(int(asked == 0)))

    rows = predictor.stream([Material("f", frames=frames)])
    assert next(rows)[4] == 1
    assert asked < 100
    rows.close()
