"""Annotated faces become TFRecords."""
