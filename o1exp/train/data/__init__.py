"""From examples to packed micro-batches of token ids."""
