"""What sampling by the local engine takes: each step reads all weights and the keys and values of every row, so bandwidth bounds it."""

import math
from dataclasses import dataclass

from o1exp.flow.architecture import Architecture
from o1exp.flow.expect import Expect, duration
from o1exp.flow.machine import Machine

GIB = 2**30
PROMPT = 256
"""Tokens of a prompt that nobody has counted."""
MOST_ROWS, MOST_SPREAD = 256, 128
"""Rows decoded together in pages (paged/fit.py), and in chunks where a model is spread over devices (generate.py)."""
EFFICIENCY = 0.7
"""Share of a device's bandwidth that decoding reaches."""
LAYER_SECONDS, SPREAD_SECONDS = 0.07e-3, 2.5e-3
"""What a layer of a step takes beside reading: small kernels in a captured step, and launched one by one where devices take turns."""
ROW_SECONDS = 4e-6
"""What drawing a row's token takes."""
SPARE = 0.1
"""Share of a device's memory that is neither weights nor cache: prompts being read, logits, CUDA's own."""


@dataclass(frozen=True)
class Draws:
    """So many answers of about and at most so many tokens each."""

    answers: float
    tokens: float
    most: float


def expected(model: Architecture, draws: Draws, machine: Machine) -> Expect:
    """Hours, GPUs and memory; refused where the devices of a node cannot hold the model and one answer."""
    gpu = machine.accelerator == "gpu"
    weights = (2 if gpu else 4) * model.parameters / GIB
    row = (PROMPT + draws.most) * model.cached(2 if gpu else 4) / GIB
    whole = machine.memory_gb * (1 - SPARE)
    devices = _devices(weights + row, whole, machine) if gpu else 1
    fits = not (gpu and whole) or weights + row <= whole * devices
    room = whole * devices - weights if whole else math.inf
    most_rows = min(draws.answers, MOST_SPREAD if devices > 1 else MOST_ROWS)
    rows, fewest = (_rows(most_rows, room / ((PROMPT + each) * model.cached(2) / GIB)) for each in (draws.tokens, draws.most))
    cache = min(room, rows * (PROMPT + draws.tokens) * model.cached(2 if gpu else 4) / GIB)
    layer = model.layers * (SPREAD_SECONDS if devices > 1 else LAYER_SECONDS)
    hours = _hours(model, (draws.answers, draws.tokens, rows), layer, machine)
    most = _hours(model, (draws.answers, draws.most, fewest), layer, machine)
    return Expect(
        rows=draws.answers, tokens_per_row=draws.tokens, tokens=draws.answers * draws.tokens, parameters=model.parameters,
        hours=hours, most_hours=most, gpus=devices if gpu else 0, gpu_usd=machine.usd(hours * devices) if gpu else 0.0,
        most_usd=machine.usd(most * devices) if gpu else 0.0, memory_gb=(weights + cache) / devices,
        obstacles=() if fits else (_refusal(draws, machine, weights, row),),
        details=(("time", _time(draws, machine, rows, hours)), ("memory", f"weights {_gb(weights)}, cache {_gb(cache)}")),
    )  # fmt: skip


def _devices(needed: float, each: float, machine: Machine) -> int:
    """Those of a node: the model's layers are spread over as few as hold it and a row, in a Slurm job over all that the job has."""
    if machine.launcher == "slurm":
        return machine.devices
    return min(machine.devices, math.ceil(needed / each)) if each else 1


def _rows(most: float, room: float) -> int:
    return max(1, math.floor(min(most, room)))


def _hours(model: Architecture, job: tuple[float, float, int], layers: float, machine: Machine) -> float:
    """For `job` = (answers, tokens of each, rows at a time), where a step's layers take so many seconds beside reading.

    0 where the bandwidth is unknown. Devices that share the layers work one after the other.
    """
    if not machine.bandwidth_tbs:
        return 0.0
    (answers, tokens, rows), width = job, 2 if machine.accelerator == "gpu" else 4
    read = width * model.parameters + rows * (PROMPT + tokens / 2) * model.cached(width)
    step = read / (EFFICIENCY * machine.bandwidth_tbs * 1e12) + layers + rows * ROW_SECONDS
    # An answer is one token a step, and the last ones leave rows empty.
    return max(answers / rows, 1.0) * tokens * step / 3600


def _time(draws: Draws, machine: Machine, rows: int, hours: float) -> str:
    answers = f"{draws.answers:,.0f} answers of about {draws.tokens:,.0f} tokens, {draws.most:,.0f} at most"
    if not machine.bandwidth_tbs:
        return f"{answers}; speed unknown: give machine.bandwidth_tbs=..."
    return f"{answers}; {rows} at a time, {draws.answers * draws.tokens / hours / 3600:,.0f} tokens/s: {duration(hours)}"


def _refusal(draws: Draws, machine: Machine, weights: float, row: float) -> str:
    enough = math.ceil((weights + row) / (machine.memory_gb * (1 - SPARE)))
    return (
        f"needs {weights:,.1f} GB for the weights and {row:.1f} for an answer of {draws.most:,.0f} tokens, but a node has "
        f"{machine.devices} x {machine.memory_gb:g} GB (machine.devices, machine.memory_gb); set machine.devices={enough}, a smaller "
        "max_tokens, or engine=endpoint"
    )


def _gb(size: float) -> str:
    return f"{size:,.1f} GB" if size >= 0.1 else f"{size * 1024:,.0f} MB" if size >= 1 / 1024 else "under 1 MB"
