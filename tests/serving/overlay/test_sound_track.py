"""Sound stays in step with pictures that do not begin at the zero of the clock."""

import pytest

from affect_tf.faces import films
from affect_tf.labels.taxonomy import Taxonomy
from affect_tf.serving import overlay
from affect_tf.serving.prediction import table
from tests.faces.film_files import shades
from tests.faces.film_files import write_film


@pytest.mark.parametrize("first", [0.0, 1.0])
def test_copied_sound_moves_to_the_clock_of_the_pictures(tmp_path, first):
    taxonomy = Taxonomy("small", ("neutral", "anger"))
    times = [first + index / 25 for index in range(25)]
    images = shades(25, 120, 160)
    path = write_film(tmp_path / "f.mkv", images, times, sound=(first + 0.4, 0.5))
    begin = films.probe(path).sound.start
    assert begin == pytest.approx(0.4, abs=0.2)
    rows = table.Columns(taxonomy).frame([])
    overlay.write(path, rows, tmp_path / "o.mp4", taxonomy)
    made = films.probe(tmp_path / "o.mp4")
    assert made.sound.codec == "aac"
    # An encoder's run-up, 1024 samples at 8 kHz, counts in one format only.
    assert made.sound.start == pytest.approx(begin, abs=0.15)
