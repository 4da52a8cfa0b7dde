"""Find the answer in a text, normalise it, compare it with the gold answer, vote."""

from o1exp.answers.batch import GoldPair, grade_all
from o1exp.answers.grade import Verdict, grade, grade_answer
from o1exp.answers.vote import classes, majority

__all__ = ["GoldPair", "Verdict", "classes", "grade", "grade_all", "grade_answer", "majority"]
