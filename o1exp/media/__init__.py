"""How results look: text as each medium takes it, one style for every figure and page."""
