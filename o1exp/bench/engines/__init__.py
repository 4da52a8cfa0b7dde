"""Who generates: a local engine in a process of its own, or an endpoint."""
