"""The exported model of an arm as MLflow's LoggedModel: where it lies, what it was made of, and the scores that are its own."""

import re
from typing import TYPE_CHECKING, Any

from o1exp.flow.checkpoint import CONFIG
from o1exp.history.arms import Arm
from o1exp.track import names
from o1exp.track.datasets import used

if TYPE_CHECKING:
    from mlflow import MlflowClient

TYPE = "causal language model"


def log(client: "MlflowClient", experiment: str, run_id: str, arm: Arm) -> str | None:
    """Its id; None where nothing was trained. The weights stay where they are: the tags name folder and digest."""
    from mlflow.entities import LoggedModelOutput

    if arm.model is None or not arm.trainings:
        return None
    last = arm.trainings[-1]
    tags = {
        "o1exp.path": arm.model.path, "o1exp.digest": arm.model.manifest.digest, "o1exp.result": arm.result.path,
        "o1exp.base": arm.models[0].path, "o1exp.phases": " then ".join(training.kind for training in arm.trainings),
    }  # fmt: skip
    params = {
        f"{training.kind} {training.number} {name}": value for training in arm.trainings for name, value in _told(training.artefact).items()
    }
    made = client.create_logged_model(
        experiment, name=_called(arm), source_run_id=run_id, tags=names.tags(tags), params={k: names.value(v) for k, v in params.items()},
        model_type=TYPE,
    )  # fmt: skip
    config = arm.model.folder / CONFIG
    if config.is_file():
        client.log_model_artifact(made.model_id, str(config))
    client.finalize_logged_model(made.model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(made.model_id, last.facts.steps)])
    return str(made.model_id)


def linked(metrics: list[Any], arm: Arm, model_id: str | None) -> list[Any]:
    """The metrics, those of a benchmark linked to the model and to the benchmark's data."""
    from mlflow.entities import Metric

    data = {one.name: one for one in used(arm).values() if one.context == "evaluation"}
    found = []
    for one in metrics:
        of = next((name for name in data if one.key.startswith(f"{names.key(name)}/")), None)
        if model_id and of is not None:
            own = data[of]
            one = Metric(
                one.key, one.value, one.timestamp, one.step, model_id=model_id, dataset_name=own.name[:500], dataset_digest=own.digest
            )  # fmt: skip
        found.append(one)
    return found


def _called(arm: Arm) -> str:
    """e.g. Untrained-SFT-SFT; MLflow takes no dots, slashes or colons in a model's name."""
    base = arm.models[0]
    words = [str(base.manifest.settings.get("name") or base.stage), *(training.kind for training in arm.trainings)]
    return re.sub(r"[^\w-]+", "-", "-".join(words))[:200]


def _told(training: Any) -> dict[str, Any]:
    """What was set of a training and is a plain value."""
    return {name: value for name, value in training.manifest.settings.items() if isinstance(value, bool | int | float | str)}
