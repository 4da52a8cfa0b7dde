"""The console script. Help and completion need no Hydra, so nothing is imported before it is known what is asked."""

import sys


def main() -> None:
    """The console script. Exit codes: 0 done, 1 failed, 2 wrong config, 3 budget, 130 interrupted."""
    words = sys.argv[1:]
    if {"--help", "-h"} & set(words):
        from o1exp.config.help import help_text
        from o1exp.config.spine import conf_dir

        print(help_text(conf_dir()), end="")
        sys.exit(0)
    from o1exp.app.job import launched

    sys.exit(launched())


if __name__ == "__main__":
    main()
