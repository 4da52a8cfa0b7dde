"""Memory of one device at the peak of a training, term by term; docs/plan.md has the formulas and where each constant comes from."""

from dataclasses import dataclass

from o1exp.train.estimate.job import TrainingJob

GIB = 2**30
GROUP = 2**26
"""Elements of an optimizer group on a GPU, whose gradients are made fp32 at once (worker/optimizer.py)."""
BUCKET = 2**27
"""Elements of gradients that are summed over ranks at once, and of weights fetched ahead, on a GPU (worker/strategy.py)."""
CHUNK_LOGITS, CHUNK_ROWS, CHUNK_ROWS_GPU = 2**24, 512, 2048
"""Logits computed at once, and the fewest rows of them (worker/loss.py)."""
AHEAD = 3
"""Layers whose parked activations are on the GPU at once: on their way out or back (worker/offload.py)."""
LIVE = 10**9
"""Weights that DeepSpeed keeps gathered under ZeRO-3 (stage3_max_live_parameters)."""
FRAGMENTS = 0.05
"""Share of what is allocated that lies idle between blocks of torch's allocator."""
CONTEXT = 1.0
"""GiB that CUDA, its libraries and NCCL take beside the allocator."""


@dataclass(frozen=True)
class Memory:
    """Bytes of one device at the peak, by what they hold.

    Model states are `weights`, `gradients`, `optimizer` (fp32 weights and both moments), `gathered` (what ZeRO-3 has whole) and, during the
    optimizer's step, copies of gradients (`step`). `kept` are activations that wait for the backward pass, `layer` what the layer under way
    takes besides, `logits` a chunk of them with the output layer's gradient, `buffers` those of communication.
    """

    weights: float
    gradients: float
    optimizer: float
    gathered: float
    kept: float
    layer: float
    logits: float
    step: float
    buffers: float

    @property
    def states(self) -> float:
        """Model states, during the step."""
        return self.weights + self.gradients + self.optimizer + self.gathered + self.step

    @property
    def peak(self) -> float:
        """In the backward pass or in the optimizer's step, whichever takes more."""
        return self.states - self.step + max(self.kept + max(self.layer, self.logits) + self.buffers, self.step)

    @property
    def needed(self) -> float:
        """GiB that a GPU must have: the peak, the allocator's fragments and CUDA's own."""
        return self.peak * (1 + FRAGMENTS) / GIB + CONTEXT


def asked(found: Memory, accelerator: str) -> float:
    """GB of 2^30 bytes that a device must have, or on a CPU a rank beside Python and its libraries."""
    return found.needed if accelerator == "gpu" else found.peak / GIB


def memory(job: TrainingJob) -> Memory:
    """What this training takes on each device."""
    weights, gradients, optimizer, gathered = _states(job)
    kept, layer = _activations(job)
    return Memory(
        weights=weights, gradients=gradients, optimizer=optimizer, gathered=gathered, kept=kept, layer=layer, logits=_logits(job),
        step=_step(job), buffers=_buffers(job),
    )  # fmt: skip


def _states(job: TrainingJob) -> tuple[float, float, float, float]:
    """Bytes a weight, as DeepSpeed has them in mixed precision: 2 + 2 + 12; in fp32 4 + 4 + 8, and under ZeRO a copy of its own, 4."""
    stage, ranks = job.zero_stage, job.machine.ranks
    weights, gradients = job.width * job.model.parameters, job.width * job.trained
    optimizer = (12 if job.bf16 or stage else 8) * job.trained
    if job.machine.offload_optimizer:
        return weights / (ranks if stage == 3 else 1), gradients if stage < 2 else 0.0, 0.0, _gathered(job)
    if stage == 3:
        return weights / ranks, gradients / ranks, optimizer / ranks, _gathered(job)
    return weights, gradients / (ranks if stage == 2 else 1), optimizer / (ranks if stage else 1), 0.0


def _gathered(job: TrainingJob) -> float:
    """The largest part that ZeRO-3 has whole with its gradient: the embedding or the output layer."""
    largest = max(job.model.embedding, job.model.layer)
    return 2 * job.width * largest if job.zero_stage == 3 else 0.0


def _step(job: TrainingJob) -> float:
    """The optimizer's copies of gradients: flat and in fp32, of one group at a time on a GPU, of all at once on a CPU.

    ZeRO-3 is counted as DeepSpeed's own estimate counts it: 18 bytes a weight with these.
    """
    if job.machine.offload_optimizer or not (job.zero_stage or job.bf16):
        return 0.0
    if job.zero_stage == 3:
        return 2 * job.trained / job.machine.ranks
    at_once = min(job.trained, max(GROUP, job.model.embedding)) if job.machine.accelerator == "gpu" else job.trained
    copies = (job.width + 4 if job.bf16 else 4) * at_once / (job.machine.ranks if job.zero_stage else 1)
    return max(copies, job.width * job.trained if job.accumulates and job.zero_stage else 0.0)


def _activations(job: TrainingJob) -> tuple[float, float]:
    """What waits for the backward pass, and what the layer under way takes beside it."""
    gpu, model, token = job.machine.accelerator == "gpu", job.model, job.tokens_at_once * job.width
    queries, keys = model.heads * model.head_size, model.kv_heads * model.head_size
    fused = gpu and job.machine.kernels != "none"
    # A plain norm keeps its input in fp32, the normed and the scaled one; a fused one its input and its result.
    norm = (2 if fused else 4 if job.bf16 else 3) * model.hidden
    attention = 2 * queries + 2 * keys + (0 if gpu else queries)
    exchanged = 2 * queries + 2 * keys if job.machine.sequence_parallel > 1 else 0
    own = job.machine.kernels in ("auto", "triton") and not job.lora_r and job.zero_stage < 3
    gated = (4 if not fused else 2 if own else 3) * model.intermediate
    whole = 2 * norm + attention + exchanged + gated
    # Gradients of the gated MLP; where everything is kept, the last layer's, which works on fewer places.
    under_way = (1 if fused or not job.machine.activation_checkpointing else 2) * model.intermediate
    ends = norm + 2 * model.hidden
    if not job.machine.activation_checkpointing:
        return token * (model.layers * whole + ends), token * under_way
    again = model.hidden + (queries if gpu else 0)
    waits = again * (AHEAD if job.machine.offload_activations else model.layers - 1)
    return token * (waits + ends), token * (whole + under_way)


def _logits(job: TrainingJob) -> float:
    """A chunk of the output layer's logits with what the softmax adds, and that layer's gradient as a whole."""
    gpu, vocabulary = job.machine.accelerator == "gpu", job.model.vocabulary
    rows = min(job.tokens_at_once, max(CHUNK_ROWS_GPU if gpu else CHUNK_ROWS, CHUNK_LOGITS // max(1, vocabulary)))
    if job.pairs:  # logits, their logarithms and both gradients, of one chunk that is computed again
        return rows * vocabulary * (2 * job.width + 8) + (job.width * job.model.embedding if job.trains_head else 0)
    a_logit = 4 if not job.bf16 else 2 if gpu else 8
    return rows * vocabulary * a_logit + (job.width * job.model.embedding if job.trains_head else 0)


def _buffers(job: TrainingJob) -> float:
    """Buckets of gradients on their way to other ranks; under ZeRO-3 weights that were fetched, too, and hpZ's second copy."""
    if not job.zero_stage or job.machine.accelerator == "cpu":
        return 0.0
    bucket = job.width * min(BUCKET, job.trained)
    if job.zero_stage < 3:
        return bucket * (2 if job.machine.ranks > 1 else 1)
    second = job.width * job.model.parameters / job.machine.zero_hpz if job.machine.zero_hpz > 1 else 0.0
    return second + 2 * bucket + job.width * min(LIVE, 2 * job.model.layer)
