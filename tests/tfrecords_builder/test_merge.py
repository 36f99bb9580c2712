"""Several data sets in one folder."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from affect_tf.errors import UserError
from affect_tf.labels.taxonomy import ABAW2
from affect_tf.labels.taxonomy import AUS_12
from affect_tf.labels.taxonomy import Taxonomy
from tests.tfrecords_builder.conftest import picture
from tfrecords_builder import annotations as annotations_lib
from tfrecords_builder import merge
from tfrecords_builder import writer
from tfrecords_builder.annotations import Annotations
from tfrecords_builder.annotations import FilmTables
from tfrecords_builder.picture_source import PictureFiles
from tfrecords_builder.sound_source import Soundtracks

DISFA = Taxonomy("disfa", action_units=("AU1", "AU4", "AU5", "AU25"), has_va=False)
EXPW = Taxonomy("expw", ("neutral", "happiness", "contempt"), has_va=False)


def part(source, taxonomy, rows, root=".", films=None):
    table = pd.DataFrame(rows)
    return Annotations(
        table=annotations_lib.complete(table, taxonomy, source, f"{source}.txt"),
        taxonomy=taxonomy,
        pictures=PictureFiles(str(root)),
        origin=f"{source}.txt",
        dropped={"train": {"no_image": 2}},
        reader=source,
        films=films,
    )


def of_disfa(root=".", **fields):
    row = {"key": "SN1/1", "AU1": 1, "AU4": 0, "AU5": 1, "AU25": 1, **fields}
    return part("disfa", DISFA, [row], root)


def of_affwild2(root=".", **fields):
    row = {"key": "v/1", "expression": "fear", "valence": 0.5, "arousal": -0.5}
    return part("affwild2", ABAW2, [row | dict.fromkeys(AUS_12, 0.0) | fields], root)


def test_units_that_a_data_set_lacks_are_masked_in_its_rows_alone():
    both = merge.merge({"affwild2": of_affwild2(), "disfa": of_disfa()})
    wild, disfa = merge.restrict(both, ABAW2).table.itertuples()
    assert [disfa.AU1, disfa.AU4, disfa.AU25] == [1, 0, 1]
    masked = [unit for unit in AUS_12 if np.isnan(getattr(disfa, unit))]
    assert {"AU7", "AU10", "AU23", "AU24"} <= set(masked)
    assert masked == [unit for unit in AUS_12 if unit not in DISFA.action_units]
    assert [getattr(wild, unit) for unit in AUS_12] == [0.0] * 12


def test_a_union_has_every_name_once_in_a_fixed_order():
    one = merge.union([EXPW, DISFA, ABAW2])
    assert one == merge.union([EXPW, DISFA, ABAW2])
    assert one.expressions == (*ABAW2.expressions, "contempt")
    assert one.action_units[:5] == ("AU1", "AU2", "AU4", "AU5", "AU6")
    assert one.has_va and one.name == "expw+disfa+abaw2"


def test_keys_subjects_and_pictures_of_two_sets_stay_apart(tmp_path):
    for name, seed in (("a", 1), ("b", 2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.jpg").write_bytes(picture(seed))
    one = of_affwild2(tmp_path / "a", key="x.jpg", subject="1")
    two = of_disfa(tmp_path / "b", key="x.jpg", subject="1", split="validation")
    both = merge.merge({"affwild2": one, "disfa": two})
    assert list(both.table["key"]) == ["affwild2/x.jpg", "disfa/x.jpg"]
    assert [both.pictures.read(key) for key in both.table["picture"]] == [
        picture(1),
        picture(2),
    ]
    few = both.pictures.only(["disfa/x.jpg"])
    assert few.read("disfa/x.jpg") == picture(2) and set(few.parts) == {"disfa"}
    assert both.pictures.stamp("disfa/x.jpg") == two.pictures.stamp("x.jpg") != ""
    manifest = writer.build(both, tmp_path / "out", size=32)
    assert manifest.reader == "affwild2+disfa"
    assert manifest.dropped == {"train": {"no_image": 4}}
    assert manifest.counts["train"]["by_source"] == {"affwild2": 1}
    assert manifest.counts["validation"]["by_source"] == {"disfa": 1}


def test_a_label_outside_the_wanted_names_goes_and_an_empty_row_with_it():
    rows = [
        {"key": "1", "expression": "contempt"},
        {"key": "2", "expression": "neutral"},
        {"key": "3"},
    ]
    restricted = merge.restrict(part("expw", EXPW, rows), ABAW2)
    # A row that never had a label was kept on purpose, and stays.
    assert list(restricted.table["key"]) == ["2", "3"]
    assert restricted.dropped == {"train": {"no_image": 2, "outside_taxonomy": 1}}
    assert restricted.taxonomy == ABAW2


def test_valence_goes_where_the_wanted_names_have_none():
    wanted = Taxonomy("expressions", ABAW2.expressions, has_va=False)
    row = merge.restrict(of_affwild2(), wanted).table.iloc[0]
    assert np.isnan(row["valence"]) and row["expression"] == "fear"


def test_one_data_set_keeps_its_keys():
    assert merge.merge({"x": of_disfa()}).table["key"][0] == "SN1/1"


def test_two_data_sets_of_one_source_are_refused():
    with pytest.raises(UserError, match="source='disfa' in both a and b"):
        merge.merge({"a": of_disfa(), "b": of_disfa()})


def test_films_of_merged_sets_name_the_merged_keys():
    frames = pd.DataFrame({"film": ["f", "f"], "key": ["f/1", ""]})
    films = FilmTables(frames, pd.DataFrame({"film": ["f"]}))
    one = part("video", DISFA, [{"key": "f/1", "video": "f"}], films=films)
    both = merge.merge({"video": one, "disfa": of_disfa()})
    assert list(both.films.frames["key"]) == ["video/f/1", ""]


def table_of(frames, **fields):
    rows = [{"key": f"v/{i}", "video": "v", "frame": i, "subject": "s"} for i in frames]
    return annotations_lib.complete(pd.DataFrame(rows).assign(**fields), DISFA, "x")


def test_frames_of_one_person_and_film_become_clips_in_order():
    table = table_of([4, 0, 2, 3, 9])
    cut = merge.cut_clips(table, 2)
    clips = cut.set_index("frame")["clip"]
    assert list(clips[[0, 2, 3, 4, 9]]) == ["v/0", "v/0", "v/3", "v/3", "v/9"]
    assert (merge.cut_clips(cut, 1)["clip"] == cut["key"]).all()


def test_a_clip_holds_one_person_and_what_is_of_no_film_stays_alone():
    table = table_of(range(4))
    table["subject"] = ["a", "b", "a", "b"]
    cut = merge.cut_clips(table, 8).groupby("clip")["subject"].nunique()
    assert list(cut) == [1, 1]
    assert merge.cut_clips(table.assign(video=""), 8)["clip"].is_unique


def test_films_of_two_sets_are_heard_each_by_its_own_source():
    one, other = (
        dataclasses.replace(each, sounds=Soundtracks({name: name}, 4.0))
        for name, each in (("affwild2", of_affwild2()), ("disfa", of_disfa()))
    )
    both = merge.merge({"affwild2": one, "disfa": other})
    assert both.sounds == Soundtracks({"affwild2": "affwild2", "disfa": "disfa"}, 4.0)
    assert merge.restrict(both, ABAW2).sounds == both.sounds
    assert merge.merge({"affwild2": one, "disfa": of_disfa()}).sounds == one.sounds
    assert merge.merge({"a": of_affwild2(), "b": of_disfa()}).sounds is None


def test_times_outlive_a_merge():
    both = merge.merge({"affwild2": of_affwild2(time=1.5), "disfa": of_disfa()})
    assert both.table["time"].tolist() == pytest.approx([1.5, np.nan], nan_ok=True)
