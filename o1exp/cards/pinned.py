"""Which version of a model or of data a run began with: a content, a commit, or whatever a branch was on the day."""

from o1exp.cards.card import CardEntry
from o1exp.flow.revision import moving
from o1exp.history.lineage import Artefact


def pinned(artefact: Artefact) -> CardEntry:
    """`pinned` in words, "" for what was made here; `moving` is the remark where another run may find something else."""
    settings, commit = artefact.manifest.settings, str(artefact.facts.get("commit", ""))
    if settings.get("sha256"):
        return {"pinned": f"sha256 {settings['sha256']}", "moving": ""}
    if "revision" not in settings:
        return {"pinned": "", "moving": ""}
    said = moving(str(settings["revision"]), commit)
    return {"pinned": said or str(settings["revision"]), "moving": said}
