"""Solutions whose steps people or programs have labelled, and thoughts that people wrote down: files of several forms as one noun."""

from o1exp.records.labelled.read import FORMS, labelled
from o1exp.records.labelled.steps import Labelled, Step

__all__ = ["FORMS", "Labelled", "Step", "labelled"]
