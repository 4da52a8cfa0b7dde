"""What a finished cell is measured by."""

from o1exp.history.runs import RunRecord
from o1exp.report.ledger import money


def metrics(run: RunRecord) -> dict[str, float]:
    """Accuracy (mean over benchmarks, and each one's), output tokens of an answer, tokens trained on, dollars of the arm."""
    arms = run.gathered()
    scores = arms[0].outcome.benchmarks
    found = {f"{name}.accuracy": score.accuracy for name, score in scores.items()}
    found["accuracy"] = sum(score.accuracy for score in scores.values()) / len(scores)
    found["tokens"] = sum(score.tokens for score in scores.values()) / len(scores)
    found["training_tokens"] = float(arms[0].training_tokens or 0)
    found["usd"] = money(arms).answers.usd
    return found
