"""Outputs and verdicts that other people released: joined, graded again, scored."""
