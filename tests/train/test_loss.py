"""Packed equals unpacked: the loss and its gradient are those of every document alone."""

import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from o1exp.train.data.encode import CannotTrain, Encoded
from tests.train.parts import document_loss, encoded


def documents(pairs: bool = False) -> Encoded:
    dice = np.random.default_rng(0)
    lengths = np.array([5, 40, 41, 42, 7, 90, 17, 3])
    return encoded(dice.integers(0, 50, lengths.sum()), np.concatenate([[0], np.cumsum(lengths)]), lengths // 2, pairs=pairs)


def model(rows: int = 0, **changes: Any) -> Any:
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from o1exp.train.worker import attention
    from o1exp.train.worker.loss import teach_loss, teach_rows

    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=50, hidden_size=32, intermediate_size=64, num_attention_heads=4, num_key_value_heads=2,
        initializer_range=0.3, **{"num_hidden_layers": 2, **changes},
    )  # fmt: skip
    made = Qwen2ForCausalLM(config)
    made.set_attn_implementation(attention.NAME)
    teach_loss(made, rows)
    teach_rows(made)
    return made


@pytest.mark.parametrize("waste", [0.0, 0.05, 0.9])
def test_each_document_in_a_pack_has_its_own_loss(waste: float) -> None:
    import torch

    from o1exp.train.data.batch import micro_batch
    from o1exp.train.worker.loss import summed_loss

    ours, data = model(), documents()
    together = micro_batch(list(range(8)), data, waste)
    assert len(together.groups) == {0.0: 8, 0.05: 6, 0.9: 1}[waste]
    ours.set_attn_implementation("eager")
    with torch.no_grad():
        alone = [float(document_loss(ours, data, document)) for document in range(8)]
    ours.set_attn_implementation("o1exp_documents")
    with torch.no_grad():
        whole = float(summed_loss(ours, together).loss)
        assert whole == pytest.approx(sum(alone), rel=1e-5)
        # What one document adds to a row of others is its own loss, whatever lies beside it.
        for document in (0, 3, 5):
            rest = float(summed_loss(ours, micro_batch([d for d in range(8) if d != document], data, waste)).loss)
            assert whole - rest == pytest.approx(alone[document], rel=1e-4)


@pytest.mark.parametrize("waste", [0.0, 0.05, 0.9])
def test_log_likelihood_of_every_document_in_a_pack_is_its_own(waste: float) -> None:
    import torch

    from o1exp.train.data.batch import micro_batch
    from o1exp.train.worker.objective import document_log_likelihoods

    ours, data = model(), documents()
    together = micro_batch([6, 1, 0, 3, 2, 7, 5, 4], data, waste)
    with torch.no_grad():
        packed = document_log_likelihoods(ours, together)
        ours.set_attn_implementation("eager")
        alone = [float(document_loss(ours, data, document)) for document in together.documents]
    assert together.documents == [5, 3, 2, 1, 6, 4, 0, 7]
    per_token = [abs(float(ours) + theirs) / data.labels[d] for ours, theirs, d in zip(packed, alone, together.documents, strict=True)]
    assert max(per_token) < 1e-5
    assert (-packed).tolist() == pytest.approx(alone, rel=1e-5)


def gradient(ours: Any, loss: Any) -> Any:
    import torch

    ours.zero_grad()
    loss.backward()
    return torch.cat([p.grad.flatten() for p in ours.parameters()])


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(("checkpointing", "rows"), [(False, 0), (True, 0), (False, 30)])
def test_gradient_is_that_of_the_documents_alone(tied: bool, checkpointing: bool, rows: int) -> None:
    from o1exp.train.data.batch import micro_batch
    from o1exp.train.worker.loss import summed_loss, token_losses
    from o1exp.train.worker.recompute import checkpoint_activations

    ours, data = model(rows, tie_word_embeddings=tied), documents()
    ours.set_attn_implementation("sdpa")
    plain = gradient(ours, sum(document_loss(ours, data, document) for document in range(8)))
    ours.set_attn_implementation("o1exp_documents")
    if checkpointing:
        checkpoint_activations(ours)
        ours.train()
    batch = micro_batch(list(range(8)), data)
    packed = gradient(ours, summed_loss(ours, batch).loss)
    assert float((packed - plain).norm() / plain.norm()) < 1e-5
    kept = gradient(ours, token_losses(ours, batch, rows).sum())
    assert float((kept - plain).norm() / plain.norm()) < 1e-5


def test_the_last_mlp_works_on_places_with_a_label_only_and_on_all_where_none_is_asked() -> None:
    import torch
    from transformers import Qwen2ForCausalLM

    from o1exp.train.data.batch import micro_batch
    from o1exp.train.worker.loss import summed_loss

    ours, data, seen = model(), documents(), list[int]()
    for layer in ours.model.layers:
        layer.mlp.down_proj.register_forward_hook(lambda module, args, out: seen.append(out.shape[1]))
    batch = micro_batch(list(range(8)), data)
    summed_loss(ours, batch)
    assert seen == [batch.ids.shape[1], int(data.labels.sum())]
    ids = torch.from_numpy(data.document(5).astype("int64"))[None]
    ours.set_attn_implementation("eager")
    plain = Qwen2ForCausalLM(ours.config)
    plain.load_state_dict(ours.state_dict())
    torch.testing.assert_close(ours(ids).logits, plain(ids).logits)


@pytest.mark.parametrize("waste", [0.0, 0.9])
def test_a_window_narrower_than_the_documents_is_kept(waste: float) -> None:
    import torch

    from o1exp.train.data.batch import micro_batch
    from o1exp.train.worker.loss import summed_loss

    narrow, data = model(use_sliding_window=True, sliding_window=30, max_window_layers=1), documents()
    assert narrow.config.layer_types == ["full_attention", "sliding_attention"]
    packed = summed_loss(narrow, micro_batch(list(range(8)), data, waste)).loss
    narrow.set_attn_implementation("eager")
    plain: Any = sum(document_loss(narrow, data, document) for document in range(8))
    torch.testing.assert_close(packed, plain)
    wide = model()
    assert abs(float(summed_loss(wide, micro_batch(list(range(8)), data, waste)).loss.detach()) - float(plain.detach())) > 0.1


def test_the_model_must_fit_the_data() -> None:
    from o1exp.train.worker.preflight import check_window
    from tests.train.parts import a_spec

    data = documents()
    check_window(a_spec(), data, model().config)
    with pytest.raises(CannotTrain, match="longest example has 90 tokens, but tiny has 64 positions; set max_length=64"):
        check_window(a_spec(start="tiny"), data, model(max_position_embeddings=64).config)
    unbounded = model().config
    unbounded.max_position_embeddings = -1  # as XLNet writes it
    check_window(a_spec(), data, unbounded)
    config = model().config
    config.vocab_size = 49
    with pytest.raises(CannotTrain, match="token id 49"):
        check_window(a_spec(), data, config)


def test_right_first_choices_are_counted() -> None:
    import torch

    from o1exp.train.data.batch import micro_batch
    from o1exp.train.worker.loss import summed_loss

    ours, data = model(30), documents()
    ours.set_attn_implementation("eager")
    right = 0
    for document in range(8):
        ids, first = torch.from_numpy(data.document(document).astype("int64")), int(data.prompts[document])
        right += int((ours(ids[None]).logits[0, first - 1 : -1].argmax(-1) == ids[first:]).sum())
    ours.set_attn_implementation("o1exp_documents")
    assert int(summed_loss(ours, micro_batch(list(range(8)), data)).right) == right > 0


def plain_kernel(counted: list[str]) -> tuple[Any, Any]:
    """What the FlashAttention operators compute, by plain torch, document by document; each call is counted."""
    import torch

    def parts(query: Any, key: Any, value: Any, bounds: Any, scale: Any, window: Any) -> Any:
        found = []
        for first, last in itertools.pairwise(bounds.tolist()):
            q, k, v = (states[first:last].transpose(0, 1)[None] for states in (query, key, value))
            sdpa, seen = torch.nn.functional.scaled_dot_product_attention, torch.ones(last - first, last - first, dtype=torch.bool).tril()
            mask = seen if window is None else seen.triu(1 - window)
            found.append(sdpa(q, k, v, attn_mask=mask, scale=scale, enable_gqa=True)[0].transpose(0, 1))
        return torch.cat(found)

    def forward(query: Any, key: Any, value: Any, bounds: Any, longest: int, scale: Any, window: Any = None) -> Any:
        counted.append("forward")
        assert bounds.dtype == torch.int32
        assert int(bounds.diff().max()) == longest
        empty = query.new_empty(0)
        return parts(query, key, value, bounds, scale, window), empty, empty, empty

    def backward(gradient: Any, saved: Any, longest: int, scale: Any, window: Any = None) -> Any:
        counted.append("backward")
        query, key, value, bounds, out, *_ = saved
        with torch.enable_grad():
            given = [states.detach().requires_grad_() for states in (query, key, value)]
            again = parts(given[0], given[1], given[2], bounds, scale, window)
            torch.testing.assert_close(out, again)
            return torch.autograd.grad(again, given, gradient)

    return forward, backward


@pytest.mark.parametrize("parked", [False, True])
@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_kernel_that_knows_where_documents_end_gives_the_same_and_is_not_run_again(
    monkeypatch: pytest.MonkeyPatch, checkpointing: bool, parked: bool
) -> None:
    """The kernel itself runs on GPUs only; its plain formula takes its place."""
    import torch

    from o1exp.train.data.batch import micro_batch
    from o1exp.train.worker import attention, flash, offload
    from o1exp.train.worker.loss import summed_loss
    from o1exp.train.worker.recompute import checkpoint_activations

    counted: list[str] = []
    bounds: list[Any] = []
    forward, backward = plain_kernel(counted)

    def noting(query: Any, key: Any, value: Any, given: Any, *how: Any) -> Any:
        bounds.append(given)
        return forward(query, key, value, given, *how)

    monkeypatch.setattr(flash, "_used", [flash.Kernel("plain", noting, backward)])
    monkeypatch.setattr(offload, "SMALLEST", 8)
    ours = model(num_hidden_layers=4)
    plain = gradient(ours, summed_loss(ours, micro_batch(list(range(8)), documents())).loss)
    ours.set_attn_implementation(attention.VARLEN)
    parking = offload.Parking(torch.device("cpu")) if parked else None
    if checkpointing:
        ours.o1exp_parking = parking
        checkpoint_activations(ours, parking)
        ours.train()
    batch = micro_batch(list(range(8)), documents(), waste=0.0)
    found = gradient(ours, summed_loss(ours, batch).loss)
    assert float((found - plain).norm() / plain.norm()) < 1e-5
    assert [given.data_ptr() for given in bounds] == [batch.bounds.data_ptr()] * 4, "one tensor for all layers"
    assert sorted(counted) == ["backward"] * 4 + ["forward"] * 4
    assert parking is None or not parking.parked


@pytest.mark.parametrize(("scale", "cap"), [(1.0, 0.0), (0.3, 0.0), (1.0, 2.0), (3.0, 2.0)])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("labels", [0, 1, 30, 31, 61])
def test_chunks_of_even_size_give_the_loss_and_gradients_of_the_whole(labels: int, bias: bool, scale: float, cap: float) -> None:
    import torch
    from torch.nn.functional import cross_entropy

    from o1exp.train.worker.loss import teach_loss
    from o1exp.train.worker.way import Shape

    torch.manual_seed(0)
    head = torch.nn.Linear(8, 50, bias=bias)
    hidden, targets = torch.randn(labels, 8, requires_grad=True), torch.randint(0, 50, (labels,))
    learned = [hidden, *head.parameters()]
    logits = scale * head(hidden)
    whole = cross_entropy(cap * torch.tanh(logits / cap) if cap else logits, targets, reduction="sum")
    expected = torch.autograd.grad(3 * whole, learned)
    teach_loss(SimpleNamespace(get_output_embeddings=lambda: head), rows=30)
    found, _ = head(hidden, targets, Shape(scale, cap))
    torch.testing.assert_close(found, whole)
    torch.testing.assert_close(torch.autograd.grad(3 * found, learned), expected)
