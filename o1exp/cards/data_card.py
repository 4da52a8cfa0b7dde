"""The DataCard stage: what a run's models were trained on, in the hub's dataset card format, read from the artefacts."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from o1exp.cards.card import Card, CardEntry, licence, pointer, rendered, size_category, write
from o1exp.cards.pinned import pinned
from o1exp.cards.provenance import origin_of, trained_rows
from o1exp.cards.tables import described
from o1exp.flow import Expect, Role, Stage, Work
from o1exp.flow.manifest import ARTEFACTS
from o1exp.history.arms import Arm, gather, subject
from o1exp.history.counts import counts, in_words
from o1exp.history.lineage import Artefact
from o1exp.records.table import ROWS

if TYPE_CHECKING:
    from huggingface_hub import DatasetCardData

SELECTING = ("selection", "grading")
"""Roles of stages that decide which rows go on; a model's own answers are graded before they are paired."""


@dataclass(frozen=True)
class Credit:
    """Who a source is from, as the config says; it stands in for a source that does not say so itself."""

    provider: str = ""
    licence: str = ""
    citation: str = ""


@dataclass(frozen=True, kw_only=True)
class DataCard(Stage[Card]):
    """Describe sources, distributions, selection and synthesis of the data that the arms' models were trained on.

    `provider`, `licence` (as the hub spells it, e.g. apache-2.0) and `citation` credit the source. Long thoughts are those of the run's
    subject: the first arm that is not the `baseline`.
    """

    role: ClassVar[Role] = "description"
    does: ClassVar[str] = "what the models were trained on"
    volatile: ClassVar[tuple[str, ...]] = ("README.md", "index.html")

    arms: dict[str, Stage[Any]]
    baseline: str = ""
    name: str = ""
    provider: str = ""
    licence: str = ""
    citation: str = ""

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        return Expect(rows=1)

    def make(self, work: Work) -> None:
        found = gather(work.store.root, {name: f"{arm.kind}/{arm.key}" for name, arm in self.arms.items()})
        data = Data(found, subject(found, self.baseline), Credit(self.provider, self.licence, self.citation))
        entries = {
            "sources": data.sources(), "distributions": data.distributions(), "selection": data.selection(), "synthesis": data.synthesis(),
            "long_thoughts": data.long_thoughts(),
        }  # fmt: skip
        name = self.name or "run"
        made_by, gone = data.subject.result.manifest.made_by, data.gone()
        body = rendered("data_card.md.j2", name=name, subject=data.subject.name, made_by=made_by, gone=gone, **entries)
        write(work.folder, _front(name, entries), body, entries, data.unknown(), gone)
        work.note(sources=len(entries["sources"]), tables=len(entries["distributions"]))


class Data:
    """The training data of all arms, each artefact once, with the arms and phases that use it."""

    def __init__(self, found: list[Arm], about: Arm, credit: Credit) -> None:
        self.arms, self.subject, self.credit = found, about, credit
        self.tables: dict[str, Artefact] = {}
        self.uses: dict[str, list[str]] = {}
        """Path of what a training read -> "arm, phase n"."""
        for arm in found:
            for training in arm.trainings:
                self.tables |= {artefact.path: artefact for artefact in training.data}
                for artefact in training.tables[-1:]:
                    self.uses.setdefault(artefact.path, []).append(f"{arm.name}, phase {training.number}")

    def sources(self) -> list[CardEntry]:
        found = [artefact for artefact in self.tables.values() if not artefact.manifest.inputs]
        trained = trained_rows(self.tables.values(), [self.tables[path] for path in self.uses])
        return [
            self._source(artefact, alone=len(found) == 1) | {"trained": trained[origin] if (origin := origin_of(artefact)) else None}
            for artefact in found
        ]

    def _source(self, artefact: Artefact, alone: bool) -> CardEntry:
        settings, how = artefact.manifest.settings, artefact.manifest.how
        given = asdict(self.credit) if alone else {}
        credit = {word: str(given.get(word) or how.get(word) or "") for word in ("provider", "licence", "citation")}
        if artefact.stage == "Hub" and not credit["provider"]:
            credit["provider"] = f"{str(settings.get('name', '')).split('/')[0]} on the Hugging Face hub"
        name = settings.get("name") or artefact.does
        part = {key: settings[key] for key in ("subset", "split", "only", "limit", "skip", "count", "seed") if settings.get(key)}
        return pointer(artefact) | {"name": name, **credit, **pinned(artefact), "part": part, "rows": artefact.facts.get("rows")}

    def distributions(self) -> list[CardEntry]:
        """The sources, and every table that a training read."""
        shown = [a for a in self.tables.values() if a.is_table and (not a.manifest.inputs or a.path in self.uses)]
        return [pointer(a) | {"stage": a.stage, "used": self.uses.get(a.path, []), **described(a.folder)} for a in shown]

    def selection(self) -> list[CardEntry]:
        return [
            pointer(a) | {"stage": a.stage, "rule": a.does, "criteria": a.manifest.settings, **self._rows(a), "counts": counts(a)}
            for a in self.tables.values()
            if a.role in SELECTING
        ]

    def _rows(self, artefact: Artefact) -> dict[str, Any]:
        came = next((inner for inner in self._inputs(artefact) if inner.is_table), None)
        parts = self.subject.lineage.over(artefact, "parts").values()
        joined = sum(int(part.facts.get("rows", 0)) for part in parts)
        return {"rows_in": joined or (came.facts.get("rows") if came else None), "rows_out": artefact.facts.get("rows")}

    def _inputs(self, artefact: Artefact) -> Iterable[Artefact]:
        return self.subject.lineage.inputs(artefact).values()

    def synthesis(self) -> list[CardEntry]:
        return [self._synthesis(a) for a in self.tables.values() if a.role in ("writing", "search")]

    def _synthesis(self, artefact: Artefact) -> CardEntry:
        settings, facts = artefact.manifest.settings, artefact.facts
        writers = {name: value for name, value in settings.items() if isinstance(value, dict) and "model" in value}
        prompts = {name: text for name, text in settings.items() if "prompt" in name and text}
        checks = self._after(artefact)
        own = {name: facts[name] for name in ("right", "disagreed") if name in facts}
        quality = [f"{check.does} ({_counted(check)})" for check in checks]
        quality += [f"checked while it was written: {', '.join(f'{n:,} {name}' for name, n in own.items())}"] if own else []
        return pointer(artefact) | {
            "stage": artefact.stage, "method": artefact.does, "prompts": prompts, "writers": writers, "quality": quality,
            "settings": {n: v for n, v in settings.items() if n not in prompts and n not in writers},
            "calls": {name: facts[name] for name in ("requests", "tokens", "usd", "shown") if name in facts},
            "models": sorted({str(writer["model"]) for writer in writers.values()}), "rows": facts.get("rows"),
            "also": {check.path: check.manifest.digest for check in checks},
        }  # fmt: skip

    def _after(self, artefact: Artefact) -> list[Artefact]:
        """The selections that this artefact's rows went through."""
        behind, reached = [], {artefact.path}
        for other in self.tables.values():  # inputs first
            if reached & set(other.manifest.inputs.values()):
                reached.add(other.path)
                behind += [other] if other.role in SELECTING else []
        return behind

    def long_thoughts(self) -> list[CardEntry]:
        """How the last training of the subject came by long thoughts; nothing where it saw only short solutions."""
        last = self.subject.trainings[-1:]
        used = [a for training in last for a in training.data]
        return [self._thought(a) for a in used if a.manifest.long_thoughts]

    def _thought(self, artefact: Artefact) -> CardEntry:
        kept, settings = self._after(artefact), artefact.manifest.settings
        plain = {name: value for name, value in settings.items() if not isinstance(value, dict) and "prompt" not in name}
        return pointer(artefact) | {
            "method": artefact.does, "settings": plain,
            "kept": [f"{check.does} ({_counted(check)})" for check in kept],
            "also": {check.path: check.manifest.digest for check in kept},
        }  # fmt: skip

    def gone(self) -> list[str]:
        """What a model was made of and is no longer there."""
        return list(dict.fromkeys(path for arm in self.arms for path in arm.untold))

    def unknown(self) -> list[str]:
        return sorted({artefact.stage for artefact in self.tables.values() if not artefact.role})


def _counted(artefact: Artefact) -> str:
    return in_words(artefact) or f"{artefact.facts.get('rows', 0):,} rows kept"


def _front(name: str, entries: dict[str, list[CardEntry]]) -> "DatasetCardData":
    """The header of a dataset card; a configuration for every table that was trained on."""
    from huggingface_hub import DatasetCardData

    trained = [entry for entry in entries["distributions"] if entry["used"]]
    tags = ["o1exp", "reasoning"] + (["synthetic"] if entries["synthesis"] else []) + (["long-thought"] if entries["long_thoughts"] else [])
    return DatasetCardData(
        pretty_name=f"Training data of {name}", **licence([entry["licence"] for entry in entries["sources"]]),
        task_categories=["text-generation"], tags=tags, size_categories=[size_category(sum(e.get("rows", 0) for e in trained))],
        configs=[
            {"config_name": _config(entry), "data_files": [{"split": "train", "path": f"{ARTEFACTS}/{entry['artefact']}/{ROWS}"}]}
            for entry in trained
        ],
        dataset_info=[
            {
                "config_name": _config(entry), "features": [{"name": n, "dtype": t} for n, t in entry.get("columns", {}).items()],
                "splits": [{"name": "train", "num_examples": entry.get("rows", 0)}],
            }
            for entry in trained
        ],
    )  # fmt: skip


def _config(entry: CardEntry) -> str:
    stage, key = entry["artefact"].split("/")
    return f"{stage}-{key[:8]}"
