"""The command line: plan, explain, run, sweep."""
