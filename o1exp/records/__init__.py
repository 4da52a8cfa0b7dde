"""The nouns that rooms share, tables of them, and the rows of people's JSON files."""

from o1exp.records.draft import Draft, DraftStep
from o1exp.records.nouns import Attempt, Completion, Example, Pair, Problem, Score, Usage
from o1exp.records.table import Table
from o1exp.records.tree import Node

__all__ = ["Attempt", "Completion", "Draft", "DraftStep", "Example", "Node", "Pair", "Problem", "Score", "Table", "Usage"]
