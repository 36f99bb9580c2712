"""Studies: one a file, each with a function `study() -> Study`."""
