"""The cards: the hub's formats, numbers as in the artefacts, nothing that acts on a page."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from o1exp.bench.outcome import METRICS, SIZES
from o1exp.cards.card import fenced, licence, page, size_category
from o1exp.config.groups import classes
from o1exp.flow.source import stage_classes
from o1exp.history.arms import gather
from o1exp.history.lineage import Lineage
from o1exp.history.runs import RunRecord


def readme(clean: RunRecord, kind: str) -> str:
    return (clean.root / "artefacts" / clean.cards[kind] / "README.md").read_text()


def front(clean: RunRecord, kind: str) -> tuple[dict[str, Any], str]:
    """Header and text, as the hub's own library reads them."""
    from huggingface_hub import RepoCard

    card: Any = RepoCard(readme(clean, kind), ignore_metadata_errors=False)
    return card.data.to_dict(), card.text


def test_the_data_card_has_a_header_that_the_hub_reads(clean: RunRecord) -> None:
    header, text = front(clean, "data")
    assert header["license"] == "apache-2.0"
    assert header["size_categories"] == ["n<1K"]
    for config in header["configs"]:
        assert (clean.root / config["data_files"][0]["path"]).is_file()
    assert [info["splits"][0]["num_examples"] for info in header["dataset_info"]] == [12, 12, 12]
    assert re.findall(r"^## (.*)$", text, re.M) == ["Sources", "Distributions and formats", "Selection", "Synthetic data", "Long thoughts"]


def test_its_configurations_load_as_data_sets(clean: RunRecord) -> None:
    import datasets

    header, _ = front(clean, "data")
    place = clean.root / header["configs"][0]["data_files"][0]["path"]
    loaded = datasets.Dataset.from_parquet(str(place), cache_dir=str(clean.root / "scratch"))
    assert loaded.column_names == [feature["name"] for feature in header["dataset_info"][0]["features"]]


def test_the_model_card_has_scores_that_the_hub_reads(clean: RunRecord) -> None:
    from huggingface_hub import ModelCard

    card: Any = ModelCard(readme(clean, "model"), ignore_metadata_errors=False)
    stored = gather(clean.root, clean.arms)[0].numbers["arithmetic"]
    results = {found.metric_type: found.metric_value for found in card.data.eval_results}
    assert results["accuracy"] == stored["accuracy"]
    assert results["output_tokens"] == stored["tokens"]
    assert card.data.library_name == "transformers"


def test_numbers_and_words_are_those_of_the_artefacts(clean: RunRecord) -> None:
    lineage = Lineage(clean.root)
    _, data = front(clean, "data")
    _, model = front(clean, "model")
    chain = lineage.below(lineage.get(clean.arms["long thoughts"]))
    distil = next(a for a in chain if a.stage == "Distil")
    think = [a for a in chain if a.stage == "Sft"][-1]
    assert f"{distil.facts['requests']:,} requests" in data
    assert distil.manifest.settings["prompt"] in data, "word for word"
    assert f"| {think.manifest.settings['lr']} |" in model
    assert "Qwen2ForCausalLM, " in model
    assert "held out by content" in model, "why the benchmark was chosen"
    assert "- shortcut: without Distil" in model
    assert model.count("Not used: ") == 2


def test_the_cards_lie_in_the_runs_folder_as_pages(clean: RunRecord) -> None:
    for name in ("data_card", "model_card"):
        html = (clean.folder / f"{name}.html").read_text()
        assert "<table>" in html
        assert not re.findall(r"""(?:src|href)\s*=|<script|<link|<a """, html)
        assert (clean.folder / f"{name}.md").read_text().startswith("---\n")


def test_the_entries_do_not_depend_on_the_clock(clean: RunRecord) -> None:
    """What an audit reads is the same for the same artefacts; times stand in the README, which has no digest."""
    text = (clean.root / "artefacts" / clean.cards["model"] / "card.json").read_text()
    assert not re.findall(r"20\d\d-\d\d-\d\dT|seconds\"", text)
    manifest = json.loads((clean.root / "artefacts" / clean.cards["model"] / "manifest.json").read_text())
    assert set(manifest["files"]) == {"README.md", "card.json", "index.html"}


def test_text_stays_in_its_fence() -> None:
    hostile = "```\n# Yes\n<script>alert(1)</script>\n````"
    html = page("t", "x: </pre><script>", fenced(hostile) + "\n\n[link](https://example.org) <script>x</script>")
    assert "<script" not in html
    assert "<h1>" not in html
    assert "href" not in html


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        (["Apache-2.0", "apache-2.0", ""], {"license": "other", "license_name": "Apache-2.0, apache-2.0"}),
        (["mit"], {"license": "mit"}),
        (["MIT", "MIT"], {"license": "mit"}),
        (["our own"], {"license": "other", "license_name": "our own"}),
        ([], {"license": "unknown"}),
    ],
)
def test_licences_as_the_hub_spells_them(given: list[str], fields: dict[str, str]) -> None:
    assert licence(given) == fields


def test_sizes_as_the_hub_spells_them() -> None:
    assert [size_category(n) for n in (0, 999, 1000, 50_000, 10**6)] == ["n<1K", "n<1K", "1K<n<10K", "10K<n<100K", "1M<n<10M"]


def test_every_stage_says_what_it_is() -> None:
    """Without role and does no audit can say what a run did not use."""
    abstract = {"Training", "Search"}
    silent = {cls.__name__ for cls in stage_classes(classes().values()) if not (cls.role and cls.does)}
    assert silent <= abstract


def test_every_number_of_a_result_is_defined() -> None:
    """A new number of BenchmarkScore is declared with its definition."""
    assert SIZES == ("problems", "samples", "attempts", "scorer", "scale")
    assert all(metric.definition for metric in METRICS.values())
    assert [metric.why for name, metric in METRICS.items() if name in ("accuracy", "pass_at", "majority_at")] == ["", "", ""]


def test_every_benchmark_says_why(tmp_path: Path) -> None:
    from omegaconf import OmegaConf

    from o1exp.config.spine import conf_dir

    for path in sorted((conf_dir() / "bench").glob("*.yaml")):
        assert OmegaConf.select(OmegaConf.load(path), "why"), path
