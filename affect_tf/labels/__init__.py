"""Label vocabularies: expressions, action units, valence-arousal bins."""
