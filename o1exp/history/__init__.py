"""What was made, read back from disk: runs, arms, lineage. The only room that reads the past."""
