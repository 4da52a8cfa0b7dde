"""Attention of one new token per row over the pages of its row, as Triton kernels (flash decoding; Dao et al. 2023).

All query heads that share a key head are one program's matrix product, each row is read only up to its own length, and long rows are
split over several programs whose parts a second kernel adds up. The plain formula is `attention.attend_pages`; `check` compares the two.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 64
"""Tokens that are read together; a page holds a whole number of them."""
LOG2_E = 1.4426950408889634


def _parts(  # type: ignore[no-untyped-def]  # Triton reads annotations in its own way
    query, keys, values, table, lengths, parts, sums, scale, table_width,
    SHARED: tl.constexpr, GROUP: tl.constexpr, WIDTH: tl.constexpr, WIDE: tl.constexpr, PAGE: tl.constexpr, BLOCK: tl.constexpr,
    SPLITS: tl.constexpr,
):  # fmt: skip
    """Program (row, key head, split). query: [rows, heads, WIDTH]; keys, values: [tokens, key heads, WIDTH]; parts: a SPLITS axis more."""
    row, head, split = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    heads = tl.num_programs(1)
    length = tl.load(lengths + row).to(tl.int32)
    share = tl.cdiv(tl.cdiv(length, BLOCK), SPLITS) * BLOCK
    start = split * share
    end = tl.minimum(start + share, length)
    group, wide, block = tl.arange(0, GROUP), tl.arange(0, WIDE), tl.arange(0, BLOCK)
    asked = head * SHARED + group
    real = group < SHARED
    held = wide < WIDTH
    mine = (row * heads * SHARED + asked).to(tl.int64)
    q = tl.load(query + mine[:, None] * WIDTH + wide[None, :], mask=real[:, None] & held[None, :], other=0.0)
    most = tl.full([GROUP], -1e30, tl.float32)
    total = tl.zeros([GROUP], tl.float32)
    found = tl.zeros([GROUP, WIDE], tl.float32)
    for at in range(start, end, BLOCK):
        page = tl.load(table + row * table_width + at // PAGE).to(tl.int64)
        place = (page * PAGE + at % PAGE + block) * heads + head
        inside = at + block < end
        k = tl.load(keys + place[None, :] * WIDTH + wide[:, None], mask=inside[None, :] & held[:, None], other=0.0)
        score = tl.dot(q, k, input_precision="ieee") * scale
        score = tl.where(inside[None, :], score, -1e30)
        higher = tl.maximum(most, tl.max(score, 1))
        fade = tl.exp2(most - higher)
        chance = tl.exp2(score - higher[:, None])
        total = total * fade + tl.sum(chance, 1)
        v = tl.load(values + place[:, None] * WIDTH + wide[None, :], mask=inside[:, None] & held[None, :], other=0.0)
        found = found * fade[:, None] + tl.dot(chance.to(v.dtype), v, input_precision="ieee")
        most = higher
    spot = mine * SPLITS + split
    whole = tl.where(total > 0, total, 1.0)
    tl.store(parts + spot[:, None] * WIDTH + wide[None, :], found / whole[:, None], mask=real[:, None] & held[None, :])
    if SPLITS > 1:
        tl.store(sums + spot, tl.where(total > 0, most + tl.log2(whole), -1e30), mask=real)


def _together(parts, sums, out, WIDTH: tl.constexpr, WIDE: tl.constexpr, SPLITS: tl.constexpr):  # type: ignore[no-untyped-def]
    """Program (row x head): the parts weighted by their share of all chances. parts: [rows x heads, SPLITS, WIDTH]."""
    mine = tl.program_id(0).to(tl.int64)
    split, wide = tl.arange(0, SPLITS), tl.arange(0, WIDE)
    held = wide < WIDTH
    sized = tl.load(sums + mine * SPLITS + split)
    weight = tl.exp2(sized - tl.max(sized, 0))
    part = tl.load(parts + (mine * SPLITS + split)[:, None] * WIDTH + wide[None, :], mask=held[None, :], other=0.0)
    found = tl.sum(part * weight[:, None], 0) / tl.sum(weight, 0)
    tl.store(out + mine * WIDTH + wide, found, mask=held)


parts_kernel = triton.jit(_parts)
together_kernel = triton.jit(_together)


def attend_pages(query: Tensor, keys: Tensor, values: Tensor, table: Tensor, lengths: Tensor, call: tuple[float, int, int]) -> Tensor:
    """query: [rows, heads, width]; keys, values: [tokens, key heads, width]; table: [rows, pages]; call: scale, page, splits.

    Returns [rows, heads, width]. Everything contiguous; `splits` a power of two.
    """
    scale, page, splits = call
    rows, heads, width = query.shape
    key_heads = keys.shape[1]
    shared, wide = heads // key_heads, max(16, triton.next_power_of_2(width))
    out = torch.empty_like(query)
    parts = out if splits == 1 else query.new_empty(rows, heads, splits, width, dtype=torch.float32)
    sums = parts if splits == 1 else query.new_empty(rows, heads, splits, dtype=torch.float32)
    block = BLOCK if wide * query.element_size() <= 256 else BLOCK // 2
    parts_kernel[(rows, key_heads, splits)](
        query, keys, values, table, lengths, parts, sums, scale * LOG2_E, table.stride(0), SHARED=shared,
        GROUP=max(16, triton.next_power_of_2(shared)), WIDTH=width, WIDE=wide, PAGE=page, BLOCK=block, SPLITS=splits,
        num_warps=4, num_stages=3,
    )  # fmt: skip
    if splits > 1:
        together_kernel[(rows * heads,)](parts, sums, out, WIDTH=width, WIDE=wide, SPLITS=splits, num_warps=4)
    return out
