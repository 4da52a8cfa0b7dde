"""What a run showed: scores with their certainty, one HTML page, tables."""
