"""Find the answer in a text, normalise it, compare it with the gold answer, vote."""
