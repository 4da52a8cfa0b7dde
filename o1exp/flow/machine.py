"""How to run, not what: devices, processes, ZeRO stage. Never part of a key."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from o1exp.flow.check import AtLeast, Between, Settings


@dataclass(frozen=True, kw_only=True)
class Machine(Settings):
    """One kind of machine. A training uses nodes x devices ranks."""

    renamed: ClassVar[Mapping[str, str]] = {"gradient_checkpointing": "activation_checkpointing", "num_nodes": "nodes"}

    accelerator: Literal["cpu", "gpu"] = "cpu"
    """What computes."""
    strategy: Literal["deepspeed", "single"] = "deepspeed"
    """single: Lightning on one device without DeepSpeed, for small models and for debugging."""
    devices: Annotated[int, AtLeast(1)] = 1
    """GPUs of a node, or CPU ranks on it; a training starts one process for each."""
    nodes: Annotated[int, AtLeast(1)] = 1
    """Machines that train together."""
    zero_stage: Annotated[int, Between(0, 3)] = 1
    """What ranks split among them: 1 the optimizer's state, 2 the gradients too, 3 the weights too; 0: nothing."""
    zero_hpz: Annotated[int, AtLeast(1)] = 1
    """ZeRO++ (hpZ): so many ranks, best those of a node, keep a second copy of the weights among them for the backward pass; 1: none."""
    zero_quantized_weights: bool = False
    """ZeRO++ (qwZ): weights travel between ranks in 8 bits. Losses differ by more than rounding."""
    zero_quantized_gradients: bool = False
    """ZeRO++ (qgZ): gradients travel in 4 and 8 bits. Losses differ by more than rounding."""
    sequence_parallel: Annotated[int, AtLeast(1)] = 1
    """So many ranks share the tokens of a row, and the heads of attention (DeepSpeed Ulysses): for long packs."""
    offload_optimizer: bool = False
    """Keep the optimizer's state in the memory of the CPU."""
    micro_batch_tokens: Annotated[int, AtLeast(16)] = 8192
    """Tokens that a rank computes at once: what fits into its memory. Several micro-batches make a step."""
    activation_checkpointing: bool = False
    """Keep each layer's input (on a GPU its attention too) and compute the rest again in the backward pass: less memory, more time."""
    offload_activations: bool = False
    """Keep what `activation_checkpointing` keeps in the memory of the CPU: for long packs."""
    attention: Literal["auto", "sdpa", "varlen", "cudnn"] = "auto"
    """Within packed documents: torch's variable-length FlashAttention, cuDNN's, or SDPA per document; auto: the fastest that runs."""
    packing: Literal["auto", "packed", "rows", "alone"] = "auto"
    """Documents of a training: packed into one row, in rows of one each, or one at a time; auto: the first that is right for the model."""
    kernels: Literal["auto", "triton", "liger", "compile", "none"] = "auto"
    """Norms, rotary positions and gated MLPs on a GPU, fused: by ours, Liger's, torch.compile's or none; auto: the first there."""
    deterministic: bool = False
    """Equal bytes from equal runs on a GPU, too, at some cost of speed; on CPUs they are equal anyway."""
    threads: Annotated[int, AtLeast(1)] = 1
    """CPU threads of each rank."""
    jobs: Annotated[int, AtLeast(1)] = 2
    """Stages that are made side by side."""
    launcher: Literal["local", "slurm"] = "local"
    """Who starts the ranks: this machine, or srun inside a Slurm job; on a login node, stages become jobs (docs/scale.md)."""
    wait: bool = True
    """Slurm: stay until the jobs are done; false: submit them and leave, action=status shows how they stand."""
    partition: str = ""
    """Slurm's partition for trainings; "": the cluster's own choice."""
    sample_partition: str = ""
    """That for sampling; "": that of trainings."""
    cpu_partition: str = ""
    """That for stages without GPUs; "": the cluster's own choice."""
    account: str = ""
    """Slurm's account; "": the user's own."""
    hours: Annotated[float, AtLeast(0)] = 0.0
    """Time limit of each job in hours; 0: half as long again as the plan expects, or the partition's own where that is unknown."""
    sbatch: tuple[str, ...] = ()
    """More options of sbatch for every job, e.g. ["--qos=long", "--constraint=h100"]."""
    memory_gb: Annotated[float, AtLeast(0)] = 0.0
    """Memory of one device in GB of 2^30 bytes; what needs more is refused before it starts (0: unknown)."""
    bandwidth_tbs: Annotated[float, AtLeast(0)] = 0.0
    """Memory bandwidth of one device in TB/s, for the plan's hours of sampling (0: unknown)."""
    peak_tflops: Annotated[float, AtLeast(0)] = 0.0
    """Dense bf16 TFLOP/s of one device, for the plan's hours (0: unknown)."""
    utilisation: Annotated[float, Between(0, 1)] = 0.35
    """Model-FLOP utilisation assumed by the plan."""
    gpu_hour_usd: Annotated[float, AtLeast(0)] = 0.0
    """Price of a GPU for an hour in US dollars, for the plan (0: not priced)."""
    price_date: str = ""
    """The day or month of that price."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if self.strategy == "single" and self.ranks > 1:
            yield "strategy", f"single takes one device, not {self.ranks}; set devices=1 and nodes=1, or strategy=deepspeed"
        yield from self._splitting()
        if self.attention in ("varlen", "cudnn") and self.accelerator == "cpu":
            yield "attention", f"{self.attention} has no kernel for CPUs; set attention=auto"
        if self.offload_activations and not self.activation_checkpointing:
            yield "offload_activations", "moves what activation_checkpointing keeps; set activation_checkpointing=true"

    def _splitting(self) -> Iterator[tuple[str, str]]:
        """What ZeRO++ and sequence parallel cannot do."""
        size = self.sequence_parallel
        if size > 1 and self.strategy == "single":
            yield "sequence_parallel", "single has one rank, and no other to share a row with; set strategy=deepspeed"
        elif self.devices % size:
            yield "sequence_parallel", f"the ranks that share a row stand on one node; take a divisor of devices={self.devices}"
        if size > 1 and self.packing not in ("auto", "packed"):
            yield "sequence_parallel", f"only packed rows are shared, not packing={self.packing}; set packing=auto"
        plus = {"zero_hpz": self.zero_hpz > 1, "zero_quantized_weights": self.zero_quantized_weights}
        plus["zero_quantized_gradients"] = self.zero_quantized_gradients
        for name in [name for name, asked in plus.items() if asked]:
            if self.zero_stage != 3 or self.strategy != "deepspeed":
                yield name, "ZeRO++ is a way of ZeRO-3; set zero_stage=3 and strategy=deepspeed"
            elif self.accelerator == "cpu":
                yield name, "ZeRO++ has kernels for GPUs alone; set accelerator=gpu, or leave it out"
        if plus["zero_hpz"] and self.ranks % self.zero_hpz:
            yield "zero_hpz", f"the {self.ranks} ranks cannot be cut into such parts; take a divisor, e.g. devices={self.devices}"

    def usd(self, gpu_hours: float) -> float:
        """What so many hours of a GPU cost; 0 where they are not priced."""
        return gpu_hours * self.gpu_hour_usd

    @property
    def ranks(self) -> int:
        return self.devices * self.nodes

    @property
    def gpus(self) -> int:
        """GPUs of this machine that a training takes; none where Slurm has given the job its own."""
        return self.devices if self.accelerator == "gpu" and self.launcher == "local" else 0
