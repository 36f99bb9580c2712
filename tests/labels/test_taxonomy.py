"""Names in, positions out: the vocabulary of labels."""

import pytest

from affect_tf.labels import taxonomy as taxonomy_lib
from affect_tf.labels.taxonomy import ABAW1
from affect_tf.labels.taxonomy import ABAW2
from affect_tf.labels.taxonomy import ABAW3
from affect_tf.labels.taxonomy import Taxonomy


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Happy", "happiness"),
        (" joy ", "happiness"),
        ("SAD", "sadness"),
        ("Others", "other"),
        ("angry", "anger"),
        ("scared", "fear"),
        ("Disgusted", "disgust"),
        ("surprised", "surprise"),
        ("Contemptuous", "contempt"),
        ("Neutral", "neutral"),
        ("Awe", "awe"),
        ("", ""),
    ],
)
def test_an_expression_has_one_spelling(written, name):
    assert taxonomy_lib.canonical_expression(written) == name


def test_every_synonym_leads_to_a_known_name_that_is_no_synonym_itself():
    for synonym, name in taxonomy_lib.EXPRESSION_SYNONYMS.items():
        assert name in taxonomy_lib.KNOWN_EXPRESSIONS
        assert name not in taxonomy_lib.EXPRESSION_SYNONYMS
        assert synonym not in taxonomy_lib.KNOWN_EXPRESSIONS


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("AU1", "AU1"),
        ("au_04", "AU4"),
        (" Au012 ", "AU12"),
        ("AU45", "AU45"),
        ("AU46", None),
        ("AU99", None),
        ("AU100", None),
        ("AU0", None),
        ("AU", None),
        ("AU4_r", None),
        ("AU\u0664", None),
        ("4", None),
    ],
)
def test_an_action_unit_is_one_of_forty_five(written, name):
    assert taxonomy_lib.canonical_action_unit(written) == name


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"expressions": ("fear", "fear")}, "name each entry once"),
        ({"expressions": ("happy",)}, "Write 'happiness'"),
        ({"action_units": ("AU1", "AU1")}, "name each entry once"),
        ({"action_units": ("AU01",)}, "from 1 to 45"),
        ({"action_units": ("AU46",)}, "from 1 to 45"),
    ],
)
def test_a_vocabulary_with_a_wrong_name_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Taxonomy("mine", **fields)


def test_an_index_is_a_position_whatever_the_spelling():
    assert ABAW3.expression_index("Others") == 7
    assert ABAW1.expression_index("joy") == ABAW1.expressions.index("happiness") == 4
    with pytest.raises(ValueError, match="Did you mean 'surprise'"):
        ABAW1.expression_index("suprise")


def test_positions_in_another_vocabulary_go_by_name():
    mine = Taxonomy("mine", ("fear", "contempt", "neutral"), ("AU12", "AU45"))
    assert mine.expressions_from(ABAW3) == (3, -1, 0)
    assert mine.action_units_from(ABAW2) == (6, -1)
    assert ABAW1.expressions_from(ABAW3) == tuple(range(7))


def test_tasks_are_those_that_have_names():
    assert ABAW2.tasks == ("expr", "au", "va")
    assert Taxonomy("va").tasks == ("va",)
    assert Taxonomy("au", (), ("AU4",), has_va=False).tasks == ("au",)
    assert Taxonomy("nothing", has_va=False).tasks == ()


@pytest.mark.parametrize("taxonomy", [ABAW1, ABAW3, Taxonomy("bare", has_va=False)])
def test_json_keeps_everything(taxonomy):
    assert Taxonomy.from_json(taxonomy.to_json()) == taxonomy


def test_the_closest_name_is_suggested_and_all_are_listed():
    assert taxonomy_lib.closest("fera", ("anger", "fear")) == (
        "Did you mean 'fear'? Allowed: anger, fear."
    )
    assert taxonomy_lib.closest("x", ()) == "Allowed: none."
