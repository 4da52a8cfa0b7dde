"""What can follow on an unfinished command line, from the folders of options and the kept facts: no Hydra, no class is imported."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path

from o1exp.config import catalogue, spine
from o1exp.config.facts import Facts

FLAGS = {
    "--help": (), "--multirun": (), "--config-dir": (), "--config-name": (), "--package": (), "--resolve": (), "--hydra-help": (),
    "--cfg": ("job", "hydra", "all"), "--completion": ("bash", "zsh"), "--info": ("all", "config", "defaults", "defaults-tree", "plugins"),
}  # fmt: skip
"""What takes one of a few words has them behind it."""
LAUNCHERS = ("basic", "joblib")


def completions(line: str) -> list[str]:
    """The words that the last one of the line can become; a word that goes on ends with one of = . [ , or /."""
    words = line.split(" ")
    current, before = words[-1].lstrip("'\""), [word.strip("'\"") for word in words[1:-1] if word]
    places = spine.places(before)
    found = _Completion(places, before).of(current)
    return sorted({word for word in found if word.startswith(current)})


class _Completion:
    """Completion behind the words that stand already."""

    def __init__(self, places: Sequence[Path], words: Sequence[str]) -> None:
        self._places, self._words = places, words
        self._nodes = spine.nodes(places[0])

    def of(self, current: str) -> Iterator[str]:
        last = self._words[-1] if self._words else ""
        if "--help" in self._words or "-h" in self._words:
            yield from self._pages()
        elif last in ("--config-name", "-cn"):
            yield from (path.stem for place in self._places[1:] for path in place.glob("*.yaml"))
        elif current.startswith("-"):
            yield from FLAGS
        elif FLAGS.get(last):
            yield from FLAGS[last]
        else:
            sign = current[: len(current) - len(current.lstrip("+~"))]
            yield from (sign + word for word in self._overrides(current[len(sign) :]))

    def _pages(self) -> Iterator[str]:
        yield from (node.name for node in self._nodes)
        yield from (f"{group}/{name}" for group in spine.groups(self._places) for name in spine.options(self._places, group))

    def _overrides(self, current: str) -> Iterator[str]:
        key, equals, value = current.partition("=")
        if equals:
            yield from (f"{key}={word}" for word in self._values(key, value))
        elif "." in key:
            yield from self._settings(key)
        else:
            yield from (
                f"{choice}=" for choice in (spine.EXPERIMENT, *(node.choice for node in self._nodes), "hydra/launcher", "hydra/sweeper")
            )
            yield from (f"{setting.name}=" for setting in fields(spine.Run))
            yield from (f"{node.name}." for node in self._nodes)

    def _settings(self, key: str) -> Iterator[str]:
        for path, known in self._at(key.partition(".")[0]):
            if not key.startswith(f"{path}."):
                yield f"{path}."
            elif known is not None:
                yield from (f"{path}.{setting.name}=" for setting in known.settings)

    def _at(self, name: str) -> Iterator[tuple[str, Facts | None]]:
        """The options at a node by their paths (think, or bench.gsm8k and bench.math500), with the facts about their classes."""
        for node in self._nodes:
            if node.name == name:
                files = spine.options(self._places, node.group)
                for option in self._chosen(node):
                    target = spine.target_of(files[option], node.group) if option in files else None
                    yield f"{name}.{option}" if isinstance(node.option, list) else name, _facts(target)

    def _chosen(self, node: spine.Node) -> list[str]:
        """The options at the node: by the words, by the experiment that they name, or by the spine."""
        given = [word.partition("=")[2] for word in self._words if word.startswith(f"{node.choice}=")]
        return _names(given[-1]) if given else self._of_experiment(node) or _listed(node.option)

    def _of_experiment(self, node: spine.Node) -> list[str]:
        known = spine.options(self._places, spine.EXPERIMENT)
        names = [word.partition("=")[2] for word in self._words if word.startswith(f"{spine.EXPERIMENT}=")]
        for entry in spine.body(known[names[-1]]).get("defaults", []) if names and names[-1] in known else []:
            if isinstance(entry, dict) and f"override /{node.choice}" in entry:
                return _listed(entry[f"override /{node.choice}"])
        return []

    def _values(self, key: str, value: str) -> Iterator[str]:
        node = next((node for node in self._nodes if node.choice == key), None)
        start = value[: max(value.rfind(","), value.rfind("[")) + 1]  # what stands in a list or a sweep before the last value
        if node is not None and isinstance(node.option, list) and not start:
            start = "["
        yield from (start + word for word in self._words_for(key, node))

    def _words_for(self, key: str, node: spine.Node | None) -> Iterator[str]:
        if node is not None or key == spine.EXPERIMENT:
            yield from spine.options(self._places, node.group if node else key)
        elif key == "hydra/launcher":
            yield from (*LAUNCHERS, *spine.options(self._places, key))
        elif key == "hydra/sweeper":
            yield from spine.options(self._places, key)
        elif key == "goal":
            yield from (path for at in self._nodes for path, known in self._at(at.name) if known is None or known.stage)
        elif key in spine.CHOICES:
            yield from spine.CHOICES[key]
        else:
            path, _, name = key.rpartition(".")
            known = [found for at, found in self._at(path.partition(".")[0]) if at == path and found]
            declared = [setting for found in known for setting in found.settings if setting.name == name]
            yield from (word for setting in declared for word in setting.choices or (("true", "false") if setting.kind == "bool" else ()))


def _facts(target: str | None) -> Facts | None:
    try:
        return catalogue.facts(target) if target else None
    except ValueError:  # a class that cannot be imported is said when it is chosen
        return None


def _names(value: str) -> list[str]:
    return re.findall(r"[\w./\-]+", value)


def _listed(option: str | list[str]) -> list[str]:
    return [option] if isinstance(option, str) else [str(name) for name in option]


def replies(line: str, breaks: str) -> list[str]:
    """The completions as bash takes them: without what stands before the last of its word breaks, and a blank behind a finished word."""
    current = line.split(" ")[-1]
    marks = "" if current.startswith(("'", '"')) else breaks  # a quoted word is whole
    typed = max((current.rfind(mark) for mark in marks if not mark.isspace() and mark not in "'\""), default=-1) + 1
    return [word[typed:] + ("" if _goes_on(word) else " ") for word in completions(line)]


def _goes_on(word: str) -> bool:
    return word.endswith(("=", ".", "[", ",", "/")) or "=[" in word


SCRIPTS = {
    "bash": """_o1exp() {
    local word
    COMPREPLY=()
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <("$1" --complete "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null)
}
complete -o nospace -o default -F _o1exp o1exp
""",
    "zsh": """#compdef o1exp
_o1exp() {
    local -a found goes_on
    found=(${(f)"$(${words[1]} --complete "$LBUFFER" 2>/dev/null)"})
    goes_on=(${(M)found:#(*[=.,/\\[]|*=\\[*)})
    found=(${found:|goes_on})
    (( ${#found} )) && compadd -Q -- $found
    (( ${#goes_on} )) && compadd -Q -S '' -- $goes_on
    (( ${#found} + ${#goes_on} )) || { compset -P '*='; _files }
}
compdef _o1exp o1exp
""",
}
"""What `o1exp --completion SHELL` prints: eval it, or put it where the shell keeps completions."""
