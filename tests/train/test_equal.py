"""machine.deterministic=true on a GPU: what is asked of torch, cuBLAS and attention there; on a CPU nothing has to be asked."""

from collections.abc import Iterator

import pytest

from o1exp.flow import Machine
from o1exp.train.launch import environment
from tests.train.parts import a_spec


@pytest.fixture(autouse=True)
def _settled() -> Iterator[None]:
    import torch
    import torch.utils.deterministic as fresh

    before = torch.get_num_threads(), fresh.fill_uninitialized_memory  # type: ignore[attr-defined]
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(before[0])
    fresh.fill_uninitialized_memory = before[1]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("accelerator", "asked", "equal"), [("gpu", True, True), ("gpu", False, False), ("cpu", True, False)])
def test_torch_is_told_before_anything_is_computed(accelerator: str, asked: bool, equal: bool) -> None:
    import torch

    from o1exp.train.worker.rank import settle

    settle(a_spec(accelerator=accelerator, deterministic=asked))
    assert torch.are_deterministic_algorithms_enabled() is equal
    assert not torch.is_deterministic_algorithms_warn_only_enabled()


def test_cublas_is_told_before_torch_is_loaded() -> None:
    """With another workspace, or none, torch refuses every matrix product of a deterministic run."""
    assert environment(Machine(accelerator="gpu", deterministic=True))["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert "CUBLAS_WORKSPACE_CONFIG" not in environment(Machine(accelerator="gpu"))


def test_attention_is_the_kernel_that_was_seen_to_be_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    from o1exp.train.kernels import cudnn_attention
    from o1exp.train.worker import choice, flash

    monkeypatch.setattr(cudnn_attention, "usable", lambda: True)
    monkeypatch.setattr(choice, "faster_flash", lambda: "")
    names = [[kernel.name for kernel in choice.kernels_for(a_spec(accelerator="gpu", deterministic=equal))] for equal in (True, False)]
    assert names[0] == [flash.FLASH.name]
    assert names[1] == ["cuDNN", flash.FLASH.name]


def test_a_whole_step_has_no_operator_that_adds_in_any_order() -> None:
    """Torch names those that it has no other way for, also on a CPU; the loss, its gradients and the optimizer are computed under it."""
    import torch

    from o1exp.train.data.batch import micro_batch
    from o1exp.train.worker.loss import summed_loss, token_losses
    from tests.train.test_loss import documents, gradient, model

    ours, batch = model(), micro_batch(list(range(8)), documents())
    torch.use_deterministic_algorithms(True)
    first, second = (gradient(ours, summed_loss(ours, batch).loss + token_losses(ours, batch).sum()) for _ in range(2))
    assert torch.equal(first, second)
