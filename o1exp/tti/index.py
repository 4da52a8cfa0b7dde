"""The Technical Transparency Index as data: 25 yes/no items, 100 points, four dimensions (Part 2, section 5); the wording is ours."""

from dataclasses import dataclass

DIMENSIONS = {"data": "Data", "methodology": "Methodology", "evaluation": "Evaluation", "open_source": "Open source"}
SUMS = {"data": 14, "methodology": 33, "evaluation": 24, "open_source": 29}
TOTAL = 100


@dataclass(frozen=True, kw_only=True)
class IndexItem:
    """One question. `technique`: saying openly that it was not used counts as Yes."""

    id: str
    dimension: str
    points: int
    short: str
    question: str
    technique: bool = False


def _items(dimension: str, *rows: tuple[str, int, str, str, bool]) -> tuple[IndexItem, ...]:
    return tuple(
        IndexItem(id=name, dimension=dimension, points=points, short=short, question=question, technique=technique)
        for name, points, short, question, technique in rows
    )


ITEMS = (
    *_items(
        "data",
        ("sources", 3, "Sources cited", "Is every data set named, with where it comes from and who provides it?", False),
        ("distributions", 3, "Distributions and formats", "Are size, distribution, format and other traits of the data described?", False),
        ("selection", 4, "Selection criteria", "Does it say by which rules data were chosen and filtered?", True),
        ("synthesis", 4, "Synthetic data", "Does it say how synthetic data were made: prompts, quality control?", True),
    ),
    *_items(
        "methodology",
        ("base_model", 4, "Base model", "Is the base model described: which one, its architecture, its size?", False),
        ("search", 6, "Search", "Is the search algorithm described, e.g. beam search or tree search?", True),
        ("rl", 6, "Reinforcement learning", "Is the reinforcement learning or preference optimisation described?", True),
        ("long_thoughts", 6, "Long-thought curation", "Does it say by which method long thoughts were obtained and kept?", True),
        ("pipeline", 3, "Training pipeline", "Are all stages of training given, in their order?", False),
        ("compute", 2, "Compute", "Is it told on what hardware and for how long training ran?", False),
        ("hyperparameters", 2, "Hyperparameters", "Are the training hyperparameters given?", False),
        ("ablations", 4, "Ablations", "Are there ablations that show what single parts contribute?", False),
    ),
    *_items(
        "evaluation",
        ("benchmarks", 4, "Choice of benchmarks", "Are the benchmarks named, with the reason why they were chosen?", False),
        ("level", 4, "Level of evaluation", "Does it say what is judged: the final answer, or each step?", False),
        ("metrics", 4, "Metrics defined", "Is every metric defined?", False),
        ("custom_metrics", 4, "Own metrics justified", "Is every metric that is not a common one explained and justified?", True),
        ("baselines", 4, "Same metrics for baselines", "Are all compared models scored by the same metrics on the same problems?", False),
        ("conditions", 4, "Sampling conditions", "Are temperature, top-p and the like given for each compared model?", False),
    ),
    *_items(
        "open_source",
        ("public_data", 3, "Post-training data", "Can the post-training data be downloaded?", False),
        ("public_thoughts", 5, "Synthetic long thoughts", "Can the synthetic long thoughts be downloaded?", False),
        ("public_weights", 5, "Weights", "Can the trained weights be downloaded?", False),
        ("training_code", 4, "Training code", "Is the code of training public?", False),
        ("evaluation_code", 4, "Evaluation code", "Is the code of evaluation public?", False),
        ("guide", 4, "Step-by-step guide", "Is there a public guide that leads through it step by step?", False),
        ("paper", 4, "Paper", "Is there a full paper on method and experiments?", False),
    ),
)  # fmt: skip
BY_ID = {item.id: item for item in ITEMS}


def check(items: tuple[IndexItem, ...]) -> None:
    """The sums of the paper: 25 items, 14 + 33 + 24 + 29 = 100 points."""
    sums = {dimension: sum(item.points for item in items if item.dimension == dimension) for dimension in DIMENSIONS}
    assert sums == SUMS, f"the points by dimension are {sums}, not {SUMS}"
    assert sum(sums.values()) == TOTAL, f"the points sum to {sum(sums.values())}, not {TOTAL}"
    assert len(items) == len({item.id for item in items}) == 25, f"{len(items)} items, not 25 different ones"
    order = [item.dimension for item in items]
    assert order == sorted(order, key=list(DIMENSIONS).index), "the items do not stand in the paper's order"


check(ITEMS)


@dataclass(frozen=True)
class Standing:
    """One work's points by dimension; `published`: sums that a paper printed, of which no marks by item are known."""

    name: str
    points: dict[str, int]
    published: bool = False

    @property
    def total(self) -> int:
        return sum(self.points.values())


PUBLISHED = tuple(
    Standing(name, dict(zip(DIMENSIONS, points, strict=True)), published=True)
    for name, points in (
        ("Open O1", (0, 8, 20, 5)),
        ("O1-Journey (Part 1)", (10, 33, 24, 9)),
        ("LLaMA-O1", (0, 6, 0, 5)),
        ("K0Math", (0, 0, 16, 0)),
        ("Skywork O1", (0, 0, 0, 0)),
        ("DeepSeek-R1-Lite", (0, 0, 20, 0)),
        ("O1-Journey (Part 2)", (10, 33, 24, 12)),
    )
)
"""The paper's leaderboard (Part 2, section 5): sums by dimension, as published."""
