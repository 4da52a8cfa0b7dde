"""Secrets in every place where a user could put one, a tiny study with MLflow, and a look into every file that it leaves."""

from pathlib import Path
from typing import Any

import pytest

from o1exp.chat.servers.loopback import Loopback, Refusal, Reply
from tests.app.commands import o1exp

SECRETS = {
    "OPENAI_API_KEY": "sk-everybody-0123456789abcdef",
    "MY_ENDPOINT": "quiet-words-of-an-odd-variable",
    "MLFLOW_TRACKING_PASSWORD": "the-tracking-word",
    "MLFLOW_TRACKING_TOKEN": "the-tracking-mark",
    "HF_TOKEN": "hf_0123456789abcdefghijABCD",
    "TEAM_SECRET": "a-word-of-the-team",
}
KEY = SECRETS["MY_ENDPOINT"]
URL_SECRET = "word-in-an-address"
WORDS = (
    "arms={}",
    "engine=endpoint",
    "engine.model=m",
    "engine.api_key_env=MY_ENDPOINT",
    "engine.retries=1",
    "bench.arithmetic.problems.count=4",
)


class Talkative:
    """An endpoint that repeats the key wherever it can: in refusals and in answers. After `refuse` is set it only refuses."""

    def __init__(self) -> None:
        self.asked = 0
        self.refuse = False

    def __call__(self, body: dict[str, Any]) -> Reply:
        self.asked += 1
        if self.refuse or self.asked == 1:
            raise Refusal(500, f"cannot serve Bearer {KEY} at http://me:{URL_SECRET}@there/v1?key={URL_SECRET}")
        return Reply(f"I was asked with {KEY}. The answer is \\boxed{{4}}.", prompt_tokens=5, completion_tokens=5, reasoning=f"{KEY}?")


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a run, of one that failed and of refused ones; and all that they said."""
    folder, talkative = tmp_path_factory.mktemp("secrets"), Talkative()
    with Loopback(talkative) as server:
        words = [*WORDS, f"engine.base_url={server.base_url}"]
        done = o1exp(folder, *words, env=SECRETS)
        assert done.returncode == 0, done.stdout + done.stderr
        talkative.refuse = True
        failed = o1exp(folder, *words, "engine.model=other", env=SECRETS)
        assert failed.returncode == 1, failed.stdout + failed.stderr
        sweep = o1exp(folder, "-m", *words, "engine.model=third", "seed=0,1", env=SECRETS)
        assert sweep.returncode == 1, sweep.stdout + sweep.stderr
        wrong = [f"track.uri=http://me:{URL_SECRET}@there", f"engine.system={SECRETS['TEAM_SECRET']}"]
        refused = [o1exp(folder, *words, *wrong, env=SECRETS), o1exp(folder, "-m", *words, *wrong, env=SECRETS)]
        assert [one.returncode for one in refused] == [2, 2]
    return folder, "".join(one.stdout + one.stderr for one in (done, failed, sweep, *refused))


def test_no_file_holds_a_secret(left: tuple[Path, str]) -> None:
    folder, _ = left
    files = [path for path in folder.rglob("*") if path.is_file()]
    names = {path.name for path in files}
    assert {"requests.sqlite", "mlflow.db", "run.json", "config.yaml", "cell.json", "manifest.json", "report.html"} <= names
    held = [(str(path), secret) for path in files for secret in (*SECRETS.values(), URL_SECRET) if secret.encode() in path.read_bytes()]
    assert held == []
    assert "api_key_env: MY_ENDPOINT" in next((folder / "outputs" / "runs").glob("*/config.yaml")).read_text()


def test_no_secret_was_said(left: tuple[Path, str]) -> None:
    assert not [secret for secret in (*SECRETS.values(), URL_SECRET) if secret in left[1]]
    assert "cannot serve" in left[1], "the endpoint's words are kept, without the key"


def test_an_answer_is_kept_without_the_key_that_it_repeats(left: tuple[Path, str]) -> None:
    from tests.chat.parts import rows

    assert rows(left[0] / "outputs" / "requests.sqlite", "SELECT DISTINCT text FROM answers") == [
        ("I was asked with ***. The answer is \\boxed{4}.",)
    ]
