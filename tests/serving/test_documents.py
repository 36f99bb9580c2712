"""What the pages of docs/ promise about serving is what the code has."""

import ast
import pathlib
import re

import pytest

from affect_tf.data import images
from affect_tf.serving import data_terms
from affect_tf.serving import model_card
from affect_tf.serving import score_graphs

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
SERVING = (DOCS / "serving.md").read_text(encoding="utf-8")
RESPONSIBLE = (DOCS / "responsible_use.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name",
    [
        *score_graphs.OUTPUTS.values(),
        score_graphs.VALID,
        score_graphs.SPREAD,
        "serving_default",
        "serving_image",
        "taxonomy",
        "image_bytes",
        "action_unit_thresholds",
    ],
)
def test_every_name_of_the_served_model_is_documented(name):
    assert f"`{name}`" in SERVING


def test_the_documented_pixel_limit_is_the_one_in_force():
    exponent = re.search(r"more than 2\^(\d+) pixels", SERVING).group(1)
    assert 2 ** int(exponent) == images.MAX_PIXELS


def test_the_python_of_the_serving_page_is_python():
    blocks = re.findall(r"```python\n(.*?)```", SERVING, re.DOTALL)
    assert len(blocks) == 5
    for block in blocks:
        ast.parse(block)


@pytest.mark.parametrize("name", ["Aff-Wild2", "AffectNet", "ExpW", "AFEW-VA", "DISFA"])
def test_the_licence_table_and_the_model_cards_agree(name):
    (row,) = [line for line in RESPONSIBLE.splitlines() if line.startswith(f"| {name}")]
    (terms,) = [each for each in data_terms.TERMS.values() if each.title == name]
    assert row.endswith("| no |")
    assert terms.commercial is False


def test_page_and_model_card_speak_of_the_same_article():
    article = "Article 5(1)(f)"
    assert article in RESPONSIBLE
    assert any(article in use for use in model_card.FORBIDDEN_USES)
