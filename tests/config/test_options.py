"""Every option of conf/ composes, has a class behind it and builds."""

from pathlib import Path

import pytest
from hydra.core.singleton import Singleton
from omegaconf import OmegaConf

from o1exp.config import spine
from o1exp.config.compose import composed, study_of
from o1exp.config.groups import GROUPS
from o1exp.flow import Stage
from tests.inside import Command

CONF = spine.conf_dir()
NEEDED = {
    "source=local": ["source.path="], "source=hub": ["source.name=a/b", "source.revision=c"], "model=pretrained": ["model.path=a/b"],
    "teacher=endpoint": ["teacher.model=m"], "teacher@writer=endpoint": ["writer.model=m"], "engine=endpoint": ["engine.model=m"],
    "experiment=smollm2": ["source.path=", "bench.gsm8k.path="], "experiment=smollm2_thoughts": ["source.path=", "bench.gsm8k.path="],
}  # fmt: skip


def _options() -> list[str]:
    found = [f"experiment={name}" for name in spine.options([CONF], spine.EXPERIMENT)]
    for node in spine.nodes(CONF):
        for option in spine.options([CONF], node.group):
            found.append(f"{node.choice}=[{option}]" if isinstance(node.option, list) else f"{node.choice}={option}")
    return found


@pytest.mark.parametrize("override", _options())
def test_every_option_composes_and_builds(override: str) -> None:
    words = [override, *NEEDED.get(override, [])]
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


def test_composing_twice_gives_the_same_config() -> None:
    first = composed(["think.lr=0.5", "bench=[gsm8k,math500]"])
    again = composed(["bench=[gsm8k,math500]"])
    assert first.think.lr == 0.5
    assert again.think.lr != 0.5
    first.think.lr = again.think.lr
    assert OmegaConf.to_yaml(first) == OmegaConf.to_yaml(again)  # == would follow every edge again and again


def test_a_worker_process_reads_options_as_its_parent_does() -> None:
    before = composed(["think.lr=0.5"])
    Singleton.set_state(Singleton.get_state())  # what the launcher of a sweep does in each worker
    assert OmegaConf.to_yaml(composed(["think.lr=0.5"])) == OmegaConf.to_yaml(before)
