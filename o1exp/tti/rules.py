"""What each item of the index needs for a Yes: entries of a card, what stands in each, the artefacts they were read from, and more."""

from dataclasses import dataclass
from typing import Literal

Effort = Literal[1, 2, 3, 4, 5]
EFFORTS = {1: "run the same command again", 2: "a setting", 3: "another run", 4: "a release", 5: "a paper"}
"""What the next points cost, cheapest first."""

Witness = Literal["ledger", "config", "commit", "command"]
"""Evidence beside a card: the request ledger, the resolved config, the commit that made the artefacts, the command of the run."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How an item is answered from artefacts.

    Every entry of the `card` under the item's id (or `entries`) must have all fields in `needs`, and its artefacts must be there.
    `asked` items are a person's to answer, with the artefacts as a second condition. `remedy` says what would bring a Yes.
    """

    item: str
    card: Literal["data", "model", ""] = ""
    needs: tuple[str, ...] = ()
    entries: str = ""
    witnesses: tuple[Witness, ...] = ()
    asked: str = ""
    remedy: str
    effort: Effort
    lacking: str = ""
    """What it means that a field is empty, where its name does not say it."""


RULES = (
    Rule(item="sources", card="data", needs=("name", "provider"), effort=2,
         remedy="say who provides the problems: source.provider=NAME source.licence=apache-2.0 source.citation=LINK"),
    Rule(item="distributions", card="data", needs=("format", "rows", "columns", "lengths"), effort=3,
         remedy="train a model in the run, so that there are data to describe"),
    Rule(item="selection", card="data", needs=("rule", "rows_in", "rows_out"), effort=3,
         remedy="the rows that went in are not known; run with the artefacts below it"),
    Rule(item="synthesis", card="data", needs=("prompts", "models", "quality"), witnesses=("ledger",), effort=3,
         remedy="keep prompts in the settings and verify what was written: verify=rejection"),
    Rule(item="base_model", card="model", needs=("name", "architecture", "parameters"), effort=2,
         remedy="tell architecture and size: let the model's config.json be readable here, and set model.parameters=NUMBER"),
    Rule(item="search", card="model", needs=("method", "settings"), effort=2,
         remedy="let the classes of the unknown stages say what they are: role and does, as every stage of o1exp does"),
    Rule(item="rl", card="model", needs=("method", "settings"), effort=2,
         remedy="let the classes of the unknown stages say what they are: role and does, as every stage of o1exp does"),
    Rule(item="long_thoughts", card="data", needs=("method", "settings"), effort=2,
         remedy="let the classes of the unknown stages say what they are: role and does, as every stage of o1exp does"),
    Rule(item="pipeline", card="model", needs=("stage", "does"), effort=3,
         remedy="train a model in the run, with all stages below it in place"),
    Rule(item="compute", card="model", needs=("on",), witnesses=("ledger",), effort=3,
         remedy="train with a machine that is named in the settings (machine=cpu, gpu, slurm)"),
    Rule(item="hyperparameters", card="model", needs=("settings",), witnesses=("config",), effort=3,
         remedy="train a model in the run"),
    Rule(item="ablations", card="model", needs=("arm", "differs"), effort=3,
         remedy="add an arm that leaves one part out: arms in the experiment file, e.g. shortcut: [thought=shortcut]"),
    Rule(item="benchmarks", card="model", needs=("name", "why"), effort=2,
         remedy="say why each benchmark was chosen: the field `why` of conf/bench/NAME.yaml, or bench.NAME.why='...'"),
    Rule(item="level", card="model", needs=("level",), effort=2,
         remedy="let the class of the scoring stage say what it judges: judges"),
    Rule(item="metrics", card="model", needs=("definition",), effort=2,
         remedy="define every metric in o1exp/bench/outcome.py"),
    Rule(item="custom_metrics", card="model", needs=("definition", "why"), effort=2,
         remedy="give the reason of every metric of our own in o1exp/bench/outcome.py"),
    Rule(item="baselines", card="model", needs=("same",), effort=3,
         lacking="there is one model alone, or the models were not scored alike",
         remedy="add a baseline arm that answers the same problems: arms in the experiment file"),
    Rule(item="conditions", card="model", needs=("temperature", "top_p", "max_tokens", "prompt"), effort=3,
         remedy="sample every arm with stages whose settings name temperature and top_p"),
    Rule(item="public_data", asked="Where can others download the data that the model was trained on?", effort=4,
         remedy="publish the training tables with the data card"),
    Rule(item="public_thoughts", asked="Where can others download the synthetic long thoughts?", effort=4,
         remedy="publish the long thoughts with the data card"),
    Rule(item="public_weights", asked="Where can others download the trained weights?", effort=4,
         remedy="publish the weights with the model card"),
    Rule(item="training_code", asked="Where is the code of training public, at the commit that ran?", card="model",
         entries="hyperparameters", witnesses=("commit",), effort=4,
         remedy="publish the repository at a committed state and give its link"),
    Rule(item="evaluation_code", asked="Where is the code of evaluation public, at the commit that ran?", card="model",
         entries="level", witnesses=("commit",), effort=4,
         remedy="publish the repository at a committed state and give its link"),
    Rule(item="guide", asked="Where can others read, step by step, how to do it again?", witnesses=("command",), effort=4,
         remedy="publish a guide: the README and the command of this run"),
    Rule(item="paper", asked="Where is the full paper on method and experiments?", effort=5,
         remedy="write the paper and give its link"),
)  # fmt: skip
BY_ITEM = {rule.item: rule for rule in RULES}
