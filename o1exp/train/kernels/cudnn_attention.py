"""Attention within the documents of a row by cuDNN, whose kernels for Hopper and Blackwell GPUs are faster than FlashAttention 2.

cuDNN builds a plan for a number of documents and a length of the longest; both are rounded up, so that a training needs few plans.
"""

from functools import cache
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch

DOCUMENTS, LENGTH, TOKENS = 4, 1024, 4096
"""The least number of documents and length of a plan (from there on, powers of two), and what tokens are rounded up to."""

REACH = 2**31 - 1
"""Where documents begin is counted in numbers of 32 bits."""


class Shape(NamedTuple):
    """What a plan is made for."""

    documents: int
    longest: int
    tokens: int
    heads: int
    shared: int
    width: int
    scale: float


class Places(NamedTuple):
    """Where the documents of a row lie: offsets in elements of queries and of keys, and lengths; the same for all layers."""

    bounds: torch.Tensor
    queries: torch.Tensor
    keys: torch.Tensor
    lengths: torch.Tensor


def usable() -> bool:
    """Is there cuDNN's Python package, and a GPU it has fast kernels for?"""
    return find_spec("cudnn") is not None and torch.cuda.get_device_capability()[0] >= 9


def forward(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, bounds: torch.Tensor, longest: int, scale: float | None
) -> tuple[torch.Tensor, ...]:
    """The result and the logarithm of each row's sum: as flash.forward has it, with other statistics."""
    shape = _shape(query, key, bounds, longest, scale)
    places = _places(bounds, shape)
    query, key, value = (states.contiguous() for states in (query, key, value))
    out = torch.empty_like(query)
    sums = torch.empty((shape.documents, shape.heads, shape.longest, 1), dtype=torch.float32, device=query.device)
    given = {"q": query, "k": key, "v": value, "o": out, "sums": sums}
    _run(_forward(shape), given, places)
    return out, sums


def backward(
    gradient: torch.Tensor, saved: tuple[torch.Tensor, ...], longest: int, scale: float | None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    query, key, value, bounds, out, sums = saved
    shape = _shape(query, key, bounds, longest, scale)
    query, key, value = (states.contiguous() for states in (query, key, value))
    found = torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)
    given = {"q": query, "k": key, "v": value, "o": out, "sums": sums, "do": gradient}
    given |= dict(zip(("dq", "dk", "dv"), found, strict=True))
    _run(_backward(shape), given, _places(bounds, shape))
    return found


def _shape(query: torch.Tensor, key: torch.Tensor, bounds: torch.Tensor, longest: int, scale: float | None) -> Shape:
    tokens, heads, width = query.shape
    return Shape(
        documents=_power(len(bounds) - 1, DOCUMENTS), longest=_power(longest, LENGTH), tokens=-(-tokens // TOKENS) * TOKENS, heads=heads,
        shared=key.shape[1], width=width, scale=width**-0.5 if scale is None else scale,
    )  # fmt: skip


def _power(count: int, least: int) -> int:
    return max(least, 1 << (count - 1).bit_length())


_known: list[Places] = []


def _places(bounds: torch.Tensor, shape: Shape) -> Places:
    """Documents that are not there lie behind the last and are empty. Made once a micro-batch: bounds that a recomputed layer has are
    another view of the same memory, which is nobody else's while we hold it."""
    held = _known and _known[0].bounds.data_ptr() == bounds.data_ptr() and len(_known[0].bounds) == len(bounds)
    if not held or len(_known[0].lengths) != shape.documents:
        end = bounds[-1:].expand(shape.documents + 1 - len(bounds))
        whole = torch.cat([bounds, end])
        _known[:] = [Places(bounds, whole * (shape.heads * shape.width), whole * (shape.shared * shape.width), whole.diff())]
    return _known[0]


class Plan(NamedTuple):
    """A built graph, the number of each of its tensors, and the bytes it works in."""

    graph: Any
    numbers: dict[str, int]
    space: int


def _run(plan: Plan, given: dict[str, torch.Tensor], places: Places) -> None:
    import cudnn

    device = places.bounds.device
    handle = _handle(device)
    cudnn.set_stream(handle=handle, stream=torch.cuda.current_stream(device).cuda_stream)
    given = {**given, "at_q": places.queries, "at_k": places.keys, "lengths": places.lengths}
    pointers = {plan.numbers[name]: tensor.data_ptr() for name, tensor in given.items()}
    space = torch.empty(max(1, plan.space), dtype=torch.uint8, device=device)
    plan.graph.execute(pointers, space.data_ptr(), handle=handle)


@cache
def _handle(device: torch.device) -> Any:
    import cudnn

    with torch.cuda.device(device):
        return cudnn.create_handle()


class _Graph:
    """A graph in the making: its tensors by name."""

    def __init__(self, shape: Shape) -> None:
        import cudnn

        self.shape, self.types = shape, cudnn.data_type
        self.graph = cudnn.pygraph(
            io_data_type=self.types.BFLOAT16, intermediate_data_type=self.types.FLOAT, compute_data_type=self.types.FLOAT,
            handle=_handle(torch.device("cuda", torch.cuda.current_device())),
        )  # fmt: skip
        self.numbers: dict[str, int] = {}
        self.at = {name: self._whole(name, (shape.documents + 1, 1, 1, 1)) for name in ("at_q", "at_k")}
        self.lengths = self._whole("lengths", (shape.documents, 1, 1, 1))

    def known(self, **asked: Any) -> dict[str, Any]:
        """What both passes say of their attention."""
        return {
            "attn_scale": self.shape.scale, "use_padding_mask": True, "seq_len_q": self.lengths, "seq_len_kv": self.lengths,
            "use_causal_mask": True, **asked,
        }  # fmt: skip

    def states(self, name: str, heads: int) -> Any:
        dim, stride = self._ragged(heads)
        made = self.graph.tensor(dim=dim, stride=stride, data_type=self.types.BFLOAT16, name=name, uid=self._number(name))
        made.set_ragged_offset(self.at["at_q" if heads == self.shape.heads else "at_k"])
        return made

    def out(self, name: str, tensor: Any, heads: int) -> None:
        dim, stride = self._ragged(heads)
        tensor.set_output(True).set_dim(dim).set_stride(stride).set_uid(self._number(name))
        tensor.set_ragged_offset(self.at["at_q" if heads == self.shape.heads else "at_k"])

    def built(self) -> Plan:
        import cudnn

        self.graph.validate()
        self.graph.build_operation_graph()
        self.graph.create_execution_plans([cudnn.heur_mode.A, cudnn.heur_mode.FALLBACK])
        self.graph.check_support()
        self.graph.build_plans()
        return Plan(self.graph, self.numbers, self.graph.get_workspace_size())

    def sums(self) -> Any:
        dim = [self.shape.documents, self.shape.heads, self.shape.longest, 1]
        stride = [dim[1] * dim[2], dim[2], 1, 1]
        return self.graph.tensor(dim=dim, stride=stride, data_type=self.types.FLOAT, name="sums", uid=self._number("sums"))

    def _ragged(self, heads: int) -> tuple[list[int], list[int]]:
        shape = self.shape
        row = heads * shape.width
        return [shape.documents, heads, shape.longest, shape.width], [shape.longest * row, shape.width, row, 1]

    def _whole(self, name: str, dim: tuple[int, ...]) -> Any:
        return self.graph.tensor(dim=list(dim), stride=[1, 1, 1, 1], data_type=self.types.INT32, name=name, uid=self._number(name))

    def _number(self, name: str) -> int:
        return self.numbers.setdefault(name, len(self.numbers) + 1)


@cache
def _forward(shape: Shape) -> Plan:
    making = _Graph(shape)
    query, key, value = making.states("q", shape.heads), making.states("k", shape.shared), making.states("v", shape.shared)
    out, sums = making.graph.sdpa(q=query, k=key, v=value, generate_stats=True, **making.known())
    making.out("o", out, shape.heads)
    sums.set_output(True).set_data_type(making.types.FLOAT).set_uid(making._number("sums"))
    return making.built()


@cache
def _backward(shape: Shape) -> Plan:
    making = _Graph(shape)
    query, key, value = making.states("q", shape.heads), making.states("k", shape.shared), making.states("v", shape.shared)
    out, outer = making.states("o", shape.heads), making.states("do", shape.heads)
    most = {"max_total_seq_len_q": shape.tokens, "max_total_seq_len_kv": shape.tokens}
    found = making.graph.sdpa_backward(q=query, k=key, v=value, o=out, dO=outer, stats=making.sums(), **making.known(**most))
    for name, tensor, heads in zip(("dq", "dk", "dv"), found, (shape.heads, shape.shared, shape.shared), strict=True):
        making.out(name, tensor, heads)
    return making.built()
