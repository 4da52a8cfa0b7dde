"""Models before and after training: bases, supervised fine-tuning, preference training."""
