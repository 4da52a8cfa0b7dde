"""What a stage noted about its rows: how many went which way, and why."""

from o1exp.history.lineage import Artefact

COUNTS = (
    "right", "wrong", "no_answer", "unscored", "surplus", "duplicates", "problems_covered", "left_out", "unreadable", "without_solution",
    "rewritten", "disagreed", "dropped", "cut",
)  # fmt: skip
"""Facts that tell what became of rows; a stage notes those that it has."""


def counts(artefact: Artefact) -> dict[str, int]:
    """The counts by name, a mapping of reasons spelled out: "dropped (proof)"."""
    found: dict[str, int] = {}
    for name in COUNTS:
        value = artefact.facts.get(name)
        if isinstance(value, dict):
            found |= {f"{name} ({reason})": int(count) for reason, count in value.items()}
        elif isinstance(value, int):
            found[name] = value
    return found


def in_words(artefact: Artefact) -> str:
    """The same as e.g. "600 right, 31 wrong, 10 dropped (proof)"; zeros go unsaid."""
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts(artefact).items() if count)
