"""Readers: one data set layout each, into the annotation table."""
