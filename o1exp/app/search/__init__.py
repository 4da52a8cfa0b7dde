"""Searches over recipes by Optuna: trials are cells of a sweep, and may be asked for by several processes at once."""
