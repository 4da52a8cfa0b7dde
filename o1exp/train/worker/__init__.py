"""What runs in a training's own processes: model, loss, optimizer step, records, resume."""
