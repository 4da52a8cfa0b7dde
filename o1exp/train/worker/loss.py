"""Token losses without full logits: only places that predict a label, in chunks, each chunk's gradient taken while its logits are there."""

from collections.abc import Callable
from types import MethodType
from typing import Any, NamedTuple

import torch
from torch.nn.functional import cross_entropy, linear
from torch.utils.checkpoint import checkpoint

from o1exp.train.data.batch import MicroBatch
from o1exp.train.kernels import softmax
from o1exp.train.worker.way import PLAIN, Shape, body_of, missing, predicting, way_of

CHUNK_LOGITS = 2**24
CHUNK_ROWS = 512
"""Logits held at once (64 MB in fp32), and rows at least: every chunk passes over the whole output layer and its gradient."""
CHUNK_ROWS_GPU = 2048
"""A GPU's matrix products want more rows; 622 MB of logits in bf16 at a vocabulary of 152,000."""


class Scored(NamedTuple):
    """Over a micro-batch's labels: the sum of -log p (fp32, differentiable) and how many are the model's first choice."""

    loss: torch.Tensor
    right: torch.Tensor


def summed_loss(model: Any, batch: MicroBatch) -> Scored:
    """The loss of a causal LM of transformers whose head `teach_loss` has prepared, or of its whole logits where its way says so."""
    shape, found = way_of(model).shape, predicting(model, batch)
    if shape is not None:
        head = model.get_output_embeddings()
        return Scored(*head(found.to(head.weight.dtype), batch.targets, shape))
    losses = cross_entropy(found.float(), batch.targets, reduction="sum")
    chosen = found.detach().gather(1, batch.targets[:, None])[:, 0]
    return Scored(losses, (chosen == found.detach().amax(1)).sum())


def token_losses(model: Any, batch: MicroBatch, rows: int = 0) -> torch.Tensor:
    """-log p of each label, [labels], fp32, differentiable: for objectives that weigh documents by their own likelihood."""
    way, found = way_of(model), predicting(model, batch)
    shape = way.shape
    if shape is None:
        return cross_entropy(found.float(), batch.targets, reduction="none")
    head = model.get_output_embeddings()
    rows = rows or chunk_rows(head)
    pieces = list(zip(torch.split(found.to(head.weight.dtype), rows), torch.split(batch.targets, rows), strict=True))
    pieces += [(found[:0].to(head.weight.dtype), batch.targets[:0])] * missing(way, len(pieces), found.device)
    parts = [checkpoint(_unsummed, head, shape, hidden, targets, use_reentrant=False) for hidden, targets in pieces]
    return torch.cat(parts) if parts else found.new_zeros(0)


def _unsummed(head: torch.nn.Module, shape: Shape, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return cross_entropy(shape.of(head(hidden)).float(), targets, reduction="none")


def chunk_rows(head: Any) -> int:
    """Places whose logits are computed at once."""
    least = CHUNK_ROWS_GPU if head.weight.device.type == "cuda" else CHUNK_ROWS
    return int(max(least, CHUNK_LOGITS // int(head.out_features)))


def splits(head: Any) -> bool:
    """Is this an output layer whose loss can be computed in chunks?"""
    return type(head) is torch.nn.Linear


def teach_loss(model: Any, rows: int = 0) -> None:
    """Let the output layer also answer `head(hidden, targets, shape)` with (summed loss, labels right), in chunks of `rows` (0: by
    vocabulary), where it is a plain one.

    The computation stands inside the layer's forward because ZeRO-3 gathers a layer's weight only there.
    """
    head = model.get_output_embeddings()
    if not splits(head):
        return
    rows = rows or chunk_rows(head)

    def forward(self: torch.nn.Linear, hidden: torch.Tensor, targets: torch.Tensor | None = None, shape: Shape = PLAIN) -> Any:
        if targets is None:
            return linear(hidden, self.weight, self.bias)
        how = (rows, torch.is_grad_enabled(), shape)
        return _HeadLoss.apply(hidden, self.weight, self.bias, targets, how)  # type: ignore[no-untyped-call]

    head.forward = MethodType(forward, head)


def teach_rows(model: Any) -> None:
    """Let the MLP of the last layer work only on the places that predict a label: nothing reads what it adds elsewhere.

    Models whose layers are not built as Llama's are left as they are.
    """
    layers = getattr(body_of(model), "layers", None)
    if not isinstance(layers, torch.nn.ModuleList) or not len(layers):
        return
    mlp: Any = getattr(layers[-1], "mlp", None)
    if getattr(mlp, "down_proj", None) is None:
        return
    everywhere: Callable[[torch.Tensor], torch.Tensor] = mlp.forward
    mlp.predictors = None

    def note(layer: torch.nn.Module, args: tuple[Any, ...], asked: dict[str, Any]) -> None:
        mlp.predictors = asked.get("predictors")  # again when checkpointed activations are computed anew

    def forward(self: Any, hidden: torch.Tensor) -> torch.Tensor:
        if self.predictors is None:
            return everywhere(hidden)
        found = everywhere(hidden.index_select(1, self.predictors))
        return torch.zeros_like(hidden).index_copy(1, self.predictors, found)

    layers[-1].register_forward_pre_hook(note, with_kwargs=True)
    mlp.forward = MethodType(forward, mlp)


class _HeadLoss(torch.autograd.Function):
    """hidden [n, width], weight [vocabulary, width], targets [n] to the summed cross-entropy and the count of right first choices.

    The gradient is computed in the forward pass: logits are neither kept nor computed twice.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, targets: torch.Tensor,
        how: tuple[int, bool, Shape],
    ) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
        rows, wanted, shape = how
        to_hidden, to_weight, to_bias = (wanted and needed for needed in ctx.needs_input_grad[:3])
        summed = torch.zeros((), dtype=torch.float32, device=hidden.device)
        right = torch.zeros((), dtype=torch.int64, device=hidden.device)
        new = torch.empty_like if len(targets) else torch.zeros_like  # filled by the first chunk, where there is one
        grad_hidden = new(hidden) if to_hidden else None
        grad_weight = new(weight) if to_weight else None
        grad_bias = torch.zeros_like(bias) if to_bias and bias is not None else None
        even = _even(len(targets), rows)
        space = hidden.new_empty((even, len(weight)))  # the same for every chunk: memory just taken costs its page faults again
        for start in range(0, len(targets), even):
            part, label = hidden[start : start + even], targets[start : start + even]
            logits = _logits(part, weight, bias, space[: len(part)])
            slope = _shape(logits, shape)
            losses, hits, gradient = _softmax(logits, label, bool(to_hidden or to_weight or to_bias))
            summed += losses
            right += hits
            if gradient is None:
                continue
            if slope is not None:
                gradient.mul_(slope)
            if grad_hidden is not None:
                torch.mm(gradient, weight, out=grad_hidden[start : start + even])
            if grad_weight is not None:
                grad_weight.addmm_(gradient.t(), part, beta=float(start > 0))
            if grad_bias is not None:
                grad_bias += gradient.sum(0)
        ctx.gradients = (grad_hidden, grad_weight, grad_bias)
        ctx.mark_non_differentiable(right)
        return summed, right

    @staticmethod
    def backward(ctx: Any, *outer: torch.Tensor) -> Any:
        gradients, ctx.gradients = ctx.gradients, None
        return *(None if g is None else g.mul_(outer[0]) for g in gradients), None, None


def _softmax(logits: torch.Tensor, targets: torch.Tensor, wanted: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """The summed -log p of the targets, how many are the highest of their row, and if `wanted` the gradient, in the logits' type."""
    if softmax.usable(logits):
        each, hits = softmax.to_gradient(logits, targets, wanted)
        return each.sum(), hits.sum().long(), logits if wanted else None
    label = targets[:, None]
    wide = logits.float()
    chosen = wide.gather(1, label)
    highest = wide.amax(1, keepdim=True)
    right = (chosen == highest).sum()
    # From here on `wide` holds exp(logit - highest), then the probabilities, then the gradient: no second copy.
    total = wide.sub_(highest).exp_().sum(1, keepdim=True)
    summed = (total.log() + highest - chosen).sum()
    if not wanted:
        return summed, right, None
    wide.div_(total)
    wide.scatter_add_(1, label, torch.full_like(chosen, -1.0))
    return summed, right, wide.to(logits.dtype)


def _shape(values: torch.Tensor, shape: Shape) -> torch.Tensor | float | None:
    """Turn the output layer's values into logits, in place; their derivative, None where nothing was to do."""
    if shape == PLAIN:
        return None
    values.mul_(shape.scale)
    if not shape.cap:
        return shape.scale
    values.div_(shape.cap).tanh_()
    slope = (1 - values.square()).mul_(shape.scale)
    values.mul_(shape.cap)
    return slope


def _even(count: int, most: int) -> int:
    """Rows of a chunk: as few chunks as may be, of nearly one size, since a short last one is slow for its rows."""
    return -(-count // max(1, -(-count // most))) or 1


def _logits(hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, space: torch.Tensor) -> torch.Tensor:
    if bias is None:
        return torch.mm(hidden, weight.t(), out=space)
    return torch.addmm(bias, hidden, weight.t(), out=space)
