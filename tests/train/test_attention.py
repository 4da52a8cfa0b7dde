"""A kernel attends only if it gives what SDPA gives; where none does, SDPA attends, and one that was asked for by name is refused."""

from collections.abc import Iterator
from typing import Any

import pytest

from o1exp.train.data.encode import CannotTrain
from o1exp.train.spec import TrainSpec
from tests.train.parts import a_spec
from tests.train.test_loss import model, plain_kernel


@pytest.fixture(autouse=True)
def _kernel() -> Iterator[None]:
    from o1exp.train.worker import flash

    yield
    flash.use(flash.FLASH)


def broken(*given: Any) -> Any:
    raise ValueError("no kernel image is available for execution on the device\nmore of it")


def chosen(spec: TrainSpec, window: int | None = None, reach: int | None = None, **forwards: Any) -> str:
    import torch

    from o1exp.train.data.batch import Group
    from o1exp.train.worker import attention, choice, flash

    ours, (_, backward) = model(), plain_kernel([])
    attention.seen.clear()
    query, key, value = (torch.zeros(1, heads, 6, 8) for heads in (4, 2, 2))
    attention.by_document(ours, query, key, value, None, groups=[Group(1, 6)], sliding_window=window)  # what a layer asks for
    kernels = [flash.Kernel(name, forward, backward, reach=reach) for name, forward in forwards.items()]
    return choice.attention_that_runs(spec, ours, 40, kernels)


def test_the_first_that_agrees_attends(capsys: pytest.CaptureFixture[str]) -> None:
    from o1exp.train.worker import attention, flash

    forward, _ = plain_kernel([])
    spec = a_spec(accelerator="gpu", precision="bf16")
    assert chosen(spec, Fast=broken, Right=forward) == attention.VARLEN
    assert flash._used[0].name == "Right"
    assert capsys.readouterr().out == "attention: Right\n"


def test_where_none_agrees_sdpa_attends(capsys: pytest.CaptureFixture[str]) -> None:
    from o1exp.train.worker import attention

    forward, _ = plain_kernel([])

    def wrong(query: Any, key: Any, value: Any, bounds: Any, longest: int, scale: Any) -> Any:
        return forward(query, key, 1.1 * value, bounds, longest, scale)

    def empty(query: Any, *rest: Any) -> Any:
        return forward(query * float("nan"), *rest)

    spec = a_spec(accelerator="gpu", precision="bf16")
    assert chosen(spec, Fast=broken, Wrong=wrong, Empty=empty) == attention.NAME
    said = capsys.readouterr().out
    assert "Fast does not run here: no kernel image is available for execution on the device;" in said
    assert "Wrong does not run here" in said
    assert "Empty does not run here" in said
    with pytest.raises(CannotTrain, match=r"machine\.attention=varlen: Fast does not run here: .*set machine\.attention=auto"):
        chosen(a_spec(attention="varlen"), Fast=broken)


def test_a_kernel_without_windows_is_not_taken_where_the_data_feel_one(capsys: pytest.CaptureFixture[str]) -> None:
    from o1exp.train.worker import attention

    forward, _ = plain_kernel([])
    spec = a_spec(accelerator="gpu", precision="bf16")
    assert chosen(spec, window=40, Right=forward) == attention.VARLEN
    assert chosen(spec, window=39, Right=forward) == attention.NAME
    assert "Right does not run here: it has no sliding window" in capsys.readouterr().out


def test_a_kernel_that_cannot_count_to_the_end_of_a_row_is_not_taken(capsys: pytest.CaptureFixture[str]) -> None:
    from o1exp.train.kernels import cudnn_attention
    from o1exp.train.worker import attention, choice

    forward, _ = plain_kernel([])
    spec = a_spec(accelerator="gpu", precision="bf16", pack_length=64, micro_batch_tokens=200)  # three packs, four heads of 8
    assert chosen(spec, reach=3 * 64 * 32, Right=forward) == attention.VARLEN
    assert chosen(spec, reach=3 * 64 * 32 - 1, Right=forward) == attention.NAME
    assert "Right does not run here: a row of 6,144 numbers is longer than it can count; set a smaller" in capsys.readouterr().out
    (named,) = choice.kernels_for(a_spec(attention="cudnn"))
    assert named.reach == cudnn_attention.REACH


def test_documents_of_a_plan_that_are_not_there_are_empty() -> None:
    import torch

    from o1exp.train.kernels import cudnn_attention as cudnn

    bounds = torch.tensor([0, 40, 64], dtype=torch.int32)
    shape = cudnn._shape(torch.zeros(64, 6, 16), torch.zeros(64, 2, 16), bounds, 40, None)
    assert shape == cudnn.Shape(documents=4, longest=1024, tokens=4096, heads=6, shared=2, width=16, scale=0.25)
    places = cudnn._places(bounds, shape)
    assert places.lengths.tolist() == [40, 24, 0, 0]
    assert places.queries.tolist() == [at * 96 for at in (0, 40, 64, 64, 64)]
    assert places.keys.tolist() == [at * 32 for at in (0, 40, 64, 64, 64)]
    assert {part.dtype for part in places} == {torch.int32}
    assert cudnn._places(bounds.detach(), shape) is places  # as a recomputed layer has them
    assert cudnn._places(bounds.clone(), shape) is not places
    more = torch.arange(6, dtype=torch.int32) * 2000
    longer = cudnn._shape(torch.zeros(10_000, 6, 16), torch.zeros(10_000, 2, 16), more, 2000, 0.1)
    assert longer[:3] == (8, 2048, 12288)
    assert len(cudnn._places(more, longer).lengths) == 8


@pytest.mark.parametrize("window", [None, 8])
def test_torchs_own_operators_take_and_give_what_they_are_called_for(window: int | None) -> None:
    """They are no public functions, so every version of torch is asked, on a device without memory."""
    import torch

    from o1exp.train.worker import flash

    bounds = torch.tensor([0, 40, 64], dtype=torch.int32).to("meta")
    query, key, value = (torch.empty(64, heads, 32, dtype=torch.bfloat16, device="meta") for heads in (6, 2, 2))
    how = (40, None) if window is None else (40, None, window)
    out, *statistics = flash.forward(query, key, value, bounds, *how)
    assert out.shape == query.shape
    found = flash.backward(torch.empty_like(out), (query, key, value, bounds, out, *statistics), *how)
    assert [gradient.shape for gradient in found] == [query.shape, key.shape, value.shape]
