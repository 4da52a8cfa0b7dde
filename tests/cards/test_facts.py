"""What the cards read from manifests of stages that this run's pipeline does not have: a hub model, search, preferences, encoded data."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from o1exp.cards import model_facts as facts
from o1exp.cards.data_card import Credit, Data
from o1exp.cards.model_card import body, described, results
from o1exp.cards.pinned import pinned
from o1exp.flow import Role, Stage, Store, Work
from o1exp.history.arms import Arm, gather, subject
from o1exp.history.lineage import Lineage
from o1exp.records import Example, Problem, Table
from tests.artefacts import artefact

COMMIT = "0123456789abcdef0123456789abcdef01234567"
GPU = {"machine": {"accelerator": "gpu", "devices": 8, "nodes": 4, "zero_stage": 3, "memory_gb": 80.0, "threads": 1}}


def run(root: Path, searching: str = "TreeSearch", **more: int) -> Arm:
    """A hub model, trained by preference optimisation on encoded pairs from a search; a path is a search that is there already."""
    config = {"architectures": ["Qwen2ForCausalLM"], "hidden_size": 8192, "num_hidden_layers": 80, **more}
    (root / "kept").mkdir()
    (root / "kept" / "config.json").write_text(json.dumps(config))
    example, problem = Example(problem="p", prompt="q", response="r"), Problem(id="p", question="q", answer="a")
    hub = artefact(root, "Hub", {}, {"name": "AI-MO/NuminaMath-CoT", "revision": COMMIT}, rows=[problem])
    teacher = {"teacher": {"model": "o1-mini", "temperature": 1.0}, "step_prompt": "Go on.", "width": 3, "depth": 10}
    counts = {"rows": 1, "requests": 7, "usd": 0.5}
    searched = searching if "/" in searching else artefact(root, searching, {"problems": hub}, teacher, rows=[example], facts=counts)
    base = artefact(
        root, "Pretrained", {}, {"path": "Qwen/Qwen2.5-Math-72B", "revision": "main"}, how={"parameters": 72.7e9},
        facts={"commit": COMMIT},
        files={"pointer.json": json.dumps({"source": str(root / "kept"), "revision": ""})},
    )  # fmt: skip
    encoded = artefact(root, "Prepare", {"data": searched, "model": base}, {"max_length": 16384}, files={"ids.npy": ""})
    tuned = artefact(root, "Dpo", {"start": base, "data": encoded}, {"beta": 0.1}, how=GPU, files={"model/config.json": json.dumps(config)})
    problems = artefact(root, "Local", {}, {"name": "aime24"}, rows=[problem])
    sampled = artefact(root, "Sample", {"model": tuned, "problems": problems}, {"temperature": 0.6, "top_p": 0.95})
    judged = artefact(root, "Judge", {"attempts": sampled, "problems": problems}, {"judge": {"model": "gpt-4o"}})
    result = artefact(root, "Result", {"scores.aime24": judged}, files={"results.json": json.dumps({"benchmarks": {"aime24": {"odd": 1}}})})
    return gather(root, {"run": result})[0]


def test_a_model_of_the_hub_is_described_by_its_pointer(tmp_path: Path) -> None:
    (base,) = facts.base_model(run(tmp_path))
    assert (base["name"], base["architecture"], base["parameters"]) == ("Qwen/Qwen2.5-Math-72B", "Qwen2ForCausalLM", 72_700_000_000)
    assert base["shape"] == {"layers": 80, "hidden size": 8192}
    assert base["pinned"] == base["moving"] == "moving revision main, commit 0123456789ab then"


@pytest.mark.parametrize(("said", "shown"), [(-1, {}), (4096, {"positions": 4096})])
def test_positions_without_a_bound_are_no_number_of_a_card(tmp_path: Path, said: int, shown: dict[str, int]) -> None:
    (base,) = facts.base_model(run(tmp_path, max_position_embeddings=said))
    assert base["shape"] == {"layers": 80, "hidden size": 8192, **shown}


def test_a_card_names_the_content_of_a_folder_and_says_where_a_revision_moves(tmp_path: Path) -> None:
    arm = run(tmp_path)
    text = body([arm], "odd", "", described([arm], arm, {}))
    assert "Qwen/Qwen2.5-Math-72B (moving revision main, commit 0123456789ab then): Qwen2ForCausalLM" in text
    arms_of = {"folder": {"sha256": "ab" * 32}, "commit": {"path": "a/b", "revision": COMMIT}, "unasked": {"path": "a/b", "revision": ""}}
    found = {name: pinned(Lineage(tmp_path).get(artefact(tmp_path, "Pretrained", {}, settings))) for name, settings in arms_of.items()}
    assert found == {
        "folder": {"pinned": f"sha256 {'ab' * 32}", "moving": ""},
        "commit": {"pinned": COMMIT, "moving": ""},
        "unasked": {"pinned": "moving revision main", "moving": "moving revision main"},
    }


def test_search_and_preferences_are_found_through_encoded_data(tmp_path: Path) -> None:
    arm = run(tmp_path)
    (search,), (preferences,) = facts.of_role(arm, "search"), facts.of_role(arm, "rl")
    assert search["settings"]["width"] == 3
    assert preferences["settings"] == {"beta": 0.1}
    assert [entry["stage"] for entry in facts.pipeline(arm)] == ["Pretrained", "Hub", "TreeSearch", "Prepare", "Dpo"]
    assert facts.compute(arm)[0]["on"] == "32 x GPU of 80 GB, ZeRO stage 3"
    assert facts.compute(arm)[1]["models"] == ["o1-mini"]
    assert facts.level(arm)[0]["level"].startswith("response level")
    assert facts.conditions([arm])[0]["top_p"] == 0.95
    assert facts.unknown(arm) == []


def test_a_number_that_nobody_defined_is_told(tmp_path: Path) -> None:
    arm = run(tmp_path)
    assert [(entry["metric"], entry["definition"]) for entry in facts.metrics(arm)] == [("odd", "")]
    assert facts.custom_metrics(arm)[0]["why"] == ""


def test_scores_of_another_shape_still_make_a_card(tmp_path: Path) -> None:
    """A benchmark whose numbers are none of the usual ones must not fail the run that it belongs to."""
    arm = run(tmp_path)
    text = body([arm], "odd", "", described([arm], arm, {}))
    assert "| run | aime24 |  |  |  |  |  |" in text
    assert "tree search with a step-level reward model (TreeSearch/" in text
    assert "direct preference optimisation (Dpo/" in text
    assert "| aime24 | aime24 | 1 | not stated | response level" in text
    assert results("aime24", {"odd": 1}) == []


def test_data_are_read_behind_their_encoded_form(tmp_path: Path) -> None:
    arm = run(tmp_path)
    data = Data([arm], arm, Credit(licence="apache-2.0"))
    (source,) = data.sources()
    assert source["provider"] == "AI-MO on the Hugging Face hub"
    assert (source["licence"], source["pinned"], source["moving"]) == ("apache-2.0", COMMIT, "")
    assert [(entry["stage"], entry["used"]) for entry in data.distributions()] == [("Hub", []), ("TreeSearch", ["run, phase 1"])]
    (made,) = data.synthesis()
    assert (made["prompts"], made["models"], made["quality"]) == ({"step_prompt": "Go on."}, ["o1-mini"], [])
    assert data.long_thoughts()[0]["settings"] == {"width": 3, "depth": 10}


@dataclass(frozen=True, kw_only=True)
class Guesses(Stage[Table[Example]]):
    """A search that the package knows nothing of."""

    role: ClassVar[Role] = "search"
    does: ClassVar[str] = "guesses, of which the luckiest stays"
    long_thoughts: ClassVar[bool] = True

    tries: int = 3

    def make(self, work: Work) -> None:
        work.write(Example, [Example(problem="p", prompt="q", response="r")])


def test_a_stage_from_outside_the_package_says_itself_what_it_is(tmp_path: Path) -> None:
    guesses = Guesses()
    Store(tmp_path).make([guesses])
    arm = run(tmp_path, f"Guesses/{guesses.key}")
    (search,) = facts.of_role(arm, "search")
    assert (search["stage"], search["method"], search["settings"]) == ("Guesses", "guesses, of which the luckiest stays", {"tries": 3})
    data = Data([arm], arm, Credit())
    assert facts.unknown(arm) == data.unknown() == []
    assert [entry["method"] for entry in (*data.synthesis(), *data.long_thoughts())] == [Guesses.does] * 2


def test_a_manifest_from_before_stages_said_what_they_are_can_still_be_read(tmp_path: Path) -> None:
    guesses = Guesses()
    Store(tmp_path).make([guesses])
    path = tmp_path / "artefacts" / "Guesses" / guesses.key / "manifest.json"
    stored = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in stored.items() if name not in ("role", "does", "long_thoughts", "judges")}))
    arm = run(tmp_path, f"Guesses/{guesses.key}")
    assert facts.unknown(arm) == ["Guesses"]
    assert "Guesses" in {entry["does"] for entry in facts.pipeline(arm)}


def test_a_stage_that_nobody_classified_is_named(tmp_path: Path) -> None:
    arm = run(tmp_path, "Guess")
    assert facts.unknown(arm) == Data([arm], arm, Credit()).unknown() == ["Guess"]
    assert facts.of_role(arm, "search") == []


@pytest.mark.parametrize(("baseline", "name"), [("", "before"), ("before", "after"), ("after", "before")])
def test_a_run_is_about_the_first_arm_that_is_not_its_baseline(tmp_path: Path, baseline: str, name: str) -> None:
    arm = run(tmp_path)
    both = [Arm(name, arm.lineage, arm.result) for name in ("before", "after")]
    assert subject(both, baseline).name == name
