"""What a model card says, read from manifests: base, pipeline, training, scores, conditions."""

import json
from pathlib import Path
from typing import Any

from o1exp.bench.grade import PROBLEMS
from o1exp.bench.outcome import METRICS, SIZES
from o1exp.cards.card import CardEntry, pointer
from o1exp.cards.pinned import pinned
from o1exp.flow.architecture import positions
from o1exp.history.arms import Arm
from o1exp.history.lineage import Artefact

SHAPE = {
    "num_hidden_layers": "layers", "hidden_size": "hidden size", "intermediate_size": "feed-forward size", "num_attention_heads": "heads",
    "num_key_value_heads": "key-value heads", "vocab_size": "vocabulary", "max_position_embeddings": "positions",
}  # fmt: skip
CONDITIONS = ("temperature", "top_p", "max_tokens", "samples", "seed", "prompt", "system", "stop")


def base_model(arm: Arm) -> list[CardEntry]:
    """The model that training started from, with its architecture and size."""
    if not arm.models or arm.models[0].is_training:  # what it was trained from was deleted
        return []
    base = arm.models[0]
    settings, config = base.manifest.settings, _config(arm.models)
    name = settings.get("path") or base.manifest.how.get("path") or settings.get("package") or base.does
    known = [base.facts.get("parameters"), *(a.facts.get("parameters") for a in arm.models), base.manifest.how.get("parameters")]
    shape = {label: config[key] for key, label in SHAPE.items() if key in config}
    if "positions" in shape and positions(shape["positions"]) is None:
        del shape["positions"]  # no bound, which some configs write as -1
    architecture = next(iter(config.get("architectures") or []), config.get("model_type", ""))
    parameters = next((int(count) for count in known if count), None)
    made = pointer(base) | {"name": str(name), "on_hub": bool(settings.get("path")), **pinned(base)}
    return [made | {"architecture": architecture, "shape": shape, "parameters": parameters, "stage": base.stage}]


def _config(models: list[Artefact]) -> dict[str, Any]:
    """The first config.json among the models that can be read here: fine-tuning keeps the architecture."""
    for artefact in models:
        if own := artefact.model_config:
            return own
        target = artefact.points_to
        for place in [Path(target.source) / "config.json", *_cached(target.source, target.revision)] if target else []:
            if place.is_file():
                found: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
                return found
    return {}


def _cached(name: str, revision: str) -> list[Path]:
    """A hub model's config in the local cache; nothing is downloaded for a card."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(name, "config.json", revision=revision or None)
    except HFValidationError:
        return []
    return [Path(found)] if isinstance(found, str) else []


def of_role(arm: Arm, wanted: str) -> list[CardEntry]:
    """The stages below the model of one role (search, rl), with all their settings."""
    return [pointer(a) | {"stage": a.stage, "method": a.does, "settings": a.manifest.settings} for a in arm.making if a.role == wanted]


def pipeline(arm: Arm) -> list[CardEntry]:
    """All stages that made the model in sequence; one whose artefact is gone is named and stays unsupported."""
    found: list[CardEntry] = []
    for artefact in arm.making:
        gone = [path for path in artefact.manifest.inputs.values() if arm.lineage.find(path) is None]
        found += [{"artefact": path, "digest": "", "stage": path.split("/")[0], "does": "", "inputs": [], "rows": None} for path in gone]
        inputs = [f"{edge}: {path.split('/')[0]} {path.split('/')[1][:8]}" for edge, path in artefact.manifest.inputs.items()]
        made = {"stage": artefact.stage, "does": artefact.does, "inputs": inputs, "rows": artefact.facts.get("rows")}
        found.append(pointer(artefact) | made)
    return found if arm.trainings else []


def compute(arm: Arm) -> list[CardEntry]:
    """Hardware of every training, and the calls to models that wrote its data. Times stand in the manifests: they differ by run."""
    found = [
        pointer(one.artefact) | {"stage": one.artefact.stage, "on": machine(one.artefact), "tokens": one.facts.tokens, "models": []}
        for one in arm.trainings
    ]  # fmt: skip
    for a in arm.making:
        if a.facts.get("requests"):
            writers = [value["model"] for value in a.manifest.settings.values() if isinstance(value, dict) and "model" in value]
            calls = f"{a.facts['requests']:,} requests, {a.facts.get('usd', 0):g} US$"
            found.append(pointer(a) | {"stage": a.stage, "on": calls, "tokens": a.facts.get("tokens"), "models": writers})
    return found


def machine(artefact: Artefact) -> str:
    """The hardware that a stage ran on, in words; "" where its manifest does not say."""
    how = artefact.manifest.how.get("machine")
    if not isinstance(how, dict) or "accelerator" not in how:
        return ""
    devices = how.get("devices", 1) * how.get("nodes", 1)
    memory = f" of {how['memory_gb']:g} GB" if how.get("memory_gb") else ""
    threads = f", {how['threads']} threads each" if how["accelerator"] == "cpu" and how.get("threads", 1) > 1 else ""
    return f"{devices} x {how['accelerator'].upper()}{memory}{threads}, ZeRO stage {how.get('zero_stage', 0)}"


def hyperparameters(arm: Arm) -> list[CardEntry]:
    return [
        pointer(one.artefact) | {"phase": one.number, "stage": one.artefact.stage, "settings": one.artefact.manifest.settings}
        for one in arm.trainings
    ]


def ablations(about: Arm, arms: list[Arm]) -> list[CardEntry]:
    """Every other arm with what it does otherwise."""
    ours = {about.result.path: about.result.manifest.digest}
    others = [arm for arm in arms if arm.name != about.name]
    found = []
    for arm in others:
        known = not (about.untold or arm.untold)
        found.append(pointer(arm.result) | {"arm": arm.name, "differs": differences(about, arm) if known else [], "also": ours})
    return found


def differences(about: Arm, other: Arm) -> list[str]:
    """The stages and settings in which another arm's model was made otherwise."""
    ours, theirs = _own(about, other), _own(other, about)
    found = []
    for stage in dict.fromkeys([*ours, *theirs]):
        mine, its = ours.get(stage, []), theirs.get(stage, [])
        if len(mine) == len(its) == 1:
            one, two = mine[0].manifest.settings, its[0].manifest.settings
            names = [name for name in dict.fromkeys([*one, *two]) if one.get(name) != two.get(name)]
            found += [f"{stage}.{name}: {_brief(two.get(name))} instead of {_brief(one.get(name))}" for name in names]
        elif len(mine) != len(its):
            found.append(f"{'without' if len(its) < len(mine) else 'with'} {stage} ({(mine or its)[0].does})")
        else:
            found.append(f"other settings of {stage}")
    if not found and {a.path for a in about.making} != {a.path for a in other.making}:
        found.append("the same stages, connected otherwise")
    return found


def _own(arm: Arm, other: Arm) -> dict[str, list[Artefact]]:
    """What made the arm's model, by stage, without what the other arm has in the same settings."""
    shared = [(a.stage, a.manifest.settings) for a in other.making]
    found: dict[str, list[Artefact]] = {}
    for a in arm.making:
        if (a.stage, a.manifest.settings) in shared:
            shared.remove((a.stage, a.manifest.settings))
        else:
            found.setdefault(a.stage, []).append(a)
    return found


def _brief(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:59] + "…"


def benchmarks(about: Arm, why: dict[str, str]) -> list[CardEntry]:
    found = []
    for name, scored in about.grades.items():
        of = about.posed.get(name, scored)
        named = of.manifest.settings.get("name") or of.does
        found.append(pointer(of) | {"benchmark": name, "name": named, "rows": of.facts.get("rows"), "why": why.get(name, "")})
    return found


def level(about: Arm) -> list[CardEntry]:
    return [
        pointer(scored) | {"benchmark": name, "stage": scored.stage, "level": scored.manifest.judges}
        for name, scored in about.grades.items()
    ]


def metrics(about: Arm) -> list[CardEntry]:
    found = {name for numbers in about.numbers.values() for name in numbers if name not in SIZES}
    names = [*(name for name in METRICS if name in found), *sorted(found - set(METRICS))]
    return [pointer(about.result) | {"metric": name, "definition": METRICS[name].definition if name in METRICS else ""} for name in names]


def custom_metrics(about: Arm) -> list[CardEntry]:
    """Metrics that are not common in the field, and those that nobody defined."""
    found = [(entry, METRICS.get(entry["metric"])) for entry in metrics(about)]
    return [entry | {"why": metric.why if metric else ""} for entry, metric in found if metric is None or metric.why]


def baselines(about: Arm, arms: list[Arm]) -> list[CardEntry]:
    """For each benchmark: do all arms answer the same problems, and are they scored by the same stage?"""
    found = []
    for name, scored in about.grades.items():
        others = [arm.grades[name] for arm in arms if name in arm.grades]
        ways = {(a.stage, a.manifest.version, json.dumps(a.manifest.settings), a.manifest.inputs.get(PROBLEMS)) for a in others}
        models = [arm.name for arm in arms if name in arm.grades]
        same = len(ways) == 1 and len(models) == len(arms) and len(models) > 1
        also = {a.path: a.manifest.digest for a in others}
        found.append(pointer(scored) | {"benchmark": name, "models": models, "same": same, "also": also})
    return found


def conditions(arms: list[Arm]) -> list[CardEntry]:
    found = []
    for arm in arms:
        for name in arm.grades:
            sampled = arm.sampled.get(name)
            if sampled is None:
                found.append(pointer(arm.grades[name]) | {"arm": arm.name, "benchmark": name, **dict.fromkeys(CONDITIONS)})
            else:
                given = {word: sampled.manifest.settings.get(word) for word in CONDITIONS}
                found.append(pointer(sampled) | {"arm": arm.name, "benchmark": name, **given})
    return found


def unknown(arm: Arm) -> list[str]:
    return sorted({artefact.stage for artefact in arm.making if not artefact.role})
