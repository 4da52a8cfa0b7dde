"""A finished run on disk: the quick start with everything small, made once by the console script."""

import json
from pathlib import Path

import pytest

from o1exp.history.runs import RunRecord, find
from tests.app.commands import TINY, o1exp

COMMIT = "0123abc"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    """Two arms with the paper's filter, as if made from a committed state, whatever the state of this checkout."""
    folder = tmp_path_factory.mktemp("tti")
    done = o1exp(folder, *TINY, "filter=paper", "track=none")
    assert done.returncode == 0, done.stdout + done.stderr
    for place in (folder / "outputs").glob("artefacts/*/*/manifest.json"):
        manifest = json.loads(place.read_text())
        manifest["made_by"]["commit"] = COMMIT
        place.write_text(json.dumps(manifest))
    name = next((folder / "outputs" / "runs").glob("quickstart-*")).name
    return find(name, folder / "outputs")


@pytest.fixture(scope="session")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person's file that says that everything is published."""
    from o1exp.tti.checklist import YES, Answer, Checklist, written
    from o1exp.tti.questions import ASKED

    path = tmp_path_factory.mktemp("person") / "answers.yaml"
    links = {item.id: Answer(item=item, answer=YES, evidence=(f"https://example.org/{item.id}",)) for item in ASKED}
    path.write_text(written(Checklist("all public", links)))
    return path


@pytest.fixture(autouse=True, scope="session")
def _forked(loaded: None) -> None:
    """Workers start from a process with everything loaded."""
