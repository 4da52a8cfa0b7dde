"""A model that was loaded here: its prompts, its end tokens, how tokens are drawn and spelt. Benchmark and training share it."""
