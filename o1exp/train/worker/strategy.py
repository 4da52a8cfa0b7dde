"""DeepSpeed under Lightning, on GPUs as it comes and on CPUs with its one GPU check left out; or one device without it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.strategies import DeepSpeedStrategy, SingleDeviceStrategy

from o1exp.train.data.schedule import micro_batches_per_step
from o1exp.train.spec import TrainSpec
from o1exp.train.worker.optimizer import GROUP


class ZeroStrategy(DeepSpeedStrategy):  # type: ignore[misc]
    """DeepSpeedStrategy that also runs on CPU ranks, and alone knows of gradient accumulation.

    Lightning is in manual optimization and sees one micro-batch at a time. If both were told to accumulate, both would divide the loss.
    """

    def __init__(self, spec: TrainSpec) -> None:
        self.cpus = spec.devices if spec.accelerator == "cpu" else 0
        self.alone = spec.ranks == 1
        super().__init__(config=zero_config(spec), process_group_backend="gloo" if self.cpus else None)
        self.accumulate = micro_batches_per_step(spec)

    def setup_environment(self) -> None:
        if not self.cpus:
            super().setup_environment()
            return
        self.parallel_devices = [torch.device("cpu", index) for index in range(self.cpus)]
        super(DeepSpeedStrategy, self).setup_environment()

    def setup_distributed(self) -> None:
        if not self.cpus:
            super().setup_distributed()
            return
        if self.alone:
            # A single process needs no port; DeepSpeed takes the group it finds.
            torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)  # type: ignore[attr-defined]
        self.set_world_ranks()
        self._init_deepspeed_distributed()

    @contextmanager
    def model_sharded_context(self) -> Iterator[None]:
        """A rank alone loads its model as always: it has nobody to share weights with."""
        if self.alone:
            yield
            return
        with super().model_sharded_context():
            yield

    def _format_batch_size_and_grad_accum_config(self) -> None:
        assert isinstance(self.config, dict)
        self.config["gradient_accumulation_steps"] = self.accumulate


def zero_config(spec: TrainSpec) -> dict[str, Any]:
    """DeepSpeed's settings; what it is not told here Lightning would fill in with values of its own."""
    config: dict[str, Any] = {
        "train_micro_batch_size_per_gpu": 1, "gradient_clipping": spec.max_grad_norm, "zero_allow_untested_optimizer": True,
        "steps_per_print": None, "bf16": {"enabled": spec.precision == "bf16"},
        "timers": {"throughput": {"enabled": False}},  # it waits for the device at every micro-batch
    }  # fmt: skip
    if spec.accelerator == "gpu":
        # A gradient that is no number makes the norm infinite, which ends the run: no need to look at each tensor before.
        config["bf16"]["check_grad_overflow"] = False
    if spec.zero_stage > 0:
        gpu, alone = spec.accelerator == "gpu", spec.ranks == 1
        zero = config["zero_optimization"] = {"stage": spec.zero_stage, "overlap_comm": gpu and not alone}
        if alone or not gpu:
            zero["reduce_scatter"] = False  # its "scatter" sums whole buckets as well, after copying them once more
        if spec.zero_stage < 3:
            zero["contiguous_gradients"] = not alone  # a rank alone sends nothing, so it need not lay gradients out for it
        if spec.zero_stage == 3:
            zero |= _fetching(spec)
        if gpu:
            zero["reduce_bucket_size"] = BUCKET
            if spec.zero_stage == 3:
                # Gradients of so many elements are made fp32 at once in a step.
                zero["sub_group_size"] = GROUP
                zero["stage3_prefetch_bucket_size"] = BUCKET
                if spec.zero_hpz > 1:
                    zero["zero_hpz_partition_size"] = spec.zero_hpz
                if spec.zero_quantized_weights:
                    zero["zero_quantized_weights"] = True
                if spec.zero_quantized_gradients:
                    zero["zero_quantized_gradients"] = True
        if spec.offload_optimizer:
            zero["offload_optimizer"] = {"device": "cpu", "pin_memory": gpu}
            config["zero_force_ds_cpu_optimizer"] = False  # torch's own fused AdamW runs on CPUs too, and needs no compiler
    return config


def _fetching(spec: TrainSpec) -> dict[str, Any]:
    """Which weights ZeRO-3 keeps whole, and how it multiplies by them.

    A layer's last only while it is at work, as the plan counts them: by default those of 10^9 elements wait for their backward pass.
    """
    alone, again = spec.ranks == 1, spec.activation_checkpointing
    # Its own product holds no weight from the forward to the backward pass, at the price of Python in both. A rank alone has them all the
    # same, and where layers are computed again, torch's product is made when the weight is needed.
    how: dict[str, Any] = {"memory_efficient_linear": not (alone or again), "stage3_max_reuse_distance": 0}
    if alone:
        return {**how, "stage3_param_persistence_threshold": sys.maxsize}  # see fetch.keep_whole
    if spec.accelerator == "cpu":
        return {**how, "stage3_param_persistence_threshold": 0}  # or it would keep every parameter of a small model whole
    return how


BUCKET = 2**27
"""Elements of gradients that are summed over ranks at once, and of weights that are fetched ahead."""


def make_trainer(spec: TrainSpec, recorder: Callback) -> Trainer:
    """A Trainer without logger, bar, summary and checkpoints of its own: `recorder` does what is needed."""
    if spec.strategy == "single":
        strategy: Any = SingleDeviceStrategy(torch.device("cpu") if spec.accelerator == "cpu" else torch.device("cuda", 0))
    else:
        strategy = ZeroStrategy(spec)
    return Trainer(
        accelerator=spec.accelerator, devices=spec.devices, num_nodes=spec.nodes, strategy=strategy, max_epochs=1,
        callbacks=[recorder], precision="bf16-true" if spec.precision == "bf16" else "32-true", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, use_distributed_sampler=False, num_sanity_val_steps=0,
    )  # fmt: skip
