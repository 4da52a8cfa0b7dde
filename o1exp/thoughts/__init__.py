"""Ways to long thoughts: training text written by a model or taken from the source, rewritten and verified."""
