"""Functions of a GPU that are one kernel instead of several passes: norms, rotary positions, gated MLPs, the softmax, attention."""
