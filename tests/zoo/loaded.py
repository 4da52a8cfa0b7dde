"""What the process is loaded with from which architectures are forked."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("DS_ACCELERATOR", "cpu")

from o1exp.train.worker.accelerator import import_deepspeed

import_deepspeed()  # save_pretrained does, for seconds

import torch
import transformers

import o1exp.bench.engines.generate
import o1exp.train.worker.evaluate
import o1exp.train.worker.export
import o1exp.train.worker.module
import o1exp.train.worker.objective
import o1exp.train.worker.record
import o1exp.train.worker.reread
import o1exp.train.worker.resume
import o1exp.train.worker.strategy  # noqa: F401

torch.set_num_threads(1)
transformers.logging.set_verbosity_error()
