"""What a wrong configuration ends in."""


class ConfigError(ValueError):
    """The configuration is wrong; one line per mistake, each naming key, value and remedy."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(mistakes))
