"""`--mode=features`: what a trained network sees in each face, once and for all."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Sequence

import tensorflow as tf

from affect_tf import files
from affect_tf.commands import evaluate
from affect_tf.commands import frame_progress
from affect_tf.commands import run_folder
from affect_tf.commands import run_lock
from affect_tf.commands import run_models
from affect_tf.commands import towers
from affect_tf.commands.session import check_past
from affect_tf.commands.session import Session
from affect_tf.data import feature_records
from affect_tf.data.manifest import FILE_NAME
from affect_tf.data.manifest import Manifest
from affect_tf.data.manifest import Shard
from affect_tf.data.past import Past
from affect_tf.errors import UserError
from affect_tf.training import checkpoints
from affect_tf.training.interrupts import Interrupts

#: Says what a folder of features is made from, while it is not finished.
_NOTE = ".features.json"


def features(
    session: Session,
    runs: Sequence[str],
    out: str | None,
    overwrite: bool = False,
    changes: Sequence[str] = (),
) -> None:
    """Writes the features of all records of the session's data.

    Args:
      session: The data, and where to look for runs.
      runs: One folder or name; empty for the best run by its validation score.
      out: Folder of the features; None for `<runs>/features/<name of the data>`.
      overwrite: Whether features of something else in `out` give way.
      changes: What --set has changed of the session's config.

    Raises:
      UserError: If the run or the data do not serve, or a change has no effect.
    """
    if changes and (runs or not towers.are_named(session.config)):
        raise UserError(
            "--set must come with networks that it names (cnn, sound or pretrained) "
            f"for --mode=features. Received: --set {changes[0]}. Leave it out: a run "
            "keeps the config that it was trained with.",
            exit_code=2,
        )
    _check_pictures(session)
    run = _one_run(session, runs, overwrite)
    target = _target(session, out)
    frames = extract(session, run, target, overwrite)
    session.say(f"   features: {target}, {frames:,} frames seen by {run.name}")
    config = session.config
    above = "a --config with windows, such as deng2020_rnn_small"
    if config.architecture.temporal is not None:
        above = f"--config={config.name}"
    session.say(f"Next: a model of time, by --mode=teacher --data={target} and {above}")


def extract(
    session: Session,
    run: pathlib.Path,
    target: pathlib.Path,
    overwrite: bool = False,
) -> int:
    """Writes the features of a run, or what is left of them, into a folder.

    The folder mirrors that of the data, shard by shard; a shard is whole or absent, so
    an extraction that was stopped goes on with the first that is not there.

    Returns:
      The frames of the data.

    Raises:
      UserError: If the data are features already, the run does not look at pictures,
        or the folder holds something else.
    """
    _check_pictures(session)
    if run_folder.training_data(run).features:
        raise UserError(
            "Features must come from a network that sees pictures. Received: "
            f"{run}, which was trained on features. Name the run that made those.",
            exit_code=2,
        )
    check_past(
        run_folder.stored_config(run),
        session.faces.manifest,
        session.faces.directory,
        trains=False,
    )
    total = sum(shard.frames for shard in session.faces.manifest.shards)
    origin = _origin(session, run)

    def waiting() -> None:
        session.say(f"Another process writes {target}; waiting for it to end")

    target = target.resolve()
    with run_lock.alone(target.with_name(f".{target.name}.lock"), waiting):
        # With --overwrite the sums of its shards are looked at, too.
        if _is_finished(target, origin) and not overwrite:
            session.say(f"{target} holds these features already")
        else:
            _claim(target, origin, overwrite)
            _write(session, run, target, origin)
    return total


def _check_pictures(session: Session) -> None:
    if session.faces.manifest.features:
        raise UserError(
            "Features must be made of pictures. Received: "
            f"{session.faces.directory}, which holds features. Choose the folder that "
            "they were made from.",
            exit_code=2,
        )


def _write(
    session: Session, run: pathlib.Path, target: pathlib.Path, origin: dict[str, str]
) -> None:
    """Writes the shards that are not there, then the manifest."""
    config, manifest = run_folder.stored_config(run), session.faces.manifest
    total = sum(shard.frames for shard in manifest.shards)
    # In float32, so that the numbers do not depend on the machine that made them.
    network = run_models.embedder(run)
    names = set(network.input)
    # Faces that nobody looks at, as where only sound is heard, are not given.
    seen = tf.function(
        lambda inputs: network({n: inputs[n] for n in inputs if n in names}),
        reduce_retracing=True,
    )
    past = config.windows if isinstance(config.windows, Past) else None
    shards = []
    progress = frame_progress.shown(session.console, "features", total)
    with Interrupts(), progress as advance:
        for shard in manifest.shards:
            path = target / shard.file
            if path.exists():
                advance(shard.frames)
            else:
                for count in feature_records.write_shard(
                    session.faces.directory / shard.file,
                    path,
                    seen,
                    config.architecture.image_size,
                    config.evaluation_batch_size,
                    past,
                ):
                    advance(count)
            shards.append(_written(shard, path))
    dataclasses.replace(
        manifest,
        shards=tuple(shards),
        features={name: shape[-1] for name, shape in network.output_shape.items()},
        features_from=origin,
    ).save(target)
    (target / _NOTE).unlink()


def best_run(folders: Sequence[pathlib.Path]) -> pathlib.Path:
    """Returns the run with the best overall validation score."""
    return max(folders, key=checkpoints.best_score)


def _one_run(session: Session, runs: Sequence[str], overwrite: bool) -> pathlib.Path:
    if not runs and towers.are_named(session.config):
        return towers.run_of(session, overwrite)
    folders = evaluate.find_runs(session, runs)
    if not runs:
        return best_run(folders)
    if len(folders) > 1:
        raise UserError(
            "--runs must name one run for --mode=features. "
            f"Received: --runs={','.join(runs)}. Extract the features of each into a "
            "folder of its own.",
            exit_code=2,
        )
    return folders[0]


def _target(session: Session, out: str | None) -> pathlib.Path:
    if out:
        return pathlib.Path(out)
    return session.folder / "features" / session.faces.directory.resolve().name


def _origin(session: Session, run: pathlib.Path) -> dict[str, str]:
    """Returns what features are made of; where the run lies may change later."""
    manifest = session.faces.manifest
    shards = json.dumps([(shard.file, shard.sha256) for shard in manifest.shards])
    return {
        "run": str(run),
        "config": run_folder.stored_config(run).name,
        "weights": checkpoints.digest(run),
        "data": hashlib.sha256(shards.encode()).hexdigest()[:16],
    }


def _same(stored: dict[str, str], origin: dict[str, str]) -> bool:
    return all(stored.get(name) == origin[name] for name in ("weights", "data"))


def _is_finished(target: pathlib.Path, origin: dict[str, str]) -> bool:
    if not (target / FILE_NAME).exists():
        return False
    manifest = Manifest.load(target)
    return _same(manifest.features_from, origin) and not manifest.file_problems(target)


def _claim(target: pathlib.Path, origin: dict[str, str], overwrite: bool) -> None:
    """Makes a folder that of these features, or leaves it so with its whole shards.

    Raises:
      UserError: If it holds something else, and may not be overwritten.
    """
    note = target / _NOTE
    if (target / FILE_NAME).exists():
        manifest = Manifest.load(target)
        stored = manifest.features_from
        old = [target / shard.file for shard in manifest.shards]
        damaged = [
            target / shard.file
            for shard in manifest.shards
            if _is_damaged(target / shard.file, shard, overwrite)
        ]
    else:
        stored = json.loads(note.read_text(encoding="utf-8")) if note.exists() else {}
        old, damaged = sorted(target.rglob("*.tfrecord")) if stored else [], []
    same = _same(stored, origin)
    holds_more = target.exists() and any(target.iterdir()) and not same
    if holds_more and not (stored and overwrite):
        hint = "Use --overwrite, or another" if stored else "Choose another"
        raise UserError(
            "A folder of features must be empty, or hold the same ones. "
            f"Received: {target}, which holds something else. {hint} --out.",
            exit_code=2,
        )
    # The note last: until then the folder is known for what it was.
    for path in damaged if same else old:
        path.unlink(missing_ok=True)
    files.write_text(note, json.dumps(origin))
    (target / FILE_NAME).unlink(missing_ok=True)


def _is_damaged(path: pathlib.Path, shard: Shard, look_inside: bool) -> bool:
    """Whether a shard that is there is not what the manifest says."""
    if not path.exists():
        return False
    if path.stat().st_size != shard.bytes:
        return True
    return look_inside and files.sha256(path) != shard.sha256


def _written(shard: Shard, path: pathlib.Path) -> Shard:
    return dataclasses.replace(
        shard, bytes=path.stat().st_size, sha256=files.sha256(path)
    )
