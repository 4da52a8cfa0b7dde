"""Training measured against TRL's SFTTrainer, and against what this CPU can do at most."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np

from o1exp.flow import Machine
from tests.speed.beds import LONGEST, Bed, bed, even, heavy_tailed
from tests.speed.measure import Measure
from tests.speed.ours import SINGLE, peer, the_spec, train
from tests.speed.runs import Run

REPEATS = 3
PARITY_STEPS = 20
SINGLE_DEVICE = "Lightning, one device"
VARIANTS = {
    SINGLE_DEVICE: SINGLE,
    "DeepSpeed ZeRO-1": Machine(zero_stage=1),
    "DeepSpeed ZeRO-2": Machine(zero_stage=2),
    "DeepSpeed ZeRO-1, two ranks": Machine(zero_stage=1, devices=2),
    "DeepSpeed ZeRO-2, two ranks": Machine(zero_stage=2, devices=2),
}
NOTE = "TRL's kernels target GPUs: without Triton it computes its loss in slow tiles here. Read these ratios as: on this CPU."


def against_trl(folder: Path, vocabulary: int, documents: int) -> Iterator[Measure]:
    """Lightning on one device and TRL with packing (bfd) on the same documents, turn by turn, each in a process of its own."""
    ground = bed(folder / "bed", vocabulary, heavy_tailed(documents))
    ours, theirs, peaks = list[Run](), list[Run](), list[float]()
    for turn in range(REPEATS):
        theirs.append(seen("TRL", turn, peer(ground, folder / f"{turn}-theirs", "packed")))
        ours.append(seen(SINGLE_DEVICE, turn, train(ground, folder / f"{turn}-ours", SINGLE, {})))
        peaks.append(matrix_rate())
    what, against = f"training, vocabulary {vocabulary:,}, Lightning on one device", "TRL SFTTrainer, packing bfd"
    yield Measure(what, against, "tokens per CPU-s", _rate(ours), _rate(theirs))
    yield Measure(what, against, "MB above the model", _memory(ours), _memory(theirs))
    flop = _rate(ours) * flop_per_token(ground) / 1e9
    yield Measure(what, f"matrix products of {LONGEST:,} x 384 x {LONGEST:,} (fp32)", "GFLOP per CPU-s", flop, max(peaks))


def against_single(folder: Path, vocabulary: int, documents: int, variants: list[str], packs: int) -> Iterator[Measure]:
    """What DeepSpeed costs in steps of `packs` packs a rank, beside Lightning on one device, per CPU-second and per rank."""
    ground = bed(folder / "bed", vocabulary, heavy_tailed(documents))
    names = [SINGLE_DEVICE, *variants]
    found: dict[str, list[Run]] = {name: [] for name in names}
    for turn in range(REPEATS):
        for name in names:
            machine = VARIANTS[name]
            run = train(ground, folder / f"{turn}-{name}", machine, {"batch_tokens": packs * LONGEST * machine.ranks})
            found[name].append(seen(name, turn, run))
    single = found[SINGLE_DEVICE]
    for name in variants:
        what = f"training, vocabulary {vocabulary:,}, {name}, steps of {packs * LONGEST:,} tokens a rank"
        yield Measure(what, SINGLE_DEVICE, "tokens per CPU-s", _rate(found[name]), _rate(single))
        yield Measure(what, SINGLE_DEVICE, "MB a rank above the model", _memory(found[name]), _memory(single))


def parity(folder: Path) -> Measure:
    """Loss over 20 steps of eight whole documents each, no packing on TRL's side; ours is the largest difference, theirs the mean loss."""
    ground = bed(folder / "bed", 512, even(8 * PARITY_STEPS))
    ours = train(ground, folder / "ours", SINGLE, {})
    theirs = peer(in_our_order(ground, folder), folder / "theirs", "alone")
    assert len(ours.losses) == len(theirs.losses) == PARITY_STEPS
    worst = max(abs(a - b) for a, b in zip(ours.losses, theirs.losses, strict=True))
    return Measure(
        "loss over 20 steps, largest difference", "TRL SFTTrainer, no packing (its mean loss)", "nats", worst, float(np.mean(theirs.losses))
    )


def in_our_order(ground: Bed, folder: Path) -> Bed:
    """The same bed with the documents as our plan takes them, for a peer that takes them as they lie."""
    from o1exp.train.data.encode import Encoded
    from tests.train.parts import documents_of, the_plan

    data = Encoded.load(ground.data)
    order = documents_of(the_plan(the_spec(ground, folder, SINGLE), data))
    there = Bed(folder / "ordered", ground.vocabulary)
    shutil.copytree(ground.folder, there.folder)
    parts = [data.document(document) for document in order]
    starts = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
    replace(data, ids=np.concatenate(parts), starts=starts, prompts=data.prompts[order]).save(there.data)
    return there


def flop_per_token(ground: Bed) -> float:
    """Model FLOP: 6 a weight and token in the layers, 6 a weight and label in the output layer, 12 a width and visible token in attention.

    Nothing is counted for what is computed twice or only to be thrown away.
    """
    from transformers import AutoConfig

    from o1exp.train.data.encode import Encoded

    config, data = AutoConfig.from_pretrained(ground.model), Encoded.load(ground.data)
    hidden, narrow = config.hidden_size, config.hidden_size * config.num_key_value_heads // config.num_attention_heads
    layer = 2 * hidden * hidden + 2 * hidden * narrow + 3 * hidden * config.intermediate_size
    seen = float((data.lengths.astype(float) ** 2).sum() / 2 / data.lengths.sum())
    labels = float(data.labels.sum() / data.lengths.sum())
    return float(6 * (config.num_hidden_layers * (layer + 2 * hidden * seen) + labels * ground.vocabulary * hidden))


def matrix_rate() -> float:
    """The best of ten matrix products on one thread, GFLOP per CPU-second."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    left, right, best = torch.randn(LONGEST, 384), torch.randn(384, LONGEST), 0.0
    for _ in range(10):
        started = time.process_time()
        for _ in range(10):
            left @ right
        best = max(best, 10 * 2 * LONGEST * LONGEST * 384 / 1e9 / (time.process_time() - started))
    torch.set_num_threads(threads)
    return best


def seen(name: str, turn: int, run: Run) -> Run:
    """Print a run as soon as it is there: a part takes many minutes."""
    print(f"turn {turn + 1} of {REPEATS}, {name}: {run.rate:,.0f} tokens per CPU-s, {run.memory_mb:,.0f} MB", flush=True)
    return run


def _rate(runs: list[Run]) -> float:
    return median(run.rate for run in runs)


def _memory(runs: list[Run]) -> float:
    return median(run.memory_mb for run in runs)
