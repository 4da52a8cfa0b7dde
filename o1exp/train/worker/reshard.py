"""A checkpoint of another number of ranks, cut anew: parts of flat tensors that DeepSpeed's ranks wrote become as many as there are now.

Every rank writes its own part, reading of the old files (mapped into memory) only what lies in it.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch

from o1exp.train.data.encode import CannotTrain

STATES = "*zero_pp_rank_*_optim_states.pt"
FLAT = {1: "single_partition_of_fp32_groups", 2: "single_partition_of_fp32_groups", 3: "fp32_flat_groups"}
"""Where the fp32 weights of a rank stand, by ZeRO stage."""
OPTIMIZER = {1: "base_optimizer_state", 2: "base_optimizer_state", 3: "optimizer_state_dict"}


@dataclass(frozen=True)
class Cut:
    """How this rank's part looks: the ZeRO stage, the number of ranks, this one's, and the sizes of its flat tensors."""

    stage: int
    ranks: int
    rank: int
    sizes: list[int]

    @classmethod
    def of(cls, engine: Any) -> "Cut":
        stage = int(engine.zero_optimization_stage())
        flat = engine.optimizer.fp32_partitioned_groups_flat if stage == 3 else engine.optimizer.single_partition_of_fp32_groups
        return cls(stage, torch.distributed.get_world_size(), torch.distributed.get_rank(), [part.numel() for part in flat])


def ranks_of(folder: Path) -> int:
    """How many ranks wrote the checkpoint; 0 where nothing of it is split."""
    return len(list(folder.glob(STATES)))


def reshard(source: Path, target: Path, cut: Cut) -> None:
    """Write this rank's part of the checkpoint `source` to `target`. Errors: CannotTrain where it is not as DeepSpeed writes it."""
    files = sorted(source.glob(STATES), key=_rank)
    old = [_load(file)["optimizer_state_dict"] for file in files]
    weights = source / ("zero_pp_rank_0_mp_rank_00_model_states.pt" if cut.stage == 3 else "mp_rank_00_model_states.pt")
    model = _load(weights)
    groups = [[math.prod(shape) for shape in shapes.values()] for shapes in model["param_shapes"]]
    if any(padding for group in old[0].get("param_alignment_paddings") or [] for padding in group):
        raise CannotTrain(f"{source} lays weights out with gaps, which cannot be cut anew; set machine.devices and machine.nodes as before")

    def cut_anew(parts: list[list[torch.Tensor]]) -> list[torch.Tensor]:
        return _by_weight(parts, groups, cut) if cut.stage == 3 else _by_group(parts, groups, cut)

    whole = _load(files[min(cut.rank, len(files) - 1)])
    state = whole["optimizer_state_dict"]
    state[FLAT[cut.stage]] = cut_anew([one[FLAT[cut.stage]] for one in old])
    moments = [one[OPTIMIZER[cut.stage]]["state"] for one in old]
    for name in [name for name, value in moments[0][0].items() if value.dim()]:  # the number of steps is the same everywhere
        anew = cut_anew([[one[place][name] for place in sorted(one)] for one in moments])
        for place, value in enumerate(anew):
            state[OPTIMIZER[cut.stage]]["state"].setdefault(place, dict(moments[0][0]))[name] = value
    state["partition_count"] = cut.ranks if cut.stage == 3 else [cut.ranks] * len(groups)
    torch.save(whole, target / _named(files[0].name, cut.rank))
    if cut.stage == 3 or cut.rank == 0:
        model["dp_world_size"] = cut.ranks
        if cut.stage == 3 and model["frozen_param_fragments"]:
            pieces = [_load(file)["frozen_param_fragments"] for file in sorted(source.glob("zero_pp_rank_*_model_states.pt"), key=_rank)]
            model["frozen_param_fragments"] = {
                name: _piece([piece[name] for piece in pieces], math.prod(shape), cut)
                for name, shape in model["frozen_param_shapes"].items()
            }
        torch.save(model, target / (_named(weights.name, cut.rank) if cut.stage == 3 else weights.name))


def _by_group(parts: list[list[torch.Tensor]], groups: list[list[int]], cut: Cut) -> list[torch.Tensor]:
    """ZeRO-1 and 2: a group's weights lie one after the other in one flat tensor, of which each rank has a stretch."""
    return [
        _padded(_stretch([one[place] for one in parts], cut.rank * size, min((cut.rank + 1) * size, sum(groups[place]))), size)
        for place, size in enumerate(cut.sizes)
    ]


def _by_weight(parts: list[list[torch.Tensor]], groups: list[list[int]], cut: Cut) -> list[torch.Tensor]:
    """ZeRO-3: each rank has a stretch of every weight, and these one after the other in its flat tensors."""
    pieces, begin = [], 0
    for count in (count for group in groups for count in group):
        each = math.ceil(count / len(parts))
        pieces.append(_piece([_stretch(one, begin, begin + each) for one in parts], count, cut))
        begin += each
    ends = list(accumulate(cut.sizes))
    if sum(piece.numel() for piece in pieces) != ends[-1] or begin != sum(part.numel() for part in parts[0]):
        raise CannotTrain(
            "the checkpoint does not hold this model's weights one after the other; set machine.devices and machine.nodes as before"
        )
    return [_stretch(pieces, end - size, end) for end, size in zip(ends, cut.sizes, strict=True)]


def _piece(stretches: list[torch.Tensor], count: int, cut: Cut) -> torch.Tensor:
    """This rank's stretch of a weight with `count` elements."""
    each = math.ceil(count / cut.ranks)
    return _padded(_stretch(stretches, cut.rank * each, min((cut.rank + 1) * each, count)), each)


def _stretch(parts: Sequence[torch.Tensor], begin: int, end: int) -> torch.Tensor:
    """Elements of flat tensors as if they were one."""
    return torch.cat([*_overlaps(parts, begin, end), parts[0].new_empty(0)])


def _overlaps(parts: Sequence[torch.Tensor], begin: int, end: int) -> Iterator[torch.Tensor]:
    at = 0
    for part in parts:
        first, last = max(begin - at, 0), min(end - at, part.numel())
        if first < last:
            yield part.flatten()[first:last]
        at += part.numel()


def _padded(values: torch.Tensor, size: int) -> torch.Tensor:
    return torch.nn.functional.pad(values, (0, size - values.numel()))


def _load(file: Path) -> dict[str, Any]:
    """A file that a rank of this training wrote into its scratch folder."""
    found: dict[str, Any] = torch.load(file, map_location="cpu", mmap=True, weights_only=False)
    return found


def _rank(file: Path) -> int:
    found = re.search(r"zero_pp_rank_(\d+)_", file.name)
    assert found is not None
    return int(found[1])


def _named(name: str, rank: int) -> str:
    return re.sub(r"zero_pp_rank_\d+_", f"zero_pp_rank_{rank}_", name)
