"""Find the answer in a text, normalise it, compare it with the gold answer, vote."""

from o1exp.answers.grade import Verdict, grade
from o1exp.answers.vote import majority

__all__ = ["Verdict", "grade", "majority"]
