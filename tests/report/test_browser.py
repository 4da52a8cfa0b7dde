"""The page in a real browser: on a phone, on paper, without its script and with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from o1exp.history.arms import gather
from o1exp.report.compare import rows
from o1exp.report.page import Report
from o1exp.report.render import PageWords, page
from tests.artefacts import trained_arm
from tests.chat.parts import quiet_store
from tests.planted import PlantedRun, planted_arm
from tests.report.browser import Browser, browser, program

pytestmark = pytest.mark.skipif(program() is None, reason="no Chromium on this machine; apt-get install chromium")
CELLS = "[...document.querySelectorAll('td, th')]"
A4, LETTER = 718, 740
"""Pixels between the margins that Chromium leaves on both papers."""


@pytest.fixture(scope="module")
def driven(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture(scope="module")
def flipped(planted: PlantedRun) -> Path:
    """Two arms with flipped problems and more than five samples."""
    return planted.page / "index.html"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One arm with the tables and curves of two trainings."""
    root = tmp_path_factory.mktemp("trained")
    arms = gather(root, {"an-arm-of-a-long-name-without-a-space": trained_arm(root)})
    file = root / "page.html"
    file.write_text(page(PageWords("Trained", "", "", "", ""), rows(arms), arms, 2))
    return file


WIDER = """[...document.querySelectorAll('main *')].filter(one => one.getBoundingClientRect().right > innerWidth + 1
  && !one.closest('.wide, .funnel, .answers, svg')).map(one => one.tagName + ' ' + one.className + ' ' + one.textContent.slice(0, 40))"""


SCROLLING = """[...document.querySelectorAll('main *')].filter(one => /auto|scroll/.test(getComputedStyle(one).overflow))
  .map(one => one.tagName + ' ' + one.className)"""


@pytest.mark.parametrize("script", [True, False])
def test_a_phone_scrolls_no_page_sideways(driven: Browser, flipped: Path, trained: Path, script: bool) -> None:
    for file in (flipped, trained):
        driven.open(file, width=390, script=script)
        assert driven.value("document.documentElement.scrollWidth") == 390, driven.value(WIDER)


@pytest.mark.parametrize("paper", [A4, LETTER])
def test_paper_holds_every_column(driven: Browser, flipped: Path, trained: Path, paper: int) -> None:
    for file in (flipped, trained):
        driven.open(file)
        driven.media("print", paper)
        lost = f"(edge => {CELLS}.filter(one => one.getBoundingClientRect().right > edge + 1).length)(document.documentElement.clientWidth)"
        assert driven.value(lost) == 0, driven.value(f"{WIDER}")
        hidden = "[...document.querySelectorAll('details:not([open]) > :not(summary)')].filter(one => !one.checkVisibility()).length"
        assert driven.value("document.querySelectorAll('details:not([open])').length") > 0
        assert driven.value(hidden) == 0, "closed details are printed open"
        assert driven.value(SCROLLING) == [], "paper has no bars that scroll: what is below them would be lost"
        driven.media("")


def test_it_prints(driven: Browser, flipped: Path, tmp_path: Path) -> None:
    driven.open(flipped, script=False)
    driven.pdf(tmp_path / "a4.pdf", 8.27, 11.69)
    assert (tmp_path / "a4.pdf").read_bytes().startswith(b"%PDF")


def test_without_its_script_everything_is_there(driven: Browser, flipped: Path) -> None:
    driven.open(flipped, script=False)
    assert driven.value("document.querySelectorAll('.filters').length") == 0
    assert driven.value("document.querySelectorAll('.sample').length") > 25
    assert driven.value("[...document.querySelectorAll('nav.contents a[href^=\"#\"]')].every(a => document.querySelector(a.hash))")


CHOSEN = "[...document.querySelector('.samples').querySelectorAll('.sample')].filter(one => !one.hidden)"
SET = """((name, value) => {
  const field = document.querySelector('.samples .filters ' + name);
  if (field.type === 'checkbox') field.checked = value; else field.value = value;
  field.dispatchEvent(new Event('input'));
})"""


def test_samples_are_filtered(driven: Browser, flipped: Path) -> None:
    driven.open(flipped)
    every = driven.value(f"{CHOSEN}.length")
    driven.value(f"{SET}('select:nth-of-type(2)', 'right to wrong')")
    assert set(driven.value(f"{CHOSEN}.map(one => one.dataset.change)")) <= {"right to wrong"}
    driven.value(f"{SET}('select:nth-of-type(2)', '')")
    driven.value(f"{SET}('input[type=checkbox]', true)")
    assert driven.value(f"{CHOSEN}.length") == every, "of both arms the long one waits"
    driven.value(f"{SET}('input[type=number]', 100000)")
    assert driven.value(f"{CHOSEN}.length") == 0
    assert driven.value("document.querySelector('.samples .filters .note').textContent") == f"0 of {every}"
    driven.value(f"{SET}('input[type=number]', '')")
    driven.value(f"{SET}('input[type=search]', 'no such words anywhere')")
    assert driven.value(f"{CHOSEN}.length") == 0


def test_a_click_sorts_a_table(driven: Browser, flipped: Path) -> None:
    driven.open(flipped)
    column = "[...document.querySelector('table').tBodies[0].rows].map(row => parseFloat(row.cells[1].textContent))"
    for turn in range(2):
        driven.value("document.querySelector('table').tHead.rows[0].cells[1].click()")
        found = driven.value(column)
        assert found == sorted(found, reverse=bool(turn))
    assert driven.value("document.querySelector('table').tHead.rows[0].cells[1].getAttribute('aria-sort')") == "descending"


def test_arms_are_filtered_by_words(driven: Browser, tmp_path: Path) -> None:
    """Rows of every table, answers and the problems that are left with none; all words have to be there, in any order."""
    names = {"thought=tree seed=0": 0.9, "thought=tree seed=1": 0.8, "thought=shortcut seed=0": 0.2}
    goal = Report(arms={name: planted_arm(skill) for name, skill in names.items()}, baseline="thought=shortcut seed=0", samples=3)
    store, _ = quiet_store(tmp_path)
    store.make([goal])
    driven.open(store.folder(goal) / "index.html")
    left = """(words => {
      const field = document.querySelector('header .filters input');
      field.value = words;
      field.dispatchEvent(new Event('input'));
      const shown = what => new Set([...document.querySelectorAll(what)].filter(one => one.checkVisibility()).map(one => one.dataset.arm
        ?? one.querySelector('bdi')?.textContent).filter(Boolean));
      return [[...shown('td.arm')].sort(), [...shown('.answer')].sort()];
    })"""
    assert driven.value(f"{left}('')") == [sorted(names), sorted(names)]
    assert driven.value(f"{left}('SEED=0 tree')") == [["thought=tree seed=0"]] * 2
    assert driven.value(f"{left}('tree')") == [["thought=tree seed=0", "thought=tree seed=1"]] * 2
    assert driven.value(f"{left}('debate')") == [[], []]
    assert driven.value("[...document.querySelectorAll('.sample')].every(one => one.closest('[hidden]'))")
    assert driven.value(f"{left}('')") == [sorted(names), sorted(names)]
