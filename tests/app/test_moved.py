"""`action=why` names an address that changed although the model kept its name."""

from pathlib import Path

from omegaconf import OmegaConf

from o1exp.app.show import moved
from o1exp.chat.servers.loopback import Loopback
from o1exp.chat.teacher import Teacher
from o1exp.config.compose import Study
from tests.chat.parts import Answers, Ask, quiet_store


def study(stage: Ask) -> Study:
    return Study(OmegaConf.create({"baseline": ""}), (), {"run": stage}, None, {stage.key: "thought"}, None, None, None, None)


def test_a_changed_address_is_named(tmp_path: Path) -> None:
    store, _ = quiet_store(tmp_path)
    with Loopback(Answers()) as server:
        asked = Ask(teacher=Teacher(model="m", base_url=server.base_url), count=1)
        store.get(asked)
    other = Ask(teacher=Teacher(model="m", base_url="http://127.0.0.1:9/v1"), count=1)
    assert list(moved(study(asked), store)) == []
    assert list(moved(study(other), store)) == [
        f"thought (Ask {asked.key[:8]}): its answers came from {server.base_url}, and m is asked at http://127.0.0.1:9/v1 now; "
        "the same name counts as the same model, so they are used"
    ]
