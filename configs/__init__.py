"""Experiments: one configuration a file."""
