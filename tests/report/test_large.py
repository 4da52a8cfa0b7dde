"""A comparison of many cells: what it costs to read, compare and show."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from o1exp.bench.outcome import NAME, QUESTIONS, QuestionScore
from o1exp.bench.summary import summarised
from o1exp.history.runs import RunRecord, run_folder, write
from o1exp.records import Attempt, Example, Problem, Score
from o1exp.records.table import write_table
from tests.artefacts import artefact, encoded, training

QUESTIONS_ASKED, SAMPLES, TAUGHT = 500, 8, 5000
STYLES, SEEDS = ("tree", "debate", "distil", "shortcut"), (0, 1, 2)
WORDS = "so we take the next step and look at the number again wait is there a carry let me check it once more".split()
CPU_SECONDS, MEGABYTES = 20, 1000
MEASURED = """
import resource, sys
from o1exp.report.__main__ import main
code = main(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_SELF)
# ru_maxrss would count the memory of the process that forked this one.
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print("USED", used.ru_utime + used.ru_stime, int(status["VmHWM"].split()[0]) / 1024)
sys.exit(code)
"""


def _text(draw: random.Random, words: int) -> str:
    return " ".join(draw.choices(WORDS, k=words)) + f". The answer is \\boxed{{{draw.randrange(100)}}}."


def _cell(root: Path, posed: str, problems: list[Problem], style: str, seed: int) -> str:
    """The result of one cell, with its own training data and its texts of some 400 words."""
    draw = random.Random(f"{style} {seed}")
    skill = 0.3 + 0.1 * STYLES.index(style)
    taught = [Problem(id=f"t{n}", question=f"{_text(draw, 40)} {n}", answer="1") for n in range(TAUGHT)]
    source = artefact(root, "Local", {}, {"name": f"{style}{seed}"}, rows=taught)
    data = artefact(
        root, "Distil", {"problems": source}, {"style": style},
        rows=[Example(problem=one.id, prompt=one.question, response="\\boxed{1}") for one in taught],
    )  # fmt: skip
    base = artefact(root, "Untrained", {}, {"seed": seed}, files={"model/config.json": "{}"})
    model = training(root, "Sft", {"start": base, "data": data, "prepared": encoded(root, data)}, 50, {})
    asked = [(problem, number) for problem in problems for number in range(SAMPLES)]
    attempts = [Attempt(problem=p.id, draw=n, text=_text(draw, 400), tokens=500, finish_reason="stop") for p, n in asked]
    scores = [
        Score(problem=p.id, draw=n, correct=draw.random() < skill, extracted="1", tokens=500, problem_digest=p.digest, vote=0)
        for p, n in asked
    ]
    sampled = artefact(root, "Sample", {"model": model, "problems": posed}, rows=attempts)
    graded = artefact(root, "Grade", {"attempts": sampled, "problems": posed}, rows=scores)
    score, questions = summarised("maths", scores)
    result = artefact(root, "Result", {"scores.maths": graded}, files={NAME: json.dumps({"benchmarks": {"maths": score.plain()}})})
    (root / "artefacts" / result / QUESTIONS).mkdir()
    write_table(root / "artefacts" / result / QUESTIONS, QuestionScore, questions)
    return result


def _used(words: list[str]) -> tuple[float, float]:
    """CPU-seconds and MB of the command."""
    done = subprocess.run([sys.executable, "-c", MEASURED, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    cpu, memory = map(float, done.stdout.rsplit("USED", 1)[1].split())
    return cpu, memory


@pytest.mark.slow
def test_twelve_cells_of_500_problems_by_8_samples(tmp_path: Path) -> None:
    draw = random.Random(0)
    problems = [Problem(id=f"p{n}", question=f"{_text(draw, 30)} {n}", answer=str(n % 100)) for n in range(QUESTIONS_ASKED)]
    posed = artefact(tmp_path, "Local", {}, {"name": "maths"}, rows=problems)
    arms = {f"thought={style} seed={seed}": _cell(tmp_path, posed, problems, style, seed) for style in STYLES for seed in SEEDS}
    record = RunRecord(folder=run_folder(tmp_path, "large"), root=tmp_path, title="Large", arms=arms, baseline="thought=shortcut")
    write(record)
    words = ["compare", str(record.folder), "--out", str(tmp_path / "page.html"), "--json"]
    cpu, memory = _used(words)
    if cpu >= CPU_SECONDS:  # beside other work the same instructions take up to a third longer
        cpu, memory = min((cpu, memory), _used(words))
    size = (tmp_path / "page.html").stat().st_size / 1e6
    print(f"compare of 12 cells x {QUESTIONS_ASKED} x {SAMPLES}: {cpu:.1f} CPU-seconds, {memory:.0f} MB, a page of {size:.1f} MB")
    assert cpu < CPU_SECONDS
    assert memory < MEGABYTES
