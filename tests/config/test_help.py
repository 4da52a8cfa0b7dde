"""What --help says of a node, a group and an option."""

from pathlib import Path

import pytest

from o1exp.config import spine
from tests.inside import Command


def test_the_help_lists_every_choice_and_every_option(o1exp: Command) -> None:
    done = o1exp("--help")
    assert done.code == 0
    assert "\nsft@imitate, sft@think\n" in done.out
    assert "\nteacher, teacher@writer, teacher@critic, " in done.out
    for group in set(spine.groups([spine.conf_dir()])) - {"hydra"}:
        for option in spine.options([spine.conf_dir()], group):
            assert f"\n  {option} " in done.out


@pytest.mark.parametrize("subject", ["think", "sft@think", "sft/small", "sft@think=small"])
def test_a_setting_has_type_default_and_sentence(o1exp: Command, subject: str) -> None:
    done = o1exp("--help", subject)
    assert done.code == 0, done.err
    prefix = "" if subject == "sft/small" else "think."
    assert f"\n{prefix}lr = 0.002" in done.out  # the option's value, not the class's
    assert "(number, above 0)\n    Learning rate" in done.out
    assert f"\n{prefix}tuning = full   (one of full, lora)\n" in done.out
    assert "Filled by the spine" in done.out
    assert max(map(len, done.out.splitlines())) <= 100


def test_values_are_shown_as_yaml_says_them(o1exp: Command) -> None:
    machine = o1exp("--help", "machine").out
    assert "machine.devices = 1 " in machine
    assert "machine.offload_optimizer = false " in machine
    assert "budget.usd = null   (number or null, at least 0)\n    US dollars" in o1exp("--help", "budget").out
    assert "teacher.model must be given   (text)" in o1exp("--help", "teacher=endpoint").out
    assert "bench.gsm8k.max_tokens = 512 " in o1exp("--help", "bench/gsm8k").out


@pytest.mark.parametrize(
    ("subject", "said"),
    [("bench", "\n  gsm8k "), ("sft", "\n  small "), ("experiment", "\n  paper/math "), ("experiment/dpo", "\nbaseline: SFT"),
     ("sft/skip", "\ntakes: start"), ("writer", "writer: teacher/procedural"),
     ("bench.arithmetic", "bench: bench/arithmetic")],
)  # fmt: skip
def test_groups_and_what_has_no_settings(o1exp: Command, subject: str, said: str) -> None:
    done = o1exp("--help", subject)
    assert done.code == 0, done.err
    assert said in done.out


@pytest.mark.parametrize(("subject", "near"), [("thnk", "think"), ("sft/smal", "sft/small"), ("bench/gsm9k", "bench/gsm8k")])
def test_an_unknown_word_gets_the_nearest(o1exp: Command, subject: str, near: str) -> None:
    done = o1exp("--help", subject)
    assert done.code == 2
    assert f"did you mean {near}?" in done.err


def test_every_option_has_a_page(o1exp: Command) -> None:
    words = [f"{group}/{name}" for group in spine.groups([spine.conf_dir()]) for name in spine.options([spine.conf_dir()], group)]
    assert o1exp("--help", *[word for word in words if not word.startswith("hydra")]).code == 0


def test_an_option_of_ones_own_has_a_page(o1exp: Command, tmp_path: Path) -> None:
    (tmp_path / "more" / "machine").mkdir(parents=True)
    (tmp_path / "more" / "machine" / "mine.yaml").write_text("# Mine.\n_target_: o1exp.flow.machine.Machine\ndevices: 7\n")
    done = o1exp("--config-dir", "more", "--help", "machine/mine")
    assert "machine: machine/mine\nMine.\n" in done.out
    assert "machine.devices = 7 " in done.out
