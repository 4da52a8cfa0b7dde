"""The Technical Transparency Index (Part 2, section 5): 25 items, 100 points, each answered with evidence."""
