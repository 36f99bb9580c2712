"""Scores of a whole data set, their intervals and their pictures."""
