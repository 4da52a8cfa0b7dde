"""What is said when many requests failed, or the money is spent."""

import math
import re
from collections import Counter
from collections.abc import Iterable

from o1exp.chat.ledger import Ledger
from o1exp.chat.prices import Price
from o1exp.flow import BudgetSpent


def alike(reasons: Iterable[str]) -> bool:
    """Are all reasons the same but for numbers and what is quoted in them?"""
    return len({_kind(reason) for reason in reasons}) == 1


def too_many(failed: int, asked: int, share: float) -> bool:
    """Is that more than the share of the requests that may fail?"""
    return failed > share * asked + 1e-9


def in_words(reasons: Iterable[str]) -> str:
    """Reasons by how often, the most frequent first, as e.g. "2 x 400 too long"."""
    examples, counts = dict[str, str](), Counter[str]()
    for reason in reasons:
        counts[kind := _kind(reason)] += 1
        examples.setdefault(kind, reason)
    said = [f"{count} x {examples[kind][:200]}" for kind, count in counts.most_common(3)]
    return "; ".join([*said, *(["..."] if len(counts) > 3 else [])])


def _kind(reason: str) -> str:
    return reason[:3] + re.sub(r"['\"`][^'\"`]*['\"`]|\d+", "", reason[3:])


def budget_spent(ledger: Ledger, model: str, cap: float, refused: Price, counts: tuple[int, int]) -> BudgetSpent:
    """The end of the money; `counts` are the requests of the batch, and those that came to their end."""
    total, done = counts
    left, spent, lost = total - done, ledger.spent(), ledger.lost()
    each, most = max(ledger.prices.likely(model, refused).usd, ledger.prices.average(model, refused)), ledger.prices.most(model, refused)
    need = math.ceil(100 * (spent + (left - 1) * each + most)) / 100  # the last one is sent only if there is room for a dear one
    uncertain = f" (${lost:.4f} of it for requests that were cut off; python -m o1exp.chat ledger lists them)" if lost else ""
    return BudgetSpent(
        f"the budget ends here: study {ledger.study!r} has spent ${spent:.4f}{uncertain} of budget.usd={cap:g}, and one more "
        f"request to {model} can cost up to ${most:.4f}. Of {total} requests that this run had to send {done} are answered "
        f"and kept, {left} are left. To go on, run the same command with budget.usd={need:.2f} or more"
    )
