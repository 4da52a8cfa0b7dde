"""Every causal architecture of the installed transformers, tiny and with random weights: does it train and sample right, or is it refused?"""
