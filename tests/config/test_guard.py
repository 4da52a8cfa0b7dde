"""Secrets and folders in a config are refused before anything is written, and shown nowhere."""

from pathlib import Path

import pytest

from o1exp.config.guard import study_mistake
from tests.inside import Command

KEY = "sk-proj-0123456789abcdefABCD"
PLAIN = "quiet-words-0001"
WORD = "a-word-of-the-team"
OTHER = "words of an odd variable"
MANY = ["teacher=endpoint", "teacher.model=m"]


@pytest.mark.parametrize("sweep", [[], pytest.param(["-m"], marks=pytest.mark.slow)], ids=["run", "sweep"])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([*MANY, f"teacher.base_url='http://h/v1?key={PLAIN}'"], "base_url=http://h/v1?key=***: holds an address that holds a key in its"),
        ([*MANY, f"teacher.base_url=http://me:{PLAIN}@h/v1"], "teacher.base_url=http://***@h/v1: holds an address that names a user"),
        ([*MANY, "teacher.base_url='http://h/v1?version=1'"], "base_url=http://h/v1?version=***: has a query, which is not sent"),
        ([*MANY, f"teacher.api_key_env={KEY}"], "teacher.api_key_env=***: holds what looks like a key"),
        ([*MANY, f"teacher.api_key_env={PLAIN.replace('-', '')}"], "teacher.api_key_env=***: is no name of an environment variable"),
        ([*MANY, "teacher.api_key_env=ODD", f"teacher.system=Use {OTHER}."], "teacher.system=Use ***.: holds the value of the"),
        ([*MANY, "teacher.api_key_env=ODD", f"report.title=Use {OTHER}.", "goal=source"], "report.title=Use ***.: holds the value of the"),
        ([*MANY, f"teacher.api_key={PLAIN}"], "teacher.api_key=***: there is no such setting"),
        ([*MANY, f"+teacher.token={PLAIN}"], "teacher.token=***: there is no such setting"),
        ([*MANY, f"teacher.system=Use {KEY}"], "teacher.system=Use ***: holds what looks like a key (sk-...); settings are"),
        ([f"track.uri=http://me:{PLAIN}@h"], "track.uri=http://***@h: holds an address that names a user or a password"),
        ([f"track.uri=postgresql://me:{PLAIN}@h/db"], "track.uri=postgresql://***@h/db"),
        ([*MANY, f"teacher.base_url=u:{PLAIN}@127.0.0.1/v1", "goal=thought"], "teacher.base_url=***@127.0.0.1/v1: holds an address"),
        ([*MANY, f"teacher.base_url=//u:{PLAIN}@h/v1", "goal=source"], "teacher.base_url=***@h/v1: holds an address that names a user"),
        ([*MANY, f"teacher.base_url=u:p/{PLAIN}@h/v1", "goal=source"], "teacher.base_url=***@h/v1: names a user or a password"),
        ([*MANY, f"teacher.base_url='h/v1?key={PLAIN}'", "goal=source"], "teacher.base_url=h/v1?key=***: holds a key in its query"),
        ([*MANY, "teacher.api_key_env=S3cretValue12345", "goal=source"], "teacher.api_key_env=***: is no name of an environment variable"),
        ([f"report.title='password={PLAIN}'", "goal=source"], "report.title=password=***: holds a value under the name password"),
        ([f"study={KEY}"], "study=***: holds what looks like a key"),
        (["report.title=${oc.env:MY_SECRET}"], "report.title=***: holds the value of the environment variable MY_SECRET"),
        ([f"report.question=say {WORD}"], "report.question=say ***: holds the value of the environment variable MY_SECRET"),
        (["+arms.new=['teacher.system=" + KEY + "']"], "holds what looks like a key"),
    ],
)  # fmt: skip
def test_a_secret_is_refused_and_not_shown(
    o1exp: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str, sweep: list[str]
) -> None:
    monkeypatch.setenv("MY_SECRET", WORD)
    monkeypatch.setenv("ODD", OTHER)
    done = o1exp(*sweep, *words)
    assert done.code == 2, done.err
    assert said in done.err
    assert not [secret for secret in (KEY, PLAIN, WORD, OTHER, "S3cretValue12345") if secret in done.out + done.err]
    assert len({line.split(": ")[0] for line in done.err.splitlines()}) == len(done.err.splitlines()), "said twice"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_config_is_printed_without_what_an_experiment_file_should_not_hold(o1exp: Command, tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "loose.yaml").write_text(
        f"# @package _global_\nteacher: {{system: {KEY}}}\ntrack: {{uri: 'http://me:{PLAIN}@h'}}\narms: {{a: [teacher.api_key={PLAIN}]}}\n"
    )
    words = ["--config-dir", str(tmp_path), "experiment=loose"]
    for done in (o1exp(*words), o1exp(*words, "--cfg", "job"), o1exp(*words, "--cfg=job", "--resolve"), o1exp(*words, "action=plan")):
        assert not [secret for secret in (KEY, PLAIN) if secret in done.out + done.err]
    assert o1exp(*words).code == 2


@pytest.mark.parametrize(
    "study", ["a/b", "../a", "/tmp/a", "..", ".hidden", "a\\b", "", " a", "a\n", "a\x1b[1m", "x" * 101, "\N{GRINNING FACE}" * 60]
)
def test_a_study_is_a_folder_s_name(study: str) -> None:
    assert study_mistake(study) is not None


@pytest.mark.parametrize(
    "study", ["quickstart", "long thoughts", "o1-r2_3.5", "\N{LATIN SMALL LETTER U WITH DIAERESIS}ben", "x" * 100, "sk-learn"]
)
def test_other_names_of_studies_are_good(study: str) -> None:
    assert study_mistake(study) is None


def test_a_study_that_is_a_path_makes_no_folder(o1exp: Command, tmp_path: Path) -> None:
    for words in (["study=../../away"], ["study=/tmp/away"], ["-m", "seed=0,1", "study=a/b"]):
        done = o1exp(*words)
        assert done.code == 2
        assert "study='" in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_secret_in_an_arm_is_refused_once(o1exp: Command, tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "loose.yaml").write_text(f"# @package _global_\narms: {{a: [], b: ['teacher.system={KEY}']}}\n")
    done = o1exp("--config-dir", str(tmp_path), "experiment=loose")
    assert done.code == 2
    assert done.err.count("holds what looks like a key") == 1, done.err
