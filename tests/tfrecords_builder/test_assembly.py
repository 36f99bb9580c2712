"""Several data sets, and the steps between reading and writing, by command line."""

import pandas as pd
import pytest

from affect_tf.data.manifest import Manifest
from affect_tf.labels.taxonomy import ABAW2
from tests.tfrecords_builder.conftest import picture
from tests.tfrecords_builder.conftest import SIZE
from tests.tfrecords_builder.test_merge import part
from tfrecords_builder import __main__ as command
from tfrecords_builder import command_line
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


def test_a_build_sees_what_changed_beside_the_records(data, capsys):
    assert run(data, "--max_rejects=1") == 0
    lines = data.csv.read_text().splitlines()
    data.write(*lines, "no/such.jpg,train,9,fear,,,,")
    assert run(data, "--max_rejects=1") == 1
    assert "a finished build of other" in capsys.readouterr().err
    assert run(data) == 1
    assert "rows may be rejected" in capsys.readouterr().err
    assert run(data, "--max_rejects=1", "--dry_run") == 0
    assert "Would reject 1 of 8 rows" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--leakage=remove"], "refuse, drop"),
        (["--source=my data"], "--source must consist"),
        (["--balance_plot=x.png"], "come with --balance"),
        (["--balance=expr=over", "--balance_plot=x.jpg"], "ends in .png"),
        (["--balance_as=weights"], "must come with --balance"),
        (["--beam_flags=--a=b"], "must come with --runner=beam"),
        (["--runner=beam", "--beam_flags='x"], "as a shell would take them"),
        (["--frames_per_shard=0"], "--frames_per_shard must be positive"),
    ],
)
def test_a_wrong_flag_is_told_before_anything_is_read(
    data, flags, message, capsys, monkeypatch
):
    monkeypatch.setattr(command_line, "read", lambda part: pytest.fail("was read"))
    assert run(data, *flags) == 2
    assert message in capsys.readouterr().err
    assert not data.out.exists()


def test_flags_that_beam_does_not_know_are_refused(data, capsys):
    pytest.importorskip("apache_beam")
    for flag in ("--bogus=1", "--runner=NoSuchRunner"):
        assert run(data, "--runner=beam", f"--beam_flags={flag}") == 2
        assert "--beam_flags must be flags of Apache Beam" in capsys.readouterr().err


def test_a_plot_does_not_replace_another_file(data):
    before = data.csv.read_bytes()
    mine = data.root / "mine.png"
    mine.write_bytes(before)
    for path in (data.csv, mine):
        assert run(data, "--balance=expr=over", f"--balance_plot={path}") == 2
    assert data.csv.read_bytes() == mine.read_bytes() == before


def test_a_folder_of_others_is_refused_before_anything_is_read(data, monkeypatch):
    monkeypatch.setattr(command_line, "read", lambda part: pytest.fail("was read"))
    (data.out / ".build").mkdir(parents=True)
    (data.out / "thesis.txt").write_text("mine")
    assert run(data) == 1


def test_a_frame_is_once_in_a_clip(film, capsys):
    lines = film.csv.read_text().splitlines()
    film.write(lines[0], *(line.replace("validation", "train") for line in lines[1:]))
    film.write(
        *film.csv.read_text()
        .replace("train,f-train,f,1,", "train,f-train,f,0,")
        .splitlines()
    )
    assert run(film, "--clip_frames=5") == 1
    assert (
        "A clip must have each frame once. Received: frame=0" in capsys.readouterr().err
    )


def test_a_command_that_is_misspelt_is_told_its_name(capsys):
    assert command.main(["veryfy", "somewhere"]) == 2
    assert "Did you mean 'verify'?" in capsys.readouterr().err
