"""Every option of conf/ composes, has a class behind it and builds."""

from pathlib import Path

import pytest
import yaml
from hydra.core.singleton import Singleton
from omegaconf import OmegaConf

from o1exp.config import spine
from o1exp.config.compose import composed, study_of
from o1exp.config.graph import Graph
from o1exp.config.groups import GROUPS
from o1exp.config.options import Origin, loader
from o1exp.flow import Stage
from tests.inside import Command

CONF = spine.conf_dir()
NEEDED = {
    "source=local": ["source.path="], "source=hub": ["source.name=a/b", "source.revision=c"], "model=pretrained": ["model.path=a/b"],
    "model=gguf": ["model.path=a.gguf"], "cap=budget": ["cap.rows=100"],
    "teacher=vllm": ["teacher.weights.path=a/b"], "teacher@writer=vllm": ["writer.weights.path=a/b"],
    "teacher=sglang": ["teacher.weights.path=a/b"], "teacher@writer=sglang": ["writer.weights.path=a/b"],
    "teacher@critic=vllm": ["critic.weights.path=a/b"], "teacher@critic=sglang": ["critic.weights.path=a/b"],
    "teacher@critic=endpoint": ["critic.model=m"], "judge=reward": ["judge.weights.path=a/b"],
    "teacher=endpoint": ["teacher.model=m"], "teacher@writer=endpoint": ["writer.model=m"], "engine=endpoint": ["engine.model=m"],
    "engine@prober=endpoint": ["prober.model=m"],
    **{f"teacher={name}": ["teacher.temperature=1"] for name in ("gpt_4o", "judge", "safety_j", "translator")},
    "teacher@warden=endpoint": ["warden.model=m"], "teacher@grader=endpoint": ["grader.model=m"],
    **{f"teacher@{node}={kind}": [f"{node}.weights.path=a/b"] for node in ("warden", "grader") for kind in ("vllm", "sglang")},
    **{f"scorer@{node}=rubric": [f"{node}.prompt='{{response}}'", f"{node}.pattern='(x)'"] for node in ("safety", "facts", "general")},
    "store=shared": ["store.url=/team/o1exp"], "ledger=postgres": ["ledger.url=postgresql://h/d"],
    "experiment=smollm2": ["source.path=", "bench.gsm8k.path="], "experiment=smollm2_thoughts": ["source.path=", "bench.gsm8k.path="],
}  # fmt: skip


def _columns() -> list[list[str]]:
    """Every option of every node in as few commands as the largest group has options: the first of each node together, the second, ..."""
    rows = []
    for node in spine.nodes(CONF):
        names = [f"[{name}]" if isinstance(node.option, list) else name for name in spine.options([CONF], node.group)]
        rows.append([f"{node.choice}={name}" for name in names])
    return [[row[place] for row in rows if place < len(row)] for place in range(max(map(len, rows)))]


@pytest.mark.parametrize("options", _columns(), ids=lambda options: options[0])
def test_every_option_composes_and_builds(options: list[str]) -> None:
    words = [*options, *(word for option in options for word in NEEDED.get(option, []))]
    config = composed(words)
    graph = Graph(config)
    for node in spine.nodes(CONF):
        paths = [f"{node.name}.{name}" for name in config[node.name]] if isinstance(node.option, list) else [node.name]
        assert all(graph.node(path) is not None for path in paths), graph.mistakes
    assert not graph.mistakes


EXPERIMENTS = [
    pytest.param(name, marks=pytest.mark.slow) if name.endswith("/tiny") else name for name in spine.options([CONF], spine.EXPERIMENT)
]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_composes_and_builds(name: str) -> None:
    words = [f"experiment={name}", *NEEDED.get(f"experiment={name}", [])]
    assert study_of(composed(words), words).wanted


def test_every_option_has_a_class_behind_it() -> None:
    for group, targets in GROUPS.items():
        known = {target.rpartition(".")[2] for target in targets} | {"Same"}
        for path in spine.options([CONF], group).values():
            assert spine.class_of(path) in known, path


def test_every_folder_of_options_fills_a_node() -> None:
    assert set(spine.groups([CONF])) - {"hydra", spine.EXPERIMENT} == {node.group for node in spine.nodes(CONF)} == set(GROUPS)


def test_a_new_node_touches_the_spine_and_its_own_file_alone(tmp_path: Path) -> None:
    spine_text = (CONF / "config.yaml").read_text().replace("  - result: all\n", "  - result: all\n  - filter@second: none\n")
    (tmp_path / "config.yaml").write_text(spine_text.replace("\n# Arms", "\nsecond: {problems: '${filter}'}\n\n# Arms"))
    for path in CONF.iterdir():
        if path.name != "config.yaml":
            (tmp_path / path.name).symlink_to(path)
    from o1exp.config.help import help_text
    from o1exp.config.options import Origin

    study = study_of(composed(["filter@second=paper", "goal=second"], Origin("config", (tmp_path,))), [], single=True)
    assert {goal.kind for goal in study.goals.values()} == {"Rules"}
    assert "\nfilter, filter@second\n" in help_text(tmp_path)


def test_the_command_of_a_cell_makes_the_cell_alone(tmp_path: Path) -> None:
    """Its file may name a sweep, and its experiment arms; a study's own command has neither word."""
    (tmp_path / "mine.yaml").write_text("defaults: [config, _self_]\nstudy: mine\nhydra: {mode: MULTIRUN}\n")
    mine, words = Origin("mine", (CONF, tmp_path)), ["experiment=quickstart", "seed=1"]
    named = f"o1exp --config-dir={tmp_path} --config-name=mine experiment=quickstart seed=1"
    cell = study_of(composed(words, mine), words, mine, single=True)
    assert cell.command == f"{named} hydra.mode=RUN 'arms={{}}'"
    assert cell.report is not None
    assert cell.report.how()["command"] == cell.command
    assert study_of(composed(words, mine), words, mine).command == named
    assert study_of(composed(words), words, single=True).command == "o1exp experiment=quickstart seed=1 'arms={}'"
    assert study_of(composed(words), words).command == "o1exp experiment=quickstart seed=1"


def test_a_setting_of_hydra_may_be_null(o1exp: Command) -> None:
    assert o1exp("hydra.output_subdir=null", "action=plan", "goal=source").code == 0


def test_an_edge_on_the_command_line_is_no_value(o1exp: Command) -> None:
    """Reading the overrides one by one looked for `mix` among Hydra's own settings."""
    done = o1exp("sft@imitate=skip", "think.data=${mix}", "action=plan")
    assert done.code == 0, done.err
    assert "Mix" in done.out


def test_an_edge_in_an_arm_is_no_value(o1exp: Command, tmp_path: Path) -> None:
    (tmp_path / "more" / "experiment").mkdir(parents=True)
    text = "# @package _global_\narms: {one: [], two: ['think.data=${mix}'], three: ['think.data=\\${mix}', seed=1]}\n"
    (tmp_path / "more" / "experiment" / "mine.yaml").write_text(text)
    done = o1exp("--config-dir", "more", "experiment=mine", "action=plan")
    assert done.code == 0, done.err
    assert "Mix" in done.out


def test_empty_arms_leave_the_run_alone() -> None:
    config = composed(["experiment=quickstart"])
    assert len(study_of(config, []).goals) == 2
    assert list(study_of(config, ["arms={}"]).goals) == ["run"]


def test_an_ablated_phase_has_the_keys_of_a_pipeline_without_it() -> None:
    words = [["sft@imitate=skip"], ["think.start=${model}"]]
    goals: list[Stage] = [study_of(composed(w), w, single=True).goals["run"] for w in words]  # type: ignore[type-arg]
    assert goals[0].key == goals[1].key


def test_composing_again_gives_the_same_config() -> None:
    first, second, again = (composed([*more, "bench=[gsm8k,math500]"]) for more in (["think.lr=0.5"], ["think.lr=0.25"], []))
    assert second.think.lr == 0.25
    assert first.think.lr == 0.5
    assert again.think.lr != 0.5
    first.think.lr = again.think.lr
    assert OmegaConf.to_yaml(first) == OmegaConf.to_yaml(again)  # == would follow every edge again and again


def test_a_worker_process_reads_options_as_its_parent_does() -> None:
    before = composed(["think.lr=0.5"])
    Singleton.set_state(Singleton.get_state())  # what the launcher of a sweep does in each worker
    assert OmegaConf.to_yaml(composed(["think.lr=0.5"])) == OmegaConf.to_yaml(before)


def test_yaml_is_read_as_omegaconf_reads_it(tmp_path: Path) -> None:
    for path in [*CONF.rglob("*.yaml"), Path(__file__).parent.parent / "tti" / "quickstart.yaml"]:
        assert yaml.load(path.read_text(), Loader=loader()) == OmegaConf.to_container(OmegaConf.load(path), resolve=False), path
    text = "a: 1e-3\nb: 1_000\nc: 2024-01-01\nd: on\ne: .5\nf: 0x1F\ng: '1'\nh: null\n"
    assert yaml.load(text, Loader=loader()) == OmegaConf.to_container(OmegaConf.create(text))


def test_a_key_that_stands_twice_is_refused(o1exp: Command, tmp_path: Path) -> None:
    (tmp_path / "more" / "sft").mkdir(parents=True)
    (tmp_path / "more" / "sft" / "mine.yaml").write_text("defaults: [Sft, _self_]\nlr: 1\nlr: 2\n")
    done = o1exp("--config-dir", "more", "sft@think=mine")
    assert done.code == 2
    assert "more/sft/mine.yaml" in done.err
    assert "lr stands there twice" in done.err
