"""Stages, keys, the store, and how a composed config becomes a graph of stages."""

from o1exp.flow.check import Above, AtLeast, Between, Settings, SettingsError, added, how
from o1exp.flow.checkpoint import Checkpoint
from o1exp.flow.errors import BudgetSpent, RunError, StageFailed, Stopped
from o1exp.flow.expect import Expect
from o1exp.flow.machine import Machine
from o1exp.flow.manifest import Manifest
from o1exp.flow.progress import Console
from o1exp.flow.stage import Recipe, Role, Stage, walk
from o1exp.flow.store import Store
from o1exp.flow.work import Work

__all__ = [
    "Above", "AtLeast", "Between", "BudgetSpent", "Checkpoint", "Console", "Expect", "Machine", "Manifest", "Recipe", "Role", "RunError",
    "Settings", "SettingsError", "Stage", "StageFailed", "Stopped", "Store", "Work", "added", "how", "walk",
]  # fmt: skip
