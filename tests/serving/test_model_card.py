"""The card that leaves the house with a model."""

import json

import pytest

from affect_tf.data.manifest import Manifest
from affect_tf.data.manifest import Shard
from affect_tf.data.past import Past
from affect_tf.data.windows import Windows
from affect_tf.evaluation.calibration import Calibration
from affect_tf.evaluation.thresholds import Thresholds
from affect_tf.labels import taxonomy
from affect_tf.serving import data_terms
from affect_tf.serving import model_card

LABELS = taxonomy.Taxonomy("small", ("neutral", "anger"), ("AU1",))
THRESHOLDS = Thresholds({"AU1": 0.25}, "validation", {"AU1": 0.5}, {})
DRAWN = model_card.DataSet("synthetic", {"train": 9}, data_terms.terms_of("", True))
FILMED = model_card.DataSet("affwild2", {"train": 5}, data_terms.terms_of("affwild2"))
OWN = model_card.DataSet("own|photos", {"train": 5}, data_terms.terms_of("own|photos"))


def document_of(card, **given):
    given = {"image_size": 32, "members": 3, **given}
    return model_card.document(card, LABELS, THRESHOLDS, Calibration(), **given)


def full_card():
    return model_card.ModelCard(
        "Sample",
        data=(DRAWN, FILMED),
        scores={"expr.f1": 0.5, "au.f1": None},
        protocol="validation split, 12 subjects, none in training",
        config="ExperimentConfig(name='sample')",
        commit="0123abc",
        contact="the maintainers",
    )


def test_the_page_says_everything_that_the_document_holds():
    page = model_card.markdown(document_of(full_card()))
    for part in (
        "# Model card: Sample",
        "mean of 3 models",
        "neutral, anger",
        "AU1 (0.25)",
        "fitted on 'validation'",
        "not calibrated: not fitted",
        "Article 5(1)(f)",
        "| synthetic | 9 train |",
        "validation split, 12 subjects",
        "| expr.f1 | 0.5000 |",
        "| au.f1 | not measured |",
        "commit 0123abc",
        "ExperimentConfig(name='sample')",
        "the maintainers",
    ):
        assert part in page


@pytest.mark.parametrize(
    ("time", "words"),
    [
        (None, "from one aligned face, resized to 32 x 32 pixels; the mean"),
        (
            Windows(length=16, stride=8, max_gap=2),
            "from clips of the aligned faces of one person, resized to 32 x 32 pixels: "
            "windows of up to 16 frames, at most 2 apart, at the film's own rate; the",
        ),
        (Windows(), "windows of up to 32 successive frames, at the film's own rate;"),
        (
            Past(frames=6, spacing=1 / 3, sound=10.0),
            "from clips of 6 aligned faces of one person, resized to 32 x 32 pixels: "
            "the one that is described and those before it, 3 a second, and from the "
            "10 seconds of sound before it (22,050 Hz, 1 channel); the mean",
        ),
        (Past(frames=6, spacing=0.2, sound=0.0), "before it, 5 a second; the mean"),
        (Past(frames=1, sound=9.5), "one aligned face, resized to 32 x 32 pixels, and"),
        (
            Past(frames=0, sound=9.5, channels=2),
            "from the 9.5 seconds of sound before a frame (22,050 Hz, 2 channels); the",
        ),
    ],
)
def test_the_first_sentence_says_what_the_model_looks_at(time, words):
    document = document_of(full_card(), time=time)
    first = model_card.markdown(document).splitlines()[2]
    assert first.startswith("Facial expression from ") and words in first
    assert document["input"] in first


def test_the_document_is_plain_json():
    document = document_of(full_card())
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_a_card_with_nothing_known_says_so():
    page = model_card.markdown(document_of(model_card.ModelCard("Sample")))
    for part in ("Not measured.", "No data set is named.", "commit not recorded"):
        assert part in page


def test_scores_without_a_protocol_are_refused():
    with pytest.raises(ValueError, match="must come with the protocol"):
        model_card.ModelCard("Sample", scores={"expr.f1": 0.5})


@pytest.mark.parametrize(
    ("data", "allowed", "reason"),
    [
        ((DRAWN,), True, "Not excluded"),
        ((DRAWN, FILMED), False, "Aff-Wild2"),
        ((DRAWN, OWN), False, "until somebody has checked the terms of own|photos"),
        ((), False, "not named"),
    ],
)
def test_the_strictest_data_set_decides_on_commercial_use(data, allowed, reason):
    result = model_card.commercial_use(data)
    assert result[0] is allowed
    assert reason in result[1]


def test_pretrained_weights_have_terms_that_nobody_knows():
    allowed, reason = model_card.commercial_use((DRAWN,), "weights/vggface2.npz")
    assert not allowed
    assert "the pretrained weights in vggface2.npz" in reason


def test_a_source_that_is_merely_called_synthetic_is_not_a_drawing():
    assert data_terms.terms_of("synthetic").commercial is None


@pytest.mark.parametrize("source", ["AffectNet", "aff_wild2", "afew-va", "disfa_left"])
def test_spellings_of_a_data_set_find_its_terms(source):
    assert data_terms.terms_of(source).commercial is False


def test_a_bar_in_a_name_does_not_break_the_table():
    page = model_card.markdown(document_of(model_card.ModelCard("S", data=(OWN,))))
    assert "| own\\|photos | 5 train |" in page


def test_data_sets_are_read_from_the_manifests_once_each():
    def shard(source, split, frames):
        return Shard(f"{split}-{source}", split, source, ("va",), frames, frames, 1, "")

    manifest = Manifest(
        taxonomy=LABELS,
        shards=(
            shard("disfa", "train", 4),
            shard("affwild2", "train", 2),
            shard("affwild2", "train", 3),
            shard("affwild2", "validation", 1),
        ),
        counts={},
        seed=0,
        frames_per_sample={"min": 1, "max": 1},
        image_size=32,
    )
    found = model_card.data_sets([manifest, manifest])
    assert [each.source for each in found] == ["affwild2", "disfa"]
    assert found[0].frames == {"train": 5, "validation": 1}
    assert found[0].terms.title == "Aff-Wild2"
