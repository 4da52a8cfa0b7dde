"""What makes the host wait for a GPU, seen on a CPU: calls that need a tensor's numbers, and those that hand over numbers of the host."""

from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

READ = {torch.Tensor.tolist, torch.Tensor.numpy, torch.Tensor.cpu, torch.Tensor.__array__}
"""Read a tensor without an operator that a dispatch mode sees, where it lies on a CPU."""
TAKEN = {torch.tensor, torch.as_tensor}
"""On a GPU they copy from pageable memory, which waits; `sent` pins first."""
OPERATORS = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "equal", "is_nonzero", "bincount", "histc")


class Waits(TorchFunctionMode):
    """Within it `seen` names every wait."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.operators = _Operators(self.seen)

    def __enter__(self) -> "Waits":
        self.operators.__enter__()  # type: ignore[no-untyped-call]
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *problem: Any) -> None:
        super().__exit__(*problem)  # type: ignore[no-untyped-call]
        self.operators.__exit__(*problem)  # type: ignore[no-untyped-call]

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        asked = kwargs or {}
        handed = func in TAKEN and asked.get("device") is not None
        index = args[1] if func in (torch.Tensor.__getitem__, torch.Tensor.__setitem__) else None
        if func in READ or handed or _host(index):
            self.seen.append(func.__name__)
        return func(*args, **asked)


class _Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self, seen: list[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen = seen

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in OPERATORS:
            self.seen.append(name)
        return func(*args, **(kwargs or {}))


def _host(index: Any) -> bool:
    """Does this index hold numbers of the host, or a mask, whose places are counted first?"""
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(part, list) or (isinstance(part, torch.Tensor) and part.dtype is torch.bool and part.dim() > 0) for part in parts)
