import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from o1exp.config.compose import conf_dir, register_all, study_of
from o1exp.config.groups import GROUPS
from o1exp.flow import Stage
from tests.app.commands import command, environment, o1exp

HEAVY = ["torch", "lightning", "mlflow", "transformers", "optuna", "openai", "pyarrow", "datasets", "scipy", "matplotlib"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sft@think=paper_thoughts", "think.lrr=1"], ["think.lrr=1", "did you mean think.lr?"]),
        (["think.lr=fast"], ["think.lr=fast", "must be of type float"]),
        (["filter=nope"], ["filter=nope", "choose one of none, paper"]),
        (["think.epochs=-1"], ["think.epochs=-1", "must be greater than 0"]),
        (["experiment=quickstar"], ["experiment=quickstar", "did you mean quickstart?"]),
        (["goal=everything"], ["goal=everything", "choose one of", "think"]),
        (["action=go"], ["action=go", "run, plan or why"]),
        (["source=local", "source.path=nowhere.json"], ["source.path=nowhere.json", "does not exist"]),
        (["think.data=${model}"], ["think.data: Untrained makes Checkpoint; connect a step that makes Table[Example]"]),
        (["teacher.api_key=sk-123"], ["teacher.api_key=...", "no such setting"]),
        (["filter=null"], ["filter=null", "choose an option"]),
        (["~filter"], ["thought.problems=${filter}", "no option is chosen there"]),
        (["~model"], ["nothing is chosen for model"]),
        (["think.lr=fast", "filter=nope", "seed=x"], ["think.lr=fast", "filter=nope", "seed=x"]),
    ],
)
def test_a_wrong_config_is_refused_with_key_value_and_remedy(tmp_path: Path, words: list[str], said: list[str]) -> None:
    done = o1exp(tmp_path, *words)
    assert done.returncode == 2, done.stderr
    assert all(part in done.stderr for part in said), done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [["-m", "think.epochs=1,-1"], ["-m", "seed=0,1", "filter=none,nope"], ["-m", "filter=none,null"], ["-m", "think.lr=1e-3,fast"]],
)
def test_a_sweep_is_refused_before_its_first_cell(tmp_path: Path, words: list[str]) -> None:
    done = o1exp(tmp_path, *words)
    assert done.returncode == 2, done.stderr
    assert words[-1].split("=")[0] in done.stderr
    assert not (tmp_path / "outputs" / "artefacts").exists()


def test_a_mistake_inside_an_experiment_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "more" / "experiment").mkdir(parents=True)
    (tmp_path / "more" / "experiment" / "mine.yaml").write_text("# @package _global_\nthink: {lr: fast}\n")
    done = o1exp(tmp_path, "--config-dir", "more", "experiment=mine")
    assert done.returncode == 2
    assert "lr" in done.stderr
    assert "fast" in done.stderr


@pytest.mark.parametrize("word", ["--help", "--cfg=job"])
def test_help_and_config_are_light(word: str, tmp_path: Path) -> None:
    program = (
        f"import sys\nsys.argv = ['o1exp', *{word.split('=')!r}]\nfrom o1exp.app.main import main\n"
        f"try:\n    main()\nfinally:\n    print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment(None), capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 3  # the contract's second, on a loaded machine


def test_a_plan_needs_no_heavy_library_and_makes_nothing(tmp_path: Path) -> None:
    done = o1exp(tmp_path, "experiment=paper/math", "action=plan")
    assert done.returncode == 0, done.stderr
    for stage in ("Hub", "Rules", "Reformat", "Distil", "Rejection", "Pretrained", "Sft", "Sample", "Grade", "Report"):
        assert stage in done.stdout
    assert list(tmp_path.iterdir()) == []


def _options() -> list[str]:
    overrides = []
    for path in sorted(conf_dir().glob("*/*.yaml")):
        group, option = path.parent.name, path.stem
        if group in ("hydra",):
            continue
        names = {"sft": ["sft@imitate", "sft@think"], "teacher": ["teacher", "teacher@writer"]}.get(group, [group])
        overrides += [f"{name}={'[' + option + ']' if group == 'bench' else option}" for name in names]
    overrides += [f"experiment={path.parent.name}/{path.stem}" for path in sorted(conf_dir().glob("experiment/*/*.yaml"))]
    return overrides


@pytest.mark.parametrize("override", _options())
def test_every_option_composes_and_builds(override: str) -> None:
    needed = {"source=local": ["source.path="], "source=hub": ["source.name=a/b", "source.revision=c"],
              "model=pretrained": ["model.path=a/b"], "teacher=endpoint": ["teacher.model=m"],
              "teacher@writer=endpoint": ["writer.model=m"], "engine=endpoint": ["engine.model=m"],
              "experiment=smollm2": ["source.path=", "bench.gsm8k.path="],
              "experiment=smollm2_thoughts": ["source.path=", "bench.gsm8k.path="]}.get(override, [])  # fmt: skip
    register_all()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = compose("config", overrides=[override, *needed])
        study = study_of(config, [override, *needed])
    assert study.wanted


def test_every_option_has_a_class_behind_it() -> None:
    for path in conf_dir().glob("*/*.yaml"):
        group = path.parent.name
        if group in ("hydra", "experiment"):
            continue
        known = {cls.__name__ for cls in GROUPS[group]} | {"Same"}
        assert OmegaConf.load(path).defaults[0] in known, path


def test_a_setting_of_hydra_may_be_null(tmp_path: Path) -> None:
    done = o1exp(tmp_path, "hydra.output_subdir=null", "action=plan", "goal=source")
    assert done.returncode == 0, done.stderr


def test_empty_arms_leave_the_run_alone() -> None:
    register_all()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = compose("config")
        assert len(study_of(config, []).goals) == 2
        assert list(study_of(config, ["arms={}"]).goals) == ["run"]


def test_an_ablated_phase_has_the_keys_of_a_pipeline_without_it() -> None:
    register_all()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        words = [["sft@imitate=skip"], ["think.start=${model}"]]
        goals: list[Stage] = [study_of(compose("config", overrides=w), w, single=True).goals["run"] for w in words]  # type: ignore[type-arg]
    assert goals[0].key == goals[1].key


def test_a_console_script_and_a_module_are_the_same(tmp_path: Path) -> None:
    script = Path(sys.executable).parent / "o1exp"
    if not script.exists():
        pytest.skip("the package is not installed in this environment")
    by_script = subprocess.run([str(script), "--cfg", "job"], cwd=tmp_path, capture_output=True, text=True, check=True)
    by_module = subprocess.run(command(["--cfg", "job"]), cwd=tmp_path, env=environment(None), capture_output=True, text=True, check=True)
    assert by_script.stdout == by_module.stdout
