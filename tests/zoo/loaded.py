"""What the process is loaded with from which architectures are forked: `tests.zoo.row` and what it imports while it works."""

import os
from importlib import import_module

os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
import_module("o1exp.train.worker.warm")
import_module("o1exp.bench.engines.generate")
import_module("transformers").logging.set_verbosity_error()
import_module("torch").set_num_threads(1)
