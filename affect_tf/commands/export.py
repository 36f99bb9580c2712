"""`--mode=export`: a SavedModel of one run, or of several as one ensemble."""

from __future__ import annotations

import pathlib
import subprocess
from collections.abc import Sequence

import tensorflow as tf

from affect_tf.commands import evaluate
from affect_tf.commands import export_formats
from affect_tf.commands import run_folder
from affect_tf.commands import run_models
from affect_tf.commands.session import Session
from affect_tf.data.manifest import Manifest
from affect_tf.errors import UserError
from affect_tf.evaluation import calibration
from affect_tf.evaluation import thresholds
from affect_tf.serving import export as export_lib
from affect_tf.serving import model_card
from affect_tf.serving.graphs.sequence_members import SequenceModels

#: The split that the thresholds are fitted on and the card's scores come from.
_SPLIT = "validation"


def export(
    session: Session,
    runs: Sequence[str],
    out: str | None,
    formats: Sequence[str] = (),
) -> None:
    """Writes the next version of the SavedModel, and other formats inside it.

    Args:
      session: The data that describe and score the model, and where the runs lie.
      runs: Folders or names; empty for all students, or else the teacher.
      out: Folder of the versions; None for `<runs>/export`.
      formats: Further ones, each compared with the SavedModel on validation faces.

    Raises:
      UserError: If a run is missing, the members look at different things, or a format
        cannot be written.
    """
    others = export_formats.chosen(formats, session)
    folders = evaluate.find_runs(session, runs)
    if _SPLIT not in session.faces.manifest.splits:
        raise UserError(
            f"A data folder must have a {_SPLIT} split, for thresholds and card. "
            f"Received: splits={session.faces.manifest.splits}. Choose data with one."
        )
    config = run_folder.stored_config(folders[0])
    over = _over_time(session, folders)
    if over is not None and others:
        raise UserError(
            "--format must be left out for a model of time, which is written as "
            f"SavedModel only. Received: --format={','.join(others)} for "
            f"{folders[0]}. Leave it out, or export the network below by --runs.",
            exit_code=2,
        )
    session = evaluate.in_words_of(session, folders)
    # Of features too what is exported sees pictures, as the folder below has them.
    models = [
        run_models.trained_model(folder, cnn=session.config.cnn) for folder in folders
    ]
    image_size = _image_size(models)
    scored = evaluate.score(session, folders, _SPLIT)
    taxonomy = session.config.taxonomy
    limits = None
    if "au" in scored.scores.tasks:
        limits = thresholds.fit(scored.predictions, taxonomy, _SPLIT)
    temperature = calibration.fit(scored.predictions, _SPLIT)
    trained_on = [run_folder.training_data(folder) for folder in folders]
    card = model_card.ModelCard(
        name=f"{config.name}: {' + '.join(scored.runs)}",
        data=model_card.data_sets(trained_on),
        pretrained=config.pretrained or "",
        scores=scored.scores.headline(),
        protocol=_protocol(scored, session.faces.manifest),
        config=run_folder.layout(config),
        commit=_commit(),
    )
    version = export_lib.export(
        models,
        config.tasks,
        taxonomy,
        image_size,
        out or session.run("export"),
        thresholds=limits,
        calibration=temperature,
        card=card,
        over=over,
        add=export_formats.Writer(session, folders[0], others) if others else None,
    )
    if "expr" in scored.scores.tasks:
        session.say(temperature.summary)
    session.say(f" SavedModel: {version}")
    session.say(f" model card: {version / 'assets' / 'model_card.md'}")
    session.say(f"    look at: saved_model_cli show --dir {version} --all")


def _over_time(
    session: Session, folders: Sequence[pathlib.Path]
) -> SequenceModels | None:
    """Returns what runs of time look at; None for runs that see single pictures.

    Raises:
      UserError: If they look at different things, or none of them at faces.
    """
    configs = [run_folder.stored_config(folder) for folder in folders]
    parts = [config.architecture.temporal for config in configs]
    times = [run_models.windows_of(config, session.config) for config in configs]
    for folder, time in zip(folders, times, strict=True):
        if time != times[0]:
            raise UserError(
                "Members of an exported ensemble must look at the same: single "
                "pictures, or windows of one kind. Received: "
                f"{folder} with {time or 'single pictures'}, beside {folders[0]} with "
                f"{times[0] or 'single pictures'}. Export them apart.",
                exit_code=2,
            )
    if parts[0] is None:
        return None
    if not all(map(run_models.sees, configs)):
        raise UserError(
            "An exported model must look at faces. Received: "
            f"{folders[0]}, which only listens. --mode=evaluate scores films with it.",
            exit_code=2,
        )
    return SequenceModels(times[0], parts)


def _image_size(models: Sequence[tf.keras.Model]) -> int:
    """Returns the side of the faces that some models see.

    Raises:
      UserError: If there are several.
    """
    sizes = sorted({model.input["image"].shape[-2] for model in models})
    if len(sizes) > 1:
        raise UserError(
            "Members of an exported ensemble must see faces of one size. "
            f"Received: sizes {sizes}. Export them apart.",
            exit_code=2,
        )
    return sizes[0]


def _protocol(scored: evaluate.Scored, manifest: Manifest) -> str:
    """Says what the card's scores were measured on."""
    people = (
        f"of {scored.scores.subjects} people of the {_SPLIT} split, none of whom is in "
        "the training split"
        if manifest.subjects_known
        else f"of the {_SPLIT} split; the data do not say who is shown, so that people "
        "may be in the training split as well"
    )
    return (
        f"{scored.scores.rows} faces {people}. Action units at 0.5. Thresholds and "
        "the epoch that was kept were chosen on this split."
    )


def _commit() -> str:
    """Returns the commit of this code, or "" where it is not a checkout."""
    folder = pathlib.Path(__file__).resolve().parent
    try:
        result = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return result.stdout.strip()
