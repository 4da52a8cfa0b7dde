"""One measured training in a process of its own: everything is imported first, then it waits for its turn on the GPU.

python -m tests.speed.gpu_worker TURN SPEC [profile]; or python -m tests.speed.gpu_worker TURN peer ARGS (tests.speed.gpu_peer).
"""

import fcntl
import json
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

OURS = (
    "lightning.pytorch.strategies", "transformers.models.qwen2.modeling_qwen2", "o1exp.train.worker.evaluate", "o1exp.train.worker.export",
    "o1exp.train.worker.module", "o1exp.train.worker.objective", "o1exp.train.worker.record", "o1exp.train.worker.strategy",
)  # fmt: skip
PROFILED = (4, 6)
"""Optimizer steps under the profiler: from the first to before the second."""


def main(turn: Path, what: str, rest: list[str]) -> None:
    if what == "peer":
        from tests.speed.gpu_peer import train

        with turn.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            train(json.loads(rest[0]))
        return
    from o1exp.train.spec import TrainSpec
    from o1exp.train.worker import rank

    spec = TrainSpec.load(Path(what))
    if spec.strategy == "deepspeed":
        from o1exp.train.worker.accelerator import import_deepspeed

        import_deepspeed()
    for module in OURS:
        import_module(module)
    export: Any = import_module("o1exp.train.worker.export")
    export.export = lambda *given: print(f"trained: {time.time():.1f}", flush=True)  # writing the weights is not measured
    if rest == ["profile"]:
        watch(Path(spec.scratch) / "profile.txt")
    with turn.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        print(f"turn: {time.time():.1f}", flush=True)
        rank.main(Path(what))


def watch(out: Path) -> None:
    """Put torch's profiler around the steps PROFILED."""
    from torch.profiler import ProfilerActivity, profile

    from o1exp.train.worker.module import Student

    plain, seen = Student.training_step, list[Any]()

    def step(self: Any, batch: Any, batch_idx: int) -> None:
        if batch.step == PROFILED[0] and batch.index == 0:
            seen.extend([profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]), time.monotonic()])
            seen[0].__enter__()
        plain(self, batch, batch_idx)
        if batch.step == PROFILED[1] - 1 and batch.last:
            import torch

            torch.cuda.synchronize()
            wall = time.monotonic() - seen[1]
            seen[0].__exit__(None, None, None)
            out.write_text(told(seen[0], wall))

    Student.training_step = step  # type: ignore[method-assign]


def told(profiled: Any, wall: float) -> str:
    """Where the device's time went, by kernel, and how long it had nothing to do; then the host's dearest calls."""
    spans = sorted(
        (event.time_range.start, event.time_range.end, event.name) for event in profiled.events() if event.device_type.name == "CUDA"
    )
    busy, until, gaps = 0.0, spans[0][0] if spans else 0.0, list[tuple[float, float, str]]()
    total: dict[str, list[float]] = {}
    for start, end, name in spans:
        if start > until:
            gaps.append((start - until, start, name))
        busy += max(0.0, end - max(start, until))
        until = max(until, end)
        kept = total.setdefault(name, [0.0, 0])
        kept[0] += end - start
        kept[1] += 1
    waited = sum(gap for gap, *_ in gaps if gap > 50)
    lines = [f"wall {wall:.3f} s, device busy {busy / 1e6:.3f} s, {len(spans)} kernels, gaps over 50 us: {waited / 1e6:.3f} s"]
    lines += [
        f"{seconds / 1e6:8.3f} s {count:6.0f} x {name[:150]}"
        for name, (seconds, count) in sorted(total.items(), key=lambda kv: -kv[1][0])[:45]
    ]
    lines += ["the longest gaps, with the kernel behind them and how far into the time:"]
    first = spans[0][0] if spans else 0.0
    lines += [f"{gap / 1e3:8.2f} ms at {(at - first) / 1e6:.3f} s before {name[:120]}" for gap, at, name in sorted(gaps, reverse=True)[:30]]
    lines.append(profiled.key_averages().table(sort_by="self_cpu_time_total", row_limit=25, max_name_column_width=60))
    return "\n".join(lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
