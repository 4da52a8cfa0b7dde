"""Trainings with eyes, several in one start: gradients of every step, last weights and logits go to `watched.pt` in scratch.

python -m tests.train.watched SPEC ... [naive:SPEC ...] [cramped:SPEC ...]: a naive training leaves the backward pass to Lightning, which
has the loss divided by the number of micro-batches; a cramped one believes that no memory is free.
"""

import dataclasses
import os
import subprocess
import sys
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

from o1exp.flow import Store, Work
from o1exp.flow.process import die_with_parent, leave
from o1exp.train.launch import environment, launch
from o1exp.train.spec import TrainSpec
from o1exp.train.training import Training
from tests.conftest import ROOT
from tests.train.counting import Calls

PROBE = list(range(5, 45))
"""Token ids whose logits are kept."""


def watch(store: Store, root: Path, stages: list[Training], naive: int = 0, cramped: int = 0) -> list[dict[str, Any]]:
    """Train the stages, which agree in machine.devices, in one start, the last `naive` of them naively, or the last `cramped` so.

    Those under ZeRO-3 on several ranks come last, since transformers goes on loading models in parts. Returns what was
    seen of each, and its spec as `spec`.
    """
    import torch

    store.make([inner for stage in stages for inner in stage.inputs.values()])
    specs = [the_spec(store, root / str(number), stage) for number, stage in enumerate(stages)]
    files = [Path(spec.scratch) / "spec.json" for spec in specs]
    for spec, file in zip(specs, files, strict=True):
        spec.save(file)
    words = ["naive:" * (number >= len(files) - naive) + str(file) for number, file in enumerate(files)]
    words = ["cramped:" * (number >= len(files) - cramped) + word for number, word in enumerate(words)]
    command = [*launch(stages[0].machine, "tests.train.watched", files[0])[:-1], *words]
    done = subprocess.run(command, cwd=ROOT, env=environment(stages[0].machine), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-5000:]
    return [{**torch.load(Path(spec.scratch) / "watched.pt"), "spec": spec} for spec in specs]


def the_spec(store: Store, root: Path, stage: Training) -> TrainSpec:
    """The stage's spec, with folders of its own."""
    out, scratch = root / "out", root / "scratch"
    for folder in (out, scratch):
        folder.mkdir(parents=True)
    return stage.spec(Work(stage, out, scratch, store))


def main(words: list[str]) -> NoReturn:
    """One rank."""
    die_with_parent()
    import torch

    from o1exp.train.worker.rank import train

    rank = int(os.environ.get("RANK", "0"))
    for number, word in enumerate(words):
        spec, cramped = TrainSpec.load(Path(word.removeprefix("cramped:").removeprefix("naive:"))), word.startswith("cramped:")
        if spec.strategy == "deepspeed":
            from o1exp.train.worker.accelerator import import_deepspeed

            import_deepspeed()
        seen: dict[str, Any] = {"gradients": [], "calls": [], "sampling": []}
        with Eyes(seen, word.startswith("naive:")), Calls() if spec.strategy == "deepspeed" else nullcontext() as calls:
            seen["counts"] = calls and calls.counts
            with patch("o1exp.train.worker.fetch.free_bytes", lambda device: 0.0) if cramped else nullcontext():
                train(spec, rank)
        if rank == 0:
            torch.save(seen, Path(spec.scratch) / "watched.pt")
        if number == 0 and spec.ranks == 1:
            torch.distributed.init_process_group = lambda *args, **kwargs: None  # the group of the first training serves them all
    leave()


class Eyes:
    """Looks at the gradient before every optimizer step and at the logits before the export, on every rank."""

    def __init__(self, seen: dict[str, Any], naive: bool) -> None:
        from o1exp.train.worker.backend import Single, Zero
        from o1exp.train.worker.evaluate import Evaluation

        self.evaluation: Any = Evaluation
        self.samples = Evaluation.samples
        self.seen, self.naive, self.kinds = seen, naive, (Zero, Single)
        self.plain = [(kind.step, kind.weights, kind.backward) for kind in self.kinds]

    def __enter__(self) -> None:
        for kind, (step, weights, backward) in zip(self.kinds, self.plain, strict=True):
            set_methods(kind, self._looking_at_gradients(step), self._looking_at_logits(weights), divided if self.naive else backward)
        self.evaluation.samples = self._looking_at_samples(self.samples)

    def __exit__(self, *problem: Any) -> None:
        for kind, methods in zip(self.kinds, self.plain, strict=True):
            set_methods(kind, *methods)
        self.evaluation.samples = self.samples

    def _looking_at_gradients(self, step: Any) -> Any:
        def looking(engine: Any, lr: float) -> Any:
            self.seen["calls"].append(dict(self.seen["counts"] or {}))
            found = {name: whole_gradient(parameter) for name, parameter in engine.module.model.named_parameters()}
            self.seen["gradients"].append({name: gradient for name, gradient in found.items() if gradient is not None})
            return step(engine, lr)

        return looking

    def _looking_at_samples(self, samples: Any) -> Any:
        def looking(evaluation: Any, *given: Any) -> Any:
            before = Counter(self.seen["counts"] or {})
            found = samples(evaluation, *given)
            self.seen["sampling"].append(dict(Counter(self.seen["counts"] or {}) - before))
            return found

        return looking

    def _looking_at_logits(self, weights: Any) -> Any:
        def looking(engine: Any) -> Any:
            parts = [(one.data_ptr(), one.ds_tensor.data_ptr()) for one in engine.module.model.parameters() if "ds_tensor" in vars(one)]
            self.seen["copies"] = sum(whole != part for whole, part in parts)
            self.seen["logits"] = logits(engine.module.model)
            self.seen["weights"] = weights(engine)
            return self.seen["weights"]

        return looking


def set_methods(kind: Any, step: Any, weights: Any, backward: Any) -> None:
    kind.step, kind.weights, kind.backward = step, weights, backward


def divided(engine: Any, loss: Any) -> None:
    """Backward as Lightning has it by default."""
    engine.module.manual_backward(loss)


def whole_gradient(parameter: Any) -> Any:
    """A parameter's gradient as the optimizer step will see it, from all ranks (None: not trained)."""
    if not parameter.requires_grad:
        return None
    if parameter.grad is not None:
        return parameter.grad.clone()
    from deepspeed.utils import safe_get_full_grad

    found = safe_get_full_grad(parameter)
    return None if found is None else found.clone()


def logits(model: Any) -> Any:
    """The model's answer to PROBE, by transformers' own attention."""
    import torch

    ours = model.config._attn_implementation
    model.eval()
    model.set_attn_implementation("sdpa")
    with torch.no_grad():
        found = model(torch.tensor([PROBE])).logits
    model.set_attn_implementation(ours)
    model.train()
    return found


def flat(gradient: dict[str, Any]) -> Any:
    import torch

    return torch.cat([gradient[name].flatten().double() for name in sorted(gradient)])


def on(stage: Training, **machine: Any) -> Any:
    """The stage on a machine that differs so."""
    return stage.replace(machine=dataclasses.replace(stage.machine, **machine))


if __name__ == "__main__":
    main(sys.argv[1:])
