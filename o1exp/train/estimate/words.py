"""A training in the lines of the plan."""

import dataclasses
from collections.abc import Iterator

from o1exp.flow.expect import counted, duration
from o1exp.flow.machine import Machine
from o1exp.train.estimate.job import TrainingJob
from o1exp.train.estimate.memory import CONTEXT, FRAGMENTS, GIB, Memory, asked, memory
from o1exp.train.estimate.nearest import Fit, fits, nearest, parked
from o1exp.train.estimate.work import Amount, Pace

UNKNOWN = "unknown: give model.layers=... and the other numbers of its config.json, or a model folder"


def recipe(job: TrainingJob) -> str:
    """What is trained, how it is split, and on what."""
    machine = job.machine
    weights = "all weights but the embedding" if job.frozen else "all weights"
    what = f"LoRA of rank {job.lora_r}, {job.trained / 1e6:,.1f} million weights" if job.lora_r else weights
    split = f"DeepSpeed ZeRO-{machine.zero_stage}" if machine.strategy == "deepspeed" else "without DeepSpeed"
    recompute = "recompute" if machine.activation_checkpointing else "no recompute"
    moved = ["optimizer offloaded"] if machine.offload_optimizer else []
    moved += ["activations offloaded"] if machine.offload_activations else []
    moved += [f"rows shared by {machine.sequence_parallel}"] if machine.sequence_parallel > 1 else []
    moved += [f"ZeRO++ ({', '.join(plus)})"] if (plus := _plus(machine)) else []
    many = counted(machine.ranks, "GPU" if machine.accelerator == "gpu" else "CPU rank")
    return ", ".join([f"{what} in {'bf16' if job.bf16 else 'fp32'}, AdamW", split, recompute, *moved, f"on {many}"])


def _plus(machine: Machine) -> list[str]:
    """What ZeRO++ does."""
    asked = {
        f"hpZ {machine.zero_hpz}": machine.zero_hpz > 1,
        "qwZ": machine.zero_quantized_weights,
        "qgZ": machine.zero_quantized_gradients,
    }
    return [name for name, wanted in asked.items() if wanted]


def memory_lines(job: TrainingJob, found: Memory) -> Iterator[tuple[str, str]]:
    """What a device needs, whether it has that, and what it is made of."""
    machine = job.machine
    gpu, size = machine.accelerator == "gpu", asked(found, machine.accelerator)
    whole = f"{size:,.1f}" if size >= 1 else f"{size:.2f}"
    if not gpu:
        yield "memory", f"{whole} GB a rank beside Python and its libraries"
    elif not machine.memory_gb:
        yield "memory", f"{whole} GB a GPU; machine.memory_gb is not given, so nothing is refused"
    else:
        verdict = "fits" if fits(found, machine) else f"does not fit; {_nearby(job)}"
        yield "memory", f"{whole} of {machine.memory_gb:g} GB a GPU: {verdict}"
    yield "", _terms(job, found) if job.model.layers else f"model states alone; activations {UNKNOWN}"


def _terms(job: TrainingJob, found: Memory) -> str:
    states = [f"weights {_gb(found.weights)}", f"gradients {_gb(found.gradients)}", f"optimizer {_gb(found.optimizer)}"]
    states += [f"gathered {_gb(found.gathered)}"] if found.gathered else []
    other = memory(job.on(_without_recompute(job.machine)))
    without = f" ({_gb(other.kept + other.layer)} without recompute)" if job.machine.activation_checkpointing else ""
    parts = [
        f"model states {_gb(found.states)} ({', '.join(states)}, its step {_gb(found.step)})",
        f"activations {_gb(found.kept + found.layer)}{without}", f"logits {_gb(found.logits)}", f"buffers {_gb(found.buffers)}",
    ]  # fmt: skip
    if job.machine.accelerator == "gpu":
        parts.append(f"fragments {_gb(FRAGMENTS * found.peak)}, CUDA {CONTEXT:.1f}")
    return ", ".join(parts)


def _without_recompute(machine: Machine) -> Machine:
    return dataclasses.replace(machine, activation_checkpointing=False, offload_activations=False)


def time(job: TrainingJob, amount: Amount, speed: Pace, hours: float) -> str:
    if amount.tokens is None:
        return "unknown: the number of examples is"
    machine = job.machine
    steps = f"{speed.steps:,} steps of {job.packs * job.pack_length:,} tokens, {amount.tokens:,.0f} tokens in all"
    if not speed.tokens_per_second:
        return f"{steps}; speed unknown: give machine.peak_tflops=..."
    idle = f", {1 - job.busy:.0%} of the ranks idle: a step has {job.packs} packs" if job.busy < 0.99 else ""
    return (
        f"{steps}; {speed.flop / 1e9:,.3g} GFLOP a token, {speed.tokens_per_second:,.0f} tokens/s at {machine.utilisation:.0%} of "
        f"{machine.ranks} x {machine.peak_tflops:g} TFLOP/s{idle}: {duration(hours)}"
    )


def priced(machine: Machine, gpu_hours: float) -> str:
    """GPU-hours and what they cost, with the date of the price."""
    if not machine.gpu_hour_usd:
        return f"{gpu_hours:,.1f} GPU-hours, not priced: give machine.gpu_hour_usd=... and machine.price_date=..."
    date = f" ({machine.price_date})" if machine.price_date else ""
    return f"{gpu_hours:,.1f} GPU-hours, ${machine.usd(gpu_hours):,.2f} at ${machine.gpu_hour_usd:g} a GPU-hour{date}"


def gb(amount: float) -> str:
    """An amount on a disk."""
    return f"{amount:,.0f} GB" if amount >= 10 else f"{amount:.2g} GB" if amount >= 0.01 else f"{amount * 1e3:.2g} MB"


def _gb(held: float) -> str:
    size = held / GIB
    return f"{size:.1f}" if size >= 0.1 or not size else f"{size:.2f}" if size >= 0.005 else "<0.01"


def _nearby(job: TrainingJob) -> str:
    found, without = nearest(job), nearest(job, offload=False)
    if found is None:
        return "nothing up to 64 nodes holds it; take shorter packs, LoRA or a smaller model"
    others = f"; without more offloading: {_fit(job, without)}" if without and without.words != found.words else ""
    return f"nearest that does: {_fit(job, found)}{others}"


def _fit(job: TrainingJob, found: Fit) -> str:
    host = parked(job.on(found.machine))
    beside = f", and {host:,.0f} GB of the CPUs' memory on a node" if host else ""
    return f"{found.words} ({counted(found.machine.ranks, 'GPU')}, {found.memory.needed:,.1f} GB each{beside})"


def refusal(job: TrainingJob, found: Memory) -> str:
    machine = job.machine
    size = asked(found, machine.accelerator)
    return (
        f"needs {size:,.1f} GB on each of {counted(machine.ranks, 'device')} (model states {_gb(found.states)}, activations "
        f"{_gb(found.kept + found.layer)}), but machine.memory_gb={machine.memory_gb:g}; {_nearby(job)}"
    )
