"""The flags of `--mode=predict`, and what they say together."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from absl import flags

from affect_tf.errors import UserError

if TYPE_CHECKING:
    from affect_tf.serving.prediction.inputs import Found
    from affect_tf.serving.prediction.inputs import Source

FLAGS = flags.FLAGS
flags.DEFINE_multi_string(
    "input",
    [],
    "Photographs, films, folders or patterns, with commas between, or the number of a "
    "camera; may be repeated.",
)
flags.DEFINE_string("detector", "default", "Face detector: default, small or mtcnn.")
flags.DEFINE_enum("faces", "all", ["all", "largest"], "Faces to look at.")
flags.DEFINE_bool("aligned", False, "The pictures are aligned faces already.")
flags.DEFINE_integer("batch", 32, "Faces scored together.", lower_bound=1)
flags.DEFINE_float(
    "smooth",
    0.0,
    "Average a person's scores over this many seconds before and after; each row comes "
    "that much later.",
)
flags.DEFINE_string("report", None, "Also write a page to look at, .html.")
# With or without a value: --overlay, --overlay=FOLDER, --nooverlay.
flags.DEFINE_flag(
    flags.Flag(
        flags.ArgumentParser(),
        flags.ArgumentSerializer(),
        "overlay",
        "false",
        "Also write annotated films and photographs, into this folder.",
        boolean=True,
    )
)

#: The modes in which each flag has an effect.
USED_IN = dict.fromkeys(
    (
        *("input", "detector", "faces", "aligned", "batch", "smooth"),
        *("report", "overlay"),
    ),
    ("predict",),
)


@dataclasses.dataclass(frozen=True)
class Options:
    """What a user asks for.

    Attributes:
      sources: What to look at.
      others: {ending: how many files were found that nothing reads}.
      model: Folder of the exported model.
      out: The table.
      overlay: Folder of the annotated copies; None where none are wanted.
      report: The page; None where none is wanted.
      detector, faces, batch, smooth: As `serving.Predictor` takes them.
    """

    sources: list[Source]
    others: Mapping[str, int]
    model: pathlib.Path
    out: pathlib.Path
    overlay: pathlib.Path | None
    report: pathlib.Path | None
    detector: str
    faces: str
    batch: int
    smooth: float


def options(model: pathlib.Path) -> Options:
    """Reads the flags.

    Args:
      model: Folder of the exported model.

    Raises:
      UserError: If a flag is wrong, or an input is not there.
    """
    # OpenCV and FFmpeg load with these: other modes need not wait for them.
    from affect_tf.faces import detection
    from affect_tf.serving.prediction import inputs
    from affect_tf.serving.prediction import outputs
    from affect_tf.serving.prediction import smoothing

    out = pathlib.Path(FLAGS.out or "predictions.csv")
    outputs.table_ending(out)
    overlay = _overlay(out)
    report = None if FLAGS.report is None else pathlib.Path(FLAGS.report)
    if report is not None and report.suffix.lower() not in (".html", ".htm"):
        raise UserError(
            f"--report must end in .html. Received: --report={report}. "
            "Change the ending.",
            exit_code=2,
        )
    detector = _detector(tuple(detection.DETECTORS))
    written = list(filter(None, [out, report, overlay]))
    found = inputs.search(FLAGS.input, written)
    sources = found.sources
    outputs.check_not_inputs([out, *filter(None, [report])], sources)
    outputs.check_writable("out", out)
    if report is not None:
        outputs.check_writable("report", report)
    if overlay is not None:
        _check_overlay(overlay, found, out, report)
        outputs.check_writable("overlay", overlay, is_folder=True)
    return Options(
        sources=sources,
        others=found.others,
        model=model,
        out=out,
        overlay=overlay,
        report=report,
        detector=detector,
        faces=FLAGS.faces,
        batch=FLAGS.batch,
        smooth=smoothing.checked_seconds(FLAGS.smooth),
    )


def _overlay(out: pathlib.Path) -> pathlib.Path | None:
    """Returns the folder; without a name of its own it lies beside the table."""
    value = FLAGS.overlay
    if value.lower() in ("", "false"):
        return None
    if value.lower() == "true":
        return out.with_name(f"{out.stem}_overlay")
    return pathlib.Path(value)


def _detector(known: tuple[str, ...]) -> str:
    from affect_tf.labels.taxonomy import closest

    name = FLAGS.detector
    if name not in known:
        raise UserError(
            "--detector must name one that there is. "
            f"Received: --detector={name}. {closest(name, known)}",
            exit_code=2,
        )
    if FLAGS.faces == "largest" and (FLAGS.aligned or name == "none"):
        raise UserError(
            "--faces must be left out for aligned faces, each of which is one person. "
            "Received: --faces=largest and "
            f"{'--aligned' if FLAGS.aligned else '--detector=none'}. Leave one of the "
            "two out.",
            exit_code=2,
        )
    if not FLAGS.aligned:
        return name
    if name not in ("default", "none"):
        raise UserError(
            "--aligned faces must not be looked for. "
            f"Received: --aligned and --detector={name}. Leave one of the two out.",
            exit_code=2,
        )
    return "none"


def _check_overlay(
    folder: pathlib.Path,
    found: Found,
    out: pathlib.Path,
    report: pathlib.Path | None,
) -> None:
    from affect_tf.serving.prediction import inputs
    from affect_tf.serving.prediction import outputs

    cameras = [source for source in found.sources if source.kind == inputs.CAMERA]
    if cameras:
        raise UserError(
            "--overlay must have films or photographs, which it reads a second time. "
            f"Received: --input={cameras[0].name}, a camera. Leave --overlay out.",
            exit_code=2,
        )
    if folder.absolute() in (out.absolute(), report and report.absolute()):
        raise UserError(
            "--overlay must be a folder of its own. "
            f"Received: --overlay={folder}, which is another output. Name another.",
            exit_code=2,
        )
    paths = outputs.overlay_paths(found.sources, folder)
    outputs.check_not_searched(folder, found.searched)
    outputs.check_not_inputs(paths.values(), found.sources)
    outputs.check_replaceable(paths.values())
