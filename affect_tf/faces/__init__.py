"""Faces from films and photographs: decode, detect, align, track, judge."""
