"""Data card and model card of a run, from its artefacts."""
