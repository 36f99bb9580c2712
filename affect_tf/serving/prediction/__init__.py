"""Photographs and films to a table of faces and scores."""
