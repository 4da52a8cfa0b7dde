"""Steps that are small beside the weights are not lost, and groups of bounded size change nothing."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from o1exp.train.worker import optimizer
from tests.train.parts import a_spec


class Weights:
    """A tiny model of one matrix and one vector in bf16, with its optimizer as a training alone on a device has it."""

    def __init__(self, lr: float, clip: float) -> None:
        import torch

        from o1exp.train.worker.backend import SingleBf16

        torch.manual_seed(0)
        self.model = torch.nn.Linear(8, 8).to(torch.bfloat16)
        spec = a_spec(strategy="single", precision="bf16", lr=lr, weight_decay=0.1)
        made = optimizer.adamw(self.model, spec)
        assert isinstance(made, optimizer.MasterAdamW)
        self.module: Any = SimpleNamespace(model=self.model, device=torch.device("cpu"), manual_backward=lambda loss: loss.backward())
        self.backend = SingleBf16(made, self.module, clip)

    def steps(self, first: int, last: int, lr: float) -> list[float]:
        import torch

        norms = []
        for step in range(first, last):
            hidden = torch.randn(4, 8, generator=torch.Generator().manual_seed(step)).to(torch.bfloat16)
            self.backend.backward(self.model(hidden).float().pow(2).sum())
            norms.append(float(self.backend.step(lr)))
        return norms

    def bits(self) -> list[Any]:
        return [part.detach().clone() for part in (*self.model.parameters(), *self.backend.optimizer.masters())]


def test_steps_of_1e_5_add_up_although_each_is_below_the_last_digit_of_bf16() -> None:
    import torch

    ours = Weights(lr=1e-5, clip=0.0)
    before = ours.model.weight.detach().float()
    plain = torch.optim.AdamW([torch.nn.Parameter(ours.model.weight.detach().clone())], lr=1e-5)
    lost = plain.param_groups[0]["params"][0]
    for _ in range(100):
        lost.grad = torch.ones_like(lost)
        plain.step()
    ours.steps(0, 100, 1e-5)
    large = before.abs() > 0.1
    assert torch.equal(lost.detach().float()[large], before[large])  # what would happen without copies
    moved = (ours.backend.optimizer.masters()[0] - before).abs().mean()
    assert 2e-4 < float(moved) < 2e-3
    assert torch.equal(ours.model.weight.detach(), ours.backend.optimizer.masters()[0].to(torch.bfloat16))
    assert float((ours.model.weight.detach().float() - before).abs().max()) > 0


@pytest.mark.parametrize("clip", [0.0, 0.5])
def test_the_step_is_that_of_fp32_weights_with_the_same_gradients(clip: float) -> None:
    import torch

    ours = Weights(lr=1e-2, clip=clip)
    copies = [torch.nn.Parameter(master.detach().clone()) for master in ours.backend.optimizer.masters()]
    matrices, vectors = copies
    plain = torch.optim.AdamW([{"params": [matrices], "weight_decay": 0.1}, {"params": [vectors], "weight_decay": 0.0}], lr=1e-2)
    for step in range(3):
        hidden = torch.randn(4, 8, generator=torch.Generator().manual_seed(step)).to(torch.bfloat16)
        ours.backend.backward(ours.model(hidden).float().pow(2).sum())
        for copy, parameter in zip(copies, ours.model.parameters(), strict=True):
            assert parameter.grad is not None
            copy.grad = parameter.grad.float()
        expected = torch.nn.utils.get_total_norm([copy.grad for copy in copies if copy.grad is not None])
        if clip:
            torch.nn.utils.clip_grads_with_norm_(copies, clip, expected)
        plain.step()
        assert float(ours.backend.step(1e-2)) == pytest.approx(float(expected), rel=1e-6)
        assert all(parameter.grad is None for parameter in ours.model.parameters())
    torch.testing.assert_close([copy.detach() for copy in copies], ours.backend.optimizer.masters())


def test_a_checkpoint_goes_on_with_the_same_bits(tmp_path: Path) -> None:
    import torch

    whole = Weights(lr=1e-4, clip=1.0)
    whole.steps(0, 3, 1e-4)
    whole.backend.save(tmp_path)
    resumed = Weights(lr=1e-4, clip=1.0)
    resumed.backend.load(tmp_path)
    assert whole.steps(3, 6, 1e-4) == resumed.steps(3, 6, 1e-4)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(whole.bits(), resumed.bits(), strict=True))


def test_groups_are_bounded_on_a_gpu_and_few_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(optimizer, "GROUP", 100)
    model = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Linear(8, 20), torch.nn.Linear(20, 4), torch.nn.Linear(4, 4))
    here, there = (optimizer.adamw(model, a_spec(accelerator=accelerator, weight_decay=0.1)) for accelerator in ("cpu", "gpu"))
    assert [len(group["params"]) for group in here.param_groups] == [4, 4]
    assert [[p.numel() for p in group["params"]] for group in there.param_groups] == [[64], [160], [80, 16], [8, 20, 4, 4]]
    assert [group["weight_decay"] for group in there.param_groups] == [0.1, 0.1, 0.1, 0.0]
    assert {p for group in there.param_groups for p in group["params"]} == set(model.parameters())
