"""What two stages of one graph have to say alike."""

from collections.abc import Iterator, Mapping
from typing import Any

from o1exp.flow.stage import Stage, walk


def disagreements(goal: Stage[Any], names: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each benchmark that looks for another end of a thought than the thoughts are taught with; `names` by stage key."""
    from o1exp.bench.sample import Sample
    from o1exp.thoughts.distil import Distil

    stages = list(walk([goal]))
    taught = {stage.think_close.strip() for stage in stages if isinstance(stage, Distil) and stage.think_open.strip()}
    for stage in stages:
        if isinstance(stage, Sample) and taught and stage.think_end and not any(stage.think_end in close for close in taught):
            name = names.get(stage.key, "bench").removesuffix(".attempts")
            yield (
                f"{name}.think_end={stage.think_end}: the thoughts are taught to end in {' or '.join(sorted(taught))} "
                "(thought.think_close); set both alike"
            )
