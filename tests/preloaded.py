"""What runs of the console script and their workers import, in a process that all of them are forked from: it may start no thread.

Polars starts some when it is imported, and MLflow imports it where it is installed; a fork imports it when it needs it. MLflow comes
before DeepSpeed, which is kept from importing it.
"""

import sys
from importlib import import_module
from typing import Any

modules: dict[str, Any] = sys.modules
modules["polars"] = None  # as if it were not installed
for name in ("pandas", "mlflow.store.tracking.sqlalchemy_store", "matplotlib.figure", "openai"):
    import_module(name)
del modules["polars"]
for name in ("o1exp.app.run", "o1exp.app.sweep", "o1exp.train.worker.warm", "o1exp.bench.engines.generate"):
    import_module(name)
