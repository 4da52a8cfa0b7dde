"""Thoughts that people wrote, and solutions whose steps they labelled, as trees of steps (both papers' human annotation)."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

from rich.markup import escape

from o1exp.flow import AtLeast, Expect, Role, Stage, StageFailed, Work, how
from o1exp.flow.content import differs, pinned
from o1exp.records import Node, Problem, Table
from o1exp.records.labelled import Labelled, Step, labelled
from o1exp.records.labelled.steps import ROOT
from o1exp.records.question import same_question

MISSING = "missing.tsv"
_SHOWN = 20
Lacking = tuple[int, str, str]
"""Row or line of the file, the problem's id ("" for none), and what is missing there."""


@dataclass(frozen=True, kw_only=True)
class Human(Stage[Table[Node]]):
    """One tree for each problem that the file has steps for: PRM800K, Math-Shepherd, MATH-APS, MR-GSM8K, ProcessBench or think-aloud files.

    A row belongs to the problem with the same question (in one spelling, records/question.py), so that a filter holds for people's
    thoughts too. Several rows of one question are one tree: equal steps with equal steps before them are one step. What a row lacks is
    said and listed in `missing.tsv`: row or line, problem, sentence. Facts: `right` counts the problems with a right end.

    Errors: StageFailed if no row belongs to a problem.
    """

    role: ClassVar[Role] = "search"
    does: ClassVar[str] = "steps that people wrote or labelled, from a file"
    long_thoughts: ClassVar[bool] = True
    version: ClassVar[int] = 2

    problems: Stage[Table[Problem]]
    """Whose thoughts are taken; the gold answers are theirs."""
    path: str = how("")
    """The file: JSONL, JSON (also several objects in a row), or a .txt or .md file of thoughts (docs/human.md)."""
    sha256: str = ""
    """Of the file's content; "": that of `path`."""
    limit: Annotated[int, AtLeast(1)] | None = None
    """The most rows that are read."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "sha256", pinned(self.path, self.sha256))

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if self.path and not Path(self.path).is_file():
            yield "path", f"{self.path} is no file (looked from {Path.cwd()}); give the file with people's thoughts or labelled steps"

    def preflight(self) -> Iterator[str]:
        if not self.path:
            yield "path is not given: set it to a file with people's thoughts or labelled steps, e.g. thought.path=prm800k.jsonl"
        yield from differs(self.path, self.sha256)

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        return Expect(remark="the steps of the file" if self.path else "no path given yet")

    def make(self, work: Work) -> None:
        problems = list(work.open(self.problems))
        found = Gathering(problems)
        for number, row in enumerate(labelled(Path(self.path))):
            if self.limit is None or number < self.limit:
                found.take(row)
        nodes = work.write(Node, found.nodes())
        if not nodes:
            first = " The first: row {}: {}".format(*found.lacking[0][::2]) if found.lacking else ""
            raise StageFailed(f"no row of {self.path} belongs to one of the {len(problems)} problems.{first}; read the problems from the "
                              f"same file, source=local source.path={self.path}")  # fmt: skip
        self._tell(work, found.lacking)
        work.note(**found.facts())

    def _tell(self, work: Work, lacking: list[Lacking]) -> None:
        lines = ("\t".join(" ".join(cell.split()) for cell in (str(row), *cells)) + "\n" for row, *cells in lacking)
        (work.folder / MISSING).write_text("".join(lines), encoding="utf-8")
        for row, _, what in lacking[:_SHOWN]:
            work.console.line(f"[yellow]row {row}[/] {escape(what)}")
        if lacking:
            work.console.line(
                f"{len(lacking)} things are missing in {len({row for row, _, _ in lacking})} rows; all of them are in {MISSING}"
            )


@dataclass
class _Growing:
    """The tree of one problem: ids of steps by parent and text."""

    problem: Problem
    nodes: dict[str, Node] = field(default_factory=dict)
    known: dict[tuple[str, str], str] = field(default_factory=dict)
    children: Counter[str] = field(default_factory=Counter)
    disagreed: int = 0
    """Labels of a step that has another label already."""
    blamed: bool = False
    """A step that stood here without a label was labelled as wrong."""

    def add(self, parent: str, step: Step) -> str:
        """The id of the step, new or known. Of two labels of one step the first that says something stays."""
        name = self.known.get((parent, step.text))
        if name is None:
            name = f"{parent}.{self.children[parent]}".lstrip(".")
            self.children[parent] += 1
            self.known[parent, step.text] = name
            self.nodes[name] = Node(
                problem=self.problem.id, id=name, parent=parent, text=step.text, action=step.action, verdict=step.verdict,
                value=step.value, reason=step.reason, chosen=step.chosen, writer=step.writer, judge=step.judge,
            )  # fmt: skip
            return name
        before = self.nodes[name]
        if not before.verdict and step.verdict:
            before = replace(before, verdict=step.verdict, value=step.value, reason=step.reason, judge=step.judge)
            self.blamed = self.blamed or step.verdict == "wrong"
        elif step.verdict and step.verdict != before.verdict:
            self.disagreed += 1
        self.nodes[name] = replace(before, chosen=before.chosen or step.chosen)
        return name

    def withdraw(self) -> None:
        """Ends that earlier rows called right, and that a later one puts behind a wrong step, have no verdict."""
        if not self.blamed:
            return
        astray = set[str]()
        for name, node in self.nodes.items():  # a parent before its children
            if node.verdict == "wrong" or node.parent in astray:
                astray.add(name)
                if node.correct:
                    self.nodes[name] = replace(node, correct=None, action="continue")
        self.blamed = False


class Gathering:
    """The trees of all problems while the rows of a file are read."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self._problems = list(problems)
        self._by_question: Mapping[str, Problem] = {same_question(p.question): p for p in reversed(self._problems)}
        self._trees: dict[str, _Growing] = {}
        self._counts: Counter[str] = Counter()
        self._forms: Counter[str] = Counter()
        self.lacking: list[Lacking] = []

    def take(self, row: Labelled) -> None:
        """Adds a row to the tree of its problem, and notes what it lacks."""
        problem = self._by_question.get(same_question(row.question)) if row.question else None
        name = problem.id if problem else ""
        self._counts["file_rows"] += 1
        self.lacking += [(row.place, name, what) for what in row.missing]
        if not row.steps:
            self._counts["unreadable"] += 1
            return
        if problem is None:
            self._counts["other_questions"] += 1
            what = f"its question is none of the problems (another source, or the filter dropped it): {row.question[:80]!r}"
            self.lacking.append((row.place, "", what))
            return
        self._forms[row.form] += 1
        tree = self._trees.setdefault(name, _Growing(problem))
        ids: list[str] = []
        for step in row.steps:
            ids.append(tree.add("" if step.parent == ROOT else ids[step.parent], step))
        tree.withdraw()
        leaves = [(at, any(tree.nodes[ids[step]].verdict == "wrong" for step in row.path(at))) for at in row.leaves]
        ends = [_ended(problem, tree.nodes[ids[at]], row.steps[at], astray) for at, astray in leaves]
        tree.nodes |= {node.id: node for node in ends}
        if not any(node.correct for node in ends):
            said = "no solution in it ends with an answer" if all(node.correct is None for node in ends) else "no solution in it is right"
            self.lacking.append((row.place, name, f"{said}: there is no way through it to the gold answer {problem.answer!r}"))

    def nodes(self) -> Iterator[Node]:
        """Tree after tree in the order of the problems, a parent before its children."""
        for problem in self._problems:
            if problem.id in self._trees:
                yield from self._trees[problem.id].nodes.values()

    def facts(self) -> dict[str, Any]:
        trees = [list(tree.nodes.values()) for tree in self._trees.values()]
        nodes = [node for tree in trees for node in tree]
        right = sum(any(node.correct for node in tree) for tree in trees)
        return {
            "problems": len(self._problems), "trees": len(trees), "nodes": len(nodes), "right": right, "problems_right": right,
            "ends": sum(node.correct is not None for node in nodes), "wrong_steps": sum(node.verdict == "wrong" for node in nodes),
            "with_reason": sum(bool(node.reason) for node in nodes), "disagreed": sum(tree.disagreed for tree in self._trees.values()),
            "without_tree": len(self._problems) - len(trees),
            "file_rows": self._counts["file_rows"], "unreadable": self._counts["unreadable"],
            "other_questions": self._counts["other_questions"], "missing": len(self.lacking), "forms": dict(sorted(self._forms.items())),
        }  # fmt: skip


ANNOUNCED = ("boxed", "hashes", "cue")
"""How an answer is found where a step says that it is one; a number that only stands last is no end."""


def _ended(problem: Problem, node: Node, step: Step, astray: bool) -> Node:
    """With the verdict on its final answer: by the gold answer where both can be read, else by what the file says.

    An answer that is right behind a step that is labelled wrong is no end to learn from: it has no verdict.
    """
    from o1exp.answers.extract import extract
    from o1exp.answers.grade import judged

    found = extract(node.text)
    correct = judged(problem.answer, found).correct if found.method in ANNOUNCED else None
    correct = step.ends if correct is None else correct
    correct = None if astray and correct else correct
    return replace(node, correct=node.correct if correct is None else correct, action="terminate" if correct is not None else node.action)
