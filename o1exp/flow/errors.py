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
    """An artefact on disk is not what was made: `what` names the file, the message the remedy too."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(f"{what}; {remedy}" if remedy else what)
        self.what = what


class Unwritable(RunError):
    """The disk is full or read-only. The message names the folder; everything finished is kept."""
