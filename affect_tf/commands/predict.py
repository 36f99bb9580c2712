"""`--mode=predict`: photographs and films to a table, and to something to look at."""

from __future__ import annotations

import contextlib
import importlib
import logging
import warnings
from collections.abc import Iterator

import pandas as pd
import rich.console

from affect_tf import files
from affect_tf.commands import frame_progress
from affect_tf.commands import predict_stop
from affect_tf.commands import printed
from affect_tf.commands.predict_counts import count
from affect_tf.commands.predict_counts import Counts
from affect_tf.commands.predict_counts import left_out
from affect_tf.commands.predict_counts import MAX_NAMED
from affect_tf.commands.predict_counts import named
from affect_tf.commands.predict_flags import Options
from affect_tf.errors import UserError
from affect_tf.faces import films
from affect_tf.faces.film_decoding import FilmError
from affect_tf.serving.prediction import inputs
from affect_tf.serving.prediction import material
from affect_tf.serving.prediction import outputs
from affect_tf.serving.prediction import predictor as predictor_lib
from affect_tf.serving.prediction import table
from affect_tf.serving.prediction import table_files
from affect_tf.training.interrupts import Interrupts

#: Seconds after which a temporary file belongs to a run that was killed: others may
#: write the same output just now.
_OLD = 24 * 3600.0
#: What a file that is read for the second time may raise, and is no end of the others.
_OF_ONE_FILE = (FilmError, ArithmeticError, LookupError, TypeError, ValueError)


def predict(options: Options, console: rich.console.Console) -> None:
    """Writes the table, and what else was asked for.

    Args:
      options: Of the command line.
      console: Where a person reads.

    Raises:
      UserError: If a file could not be read to its end, after all others are done.
      KeyboardInterrupt: After the table of what was done is written.
    """
    with Interrupts() as interrupts, _quiet_pillow():
        predictor = predictor_lib.Predictor(
            options.model,
            detector=options.detector,
            faces=options.faces,
            batch_size=options.batch,
            smooth=options.smooth,
        )
        work = _Work(options, console, predictor, interrupts)
        work.write_table()
        if options.overlay is not None:
            work.write_overlays()
        if options.report is not None:
            work.write_report()
        work.raise_problems()


@contextlib.contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Keeps back what Pillow says of large pictures, and of damaged ones.

    A picture that cannot be read has a row that says so. Here and not where they are
    read, which is in threads.
    """
    logger = logging.getLogger("PIL")
    level = logger.level
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        logger.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            logger.setLevel(level)


class _Work:
    """One run of the command."""

    def __init__(
        self,
        options: Options,
        console: rich.console.Console,
        predictor: predictor_lib.Predictor,
        interrupts: Interrupts,
    ) -> None:
        self._options, self._console = options, console
        self._predictor, self._interrupts = predictor, interrupts
        self._counts = Counts()
        self._undrawn: list[tuple[str, str]] = []

    def write_table(self) -> None:
        """Predicts; an interrupt ends a film, but is how a camera is stopped."""
        out, columns = self._options.out, self._predictor.columns
        files.remove_leftovers(out, _OLD)
        error, sheet = None, None
        try:
            with table_files.writer(out, columns) as sheet:
                stopped = self._fill(sheet)
        except Exception as caught:
            if sheet is not None and sheet.is_kept:
                error = caught
            elif isinstance(caught, OSError):
                raise self._not_kept(caught) from caught
            else:
                raise
        for line in self._lines():
            self._say(line)
        if error is not None:
            self._raise_stopped(error)
        if stopped and any(s.kind != inputs.CAMERA for s in self._options.sources):
            self._say(f"{out} ends where it was stopped.")
            raise KeyboardInterrupt

    def _not_kept(self, error: OSError) -> UserError:
        """Returns what to say where there is no table, or still the one before."""
        out = self._options.out
        state = "What was there stays." if out.exists() else "No table was written."
        return UserError(
            "The table must be a file that can be written to its end. "
            f"Received: --out={out}: {error.strerror or error}. {state} Make room, "
            "or name another place."
        )

    def _raise_stopped(self, error: Exception) -> None:
        self._say(f"{self._options.out} ends where an error stopped it.")
        if isinstance(error, UserError | OSError):
            raise error
        raise UserError(
            "A prediction must go to its end. "
            f"Received: {type(error).__name__}: {error}. Leave out the input that "
            "follows the last row."
        ) from error

    def _fill(self, sheet: table_files.Sheet) -> bool:
        """Adds all rows; returns whether it was interrupted."""
        sources = self._options.sources
        success = self._predictor.columns.names.index("success")
        materials = map(material.of_source, sources)
        progress = frame_progress.shown(
            self._console, "predict", lambda: inputs.expected_frames(sources)
        )
        try:
            with progress as advance, predict_stop.stopping() as stopped:
                rows = self._predictor.stream(
                    materials, advance, self._counts.add, stopped
                )
                for row in rows:
                    with self._interrupts.held():
                        sheet.add([row])
                        self._counts.rows += 1
                        self._counts.faces += row[success]
        except KeyboardInterrupt:
            return True
        return stopped.is_set()

    def _lines(self) -> Iterator[str]:
        for name in self._counts.faceless_films[:MAX_NAMED]:
            yield f"{name}: no face was seen, so it has no rows"
        more = len(self._counts.faceless_films) - MAX_NAMED
        if more > 0:
            yield f"and {count(more, 'more film')} without a face"
        others = self._options.others
        if others:
            yield left_out(others)
        if self._options.smooth and self._counts.films + self._counts.cameras:
            yield (
                f"smoothed over {self._options.smooth:g} s before and after each face; "
                "live, a row comes that much later"
            )
        elif self._options.smooth:
            yield "--smooth had no effect: no time passes between photographs"
        yield f"{self._options.out}: {self._counts.said()}"

    def write_overlays(self) -> None:
        """Writes an annotated copy of each file that can be read."""
        overlay = importlib.import_module("affect_tf.serving.overlay")
        taxonomy = self._predictor.model.taxonomy
        paths = outputs.overlay_paths(self._options.sources, self._options.overlay)
        unreadable = {name for name, _ in self._counts.problems}
        readable = [s for s in paths if s.name not in unreadable or s.kind == "film"]
        progress = frame_progress.shown(
            self._console, "overlay", lambda: inputs.expected_frames(readable)
        )
        written = 0
        with progress as advance:
            for source, rows in self._rows_of(list(paths)):
                path = paths[source]
                files.remove_leftovers(path, _OLD)
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    if source.kind == inputs.FILM:
                        overlay.write(source.name, rows, path, taxonomy, advance)
                    else:
                        image = films.picture(source.name)
                        drawn = overlay.picture(image, rows, taxonomy)
                        files.write_bytes(path, overlay.jpeg(drawn))
                        advance(1)
                    written += 1
                except _OF_ONE_FILE as error:
                    if source.name not in unreadable:
                        self._undrawn.append((source.name, str(error)))
        self._say(f"{self._options.overlay}: {count(written, 'annotated file')}")

    def _rows_of(
        self, sources: list[inputs.Source]
    ) -> Iterator[tuple[inputs.Source, pd.DataFrame]]:
        """Gives each source with its rows, which may be none."""
        columns = self._predictor.columns
        groups = table_files.by_file(self._options.out, columns)
        group = next(groups, None)
        for source in sources:
            name = table.text(source.name)
            if group is not None and group["file"].iloc[0] == name:
                yield source, group
                group = next(groups, None)
            else:
                yield source, columns.frame([])

    def write_report(self) -> None:
        """Writes the page."""
        report = importlib.import_module("affect_tf.serving.report")
        model = self._predictor.model
        files.remove_leftovers(self._options.report, _OLD)
        report.write(
            table_files.read(self._options.out, self._predictor.columns),
            self._options.report,
            model.taxonomy,
            title=table.text(self._options.out.stem),
            thresholds=model.thresholds,
        )
        self._say(f"{self._options.report}: open it in a browser")

    def raise_problems(self) -> None:
        """Raises UserError where a file could not be read to its end, or drawn."""
        problems, sources = self._counts.problems, self._options.sources
        said = []
        if problems and all(source.kind == inputs.CAMERA for source in sources):
            said += [f"camera {name}: {why}" for name, why in problems]
        elif problems:
            said.append(
                f"{len(problems)} of {count(len(sources), 'file')} could not be read "
                f"to the end; what could be is in {self._options.out}."
            )
            said += named(problems, "those with success 0")
        if self._undrawn:
            said.append(
                f"{len(self._undrawn)} of {count(len(sources), 'file')} could not be "
                f"annotated; the others are in {self._options.overlay}."
            )
            said += named(self._undrawn, "those that are not there")
        if said:
            raise UserError("\n".join(said))

    def _say(self, text: str) -> None:
        printed.say(self._console, text)
