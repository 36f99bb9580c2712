"""Exported models and what travels inside them."""
