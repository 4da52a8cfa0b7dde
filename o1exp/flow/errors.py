"""What can end a run early, each with its exit code."""


class RunError(Exception):
    """A run ends early; `code` is the process's exit code."""

    code = 1


class StageFailed(RunError):
    """A stage raised. The message names the stage, the cause and what is kept."""


class BudgetSpent(RunError):
    """The next request could pass the budget; everything paid for is kept."""

    code = 3


class Stopped(RunError):
    """The user interrupted; the next run goes on from here."""

    code = 130


class Damaged(RunError, ValueError):
    """An artefact on disk is not what was made. The message names the file and the remedy."""


class Unwritable(RunError):
    """The disk is full or read-only. The message names the folder; everything finished is kept."""
