import dataclasses

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from affect_tf.evaluation.plots import figure_to_png
from affect_tf.studies import plots
from affect_tf.studies.definition import Arm
from affect_tf.studies.definition import Comparison
from affect_tf.studies.definition import Study
from affect_tf.studies.table import Result
from affect_tf.studies.table import Table
from configs import deng2020_small

METRICS = ("expr/f1", "au/f1", "va/valence_ccc", "va/arousal_ccc", "overall")
CONFIG = deng2020_small.config()


def made(seeds=(1, 2, 3), metrics=METRICS, **paper):
    arms = (Arm("a", CONFIG, paper=paper), Arm("a much longer name", CONFIG))
    study = Study("Two arms", arms, (Comparison("a", arms[1].name),), metrics)
    results = tuple(
        Result(arm.name, seed, {m: 0.1 * seed + position for m in metrics}, ())
        for position, arm in enumerate(arms)
        for seed in seeds
    )
    return Table(study, results, seeds)


def drawn(figure):
    """The points of each visible panel: [[x, ...], ...]."""
    return [
        [float(x) for line in axes.lines for x in line.get_xdata()]
        for axes in figure.axes
        if axes.get_visible()
    ]


def test_each_metric_is_a_panel_with_every_seed_mean_spread_and_paper():
    figure = plots.score_figure(made(**{"expr/f1": 0.77}))
    panels = drawn(figure)
    assert len(panels) == len(METRICS)
    for value in (0.1, 0.2, 0.3, 1.1, 1.2, 1.3, 0.77):
        assert any(x == pytest.approx(value) for x in panels[0])
    # Three seeds, a bar's two ends and a mean, for two arms; and the paper's number.
    assert [len(points) for points in panels] == [13, 12, 12, 12, 12]


def test_differences_have_a_line_at_zero():
    figure = plots.difference_figure(made())
    assert all(0.0 in points for points in drawn(figure))
    assert all(any(x == pytest.approx(1.0) for x in each) for each in drawn(figure))


def test_no_text_is_cut_off_or_runs_into_another_panel():
    for figure in plots.figures(made(**{"expr/f1": 0.77})).values():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        page = figure.bbox
        for axes in figure.axes:
            if axes.get_visible():
                box = axes.get_tightbbox(canvas.get_renderer())
                assert box.x0 >= page.x0 - 1
                assert box.x1 <= page.x1 + 1
                assert box.y0 >= page.y0 - 1
                assert box.y1 <= page.y1 + 1


@pytest.mark.parametrize("seeds", [(1,), (1, 2)])
def test_few_seeds_and_arms_without_numbers_can_be_drawn(seeds):
    table = made(seeds, metrics=("overall",))
    for figure in plots.figures(table).values():
        assert figure_to_png(figure).startswith(b"\x89PNG")
    alone = dataclasses.replace(table, results=table.results[:1])
    figures = plots.figures(alone)
    assert set(figures) == {"scores"}
    assert any(text.get_text() == "none" for text in figures["scores"].axes[0].texts)
