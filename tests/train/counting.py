"""How often a training under ZeRO-3 calls DeepSpeed: hooks of modules, and fetches of weights."""

from collections import Counter
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch


class Calls(AbstractContextManager["Calls"]):
    """Counts within it: `hooks forward` and `hooks backward`, calls before and after a module, and `fetches`, of weights at once."""

    def __init__(self) -> None:
        from deepspeed.runtime.zero import partition_parameters
        from deepspeed.runtime.zero.parameter_offload import DeepSpeedZeRoOffload

        self.counts: Counter[str] = Counter()
        places: list[tuple[Any, str, str]] = [
            (DeepSpeedZeRoOffload, f"{when}_sub_module_{way}_function", f"hooks {way}")
            for when in ("pre", "post")
            for way in ("forward", "backward")
        ]
        places += [(partition_parameters, name, "fetches") for name in ("_dist_allgather_fn", "_no_gather_coalesced")]
        places += [(partition_parameters.Init, name, "fetches") for name in ("_allgather_params_coalesced", "_allgather_params_sequential")]
        self.patches = [patch.object(owner, name, self._counting(getattr(owner, name), what)) for owner, name, what in places]

    def _counting(self, plain: Any, what: str) -> Any:
        def counting(*given: Any, **asked: Any) -> Any:
            self.counts[what] += 1
            return plain(*given, **asked)

        return counting

    def __enter__(self) -> "Calls":
        for one in self.patches:
            one.start()
        return self

    def __exit__(self, *problem: object) -> None:
        for one in self.patches:
            one.stop()
