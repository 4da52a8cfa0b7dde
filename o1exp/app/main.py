"""The console script. Help and completion need no Hydra, so nothing is imported before it is known what is asked."""

import sys

from o1exp import print_any_letter


def main() -> None:
    """The console script. Exit codes: 0 done, 1 failed, 2 wrong config, 3 budget, 130 interrupted."""
    print_any_letter()
    words = sys.argv[1:]
    if {"--help", "-h"} & set(words):
        sys.exit(_help(words))
    if words[:1] in (["--complete"], ["--completion"]):
        sys.exit(_completion(words[0], words[1:]))
    from o1exp.app.job import launched

    sys.exit(launched())


def _completion(flag: str, words: list[str]) -> int:
    """The script for a shell, or what it asks for: the line so far, and bash's word breaks."""
    from o1exp.config.complete import SCRIPTS, completions, replies

    if flag == "--complete":
        found = replies(*words[:2]) if len(words) > 1 else completions("".join(words))
        print("".join(f"{word}\n" for word in found), end="")
        return 0
    if words[:1] == [] or words[0] not in SCRIPTS:
        print(f"--completion: name the shell, {' or '.join(SCRIPTS)}", file=sys.stderr)
        return 2
    print(SCRIPTS[words[0]], end="")
    return 0


def _help(words: list[str]) -> int:
    """The whole help, or that of each node or option named beside --help."""
    from o1exp.config.help import help_text
    from o1exp.config.spine import flags, missing, places

    if absent := missing(words):
        print("\n".join(absent), file=sys.stderr)
        return 2
    folders = places(words)
    named = list(flags(words, "--config-dir", "-cd"))
    subjects = [word for word in words if not word.startswith("-") and word not in named]
    try:
        if subjects:
            from o1exp.config.describe import described

            print("\n\n\n".join(described(subject, folders) for subject in subjects))
        else:
            print(help_text(folders[0]), end="")
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, has seen enough
        sys.stdout = None
    except ValueError as wrong:
        print(wrong, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    main()
