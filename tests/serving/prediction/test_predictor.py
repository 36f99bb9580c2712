import numpy as np
import pandas as pd
import pytest

from affect_tf.errors import UserError
from affect_tf.faces import films
from affect_tf.serving import Predictor
from affect_tf.serving.loaded_model import LoadedModel
from affect_tf.serving.prediction import camera
from affect_tf.serving.prediction import material
from affect_tf.serving.prediction import sightings
from tests.faces.film_files import shades
from tests.faces.film_files import write_film
from tests.serving import small_models
from tests.serving.prediction import bright_faces
from tests.serving.prediction.bright_faces import film
from tests.serving.prediction.bright_faces import picture

SCORES = ["neutral", "anger", "fear", "AU01", "AU12", "valence", "arousal"]
PEOPLE = [0, 0, 1, 2, 0, 1, 2, 2]


def write(path, content):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


def assert_same(one, other):
    pd.testing.assert_frame_equal(one, other, atol=1e-5, rtol=0)


def test_a_film_has_a_row_for_each_face_and_for_each_frame_without(predictor, tmp_path):
    path = film(tmp_path / "f.mp4", PEOPLE)
    rows = predictor.predict(str(path))
    wanted = [(i, p) for i, n in enumerate(PEOPLE) for p in (range(n) if n else [-1])]
    assert list(zip(rows["frame"], rows["face_id"], strict=True)) == wanted
    assert np.allclose(rows["timestamp"], rows["frame"] / 25)
    assert (rows["success"] == (rows["face_id"] >= 0)).all()
    assert set(rows["problem"]) == {"", "no face"}
    assert set(rows["file"]) == {str(path)}
    faces = rows[rows["success"] == 1]
    assert faces.drop(columns=["problem"]).notna().all().all()
    assert (rows["FaceRectX"].dropna() == [4, 4, 57, 4, 4, 57, 4, 57]).all()


def test_scores_are_those_of_the_aligned_faces_by_the_model(
    predictor, tmp_path, small_export
):
    path = film(tmp_path / "f.mp4", [2])
    rows = predictor.predict(path)
    (frame,) = films.frames(path)
    people = sightings.analysis.People(112, "all")
    crops = [s.crop for s in people.seen(frame, bright_faces.detect(frame.image))]
    outputs = LoadedModel(small_export).from_images(np.stack(crops))
    assert np.allclose(rows[SCORES[:3]], outputs["expression_scores"], atol=2e-6)
    assert np.allclose(
        rows[["valence_spread", "arousal_spread"]],
        outputs["valence_arousal_spread"],
        atol=2e-6,
    )
    assert rows["AU01_c"].tolist() == (rows["AU01"] >= 0.3).astype(float).tolist()
    assert rows["AU12_c"].tolist() == (rows["AU12"] >= 0.7).astype(float).tolist()
    best = rows[SCORES[:3]].to_numpy().argmax(1)
    assert rows["expression"].tolist() == [SCORES[i] for i in best]


def test_a_film_without_a_face_has_no_rows(predictor, tmp_path):
    path = film(tmp_path / "f.mp4", [0] * 5)
    rows = predictor.predict(path)
    assert (len(rows), tuple(rows.columns)) == (0, predictor.columns.names)


def test_the_largest_face_alone(bright, small_export, tmp_path):
    predictor = Predictor(small_export, faces="largest")
    rows = predictor.predict(film(tmp_path / "f.mp4", PEOPLE))
    assert rows["frame"].tolist() == list(range(len(PEOPLE)))
    assert set(rows["face_id"]) == {-1, 0}


def test_a_film_that_is_cut_off_keeps_its_rows_and_ends_in_one_that_says_so(
    predictor, tmp_path
):
    whole = film(tmp_path / "whole.mkv", [1] * 60).read_bytes()
    path = write(tmp_path / "cut.mkv", whole[: len(whole) // 3])
    outcomes = []
    rows = predictor.columns.frame(
        predictor.stream(material.of_things(path), ended=outcomes.append)
    )
    assert 5 < len(rows) < 40
    assert rows["success"].tolist() == [1] * (len(rows) - 1) + [0]
    last = rows.iloc[-1]
    assert last["problem"].startswith("cannot be read: it ends after")
    assert last["frame"] == len(rows) - 1
    assert outcomes[0].problem == last["problem"]
    assert outcomes[0].frames == len(rows) - 1


def test_photographs_and_films_that_cannot_be_read_are_rows_among_the_others(
    predictor, tmp_path
):
    png = small_models.pngs(1)[0]
    write(tmp_path / "in/a.png", b"text")
    write(tmp_path / "in/b.mp4", b"text")
    write(tmp_path / "in/c.png", png[:-30])
    write(tmp_path / "in/d.png", png)
    film(tmp_path / "in/e.mp4", [1])
    (tmp_path / "in/f.jpg").symlink_to("nowhere")
    rows = predictor.predict(tmp_path / "in")
    problems = ["cannot be read"] * 3 + ["", "", "cannot be read"]
    assert [p.partition(":")[0] for p in rows["problem"]] == problems
    assert rows["success"].tolist() == [0, 0, 0, 1, 1, 0]


def test_arrays_are_photographs(predictor):
    pictures = [picture(people) for people in (1, 0, 2)]
    rows = predictor.predict(pictures)
    assert rows["file"].tolist() == [f"picture {i}" for i in (0, 1, 2, 2)]
    assert rows["success"].tolist() == [1, 0, 1, 1]
    assert rows["face_id"].tolist() == [0, -1, 0, 1]
    assert_same(predictor.predict(np.stack(pictures)), rows)
    assert_same(predictor.predict(pictures[0]), rows[:1])
    assert len(predictor.predict([])) == 0


def test_an_iterator_is_a_film_and_may_go_on_for_ever(predictor, tmp_path):
    path = film(tmp_path / "f.mp4", PEOPLE)
    wanted = predictor.predict(path).drop(columns="file")
    arrays = (frame.image for frame in films.frames(path))
    assert_same(predictor.predict(arrays).drop(columns="file"), wanted)
    assert_same(predictor.predict(films.frames(path)).drop(columns="file"), wanted)

    assert_same(predictor.predict(iter([path, path]))[:1], predictor.predict(path)[:1])
    paths = tmp_path.glob("*.mp4")
    assert_same(predictor.predict(paths), predictor.predict(path))
    assert len(predictor.predict(iter([]))) == 0

    asked = 0

    def forever():
        nonlocal asked
        while True:
            asked += 1
            yield picture(1)

    rows = predictor.rows(forever(), rate=10)
    times = [next(rows)["timestamp"] for _ in range(30)]
    assert times == [round(i / 10, 6) for i in range(30)]
    rows.close()
    assert asked < 80


@pytest.mark.parametrize("detector", ["default", "none"])
@pytest.mark.parametrize("in_frames", [False, True])
def test_an_iterator_may_fill_one_array_ever_anew(
    small_export, bright, detector, in_frames
):
    predictor = Predictor(small_export, detector=detector, batch_size=4)
    pictures = [picture(people, i) for i, people in enumerate(PEOPLE * 3)]

    def reused():
        buffer = np.empty_like(pictures[0])
        for number, each in enumerate(pictures):
            buffer[:] = each
            yield films.FilmFrame(number, number / 25, buffer) if in_frames else buffer
            buffer[:] = 0

    assert_same(predictor.predict(reused()), predictor.predict(iter(pictures)))


@pytest.mark.parametrize(
    "thing, message",
    [
        (np.zeros([4, 4, 3]), "float64"),
        (np.zeros([4, 4], np.uint8), "uint8"),
        (np.zeros([0, 4, 3], np.uint8), "pixels"),
        (3, "Received: int"),
        ([3], "A picture must be"),
    ],
)
def test_what_is_no_picture_is_refused(predictor, thing, message):
    with pytest.raises(ValueError, match=message):
        predictor.predict(thing)


def test_aligned_files_give_the_scores_of_the_exported_model(small_export, tmp_path):
    files = small_models.pngs(40, size=24)
    for number, content in enumerate(files):
        write(tmp_path / f"in/{number:02}.png", content)
    outputs = LoadedModel(small_export).from_bytes(files)
    wanted = np.concatenate([outputs[n] for n in LoadedModel(small_export).outputs], 1)
    rows = Predictor(small_export, detector="none").predict(tmp_path / "in")
    assert np.abs(rows[SCORES].to_numpy() - wanted).max() < 1e-5
    assert rows["face_id"].eq(0).all() and rows["FaceRectX"].isna().all()
    alone = Predictor(small_export, detector="none", batch_size=1)
    assert_same(alone.predict(tmp_path / "in"), rows)
    decoded = [films.picture(path) for path in sorted((tmp_path / "in").iterdir())]
    from_arrays = alone.predict(decoded)
    assert_same(from_arrays.drop(columns="file"), rows.drop(columns="file"))


def test_an_aligned_file_that_cannot_be_read_is_a_row(small_export, tmp_path):
    png = small_models.pngs(1)[0]
    for name, content in (("a.png", png[:-20]), ("b.png", png), ("c.bmp", b"no")):
        write(tmp_path / "in" / name, content)
    outcomes = []
    predictor = Predictor(small_export, detector="none")
    things = material.of_things(tmp_path / "in")
    rows = predictor.columns.frame(predictor.stream(things, ended=outcomes.append))
    assert rows["success"].tolist() == [0, 1, 0]
    assert rows["problem"].str.startswith("cannot be read").tolist() == [1, 0, 1]
    assert [bool(outcome.problem) for outcome in outcomes] == [1, 0, 1]


def test_an_aligned_film_has_a_face_in_each_frame(small_export, tmp_path):
    path = write_film(tmp_path / "f.mp4", shades(5))
    rows = Predictor(small_export, detector="none").predict(path)
    assert rows["frame"].tolist() == [0, 1, 2, 3, 4]
    assert rows[SCORES].notna().all().all()


def test_smoothing_calms_the_scores_of_a_film(bright, small_export, tmp_path):
    path = film(tmp_path / "f.mp4", [1] * 25)
    plain = Predictor(small_export).predict(path)
    smooth = Predictor(small_export, smooth=0.2).predict(path)
    assert smooth["valence"].diff().std() < 0.5 * plain["valence"].diff().std()
    assert np.allclose(smooth[SCORES[:3]].sum(1), 1, atol=1e-5)
    geometry = list(plain.columns[: plain.columns.get_loc("neutral")])
    assert_same(smooth[geometry], plain[geometry])


def test_what_is_done_is_told(predictor, tmp_path):
    path = film(tmp_path / "f.mp4", PEOPLE)
    advanced, outcomes = [], []
    things = material.of_things([str(path), picture(0)])
    assert list(predictor.stream(things, advanced.append, outcomes.append))
    assert sum(advanced) == len(PEOPLE) + 1
    assert [(o.frames, o.faces, o.is_film) for o in outcomes] == [
        (len(PEOPLE), sum(PEOPLE), True),
        (1, 0, False),
    ]


class Device:
    """A camera that gives three frames and then is unplugged."""

    def __init__(self, number):
        self._left = 3 if number == 0 else -1

    def isOpened(self):  # noqa: N802
        return self._left >= 0

    def read(self):
        self._left -= 1
        return self._left >= 0, picture(1)

    def release(self):
        self._left = -1


def test_a_camera_is_a_film_that_ends_when_it_is_unplugged(predictor, monkeypatch):
    monkeypatch.setattr(camera.cv2, "VideoCapture", Device)
    rows = predictor.predict("0")
    assert len(rows) >= 2
    assert rows["success"].tolist() == [1] * (len(rows) - 1) + [0]
    assert "gave nothing" in rows["problem"].iloc[-1]
    rows = predictor.predict("1")
    assert "cannot be opened" in rows["problem"].item()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"detector": "defualt"}, "Did you mean 'default'"),
        ({"faces": "some"}, "keep must be one of"),
        ({"batch_size": 0}, "--batch must be 1"),
        ({"smooth": -1}, "--smooth must be"),
    ],
)
def test_a_wrong_option_is_refused(small_export, options, message):
    with pytest.raises(UserError, match=message):
        Predictor(small_export, **options)
