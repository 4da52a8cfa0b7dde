"""Where problems come from: generated, a file, the hub."""
