"""o1exp: ablations of o1 replication by distillation, as content-addressed experiments."""

__version__ = "0.1.0"
