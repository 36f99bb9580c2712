"""The model card: what an exported model is, came from, and must not be used for.

`document` is the one content; `markdown` prints it, so the two files of an export
cannot disagree.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

import affect_tf
from affect_tf.data.manifest import Manifest
from affect_tf.data.past import Past
from affect_tf.data.windows import Windows
from affect_tf.evaluation.calibration import Calibration
from affect_tf.evaluation.thresholds import Thresholds
from affect_tf.labels.taxonomy import Taxonomy
from affect_tf.serving import time_file
from affect_tf.serving.data_terms import SYNTHETIC
from affect_tf.serving.data_terms import Terms
from affect_tf.serving.data_terms import terms_of

INTENDED_USES = (
    "Research on methods for multitask learning from incomplete labels.",
    "Describing the visible expression of aligned, upright faces, with a person "
    "reading the result.",
)

FORBIDDEN_USES = (
    "Inferring emotions of people at work or in education: prohibited in the European "
    "Union (AI Act, Article 5(1)(f)), apart from medical or safety reasons.",
    "Any decision about a person: hiring, grading, credit, policing, border control, "
    "diagnosis, lie detection.",
    "Watching people who have not been told, or who cannot refuse.",
    "Identifying people, or guessing their age, gender or origin: not trained for it.",
)

LIMITATIONS = (
    "The outputs describe how a face looks, not what its owner feels.",
    "Scores by group (age, gender, skin tone, glasses, beard) were not measured.",
    "Faces that are turned, covered, small, blurred or badly aligned were not studied.",
    "Probabilities are not calibrated for other data than those named here, and those "
    "of action units for none; a spread over an ensemble is not a confidence.",
)


@dataclasses.dataclass(frozen=True)
class DataSet:
    """One source of the data that a model learnt from or was tested on.

    Attributes:
      source: Its name in the records.
      frames: {split: pictures}.
      terms: What its owners allow.
    """

    source: str
    frames: Mapping[str, int]
    terms: Terms


@dataclasses.dataclass(frozen=True)
class ModelCard:
    """What the card says that the exported model cannot know by itself.

    Attributes:
      name: Of the model, for people.
      data: Where the labels came from; `data_sets` reads it from a manifest.
      scores: {metric: value}, a value of None where it could not be measured.
      protocol: What the scores were measured on, and how.
      pretrained: File of weights that the training began with; "" for none.
      config: The run's record: the repr of its config.
      commit: Of the code; "" where it is not known.
      intended_uses: What it was made for.
      forbidden_uses: What it must not be used for.
      limitations: What it cannot do, and what nobody has measured.
      contact: Where to report misuse or ask for the removal of a person's pictures.

    Raises:
      ValueError: If there are scores and nothing says what they were measured on.
    """

    name: str
    data: Sequence[DataSet] = ()
    scores: Mapping[str, float | None] = dataclasses.field(default_factory=dict)
    protocol: str = ""
    pretrained: str = ""
    config: str = ""
    commit: str = ""
    intended_uses: Sequence[str] = INTENDED_USES
    forbidden_uses: Sequence[str] = FORBIDDEN_USES
    limitations: Sequence[str] = LIMITATIONS
    contact: str = ""

    def __post_init__(self) -> None:
        """Refuses numbers that nobody could compare with others."""
        if self.scores and not self.protocol:
            raise ValueError(
                "ModelCard.scores must come with the protocol that they were measured "
                f"by. Received: protocol='' for {sorted(self.scores)}. Name the split, "
                "its size, and whether subjects are shared with training."
            )


def data_sets(manifests: Sequence[Manifest]) -> tuple[DataSet, ...]:
    """Returns the sources of some folders of records, by name, with their terms.

    Only what the toolkit itself drew counts as drawn, whatever a source is called.
    """
    frames: dict[tuple[str, bool], dict[str, int]] = {}
    different = [m for i, m in enumerate(manifests) if m not in manifests[:i]]
    for manifest in different:
        for shard in manifest.shards:
            is_drawn = manifest.reader == SYNTHETIC
            splits = frames.setdefault((shard.source, is_drawn), {})
            splits[shard.split] = splits.get(shard.split, 0) + shard.frames
    return tuple(
        DataSet(source, frames[source, is_drawn], terms_of(source, is_drawn))
        for source, is_drawn in sorted(frames)
    )


def commercial_use(data: Sequence[DataSet], pretrained: str = "") -> tuple[bool, str]:
    """Returns whether the data lets the weights be used commercially, and why.

    One data set that forbids it, or that nobody knows, decides; so do pretrained
    weights, of which nobody here knows the terms.
    """
    against = [d.terms.title for d in data if d.terms.commercial is False]
    unknown = [d.terms.title for d in data if d.terms.commercial is None]
    if pretrained:
        unknown.append(f"the pretrained weights in {os.path.basename(pretrained)}")
    if against:
        names = ", ".join(dict.fromkeys(against))
        return False, f"Not allowed: the terms of {names} are for research only."
    if unknown or not data:
        names = ", ".join(dict.fromkeys(unknown)) or "the data, which is not named"
        return False, f"Not allowed until somebody has checked the terms of {names}."
    return True, "Not excluded by the terms of the data."


def document(
    card: ModelCard,
    taxonomy: Taxonomy,
    thresholds: Thresholds,
    calibration: Calibration,
    *,
    image_size: int,
    members: int,
    time: Windows | Past | None = None,
) -> dict[str, Any]:
    """Returns the card as a JSON-ready dictionary.

    Args:
      card: What the caller knows.
      taxonomy: Of the exported tasks.
      thresholds: One for every action unit.
      calibration: Of the expressions.
      image_size: Side of the faces.
      members: Models in the ensemble; 1 for a single model.
      time: What models of time look at; None for models of single pictures.
    """
    allowed, reason = commercial_use(card.data, card.pretrained)
    return {
        "name": card.name,
        "members": members,
        "image_size": image_size,
        "input": time_file.in_words(time, image_size),
        "labels": taxonomy.to_json(),
        "thresholds": thresholds.to_json(),
        "calibration": calibration.to_json(),
        "data": [_data_set(each) for each in card.data],
        "commercial_use": {"allowed": allowed, "reason": reason},
        "scores": dict(card.scores),
        "protocol": card.protocol,
        "intended_uses": list(card.intended_uses),
        "forbidden_uses": list(card.forbidden_uses),
        "limitations": list(card.limitations),
        "contact": card.contact,
        "config": card.config,
        "commit": card.commit,
        "versions": {"affect_tf": affect_tf.__version__, "tensorflow": tf.__version__},
    }


def markdown(document: Mapping[str, Any]) -> str:
    """Returns the card that `document` made as a page of Markdown."""
    ensemble = document["members"] > 1
    kind = f"the mean of {document['members']} models" if ensemble else "one model"
    sections = {
        f"# Model card: {document['name']}": [
            f"Facial expression from {document['input']}; {kind}. The outputs speak of "
            "*expression*, of how a face looks; they do not say what a person feels."
        ],
        "## Outputs": _outputs(document),
        "## Intended uses": _bullets(document["intended_uses"]),
        "## Forbidden uses": _bullets(document["forbidden_uses"]),
        "## Limitations": _bullets(document["limitations"]),
        "## Data and licences": _data(document),
        "## Scores": _scores(document),
        "## Origin": _origin(document),
    }
    parts = [line for head, body in sections.items() for line in (head, "", *body, "")]
    return "\n".join(parts)


def _data_set(data: DataSet) -> dict[str, Any]:
    return {
        "source": data.source,
        "frames": dict(data.frames),
        "terms": dataclasses.asdict(data.terms),
    }


def _outputs(document: Mapping[str, Any]) -> list[str]:
    labels, thresholds = document["labels"], document["thresholds"]
    lines = []
    if labels["expressions"]:
        names = ", ".join(labels["expressions"])
        lines.append(f"- `expression_scores`: probabilities of {names}.")
        lines.append(f"  {Calibration.from_json(document['calibration']).summary}")
    if labels["action_units"]:
        fitted = f"fitted on {thresholds['split']!r}" if thresholds["f1"] else "default"
        names = ", ".join(
            f"{unit} ({thresholds['values'][unit]:.3g})"
            for unit in labels["action_units"]
        )
        lines.append(
            f"- `action_unit_scores`: probabilities (threshold, {fitted}): {names}."
        )
    if labels["has_va"]:
        lines.append("- `valence_arousal`: two values in [-1, 1].")
    return lines


def _data(document: Mapping[str, Any]) -> list[str]:
    lines = [
        f"Commercial use of the weights: {document['commercial_use']['reason']}",
        "",
    ]
    if not document["data"]:
        return [*lines, "No data set is named."]
    lines += ["| source | pictures | terms |", "|---|---|---|"]
    for data in document["data"]:
        frames = ", ".join(
            f"{count} {split}" for split, count in data["frames"].items()
        )
        terms = data["terms"]
        known = f"{terms['title']}: {terms['summary']}"
        lines.append(f"| {_cell(data['source'])} | {frames} | {_cell(known)} |")
    return lines


def _scores(document: Mapping[str, Any]) -> list[str]:
    if not document["scores"]:
        return ["Not measured."]
    lines = [
        f"Measured on: {document['protocol']}",
        "",
        "| metric | value |",
        "|---|---|",
    ]
    for name, value in document["scores"].items():
        shown = "not measured" if value is None else f"{value:.4f}"
        lines.append(f"| {_cell(name)} | {shown} |")
    return lines


def _origin(document: Mapping[str, Any]) -> list[str]:
    versions = document["versions"]
    lines = [
        f"- Code: affect_tf {versions['affect_tf']}, commit "
        f"{document['commit'] or 'not recorded'}; TensorFlow {versions['tensorflow']}.",
        f"- Contact: {document['contact'] or 'not given'}.",
    ]
    if document["config"]:
        lines += ["", "The config of the run:", "", "```", document["config"], "```"]
    return lines


def _bullets(lines: Sequence[str]) -> list[str]:
    return [f"- {line}" for line in lines]


def _cell(text: str) -> str:
    """Returns text that cannot break out of its cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")
