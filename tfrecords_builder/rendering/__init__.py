"""Parametric faces: the drawing behind the embedded sample data set."""
