"""What a run showed: scores with their certainty, one HTML page, tables, MLflow."""

from o1exp.bench.summary import BenchmarkScore
from o1exp.report.page import Page, Report
from o1exp.report.record import RunRecord
from o1exp.report.result import Outcome, Result
from o1exp.report.track import StudyHandle, Tracking

__all__ = ["BenchmarkScore", "Outcome", "Page", "Report", "Result", "RunRecord", "StudyHandle", "Tracking"]
