"""The base of rotary positions as configs have it: one number, or one for each kind of layer."""

from typing import Any


def bases(rotary: Any) -> dict[str, float]:
    """The bases that `rope_theta` changes, by kind of layer ("" where all have one): those of layers that see the whole text.

    A sliding window stays as wide as it is. Empty where there is no base, or where it is not known which layers see how much.
    """
    if not isinstance(rotary, dict):
        return {}
    if "rope_theta" in rotary:
        return {"": float(rotary["rope_theta"])}
    found = {kind: one["rope_theta"] for kind, one in rotary.items() if isinstance(one, dict) and "rope_theta" in one}
    whole = {kind: float(base) for kind, base in found.items() if "sliding" not in kind}
    return whole if len(whole) < len(rotary) else {}


def based(rotary: Any, base: float) -> dict[str, Any]:
    """The same with another base where `bases` has one."""
    kinds = bases(rotary)
    if "" in kinds:
        return {**rotary, "rope_theta": base}
    return {kind: {**one, "rope_theta": base} if kind in kinds else one for kind, one in rotary.items()}


def shown(rotary: Any) -> str:
    """The bases of all kinds of layers, for a sentence; "" where there are none."""
    kinds = {kind: one for kind, one in rotary.items() if isinstance(one, dict)} if isinstance(rotary, dict) else {}
    return ", ".join(f"{one['rope_theta']:g} in {kind}" for kind, one in kinds.items() if "rope_theta" in one)
