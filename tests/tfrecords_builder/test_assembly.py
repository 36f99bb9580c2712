"""Several data sets, and the steps between reading and writing, by command line."""

import pandas as pd
import pytest

from affect_tf.data.manifest import Manifest
from affect_tf.labels.taxonomy import ABAW2
from tests.tfrecords_builder.conftest import picture
from tests.tfrecords_builder.conftest import SIZE
from tests.tfrecords_builder.test_merge import part
from tfrecords_builder import __main__ as command
from tfrecords_builder import writer
from tfrecords_builder.annotations import FilmTables


@pytest.fixture
def film(data):
    """A CSV file of two films, one of which is in both splits."""
    rows = []
    for i in range(12):
        name, split = ("f", "train") if i < 8 else ("g", "train")
        split = "validation" if i in (7, 11) else split
        rows.append(f"{i}.jpg,{split},{name}-{split},{name},{i},happy,0.5,0.5,1")
        (data.images / f"{i}.jpg").write_bytes(picture(i))
    header = "file,split,subject,video,frame,expression,valence,arousal,AU1"
    data.write(header, *rows)
    return data


def run(data, *more):
    flags = [f"--csv={data.csv}", f"--images={data.images}"]
    out = [f"--out={data.out}", f"--size={SIZE}"]
    return command.main(["--dataset=csv", *flags, *more, *out])


def test_a_film_in_two_splits_is_refused_until_it_may_be_dropped(film, capsys):
    assert run(film) == 1
    assert "A film must lie in one split" in capsys.readouterr().err
    assert not film.out.exists()
    assert run(film, "--leakage=drop") == 0
    manifest = Manifest.load(film.out)
    assert manifest.dropped == {"train": {"leakage": 10}}
    assert manifest.splits == ("validation",)


def test_a_dry_run_shows_the_counts_and_writes_nothing(film, capsys):
    assert run(film, "--leakage=drop", "--dry_run") == 0
    shown = capsys.readouterr().out
    assert "left out: leakage" not in shown  # No row of that split is left.
    assert "Would write 1 shard" in shown and "happiness" in shown
    assert not film.out.exists()


def test_frames_become_clips(film):
    film.write(*film.csv.read_text().replace("validation", "train").splitlines())
    assert run(film, "--clip_frames=5") == 0
    manifest = Manifest.load(film.out)
    assert manifest.frames_per_sample == {"min": 3, "max": 5}
    assert manifest.count("train", unit="samples") == 3
    assert run(film, "--clip_frames=0") == 2


def test_a_balanced_build_has_the_copies_and_a_picture_of_it(data, capsys):
    plot = data.root / "balance.png"
    flags = ["--balance=expr=over", f"--balance_plot={plot}"]
    assert run(data, *flags) == 0
    counts = Manifest.load(data.out).counts
    classes = counts["train"]["classes"]
    assert {classes[name] for name in ("happiness", "sadness", "fear")} == {1}
    assert counts["validation"]["classes"]["neutral"] == 2
    assert plot.read_bytes()[:4] == b"\x89PNG"
    assert "expression (training)" in capsys.readouterr().out
    assert command.main(["verify", str(data.out)]) == 0


def test_weights_are_in_the_records_and_the_manifest_says_so(data):
    assert run(data, "--balance=expr=equal", "--balance_as=weights") == 0
    assert Manifest.load(data.out).sampling == ("expr",)
    assert command.main(["verify", str(data.out)]) == 0


def test_two_data_sets_in_one_folder(data):
    flags = ["--num_train=4", "--num_validation=2", "--taxonomy=abaw1"]
    assert run(data, "--dataset=synthetic", *flags) == 0
    manifest = Manifest.load(data.out)
    assert manifest.taxonomy.name == "abaw1" and manifest.reader == "csv+synthetic"
    assert manifest.counts["train"]["by_source"] == {"faces": 5, "synthetic": 4}
    assert command.main(["verify", str(data.out)]) == 0
    # The same flags once more find the finished build.
    assert run(data, "--dataset=synthetic", *flags) == 0


def test_films_without_a_face_make_a_folder_without_shards(tmp_path):
    films = FilmTables(
        pd.DataFrame({"film": ["a", "a"], "frame": [0, 1], "key": ["", ""]}),
        pd.DataFrame({"film": ["a"], "frames": [2]}),
    )
    nothing = part("video", ABAW2, {"key": []}, films=films)
    manifest = writer.build(nothing, tmp_path / "out")
    assert manifest.shards == () and manifest.counts == {}
    assert len(pd.read_csv(tmp_path / "out/frames.csv")) == 2
    assert list(pd.read_csv(tmp_path / "out/films.csv")["film"]) == ["a"]
    assert writer.build(nothing, tmp_path / "out") == manifest
