"""What a Tab offers."""

import subprocess
import sys
from pathlib import Path

import pytest

from o1exp.config import spine
from o1exp.config.complete import completions, replies
from o1exp.config.spine import conf_dir
from tests.app.commands import environment
from tests.inside import Command

BREAKS = " \t\n\"'@><=;|&(:"
"""Of bash."""


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("o1exp thou", ["thought.", "thought="]),
        ("o1exp thought=", [f"thought={way}" for way in spine.options([conf_dir()], "thought")]),
        ("o1exp thought=distil,sh", ["thought=distil,shortcut"]),
        ("o1exp sft@think=paper_", ["sft@think=paper_format", "sft@think=paper_thoughts"]),
        ("o1exp bench=[gsm", ["bench=[gsm8k"]),
        ("o1exp bench=[gsm8k,math5", ["bench=[gsm8k,math500"]),
        ("o1exp 'bench=[gsm8k,math5", ["bench=[gsm8k,math500"]),
        ("o1exp experiment=paper/ma", ["experiment=paper/math", "experiment=paper/math/tiny"]),
        ("o1exp +experiment=paper/me", ["+experiment=paper/methods", "+experiment=paper/methods/tiny"]),
        ("o1exp think.lr", ["think.lr=", "think.lr_scheduler_type="]),
        ("o1exp think.tuning=", ["think.tuning=full", "think.tuning=lora"]),
        ("o1exp machine.offload_optimizer=t", ["machine.offload_optimizer=true"]),
        ("o1exp sft@think=skip think.lr", []),
        ("o1exp teacher=endpoint teacher.mist", []),
        ("o1exp teacher.mist", ["teacher.mistake_rate="]),
        ("o1exp experiment=smollm2 model.sha", ["model.sha256="]),
        ("o1exp experiment=paper/math bench.", ["bench.aime24.", "bench.math2024.", "bench.math500."]),
        ("o1exp bench=[gsm8k] bench.gsm8k.sa", ["bench.gsm8k.samples="]),
        ("o1exp bench=[gsm8k] goal=bench", ["goal=bench.gsm8k"]),
        ("o1exp goal=mach", []),
        ("o1exp action=p", ["action=plan"]),
        ("o1exp hydra/launcher=", ["hydra/launcher=basic", "hydra/launcher=joblib", "hydra/launcher=ray", "hydra/launcher=side_by_side"]),
        ("o1exp --cfg j", ["job"]),
        ("o1exp --help sft/smo", ["sft/smollm2", "sft/smollm2_thoughts"]),
        ("o1exp --compl", ["--completion"]),
    ],
)
def test_a_word_is_offered_what_it_can_become(line: str, offered: list[str]) -> None:
    assert completions(line) == offered


def test_no_class_is_offered_among_the_options() -> None:
    for node in ("thought", "sft@think", "bench", "teacher"):
        names = [word.partition("=")[2].lstrip("[") for word in completions(f"o1exp {node}=")]
        assert names
        assert all((conf_dir() / node.partition("@")[0] / f"{name}.yaml").exists() for name in names)


def test_options_of_ones_own_are_offered_with_their_settings(tmp_path: Path) -> None:
    (tmp_path / "machine").mkdir()
    (tmp_path / "machine" / "mine.yaml").write_text("_target_: o1exp.flow.machine.Machine\n")
    (tmp_path / "study.yaml").write_text("")
    (tmp_path / "machine" / "broken.yaml").write_text("a: [")
    assert completions(f"o1exp --config-dir {tmp_path} machine=mi") == ["machine=mine"]
    assert completions(f"o1exp --config-dir {tmp_path} machine=mine machine.zero_s") == ["machine.zero_stage="]
    assert completions(f"o1exp --config-dir {tmp_path} machine=broken machine.zero") == []
    assert completions(f"o1exp --config-dir {tmp_path} --config-name ") == ["study"]


def test_bash_gets_what_stands_behind_its_last_break() -> None:
    assert replies("o1exp thought=di", BREAKS) == ["distil "]
    assert replies("o1exp sft@think=paper_t", BREAKS) == ["paper_thoughts "]
    assert replies("o1exp sft@th", BREAKS) == ["think="]
    assert replies("o1exp think.lora_al", BREAKS) == ["think.lora_alpha="]
    assert replies("o1exp bench=[gsm8k,math5", BREAKS) == ["[gsm8k,math500"]
    assert replies("o1exp 'bench=[gsm8k,math5", BREAKS) == ["bench=[gsm8k,math500"]


def test_bash_runs_the_script(o1exp: Command, tmp_path: Path) -> None:
    script = o1exp("--completion", "bash").out
    (tmp_path / "o1exp").write_text(f'#!/bin/sh\nexec {sys.executable} -m o1exp "$@"\n')
    (tmp_path / "o1exp").chmod(0o755)
    ask = "COMP_LINE='o1exp sft@think=paper_th'; COMP_POINT=${#COMP_LINE}; _o1exp o1exp paper_th =; printf '<%s>' \"${COMPREPLY[@]}\""
    env = environment(None) | {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    program = f"COMP_WORDBREAKS='@=:'\n{script}\n{ask}"
    done = subprocess.run(["bash", "-c", program], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "<paper_thoughts >"
    nothing = program.replace("sft@think=paper_th", "source.path=mor")
    assert subprocess.run(["bash", "-c", nothing], env=env, capture_output=True, text=True, check=True).stdout == "<>"


def test_an_unknown_shell_is_refused(o1exp: Command) -> None:
    assert "compdef _o1exp o1exp" in o1exp("--completion", "zsh").out
    for words in (["--completion"], ["--completion", "fish"]):
        done = o1exp(*words)
        assert done.code == 2
        assert "bash or zsh" in done.err
