"""The graphs that an export consists of, made out of Keras models."""
