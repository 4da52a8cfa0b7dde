"""The models that a training starts from."""
