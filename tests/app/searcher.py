"""A process that makes trials of a study whose scores follow from the settings: python -m tests.app.searcher FOLDER SECONDS STORAGE."""

import sys
import time
from pathlib import Path

from omegaconf import OmegaConf

from o1exp.app.search.asked import Search
from o1exp.app.search.study import Trials


def asked(storage: str = "journal", sampler: str = "tpe", constraints: tuple[str, ...] = (), trials: int = 20) -> Search:
    """Two objectives over a rate and a choice."""
    config = {
        "hydra": {
            "overrides": {"task": ["lr=interval(0.5,3.0)", "kind=a,b", "x=1"]},
            "sweeper": {
                "params": {}, "n_trials": trials, "sampler": sampler, "objectives": ["accuracy", "tokens"],
                "constraints": list(constraints),
                "options": {"at_once": 1, "prune": True, "storage": storage, "confirm": 0, "held_out": []},
            },
        }
    }  # fmt: skip
    return Search.of(OmegaConf.create(config))


def scored(overrides: tuple[str, ...]) -> dict[str, float]:
    values = dict(word.split("=") for word in overrides)
    lr, kind = float(values["lr"]), values["kind"]
    return {"accuracy": 1 - (lr - 1.5) ** 2 / 4 - 0.2 * (kind == "b"), "tokens": 100 * lr}


def main(folder: Path, seconds: float, storage: str) -> None:
    trials = Trials(folder, asked(storage))
    while claimed := trials.claim():
        for one in claimed:
            with (folder / "began").open("a") as log:
                log.write(f"{one.number}\n")
            time.sleep(seconds)
            state = "FAILED" if one.number == 3 else "PRUNED" if one.number % 5 == 4 else "FINISHED"
            trials.tell(one, state, scored(one.overrides) if state == "FINISHED" else {})


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3])
