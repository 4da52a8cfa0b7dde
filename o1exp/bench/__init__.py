"""Benchmarks: sampling, grading, metrics and paired statistics."""
