"""Runs in MLflow, and its UI opened on a table of them."""
