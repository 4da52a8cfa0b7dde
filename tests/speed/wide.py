"""Data larger than the memory: millions of synthetic problems through source, filter and encoding, each stage in a process of its own.

python -m tests.speed.wide ROWS FOLDER [STAGE ...] makes the file, then the stages (all of them where none is named), and prints what each
took: rows, seconds, CPU seconds, and its peak of memory (VmHWM, which counts what is mapped, too).
"""

import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console as Terminal

from o1exp.curate.rules import Rules
from o1exp.flow import Checkpoint, Console, Stage, Store, Work, how
from o1exp.records import Example, Problem, Table
from o1exp.records.table import FRAME, write_frames
from o1exp.sources.local import Local
from o1exp.thoughts.solutions import Solutions
from o1exp.thoughts.verify import Rejection
from o1exp.train.prepare import Prepare
from tests.speed.measure import Measure

if TYPE_CHECKING:
    import polars

_WORDS = 4000
_SYLLABLES = "ba ce di fo gu ha ke li mo nu pa re si to vu wa xe yi zo".split()
_ASKS = (
    "How many {x} are left in all", "What is the smallest number of {x} that he needs", "Find the sum of all values of ${y}$",
    "In how many ways can the {x} be arranged", "What is the probability that no {x} is drawn", "Evaluate ${y}^2+{a}{y}$",
    "By how much does the number of {x} grow", "What is the remainder when the number of {x} is divided by {b}",
)  # fmt: skip
_SAYS = (
    "A {x} holds {a} {y} and {b} {z}.", "Each of the {a} {x} has {b} {y}, of which {c} are {z}.",
    "{X} walks {a} kilometers to the {y} {z}.",
    "Let ${y}$ be the number of {x} with $a_{a}+b={b}$ and {z}.", "Of {a} {x}, {b} are {y} and the others {z}.",
    "The {x} of a {y} meets the {z} after {a} minutes.", "{X} buys {a} {y} at {b} cents each and sells {c} {z}.",
    "A {x} {y} is twice as long as its {z}.", "Two {x} and {a} {y} weigh as much as {b} {z}.",
    "Suppose $f({a})={b}$ for every {x} {y} {z}.",
    "There are {a} {x} in the {y}, and no {z} among them.", "The ratio of {x} to {y} is ${a}:{b}$ before the {z} come.",
)  # fmt: skip
_TURNS = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_MASK = (1 << 64) - 1
FRAMES = 16
"""Of so many examples to encode one is made anew."""
NEAR = 20
"""Each so many-th problem is an earlier one with an edit."""
LEAKED, POSED = 100, 500
"""Problems of the benchmark that stand among the others, and all of it."""


def _dice(number: int) -> int:
    """192 bits, the same for the same number: a row can be made again without those before it."""
    found = 0
    for turn in range(3):
        mixed = (number * 3 + turn + 1) * _TURNS[0] & _MASK
        mixed = (mixed ^ mixed >> 30) * _TURNS[1] & _MASK
        mixed = (mixed ^ mixed >> 27) * _TURNS[2] & _MASK
        found = found << 64 | (mixed ^ mixed >> 31)
    return found


def _word(number: int) -> str:
    number %= _WORDS
    return _SYLLABLES[number % 19] + _SYLLABLES[number // 19 % 19] + ("" if number < 361 else _SYLLABLES[number // 361 % 19])


VOCABULARY = [_word(number) for number in range(_WORDS)]


def question(number: int) -> str:
    """100 to 300 letters: two to four sentences and what is asked."""
    dice, said = _dice(number), list[str]()
    for _ in range(2 + dice % 3):
        x, y, z = VOCABULARY[dice % 4001 % _WORDS], VOCABULARY[(dice >> 12) % 3989], VOCABULARY[(dice >> 24) % 3967]
        text = _SAYS[(dice >> 36) % 12]
        said.append(text.format(x=x, y=y, z=z, X=x.capitalize(), a=2 + (dice >> 7) % 97, b=2 + (dice >> 19) % 997, c=2 + (dice >> 31) % 13))
        dice >>= 44
    asked = _ASKS[dice % 8].format(x=VOCABULARY[dice % 3989], y="xyznkm"[dice % 6], a=2 + dice % 89, b=2 + dice % 53)
    return " ".join((*said, asked + "?"))


def posed(number: int) -> str:
    """A question of the set: each NEAR-th repeats an earlier one, in capitals, with other layout or with a word more."""
    if number % NEAR or not number:
        return question(number)
    dice = _dice(number)
    text = question(dice % number)
    return (text.upper(), text.replace(" and ", "  $ $and "), f"Now, {text}")[dice % 3]


def row(number: int) -> dict[str, str]:
    dice = _dice(-number - 1)
    answer = str(dice % 1000) if dice % 7 else ("", "x+1", "proof", "\\frac{3}{4}")[dice // 7 % 4]
    solution = f"We count {dice % 97} and {dice % 89} more, then divide by {2 + dice % 7}. The answer is \\boxed{{{answer}}}."
    return {"id": f"p{number}", "problem": posed(number), "answer": answer, "solution": solution}


def write(path: Path, numbers: Iterator[int] | range) -> None:
    with path.open("w", encoding="utf-8") as file:
        for number in numbers:
            file.write(json.dumps(row(number)) + "\n")


@dataclass(frozen=True, kw_only=True)
class Columns(Stage[Table[Problem]]):
    """The same file read by columns, without a source's questions about every row: a tenth of the time, for what stands behind it."""

    path: str = how("")
    count: int

    def make(self, work: Work) -> None:
        work.note(rows=write_frames(work.folder, Problem, self._frames()))

    def _frames(self) -> "Iterator[polars.DataFrame]":
        import polars

        texts = ("id", "question", "answer", "solution")
        with Path(self.path).open("rb") as file:
            first = 1
            while lines := list(islice(file, FRAME)):
                frame = polars.read_ndjson(io.BytesIO(b"".join(lines))).rename({"problem": "question"})
                rest = {"source": "local", "revision": str(self.count), "subset": "", "level": ""}
                yield frame.select(
                    *(polars.col(name) for name in texts), *(polars.lit(text).alias(name) for name, text in rest.items()),
                    polars.int_range(first, first + len(lines)).alias("row"),
                )  # fmt: skip
                first += len(lines)


@dataclass(frozen=True, kw_only=True)
class Worked(Stage[Table[Example]]):
    """Solved problems without a file of them and a source, for encoding at any size: a sixteenth of the texts is made anew, each question
    is told apart by its number."""

    count: int

    def make(self, work: Work) -> None:
        work.note(rows=write_frames(work.folder, Example, self._frames()))

    def _frames(self) -> "Iterator[polars.DataFrame]":
        import polars

        for first in range(0, self.count, FRAME):
            numbers = polars.int_range(first, min(first + FRAME, self.count), eager=True)
            made = [row(number) for number in range(first // FRAMES, first // FRAMES + FRAME // FRAMES)]
            texts = polars.DataFrame(made)[(numbers - first) % len(made)]
            yield texts.with_columns(number=numbers).select(
                polars.format("p{}", "number").alias("problem"), polars.format("Case {}. {}", "number", "problem").alias("prompt"),
                polars.col("solution").alias("response"), polars.lit(0, polars.Int64).alias("draw"), polars.lit("").alias("origin"),
            )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Tokenizer(Stage[Checkpoint]):
    """A byte-pair tokenizer of 4,096 tokens."""

    def make(self, work: Work) -> None:
        from tests.speed.tokens import byte_pairs

        texts = [Example(problem="", prompt="", response=text) for number in range(200) for text in (question(number),)]
        byte_pairs(texts).save_pretrained(work.folder / "model")


@dataclass(frozen=True)
class Took:
    """What a stage took; `mb` is the peak of its process."""

    stage: str
    rows: int
    seconds: float
    cpu_seconds: float
    mb: float


def stages(folder: Path, rows: int) -> dict[str, Stage[object]]:
    """By name, in the order in which they are made. Encoding needs none of the files."""
    worked = Worked(count=rows)
    encoded = Prepare(tokenizer=Tokenizer(), data=worked, max_length=2048)
    before = filtering(folder, rows) if (folder / "rows.jsonl").is_file() else {}
    return {**before, "examples": worked, "encode": encoded}


def filtering(folder: Path, rows: int) -> dict[str, Stage[object]]:
    """The filter's default rules, and both over the whole table."""
    source = Local(path=str(folder / "rows.jsonl"), sha256=f"{rows}")
    benchmark = Local(path=str(folder / "benchmark.jsonl"))
    table = Columns(path=str(folder / "rows.jsonl"), count=rows)
    rules = Rules(problems=table)
    wide = Rules(problems=table, benchmarks={"benchmark": benchmark}, duplicates=True, decontaminate=True)
    solved = Solutions(problems=wide)
    verified = Rejection(thoughts=solved, problems=wide)
    return {"source": source, "columns": table, "rules": rules, "whole": wide, "solutions": solved, "verify": verified}


def prepared(folder: Path, rows: int) -> None:
    """The files: the problems, and a benchmark of which some stand among them."""
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "rows.jsonl", range(rows))
    leaks = (1 + number * (rows // LEAKED) for number in range(LEAKED))
    write(folder / "benchmark.jsonl", iter([*leaks, *(10**12 + 1 + NEAR * number for number in range(POSED - LEAKED))]))


def make(folder: Path, rows: int, name: str) -> Took:
    """Make one stage in this process."""
    store, stage = Store(folder / "outputs", Console(Terminal(quiet=True))), stages(folder, rows)[name]
    for inner in stage.inputs.values():
        if inner.kind in ("Tokenizer", "Local", "Columns"):
            store.get(inner)
    began, cpu = time.monotonic(), time.process_time()
    store.get(stage)
    manifest = store.manifest(stage)
    assert manifest is not None
    status = Path("/proc/self/status").read_text()
    peak = int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024
    return Took(name, manifest.facts["rows"], time.monotonic() - began, time.process_time() - cpu, peak)


def took(folder: Path, rows: int, name: str) -> Took:
    """The same in a process of its own. Errors: what it said last."""
    command = [sys.executable, "-m", "tests.speed.wide", str(rows), str(folder), "--here", name]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{name}: {done.stderr[-5000:]}")
    return Took(**json.loads(done.stdout.splitlines()[-1]))


def widening(folder: Path, few: int = 100_000, many: int = 400_000) -> list[Measure]:
    """Peak memory at two sizes (what holds its texts takes several times as much at the larger one), and what the rules over the whole
    table cost beside the others."""
    found: list[dict[str, Took]] = []
    for rows in (few, many):
        place = folder / str(rows)
        prepared(place, rows)
        found.append({name: took(place, rows, name) for name in stages(place, rows)})
    memory = [Measure(f"{name}, {many:,} problems of a file", f"{few:,}", "MB", found[1][name].mb, found[0][name].mb) for name in found[0]]
    rates = [many / found[1][name].cpu_seconds for name in ("whole", "rules")]
    return [*memory, Measure(f"filter with duplicates and decontaminate, {many:,} problems", "without", "problems per CPU-s", *rates)]


def main(words: Sequence[str]) -> None:
    rows, folder = int(words[0]), Path(words[1])
    if words[2:3] == ["--here"]:
        print(json.dumps(asdict(make(folder, rows, words[3]))), flush=True)
        return
    if not ({*words[2:]} & {"examples", "encode"} or (folder / "rows.jsonl").is_file()):
        began = time.monotonic()
        prepared(folder, rows)
        print(f"{rows:,} problems written in {time.monotonic() - began:.0f} s", flush=True)
    for name in words[2:] or stages(folder, rows):
        one = took(folder, rows, name)
        print(f"{name}: {one.rows:,} rows, {one.seconds:.0f} s, {one.cpu_seconds:.0f} CPU-s, {one.mb:,.0f} MB", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
