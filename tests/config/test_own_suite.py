"""The suite of docs/extending.md, as it stands there."""

import re
from pathlib import Path

from o1exp.bench.judge import Judged
from o1exp.bench.sample import Sample
from o1exp.config.compose import composed, study_of
from o1exp.config.options import Origin
from o1exp.config.spine import conf_dir
from o1exp.flow import Store
from tests.bench.suite import Planted
from tests.conftest import ROOT


def test_a_suite_with_a_judge_of_ones_own_is_one_file(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "extending.md").read_text()
    found = re.search(r"```yaml\n(# @package bench\.manners.*?)```", text, re.DOTALL)
    assert found is not None
    (tmp_path / "conf" / "bench").mkdir(parents=True)
    (tmp_path / "conf" / "bench" / "manners.yaml").write_text(found[1])
    (tmp_path / "x.jsonl").write_text('{"prompt": "Hello?"}\n{"prompt": "Why?"}\n')
    origin = Origin("config", (conf_dir(), tmp_path / "conf"))
    words = ["bench=[manners]", f"bench.manners.path={tmp_path / 'x.jsonl'}", "bench.manners.rows=2", "goal=bench.manners"]
    stage = study_of(composed(words, origin), words, origin, single=True).goals["run"]
    assert isinstance(stage, Judged)
    assert isinstance(stage.attempts, Sample)
    planted = stage.attempts.replace(model=None, engine=Planted(texts=("Good day!", "No.")))
    scores = list(Store(tmp_path / "outputs").get(stage.replace(attempts=planted)))
    assert {(score.scale, score.scorer) for score in scores} == {((0.0, 100.0), "manners, procedural judge")}
    assert all(score.value is not None and 0 < score.value <= 100 for score in scores)
