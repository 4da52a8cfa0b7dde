"""Every number of a Result, defined; those that are not common in the field, with their reason."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A metric's definition; `why` is empty where it is common in the field."""

    definition: str
    why: str = ""


METRICS = {
    "accuracy": Metric(
        "share of right answers (of judged ones the value's place between the ends of its scale), averaged over the K samples of a problem "
        "and then over problems (avg@K)"
    ),
    "error": Metric("standard error of accuracy over problems"),
    "low": Metric("lower end of the 95 % interval of accuracy over problems (Wilson)"),
    "high": Metric("upper end of the 95 % interval of accuracy over problems (Wilson)"),
    "pass_at": Metric("pass@k: chance that k of the K samples, drawn without replacement, hold a right one (unbiased estimate)"),
    "majority_at": Metric(
        "maj@k: chance that the most frequent final answer of k samples is right; ties are shared, empty answers do not vote"
    ),
    "value": Metric("mean of the judge's values on its own scale"),
    "labels": Metric("judged answers by the judge's label"),
    "tokens": Metric(
        "mean output tokens per answer, by the model's own tokenizer, end token included",
        "inference cost: the paper reports it beside accuracy, because long thoughts buy accuracy with tokens",
    ),
    "tokens_median": Metric("median of output tokens per answer", "the mean alone hides a few very long answers"),
    "tokens_p90": Metric("90th percentile of output tokens per answer", "the mean alone hides a few very long answers"),
    "tokens_right": Metric("mean output tokens of right answers", "models tend to write longer where they fail"),
    "tokens_wrong": Metric("mean output tokens of wrong answers", "models tend to write longer where they fail"),
    "thinking_tokens": Metric("mean output tokens up to the end of the thought, over answers that mark one", "thoughts are what cost"),
    "answer_tokens": Metric("mean output tokens after the end of the thought, over answers that mark one", "thoughts are what cost"),
    "truncated": Metric("answers cut off at max_tokens", "a cut-off answer counts as it stands, so a tight limit looks like a weak model"),
    "timed_out": Metric("answers that the server did not finish in time", "a slow server looks like a weak model"),
    "completed": Metric("answers that ended by themselves", "what completed_accuracy rests on"),
    "completed_accuracy": Metric(
        "share of right answers among those that ended by themselves",
        "separates what a token limit costs from what the model cannot do; it flatters a model whose hard problems ran out of tokens",
    ),
    "curve": Metric(
        "accuracy against mean output tokens: token budgets cut out of the same answers, single answers, Maj@k at growing k",
        "inference-time scaling: two models compare at equal tokens only",
    ),
    "no_answer": Metric("answers in which no final answer was found", "tells a wrong answer from a missing one"),
    "unscored": Metric(
        "answers whose gold answer could not be read", "they are left out and not counted as wrong; the reader sees how many"
    ),
}

COUNTS = ("problems", "samples", "attempts", "scorer", "scale")
"""Sizes and who scored on which scale, no metrics."""
