"""A data set of a hub: kept with the commit that its branch was, or refused in one sentence."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from o1exp.flow import StageFailed, Store
from o1exp.flow.process import child_environment
from o1exp.sources.hub import Hub
from tests import hub

FIRST, SECOND = "0123456789abcdef0123456789abcdef01234567", "89abcdef0123456789abcdef0123456789abcdef"
MAKE = """
import json, sys
from pathlib import Path
from o1exp.flow import Store
from o1exp.flow.plan import plan
from o1exp.sources.hub import Hub
store, stage = Store(Path(sys.argv[1])), Hub(name="some/data", revision="main")
answers = [problem.answer for problem in store.get(stage)]
print(json.dumps([answers, store.manifest(stage).facts["commit"], plan(store, [stage])[0].expect.remark]))
"""


def made(served: hub.Hub, folder: Path) -> tuple[str, list[object]]:
    """What a process that asks this hub prints, and its last line read."""
    env = {**child_environment(1), "HF_ENDPOINT": served.address, "HF_HOME": str(folder / "home"), "HF_HUB_OFFLINE": "0"}
    done = subprocess.run([sys.executable, "-c", MAKE, str(folder / "out")], env=env, capture_output=True, text=True, check=True)
    return done.stdout, json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_data_at_a_branch_keep_the_commit_that_it_was(tmp_path: Path) -> None:
    with hub.serving({"README.md": b"", "train.jsonl": b'{"problem": "1+1", "answer": "2"}\n'}, FIRST) as served:
        said, found = made(served, tmp_path)
        served.commit, served.files["train.jsonl"] = SECOND, b'{"problem": "1+2", "answer": "3"}\n'
        later, again = made(served, tmp_path)
        _, elsewhere = made(served, tmp_path / "elsewhere")
    assert f"some/data: main is commit {FIRST} now" in said
    assert found == again == [["2"], FIRST, "moving revision main, commit 0123456789ab then"]
    assert "main is" not in later
    assert elsewhere == [["3"], SECOND, "moving revision main, commit 89abcdef0123 then"]


def test_before_it_is_made_only_the_revision_is_known() -> None:
    assert Hub(name="some/data", revision="main").expect({}).remark == "downloads from the hub; moving revision main"
    assert Hub(name="some/data", revision=FIRST).expect({}).remark == "downloads from the hub"


@pytest.mark.slow
def test_the_hub_without_network_says_so_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(StageFailed, match=r"cannot be loaded from the hub.*source=local source.path=FILE"):
        Store(tmp_path).get(Hub(name="AI-MO/NuminaMath-CoT", revision="main"))
