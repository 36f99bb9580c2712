"""Films by a model of windows: as evaluation cuts, scores and merges them."""

import numpy as np
import pytest
import tensorflow as tf

from affect_tf.faces.films import FilmFrame
from affect_tf.serving import Predictor
from affect_tf.serving.loaded_model import LoadedModel
from affect_tf.serving.prediction import window_scoring
from affect_tf.serving.prediction.material import Material
from affect_tf.serving.prediction.scoring import Face
from tests.serving import small_sequences
from tests.serving.small_sequences import WINDOWS

#: Frame numbers of people of two films: gaps that end a stretch and gaps that do not,
#: stretches shorter than a window, of one window, and with and without a tail.
PEOPLE = {
    (0, 0): [*range(12), *range(20, 22), *range(30, 46, 2), *range(50, 55)],
    (0, 1): [3, 9, 10, 11, 12, 13, 14],
    (1, 0): [0],
    (2, 0): list(range(23)),
}
MATERIAL = Material("film")


@pytest.fixture(scope="module")
def loaded(window_export):
    return LoadedModel(window_export)


def merged(models, pictures, numbers):
    """The scores of a person's faces by the rules of evaluation, in one record."""
    index, present = WINDOWS.windows_of(
        tf.constant(numbers, tf.int64), WINDOWS.stride_in_evaluation
    )
    index, present = index.numpy(), present.numpy()
    inputs = {"image": pictures[index], "present": present}
    members = small_sequences.scores(models, inputs, index.shape)
    found = {}
    for task, values in members.items():
        sums = np.zeros((len(models), len(numbers), values.shape[-1]))
        times = np.zeros(len(numbers))
        for window, there in enumerate(present):
            rows = index[window][there]
            sums[:, rows] += values[:, window, there]
            times[rows] += 1
        found[task] = sums / times[:, np.newaxis]
    return found


def film(pictures):
    """Gives (file, frame, [(person, picture)]) of all frames, and of each end."""
    for file in sorted({file for file, _ in PEOPLE}):
        last = max(max(n) for (of, _), n in PEOPLE.items() if of == file)
        for frame in range(last + 1):
            seen = [
                (person, pictures[file, person][numbers.index(frame)])
                for (of, person), numbers in PEOPLE.items()
                if of == file and frame in numbers
            ]
            yield file, frame, seen
        yield file, None, []


@pytest.mark.parametrize("batch_size", [1, 4, 1000])
def test_scores_are_those_of_evaluation(loaded, window_models, batch_size):
    pictures = {
        who: small_sequences.faces(len(numbers), seed=sum(who))
        for who, numbers in PEOPLE.items()
    }
    scorer = window_scoring.WindowScorer(loaded, WINDOWS, batch_size)
    faces = {who: [] for who in PEOPLE}
    for file, frame, seen in film(pictures):
        scorer.advance(file, MATERIAL, frame)
        for person, picture in seen:
            face = Face(file, person, frame, frame / 25, picture)
            faces[file, person].append(face)
            scorer.add(face)
    scorer.flush()
    for who, numbers in PEOPLE.items():
        wanted = merged(window_models, pictures[who], numbers)
        va = small_sequences.check_scored(faces[who], wanted, loaded.score_outputs)
        assert len(numbers) == 1 or np.ptp(va) > 1e-3
        assert all(face.content is None for face in faces[who])


def test_a_face_waits_for_one_window_at_most_and_nothing_piles_up(loaded):
    scorer = window_scoring.WindowScorer(loaded, WINDOWS, 2)
    faces = []
    for frame, picture in enumerate(small_sequences.faces(40)):
        scorer.advance(0, MATERIAL, frame)
        faces.append(Face(0, 0, frame, frame / 25, picture))
        scorer.add(faces[-1])
        waiting = [face.frame for face in faces if face.scores is None]
        assert waiting == list(range(waiting[0], frame + 1)) if waiting else True
        assert len(waiting) <= WINDOWS.length + 2
        (stretch,) = scorer._open.values()
        assert len(stretch._shown) <= WINDOWS.length + 2
    # A person who is gone for longer than a gap waits no more.
    scorer.advance(0, MATERIAL, 40 + WINDOWS.max_gap)
    scorer.flush()
    assert all(face.scores for face in faces)
    assert not scorer._open and not scorer._closed


def test_frames_without_a_face_let_the_rows_before_them_go(window_export):
    """A gap that ends a stretch must show in the table long before the film ends."""
    predictor = Predictor(window_export, detector="none", batch_size=2)
    asked = 0

    def forever():
        nonlocal asked
        while True:
            yield FilmFrame(asked, asked / 25, small_sequences.faces(1)[0])
            asked += 1

    rows = predictor.rows(forever())
    for _ in range(20):
        next(rows)
    rows.close()
    assert asked < 60


def test_an_aligned_file_that_cannot_be_read_is_a_row(window_export, tmp_path):
    (tmp_path / "a.png").write_bytes(b"text")
    for name in ("b.png", "c.png"):
        picture = tf.io.encode_png(small_sequences.faces(1)[0])
        (tmp_path / name).write_bytes(picture.numpy())
    rows = Predictor(window_export, detector="none").predict(tmp_path)
    assert rows["success"].tolist() == [0, 1, 1]
    assert rows["problem"].iloc[0].startswith("cannot be read")
    assert rows["valence"].iloc[1] == rows["valence"].iloc[2]
