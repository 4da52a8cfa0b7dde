"""Which way through the loaded model gives each document the loss that it has alone: found by trying, before the first step."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from o1exp.train.data.batch import MicroBatch, micro_batch
from o1exp.train.data.encode import CannotTrain, Encoded
from o1exp.train.data.schedule import waste
from o1exp.train.spec import TrainSpec
from o1exp.train.worker import attention, probe
from o1exp.train.worker.choice import attention_that_runs, kernels_for
from o1exp.train.worker.loss import token_losses
from o1exp.train.worker.preflight import cannot, said
from o1exp.train.worker.shallow import shallow
from o1exp.train.worker.way import Layout, Shape, Way, pieces, predicting

TOKENS = (24, 23, 9)
"""Lengths of the documents that are tried: two of about one length, and a short one."""


LEAK = 1e-6
"""What counts as no influence of one token on another, beside those that have one."""


class Trial:
    """A loaded model on a few documents; what differs between ranks is agreed on, so that all take the same way."""

    def __init__(self, spec: TrainSpec, data: Encoded, model: Any) -> None:
        self.spec, self.data, self.model = spec, data, model
        self.own = str(getattr(model, "o1exp_own", model.config._attn_implementation))
        self.exact = model.dtype == torch.float32
        self.tolerance = 1e-4 if self.exact else 3e-2
        self.split = spec.splits_weights
        self.way = Way(meeting=self.split and spec.ranks > 1)
        self.short, self.other, self.leak = _drawn(data), _drawn(data, changed=True), LEAK
        self.brief, self.fewer = True, False
        self.kept: dict[tuple[bool, int, bool], torch.Tensor] = {}

    def ids(self, data: Encoded, document: int) -> torch.Tensor:
        return torch.from_numpy(data.document(document).astype(np.int64)).to(self.model.device)

    def apart(self, ours: torch.Tensor, theirs: torch.Tensor, typical: bool = False) -> float:
        """The largest distance of rows, or the typical (median) one; on the rank where it is largest."""
        return self.agreed(torch.tensor(probe.distance(ours, theirs, typical), dtype=torch.float64, device=self.model.device))

    def agreed(self, number: torch.Tensor) -> float:
        """The largest of all ranks."""
        if self.spec.ranks > 1:
            torch.distributed.all_reduce(number, torch.distributed.ReduceOp.MAX)
        return float(number)

    def alone(self, data: Encoded, document: int) -> torch.Tensor:
        """What `predicting` must give for the document: by the model's own forward pass of it alone."""
        return self.states(data, document)[int(data.prompts[document]) - 1 : -1]

    def states(self, data: Encoded, document: int) -> torch.Tensor:
        """The same at all its tokens; kept, but for a long document's logits."""
        at = (data is self.data, document, self.fewer)
        if at in self.kept:
            return self.kept[at]
        self.model.set_attn_implementation(self.own)
        found = self.ask(self.ids(data, document))
        if self.way.shape is not None or data is not self.data:
            self.kept[at] = found
        return found

    def ask(self, ids: torch.Tensor) -> torch.Tensor:
        return probe.logits(self.model, ids) if self.way.shape is None else probe.hidden(self.model, ids)

    def at_length(self, wrong: Callable[[], str]) -> str:
        """What is wrong in texts as long as the data's, "" for nothing; the whole model is asked only where a shallow one is not right."""
        if not self.brief:
            return wrong()
        with shallow(self.model) as self.fewer:
            if self.fewer and not _failing(wrong):
                return ""
        self.fewer = self.brief = False
        return wrong()


def _failing(wrong: Callable[[], str]) -> str:
    try:
        return wrong()
    except torch.OutOfMemoryError:
        raise
    except Exception as problem:  # layers that need others' results
        return said(problem)


def find_way(spec: TrainSpec, data: Encoded, model: Any) -> tuple[Way, str]:
    """The way on which each document has the loss that it has alone, packed where that is right; set on the model, and a word for the user.

    Every rank calls it, with whole weights before a strategy has taken the model, or with weights split by ZeRO-3 afterwards.
    Errors: CannotTrain for a model that cannot run or sees later tokens.
    """
    model.eval()  # no dropout
    with torch.no_grad():
        trial = Trial(spec, data, model)
        model.set_attn_implementation(trial.own)
        trial.own, logits = _own_attention(trial, _check_runs(trial))
        model.set_attn_implementation(trial.own)
        _check_causal(trial)
        trial.way = replace(trial.way, shape=_shape(trial, logits))
        word = _settle(trial)
    model.train()
    _check_learns(trial)
    model.o1exp_own = trial.own
    return model.o1exp_way, word


@contextmanager
def _refusing(trial: Trial) -> Iterator[None]:
    """Within it, whatever an architecture says to being used so becomes a refusal."""
    try:
        yield
    except (CannotTrain, torch.OutOfMemoryError):
        raise
    except Exception as problem:
        raise CannotTrain(cannot(trial.spec, trial.model.config, problem)) from problem


@contextmanager
def _reading(trial: Trial, tokens: int) -> Iterator[None]:
    """Within it the longest example is read: models that name their window in a way of their own fail here, and short texts went well."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except Exception as problem:
        raise CannotTrain(
            f"{trial.spec.start} ({trial.model.config.model_type}) cannot read the longest example, which has {tokens} tokens: "
            f"{said(problem)}; set a smaller max_length (longer examples are then dropped or cut, and counted), or start from a model with "
            "a longer window"
        ) from problem


def _check_runs(trial: Trial) -> torch.Tensor:
    """Its logits of the first short document."""
    with _refusing(trial):
        found = probe.logits(trial.model, trial.ids(trial.short, 0))
        if found.dim() != 2:
            raise ValueError(f"its logits have the shape {list(found.shape)}")
    if found.isnan().any():
        raise CannotTrain(
            f"{trial.spec.start} ({trial.model.config.model_type}) gives no number (NaN) for a short text: its weights are broken, or "
            f"beyond the range of {trial.spec.precision}; download or save the model again"
        )
    return found


def _own_attention(trial: Trial, default: torch.Tensor) -> tuple[str, torch.Tensor]:
    """The model's default attention, or eager where the default leaves something out; its logits of the first short document."""
    model = trial.model
    if trial.own == "eager" or not model._can_set_attn_implementation():
        return trial.own, default
    try:
        model.set_attn_implementation("eager")
        eager = probe.logits(model, trial.ids(trial.short, 0))
    except Exception:  # not every model has it
        return trial.own, default
    apart = trial.apart(default, eager, typical=not trial.exact)
    if apart > (1e-3 if trial.exact else 0.1):
        return "eager", eager
    trial.tolerance = max(trial.tolerance, 4 * apart)  # two right ways differ so much
    return trial.own, default


def _check_causal(trial: Trial) -> None:
    """Errors: CannotTrain where later tokens have a part in what the model says of earlier ones."""
    ids, other = (trial.ids(data, 0) for data in (trial.short, trial.other))
    half = len(ids) // 2
    with _refusing(trial):
        if trial.split:
            before, after = (probe.logits(trial.model, one)[:half] for one in (ids, torch.cat([ids[:half], other[half:]])))
            late = trial.apart(before, after, typical=True) * 10 / trial.tolerance * LEAK
            # Experts work on tokens in groups, and groups of other sizes round otherwise: where this shows, so little is no leak.
            trial.leak = max(LEAK, min(trial.tolerance, 4 * trial.apart(before, after)))
        else:
            part = probe.influence(trial.model, lambda: probe.logits(trial.model, ids)[:half])
            late = 0.0 if part is None else trial.agreed(_beyond(part, 0, half))
    if late > LEAK:
        raise CannotTrain(
            f"{trial.spec.start} ({trial.model.config.model_type}) is no causal language model: later tokens have a part in its logits of "
            "earlier ones; start from a model that reads from left to right"
        )


def _beyond(part: torch.Tensor, first: int, last: int) -> torch.Tensor:
    """The largest influence of tokens outside these bounds, over the largest of those inside."""
    outside = torch.cat([part[:first], part[last:]])
    return (outside.max() / part[first:last].max()).nan_to_num(torch.inf) if len(outside) else outside.new_zeros(())


def _shape(trial: Trial, logits: torch.Tensor) -> Shape | None:
    """What the model makes of its output layer, None where only the whole model knows; losses by it are compared with those by `logits`,
    the model's own of the first short document."""
    model, spec = trial.model, trial.spec
    ids = trial.ids(trial.short, 0)
    shape = probe.shape_of(model, ids, trial.tolerance / 10)
    if shape is None:
        return None
    model.o1exp_way = replace(trial.way, layout="alone", shape=shape, thin=False)
    ours = token_losses(model, micro_batch([0], trial.short, waste(spec)).to(model.device)).double()
    plain = torch.nn.functional.cross_entropy(logits[:-1].float(), ids[1:], reduction="none").double()
    apart = torch.tensor(float((ours - plain).abs().max()), device=model.device)
    return shape if trial.agreed(apart) <= 3 * trial.tolerance else None


def _settle(trial: Trial) -> str:
    """Set the first way that is right on the model; why no better one is."""
    asked, varies = trial.spec.packing, trial.at_length(partial(_varies, trial))
    wanted: list[Layout] = [asked] if asked != "auto" else ["packed", "rows", "alone"]
    refused = ""
    for layout in wanted:
        why = (varies if layout != "alone" else "") or _tried(trial, layout)
        if not why:
            return _word(trial, refused)
        if layout == asked:
            raise CannotTrain(
                f"machine.packing={asked}: {trial.spec.start} ({trial.model.config.model_type}): {why}; set machine.packing=auto"
            )
        refused = refused or why
    raise CannotTrain(cannot(trial.spec, trial.model.config, ValueError(why)))


def _varies(trial: Trial) -> str:
    """Does it change what the model makes of a text that a longer one begins with it, at the lengths of this data? "" where not.

    Beside the states, rotary frequencies are compared, since in bf16 rounding hides what they change.
    """
    data, model = trial.data, trial.model
    longest, shortest = int(data.lengths.argmax()), int(data.lengths.min())
    with probe.rotary(model) as turned, _reading(trial, int(data.lengths[longest])):
        whole = trial.states(data, longest)
        if shortest == len(whole):
            return ""
        apart = trial.apart(whole[:shortest], trial.ask(trial.ids(data, longest)[:shortest]))
    half = len(turned) // 2
    other = [one for one, two in zip(turned[:half], turned[half:], strict=True) if not torch.equal(one[..., :shortest, :], two)]
    turns = trial.agreed(torch.tensor(float(len(other)), device=model.device)) > 0
    return "its rotary frequencies depend on the length of what it reads" if turns or apart > trial.tolerance else ""


def _tried(trial: Trial, layout: Layout) -> str:
    """Why documents cannot be laid out so; "" where they can, and the model is then set to it."""
    why = ""
    for thin in (True, False) if layout == "packed" else (False,):
        trial.model.o1exp_way = replace(trial.way, layout=layout, thin=thin)
        if not (why := _differs(trial, layout)):
            break
    return why


def _differs(trial: Trial, layout: Layout) -> str:
    model, spec, name = trial.model, trial.spec, attention.NAME if layout == "packed" else trial.own
    expected = {document: trial.alone(trial.short, document) for document in range(len(TOKENS))}
    try:
        attention.seen.clear()
        model.set_attn_implementation(name)
        batch = micro_batch(list(expected), trial.short, waste(spec)).to(model.device)
        if why := _compared(trial, batch, expected):
            return why
        if layout == "alone":
            return ""
        if layout == "packed" and not attention.seen:
            return "it attends in a way of its own"
        if why := _leaks(trial, batch):
            return why
        if layout == "packed" and spec.varlen:
            name = attention_that_runs(spec, model, int(trial.data.lengths.max()), kernels_for(spec))
            model.set_attn_implementation(name)
            if why := _compared(trial, batch, expected):
                return why
        return trial.at_length(partial(_differs_at_length, trial, name))
    except (CannotTrain, torch.OutOfMemoryError):
        raise
    except Exception as problem:  # whatever an architecture says to arguments that it does not know
        return f"it does not take documents so ({said(problem)})"


def _differs_at_length(trial: Trial, name: str) -> str:
    """The same of a full micro-batch, through the attention of this name: at its longest and its shortest document."""
    long, model = _full(trial), trial.model
    ends = {document: trial.alone(trial.data, document) for document in (long[0], long[-1])}
    model.set_attn_implementation(name)
    return _compared(trial, micro_batch(long, trial.data, waste(trial.spec)).to(model.device), ends)


def _leaks(trial: Trial, batch: MicroBatch) -> str:
    """Why documents do not count as kept apart: by the gradient of what each says by the embeddings of all tokens.

    It is 0 where there is no way from one to the other, and not otherwise, however little a fresh model makes of it and bf16 shows of it.
    """
    if trial.split:
        return _changes(trial, batch)
    bounds = batch.bounds.tolist()
    for place, (first, last) in enumerate(pairwise(bounds)):
        part = probe.influence(trial.model, partial(_said_by, trial.model, batch, place))
        if part is None or len(part) != bounds[-1]:
            return "its tokens are not looked up in one embedding"
        if (beyond := trial.agreed(_beyond(part, first, last))) > LEAK:
            return f"a document has a part of {beyond:.2g} in what the model says of another"
    return ""


def _changes(trial: Trial, batch: MicroBatch) -> str:
    """The same without a backward pass, which DeepSpeed counts under ZeRO-3: do documents say something else when one of them does?"""
    other = micro_batch([0, 1, 2], trial.other, waste(trial.spec)).to(trial.model.device)
    watched = batch.owners != batch.documents.index(0)
    if not trial.exact:  # the first place of each document, where a leak shows most: elsewhere rounding may decide for another expert
        watched &= batch.owners != torch.nn.functional.pad(batch.owners[:-1], (1, 0), value=-1)
    before, after = (predicting(trial.model, one)[watched] for one in (batch, other))
    apart = trial.apart(before, after)
    return f"a document changes others beside it by {apart:.2g} of their size" if apart > trial.leak else ""


def _said_by(model: Any, batch: MicroBatch, place: int) -> torch.Tensor:
    return predicting(model, batch)[batch.owners == place]


def _compared(trial: Trial, batch: MicroBatch, expected: dict[int, torch.Tensor]) -> str:
    found = predicting(trial.model, batch)
    for document, alone in expected.items():
        ours = found[batch.owners == batch.documents.index(document)]
        apart = trial.apart(ours, alone, typical=not trial.exact)  # rounding may decide for another expert
        if apart > trial.tolerance:
            return f"a document beside others differs by {apart:.2g} from itself alone"
    return ""


def _check_learns(trial: Trial) -> None:
    """A first pass as a training makes it, with its backward pass down to the first weights; the gradients are thrown away.

    Only those of small weights are asked for, which lie in every layer; under ZeRO-3, which shares them out as they come, none is.
    """
    model, spec = trial.model, trial.spec
    batch = micro_batch([0, 1, 2], trial.short, waste(spec)).to(model.device)
    learned = [one for one in model.parameters() if one.requires_grad]
    small = [one for one in learned if one.numel() < 2**16] or learned[:1]
    with _refusing(trial), torch.set_grad_enabled(not trial.split):
        loss = token_losses(model, batch).sum()
        if loss.requires_grad:
            torch.autograd.grad(loss, small, allow_unused=True)


def _full(trial: Trial) -> list[int]:
    """Documents of a micro-batch as a training has them: the longest, then from the shortest on what has room beside it."""
    order = np.argsort(trial.data.lengths, kind="stable")
    longest, room = int(order[-1]), trial.spec.packs_per_micro_batch * trial.spec.pack_length
    sums = int(trial.data.lengths[longest]) + np.cumsum(trial.data.lengths[order[:-1]])
    return [longest, *order[:-1][sums <= room][::-1].tolist()]


def _word(trial: Trial, refused: str) -> str:
    way = trial.model.o1exp_way
    said = []
    if way.layout != "packed":
        batch = micro_batch(_full(trial), trial.data, waste(trial.spec))
        how = "rows of one document each" if way.layout == "rows" else "one document at a time"
        why = f": {refused}" if refused else ""
        said.append(f"trained in {how}, {len(pieces(batch, way.layout))} forward passes instead of one for a full micro-batch{why}")
    if way.shape is None:
        said.append("logits are computed whole, which takes memory for tokens x vocabulary")
    return "; ".join(said)


def _drawn(data: Encoded, changed: bool = False) -> Encoded:
    """Short documents of token ids that occur in the data, with all but the first token to predict; the first of them `changed`, or not."""
    lengths = np.minimum(TOKENS, max(2, int(data.lengths.max())))
    ids = np.random.default_rng(0).choice(data.ids, int(lengths.sum()))
    if changed:
        ids[: lengths[0]] = np.random.default_rng(1).choice(data.ids, int(lengths[0]))
    numbers = np.arange(len(lengths))
    return Encoded(
        ids=ids.astype(np.int32), starts=np.concatenate([[0], np.cumsum(lengths)]), prompts=np.ones_like(numbers), rows=numbers,
        problems=numbers, units=numbers, roles=np.zeros(len(numbers), dtype=np.int8), lengths_seen=lengths, dropped=0,
    )  # fmt: skip
