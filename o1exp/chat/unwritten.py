"""What is said where answers cannot be kept."""

from o1exp.flow import StageFailed


class Unwritten(StageFailed):
    """The cache takes nothing now: others write, the disk is full, the file is damaged. The message says which, and what to do."""

    @property
    def passing(self) -> bool:
        """May it take something soon?"""
        return any(word in str(self.__cause__) for word in ("locked", "busy", "full", "No space"))


class Unsynced(StageFailed):
    """It was committed, and may be lost should the power fail: writing it again would count it twice."""


class Away(Unwritten):
    """The server with the answers does not answer, or is busy with others."""

    @property
    def passing(self) -> bool:
        return True
