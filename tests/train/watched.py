"""Trainings with eyes, several in one start: gradients of every step, last weights and logits go to `watched.pt` in scratch.

python -m tests.train.watched SPEC ... [naive:SPEC ...]: a naive training leaves the backward pass to Lightning, which has the loss divided
by the number of micro-batches.
"""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

from o1exp.flow import Store, Work
from o1exp.flow.work import die_with_parent, leave
from o1exp.train.launch import environment, launch
from o1exp.train.spec import TrainSpec
from o1exp.train.training import Training
from tests.conftest import ROOT

PROBE = list(range(5, 45))
"""Token ids whose logits are kept."""


def watch(store: Store, root: Path, stages: list[Training], naive: int = 0) -> list[dict[str, Any]]:
    """Train the stages, which agree in machine.devices, in one start, the last `naive` of them naively.

    Returns what was seen of each, and its spec as `spec`.
    """
    import torch

    store.make([inner for stage in stages for inner in stage.inputs.values()])
    specs = [the_spec(store, root / str(number), stage) for number, stage in enumerate(stages)]
    files = [Path(spec.scratch) / "spec.json" for spec in specs]
    for spec, file in zip(specs, files, strict=True):
        spec.save(file)
    words = ["naive:" * (number >= len(files) - naive) + str(file) for number, file in enumerate(files)]
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
        spec = TrainSpec.load(Path(word.removeprefix("naive:")))
        if spec.strategy == "deepspeed":
            from o1exp.train.worker.accelerator import import_deepspeed

            import_deepspeed()
        seen: dict[str, Any] = {"gradients": []}
        with Eyes(seen, word.startswith("naive:")):
            train(spec, rank, sys.stderr)
        if rank == 0:
            torch.save(seen, Path(spec.scratch) / "watched.pt")
        if number == 0 and spec.ranks == 1:
            torch.distributed.init_process_group = lambda *args, **kwargs: None  # the group of the first training serves them all
    leave()


class Eyes:
    """Looks at the gradient before every optimizer step and at the logits before the export, on every rank."""

    def __init__(self, seen: dict[str, Any], naive: bool) -> None:
        from o1exp.train.worker.backend import Single, Zero

        self.seen, self.naive, self.kinds = seen, naive, (Zero, Single)
        self.plain = [(kind.step, kind.weights, kind.backward) for kind in self.kinds]

    def __enter__(self) -> None:
        for kind, (step, weights, backward) in zip(self.kinds, self.plain, strict=True):
            set_methods(kind, self._looking_at_gradients(step), self._looking_at_logits(weights), divided if self.naive else backward)

    def __exit__(self, *problem: Any) -> None:
        for kind, methods in zip(self.kinds, self.plain, strict=True):
            set_methods(kind, *methods)

    def _looking_at_gradients(self, step: Any) -> Any:
        def looking(engine: Any, lr: float) -> Any:
            found = {name: whole_gradient(parameter) for name, parameter in engine.module.model.named_parameters()}
            self.seen["gradients"].append({name: gradient for name, gradient in found.items() if gradient is not None})
            return step(engine, lr)

        return looking

    def _looking_at_logits(self, weights: Any) -> Any:
        def looking(engine: Any) -> Any:
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
