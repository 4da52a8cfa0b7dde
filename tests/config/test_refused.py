"""A wrong configuration is refused with key, value and remedy, all mistakes at once, and nothing is made."""

from pathlib import Path

import pytest

from o1exp.config.compose import composed, study_of
from o1exp.config.error import ConfigError
from tests.inside import Command


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sft@think=paper_thoughts", "think.lrr=1"], ["think.lrr=1", "did you mean think.lr?"]),
        (["filter=nope"], ["filter=nope", "choose one of none, paper"]),
        (["experiment=quickstar"], ["experiment=quickstar", "did you mean quickstart?"]),
        (["experiment=papr/math"], ["experiment=papr/math", "did you mean paper/math?"]),
        (["bench=[gsm9k,math500]"], ["bench=gsm9k", "did you mean gsm8k?"]),
        (["thought=Distil"], ["thought=Distil", "did you mean distil?"]),
        (["filter={a:1}"], ["filter={a:1}: give the name of an option"]),
        (["sft=small"], ["sft=small: that is no node; choose sft@imitate=small or sft@think=small"]),
        (["sfft@think=small"], ["sfft@think=small: there is no group sfft; did you mean sft?"]),
        (["hydra/launcher=nope"], ["hydra/launcher=nope: there is no such option; choose one of basic, joblib, ray, side_by_side"]),
        (["hydra/sweeper=basic"], ["hydra/sweeper=basic: it checks and plans nothing; choose cells (the default) or optuna"]),
        (["goal=everything"], ["goal=everything", "choose one of", "think"]),
        (["action=go"], ["action=go", "run, plan, why, status or verify"]),
        (["source=local", "source.path=nowhere.json"], ["source.path=nowhere.json", "does not exist"]),
        (["model.path=x"], ["model.path=x", "path belongs to model=", "model=gguf, model=pretrained"]),
        (["think.data=${model}"], ["think.data: Untrained makes Checkpoint; connect a step that makes Table[Example]"]),
        (["filter=null"], ["filter=null", "choose an option"]),
        (["~filter"], ["difficulty.problems=${filter}", "no option is chosen there"]),
        (["~model"], ["nothing is chosen for model"]),
        (["filter.decontaminate=yes"], ["filter.decontaminate=yes: must be of type bool, not str; give true or false"]),
        (["think.clip=1"], ["think.clip is called think.max_grad_norm now"]),
        (["+foo=1"], ["+foo=1: there is no such setting"]),
        (
            ["source.path=\u00dcbung.jsonl"],
            ["source.path=\u00dcbung.jsonl: a value with such characters", """'source.path="\u00dcbung.jsonl"'"""],
        ),
        (["study=\u00fcn\u00efcode"], ["""'study="\u00fcn\u00efcode"'"""]),
        (["source.path=x=1,y.jsonl"], ["""source.path=x=1,y.jsonl: a value with""", """'source.path="x=1,y.jsonl"'"""]),
        (
            ["teacher.base_url=http://h/v1?api-version=2"],
            ["api-version=***: a value with such", """'teacher.base_url="http://h/v1?api-version=***"'"""],
        ),
        (["arms={a: [seed=1]}"], ["arms={a: [seed=1]}: a value inside it"]),
        (["=3"], ["=3: is no override"]),
        (["nosuch"], ["nosuch: is no setting; write NAME=VALUE"]),
        (["plan"], ["plan: is no setting; did you mean action=plan?"]),
        (["quickstart"], ["did you mean experiment=quickstart?"]),
        (["nosuch=1"], ["nosuch=1: there is no such setting; known here"]),
        (["study=null"], ["study=null: must be of type text"]),
        (["seed=null"], ["seed=null: must be of type integer"]),
        (["study=[a]"], ["study=['a']: must be of type text"]),
        (["goal=[source,filter]"], ["goal=['source', 'filter']: must be of type text"]),
        (["source.operands=2"], ["source.operands=2: must be a list of integers"]),
        (["+arms.a=x"], ["arms.a=x: must be a list of texts"]),
        (["arms.a=[]"], ["there is no such name yet; a plus sign adds it: +arms.a="]),
        (["bench=[arithmetic,arithmetic]"], ["bench=[arithmetic,arithmetic]: arithmetic stands there twice"]),
        (["bench.gsm8k.path=x.jsonl"], ["bench.gsm8k=...: gsm8k is not chosen; choose it, bench=[gsm8k] or bench=[arithmetic,gsm8k]"]),
        (
            ["experiment=short", "bench=[amc23]"],
            ["experiment/short.yaml, line 11: bench.arithmetic=...: arithmetic is not chosen", "leave its settings out"],
        ),
        (["experiment=short", "bench=[]"], ["bench.arithmetic=...: arithmetic is not chosen; choose it, bench=[arithmetic]"]),
        (["bench.nosuch.samples=3"], ["bench.nosuch", "known here: arithmetic"]),
        (["thought=[distil,shortcut]"], ["one option stands there, not a list; write thought=distil"]),
        (["experiment="], ["experiment=: give the name of an option"]),
        (["hydra/launcher=null"], ["hydra/launcher=null: choose an option"]),
        (["think=3"], ["think=3: is a node; choose an option (sft@think=..."]),
        (["+think.lr=fast"], ["+think.lr=fast: it is there already; leave out the plus sign"]),
        (["~seed"], ["~seed: a setting cannot be taken away"]),
        (["~think.lr"], ["~think.lr: a setting cannot be taken away"]),
        (["goal=${goal}"], ["goal=${goal}: it leads back to itself"]),
        (["study=${nosuch}"], ["study=${nosuch}: there is no nosuch"]),
        (["report.title=${nosuch}"], ["report.title=${nosuch}: there is no nosuch"]),
        (["+think.foo=1"], ["think.foo=1: there is no such setting"]),
        (["+preference.foo=1"], ["preference.foo=1: there is no such setting"]),
        (["seed=0,1"], ["seed=0,1: several values are a sweep, which needs -m"]),
        (["thought.teacher.n=2"], ["thought.teacher.n=2: thought.teacher leads to teacher; write teacher.n=2"]),
        (["thought.teacher.nn=2"], ["thought.teacher leads to teacher; teacher.nn=2: there is no such setting; did you mean teacher.n?"]),
    ],
)
def test_a_mistake_is_said_with_key_value_and_remedy(words: list[str], said: list[str]) -> None:
    with pytest.raises(ConfigError) as wrong:
        study_of(composed(words), words)
    assert all(part in str(wrong.value) for part in said), wrong.value
    assert len(set(wrong.value.mistakes)) == len(wrong.value.mistakes)
    assert not [word for word in ("full_key", "object_type", "Hydra", "hydra.cc", "None is no stage") if word in str(wrong.value)]


def test_a_mistake_of_one_node_is_said_once_and_not_again_where_it_is_used() -> None:
    words = ["source=local", "source.path=nowhere.json"]
    with pytest.raises(ConfigError) as wrong:
        study_of(composed(words), words)
    assert [line.split(":")[0] for line in wrong.value.mistakes] == ["source.path=nowhere.json"]


def test_what_is_in_quotes_as_the_sentence_says_is_taken() -> None:
    words = ['study="\u00fcn\u00efcode"', 'teacher.system="x=1,y"']
    assert study_of(composed(words), words).config.teacher.system == "x=1,y"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["think.lr=fast"], ["think.lr=fast", "must be of type float"]),
        (["think.epochs=-1"], ["think.epochs=-1", "must be greater than 0"]),
        (["thought=Same"], ["thought=Same", "choose one of debate, distil, "]),
        (["teacher.api_key=sk-123"], ["teacher.api_key=***", "no such setting"]),
        (["--config-name", "nowhere"], ["--config-name nowhere: there is no nowhere.yaml; name its folder with --config-dir"]),
        (["--config-dir", "nowhere", "thought=restated"], ["nowhere: there is no such folder of options (looked from"]),
        (["hydra.searchpath=[file://nowhere]"], ["nowhere: there is no such folder of options"]),
        (["--help", "think", "--config-dir", "nowhere"], ["nowhere: there is no such folder of options"]),
        (["think.lr=inf", "think.epochs=nan"], ["think.lr=inf: must be a finite number", "think.epochs=nan: must be a finite number"]),
        (["budget.usd=inf", "think.lr=inf"], ["budget.usd=inf: must be a finite number", "think.lr=inf: must be a finite number"]),
        (["teacher.timeout=inf"], ["teacher.timeout=inf: must be a finite number"]),
        (
            ["teacher=endpoint", "teacher.model=m", "teacher.base_url=http://h:99999/v1"],
            ["base_url=http://h:99999/v1: has a wrong host or port"],
        ),
        (["teacher=endpoint", "teacher.model=m", "teacher.base_url='http://[::1/v1'"], ["has a wrong host or port"]),
        (["teacher=endpoint", "teacher.model=m", "teacher.base_url=http:///v1"], ["base_url=http:///v1: is no http(s) address"]),
        (["+arms.a=[]", "+arms.A=[]"], ["arm A: differs from arm a in capital letters alone"]),
        (["think.lr=fast", "filter=nope", "seed=x", "imitate.epochs=-1"], ["think.lr=fast", "filter=nope", "seed=x", "imitate.epochs=-1"]),
    ],
)
def test_a_command_is_refused_and_nothing_is_made(o1exp: Command, tmp_path: Path, words: list[str], said: list[str]) -> None:
    done = o1exp(*words)
    assert done.code == 2, done.err
    assert all(part in done.err for part in said), done.err
    assert "Traceback" not in done.err
    assert len(set(done.err.splitlines())) == len(done.err.splitlines())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["think.epochs=1,-1"], ["think.epochs=-1"]),
        (["seed=0,1", "filter=none,nope"], ["filter=nope"]),
        (["filter=none,null"], ["filter=null"]),
        (["think.lr=1e-3,fast", "filter=none,nope"], ["think.lr=fast", "filter=nope"]),
        (["think.lrr=1", "seed=0,1"], ["think.lrr=1"]),
    ],
)
def test_a_sweep_is_refused_before_its_first_cell(o1exp: Command, tmp_path: Path, words: list[str], said: list[str]) -> None:
    done = o1exp("-m", *words)
    assert done.code == 2, done.err
    assert all(part in done.err for part in said), done.err
    assert "needs -m" not in done.err
    assert not (tmp_path / "outputs").exists()


def test_a_named_sweep_is_refused_in_its_own_words(o1exp: Command, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "mine.yaml").write_text("defaults: [config, _self_]\nhydra: {mode: MULTIRUN, sweeper: {params: {seed: '0,1'}}}\n")
    done = o1exp("--config-dir", "more", "--config-name", "mine", "think.lrr=1")
    assert done.code == 2
    assert [line.split(";")[0].strip() for line in done.err.splitlines()[1:]] == ["think.lrr=1: there is no such setting"]


EXPERIMENT = """\
# @package _global_
defaults:
  - override /filter: papre
  - override /bench: [gsm9k]
study: mine
think: {lrr: 1, epochs: many}
arms: {"one, then": [], two: [seed=1]}
"""


def test_every_mistake_inside_an_experiment_file_is_named_with_file_and_line(o1exp: Command, tmp_path: Path) -> None:
    (tmp_path / "more" / "experiment").mkdir(parents=True)
    (tmp_path / "more" / "experiment" / "mine.yaml").write_text(EXPERIMENT)
    done = o1exp("--config-dir", "more", "experiment=mine", "seed=x")
    assert done.code == 2
    said = [line.strip().split(";")[0] for line in done.err.splitlines()[1:]]
    assert said == [
        "more/experiment/mine.yaml, line 3: filter=papre: there is no such option",
        "more/experiment/mine.yaml, line 4: bench=gsm9k: there is no such option",
        "more/experiment/mine.yaml, line 6: think.lrr=1: there is no such setting",
        "more/experiment/mine.yaml, line 6: think.epochs=many: must be of type float",
        "seed=x: must be of type integer",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("think: {epochs: -2}\n", "more/experiment/mine.yaml, line 2: think.epochs=-2.0: must be greater than 0"),
        ("arms: {a: [], b: [filter=nope]}\n", "arm b: filter=nope: there is no such option"),
        ("think: {clip: 1}\n", "more/experiment/mine.yaml, line 2: think.clip is called think.max_grad_norm now"),
        ("a: [\n", "more/experiment/mine.yaml, line 3: is not YAML"),
        ("defaults:\n  - override /filter: {a: 1}\n", "more/experiment/mine.yaml, line 3: filter={}: give the name of an option"),
    ],
)
def test_an_experiment_file_is_refused(o1exp: Command, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "more" / "experiment").mkdir(parents=True)
    (tmp_path / "more" / "experiment" / "mine.yaml").write_text(f"# @package _global_\n{text}")
    done = o1exp("--config-dir", "more", "experiment=mine")
    assert done.code == 2
    assert said in done.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"study: mine\n", ", line 1: an experiment begins with the line # @package _global_"),
        (b"# about it\n# @package _global_\nstudy: mine\n", ", line 1: an experiment begins with the line # @package _global_"),
        (b"# @package _global_\n- a\n", ", line 2: is no mapping"),
        (b"# @package _global_\nseed: 1\nseed: 2\n", ", line 3: seed stands there twice"),
        (b"# @package _global_\nseed: !!python/name:os.system\n", ", line 2: has the tag"),
        (b"# @package _global_\ndefaults: [broken, _self_]\n", "broken.yaml, line 3: is not YAML"),
        (b"# @package _global_\ndefaults: [nosuch, _self_]\n", ", line 2: defaults name experiment/nosuch: there is no such file"),
        (b"# @package _global_\narms: {a: think.lr=3}\n", ", line 2: arms.a=think.lr=3: must be a list of texts"),
        (b"# @package _global_\narms:\n  b: [nosuch]\n", ", line 3: arm b: nosuch: is no setting"),
        (b"# @package _global_\narms:\n  a: [think.lrr=3]\n", ", line 3: arm a: think.lrr=3: there is no such setting"),
        (b"# @package _global_\narms: {'': []}\n", "arm '': a name is not empty"),
        (b"# @package _global_\nstudy: null\n", ", line 2: study=null: must be of type text"),
        (b"\xff\xfe", ": is no UTF-8 text"),
        (
            b"# @package _global_\ndefaults:\n  - override /thougt: distil\n",
            ", line 3: thougt: there is no group thougt; did you mean thought?",
        ),
        (b"# @package _global_\ndefaults:\n  - thought: shortcut\n", ", line 3: thought: write override /thought: OPTION"),
        (b"# @package _global_\ndefaults:\n  - override sft@think: small\n", ", line 3: override sft@think: write override /sft@think:"),
        (b"# @package _global_\ndefaults: thought\n", ", line 2: defaults is a list"),
        (b"# @package _global_\nthink: 3\n", ", line 2: think=3: is a node"),
        (b"# @package _global_\nbench: [gsm8k]\n", ", line 2: bench=['gsm8k']: is a node"),
    ],
)
def test_an_experiment_file_is_refused_in_plain_words(o1exp: Command, tmp_path: Path, text: bytes, said: str) -> None:
    (tmp_path / "more" / "experiment").mkdir(parents=True)
    (tmp_path / "more" / "experiment" / "mine.yaml").write_bytes(text)
    (tmp_path / "more" / "experiment" / "broken.yaml").write_text("# @package _global_\na: [\n")
    done = o1exp("--config-dir", "more", "experiment=mine")
    assert done.code == 2
    assert said in done.err
    assert not [word for word in ("full_key", "object_type", "Traceback", "Hydra", "None") if word in done.err], done.err
    assert len(done.err.splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"defaults: [nosuch]\n", "more/thought/mine.yaml, line 1: defaults name thought/nosuch: there is no such file"),
        (b"", "thought=mine: more/thought/mine.yaml names no class; begin it with defaults: [CLASS, _self_], CLASS one of Distil"),
        (b"# only a comment\n", "more/thought/mine.yaml names no class"),
        (b"hello\n", "more/thought/mine.yaml names no class"),
        (b"draws: 3\n", "more/thought/mine.yaml names no class"),
        (b"\xff\xfe", "more/thought/mine.yaml: is no UTF-8 text"),
        (b"# @package\ndefaults: [Distil, _self_]\n", "more/thought/mine.yaml, line 1: "),
        (b"_target_: leaving.Mine\n", "more/thought/mine.yaml, line 1: _target_=leaving.Mine: cannot be imported (SystemExit: 3)"),
    ],
)
def test_an_option_file_is_refused_in_plain_words(
    o1exp: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes, said: str
) -> None:
    (tmp_path / "more" / "thought").mkdir(parents=True)
    (tmp_path / "more" / "thought" / "mine.yaml").write_bytes(text)
    (tmp_path / "leaving.py").write_text("raise SystemExit(3)\n")
    monkeypatch.syspath_prepend(tmp_path)
    done = o1exp("--config-dir", "more", "thought=mine")
    assert done.code == 2
    assert said in done.err
    assert not [word for word in ("full_key", "object_type", "Traceback", "Hydra", "None") if word in done.err], done.err
    assert len(done.err.splitlines()) == 2


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mind", "--config-name mind: there is no mind.yaml; did you mean mine?"),
        ("mine", "more/mine.yaml, line 2: think.lrr=3: there is no such setting"),
        ("other", "more/other.yaml, line 1: thought=nosuch: there is no such option"),
        ("third", "more/third.yaml, line 1: defaults name nosuch: there is no such file"),
    ],
)
def test_a_config_of_ones_own_is_refused_with_its_lines(o1exp: Command, tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "mine.yaml").write_text("defaults: [config, _self_]\nthink: {lrr: 3}\n")
    (tmp_path / "more" / "other.yaml").write_text("defaults: [config, {override thought: nosuch}, _self_]\n")
    (tmp_path / "more" / "third.yaml").write_text("defaults: [nosuch]\n")
    done = o1exp("--config-dir", "more", "--config-name", name)
    assert done.code == 2
    assert said in done.err
    assert len(done.err.splitlines()) == 2, done.err


def test_a_link_to_nothing_and_a_folder_are_no_options(o1exp: Command, tmp_path: Path) -> None:
    (tmp_path / "more" / "thought" / "folder.yaml").mkdir(parents=True)
    (tmp_path / "more" / "thought" / "gone.yaml").symlink_to("/nowhere")
    for name in ("folder", "gone"):
        done = o1exp("--config-dir", "more", f"thought={name}")
        assert f"thought={name}: there is no such option; choose one of debate, distil, " in done.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "defaults: [Sft, _self_]\nlrr: 1\nepochs: many\nlr: ${seed}\n",
            ["line 2: lrr=1: there is no such setting; did you mean lr?", "line 3: epochs=many: must be of type float"],
        ),
        ("defaults: [Sft, _self_\n", ["line 2: is not YAML"]),
        ("defaults: [Sft, _self_]\nclip: 1\n", ["line 2: clip is called max_grad_norm now"]),
    ],
)
def test_an_option_file_is_refused_with_its_lines(o1exp: Command, tmp_path: Path, text: str, said: list[str]) -> None:
    (tmp_path / "more" / "sft").mkdir(parents=True)
    (tmp_path / "more" / "sft" / "mine.yaml").write_text(text)
    done = o1exp("--config-dir", "more", "sft@think=mine")
    assert done.code == 2
    assert all(f"more/sft/mine.yaml, {part}" in done.err for part in said), done.err


def test_an_unknown_flag_is_refused_in_a_line(o1exp: Command) -> None:
    done = o1exp("--nosuch")
    assert done.code == 2
    assert done.err.splitlines()[-1] == "o1exp: error: unrecognized arguments: --nosuch"
