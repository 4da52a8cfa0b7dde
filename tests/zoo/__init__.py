"""Every causal architecture of the installed transformers, tiny and with random weights: right, or refused."""
