"""What a person reads and types: every setting says what it is, and a former name leads to the present one."""

import ast
import inspect

import pytest

from o1exp.flow import Machine, Settings
from o1exp.flow.check import typed_fields
from o1exp.train.bases.gguf import Gguf
from o1exp.train.bases.pretrained import Pretrained
from o1exp.train.bases.small import Untrained
from o1exp.train.dpo import Dpo
from o1exp.train.prepare import Prepare
from o1exp.train.sft import Sft

CLASSES = (Sft, Dpo, Prepare, Untrained, Pretrained, Gguf, Machine)


def explained(cls: type) -> set[str]:
    """The fields below which a sentence stands, in the class and its bases."""
    found = set()
    for base in cls.__mro__[:-1]:
        body = ast.parse(inspect.getsource(base)).body[0]
        assert isinstance(body, ast.ClassDef)
        for field, below in zip(body.body, body.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                assert isinstance(field.target, ast.Name)
                found.add(field.target.id)
    return found


@pytest.mark.parametrize("cls", CLASSES)
def test_every_setting_says_what_it_is(cls: type[Settings]) -> None:
    assert [field.name for field, _ in typed_fields(cls) if field.name not in explained(cls)] == []


@pytest.mark.parametrize("cls", CLASSES)
def test_a_former_name_leads_to_a_setting(cls: type[Settings]) -> None:
    names = {field.name for field, _ in typed_fields(cls)}
    assert set(cls.renamed.values()) <= names
    assert not cls.renamed.keys() & names


def test_the_standard_words_are_settings() -> None:
    """Those of Transformers, TRL and peft."""
    standard = {"max_grad_norm", "lr_scheduler_type", "warmup_ratio", "weight_decay", "max_position_embeddings", "rope_theta", "lora_r",
                "lora_alpha", "lora_dropout", "eos_token", "chat_template", "max_length", "max_steps"}  # fmt: skip
    assert standard <= {field.name for field, _ in typed_fields(Sft)}
    assert Sft.renamed["learning_rate"] == "lr"
