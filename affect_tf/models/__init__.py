"""Backbones, heads and the functional multi-output model."""
