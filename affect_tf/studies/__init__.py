"""Studies: systems compared over several seeds, as tables of papers are."""
