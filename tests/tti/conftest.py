"""What only a person can say, for the audit's tests."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person's file that says that everything is published."""
    from o1exp.tti.checklist import YES, Checklist, ItemAnswer, written
    from o1exp.tti.questions import ASKED

    path = tmp_path_factory.mktemp("person") / "answers.yaml"
    links = {item.id: ItemAnswer(item=item, answer=YES, evidence=(f"https://example.org/{item.id}",)) for item in ASKED}
    path.write_text(written(Checklist("all public", links)))
    return path
