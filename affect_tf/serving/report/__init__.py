"""A table of predictions as one HTML file: films over time, photographs as a grid.

`document.write` is the way in.
"""

from affect_tf.serving.report.document import write

__all__ = ["write"]
