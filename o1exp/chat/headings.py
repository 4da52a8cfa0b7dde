"""Lines that head the parts of a prompt. The searches write their prompts with them, and a program that plays the model reads them."""

PROBLEM = "Problem:"
STEPS = "Steps so far:"
STEP = "Step to judge:"
CRITICISM = "Criticism of other tries at this step:"
TRACE = "What happened so far:"
DRAFT = "Draft:"
LOST = "Steps that your text lost:"
NEXT, REST = "Write the next step.", "Write all steps that are left."
JUDGE, CRITIC = "Judge the step.", "Say whether to continue or to backtrack."
ACTIONS, REWRITE = "Choose what to do next.", "Rewrite the draft."

HEADINGS = frozenset({PROBLEM, STEPS, STEP, CRITICISM, TRACE, DRAFT, LOST})
TASKS = (NEXT, REST, JUDGE, CRITIC, ACTIONS, REWRITE)
"""Lines that say what is asked for; the text behind one explains it."""


def sections(text: str) -> dict[str, str]:
    """What stands below each heading, or each line that says the task, up to the next one."""
    found: dict[str, list[str]] = {}
    below: list[str] = []
    for line in text.splitlines():
        if line in HEADINGS or line in TASKS:
            below = found.setdefault(line, [])
        else:
            below.append(line)
    return {heading: "\n".join(lines).strip() for heading, lines in found.items()}
