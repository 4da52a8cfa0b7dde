"""The ModelCard stage: how the run's model was made and measured, in the hub's model card format, read from the artefacts."""

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from o1exp.cards import model_facts as facts
from o1exp.cards.card import Card, CardEntry, licence, rendered, write
from o1exp.flow import Expect, Role, Stage, Work
from o1exp.history.arms import Arm, gather, subject

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCardData


def nothing() -> dict[str, str]:
    return {}


@dataclass(frozen=True, kw_only=True)
class ModelCard(Stage[Card]):
    """Describe base model, stages, hyperparameters, compute, ablations, benchmarks, metrics and sampling conditions of a run.

    The model is that of the first arm that is not the `baseline`; the others stand beside it. `why` justifies each benchmark by name;
    `licence` is the model's own, as the hub spells it ("" = not stated).
    """

    role: ClassVar[Role] = "description"
    does: ClassVar[str] = "how the model was made and measured"
    volatile: ClassVar[tuple[str, ...]] = ("README.md", "index.html")

    arms: dict[str, Stage[Any]]
    baseline: str = ""
    name: str = ""
    why: dict[str, str] = dataclasses.field(default_factory=nothing)
    licence: str = ""

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        return Expect(rows=1)

    def make(self, work: Work) -> None:
        found = gather(work.store.root, {name: f"{arm.kind}/{arm.key}" for name, arm in self.arms.items()})
        about, name = subject(found, self.baseline), self.name or "run"
        entries = described(found, about, self.why)
        text = body(found, name, self.baseline, entries)
        write(work.folder, self._front(name, about, entries), text, entries, facts.unknown(about), about.untold)
        work.note(arms=len(found), stages=len(entries["pipeline"]))

    def _front(self, name: str, about: Arm, entries: dict[str, list[CardEntry]]) -> "ModelCardData":
        """The header of a model card; the scores stand in it as the hub's model-index."""
        from huggingface_hub import ModelCardData

        base = [entry["name"] for entry in entries["base_model"] if entry["on_hub"]]
        more: dict[str, Any] = {"base_model_relation": "finetune"} if base and about.trainings else {}
        return ModelCardData(
            pretty_name=f"Model of {name}", **licence([self.licence]), library_name="transformers", pipeline_tag="text-generation",
            base_model=base[0] if base else None, datasets=[a.manifest.settings["name"] for a in about.making if a.stage == "Hub"] or None,
            tags=["o1exp", "reasoning"], model_name=f"{name}, {about.name}",
            eval_results=[one for bench, numbers in about.numbers.items() for one in results(bench, numbers)] or None, **more,
        )  # fmt: skip


def described(found: list[Arm], about: Arm, why: dict[str, str]) -> dict[str, list[CardEntry]]:
    """The entries of the card by item."""
    return {
        "base_model": facts.base_model(about), "search": facts.of_role(about, "search"), "rl": facts.of_role(about, "rl"),
        "pipeline": facts.pipeline(about), "compute": facts.compute(about), "hyperparameters": facts.hyperparameters(about),
        "ablations": facts.ablations(about, found), "benchmarks": facts.benchmarks(about, why), "level": facts.level(about),
        "metrics": facts.metrics(about), "custom_metrics": facts.custom_metrics(about), "baselines": facts.baselines(about, found),
        "conditions": facts.conditions(found),
    }  # fmt: skip


def body(found: list[Arm], name: str, baseline: str, entries: dict[str, list[CardEntry]]) -> str:
    """The card's text."""
    about = subject(found, baseline)
    return rendered(
        "model_card.md.j2", name=name, subject=about.name, arms=found, baseline=baseline, times=_times(about),
        scores={arm.name: arm.numbers for arm in found}, unknown=facts.unknown(about), gone=about.untold,
        made_by=about.result.manifest.made_by, **entries,
    )  # fmt: skip


def results(bench: str, numbers: dict[str, Any]) -> "list[EvalResult]":
    """What the hub shows of one benchmark: accuracy, output tokens, pass@k and maj@k, as far as there are such numbers."""
    from huggingface_hub import EvalResult

    labels = {"accuracy": ("accuracy", f"avg@{numbers.get('samples', 1)}"), "tokens": ("output_tokens", "mean output tokens")}
    found = [(kind, numbers[n], label) for n, (kind, label) in labels.items() if n in numbers]
    for kind, label in (("pass_at", "pass"), ("majority_at", "maj")):
        found += [(f"{label}@{k}", value, f"{label}@{k}") for k, value in numbers.get(kind, {}).items() if k != "1"]
    return [
        EvalResult(
            task_type="text-generation", dataset_type=bench, dataset_name=bench, metric_type=kind, metric_value=value, metric_name=label
        )
        for kind, value, label in found
    ]


def _times(about: Arm) -> list[dict[str, Any]]:
    """Wall and CPU hours of every stage that made the model: they differ from run to run and stand in the README alone."""
    return [
        {
            "stage": a.stage, "does": a.does, "artefact": a.path, "hours": a.manifest.seconds / 3600,
            "cpu_hours": a.manifest.cpu_seconds / 3600, "started": a.manifest.started, "on": facts.machine(a),
            "tokens": a.facts.get("tokens"),
        }
        for a in about.making
    ]  # fmt: skip
