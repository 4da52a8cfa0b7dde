"""Second opinions that disagree are listed on the page."""

from pathlib import Path

from o1exp.flow import Store
from o1exp.report.page import Report
from o1exp.thoughts.verify import Rejection
from tests.planted import Planted, graded, held_out
from tests.thoughts.parts import Given, Thoughts


def test_the_page_lists_where_a_second_opinion_disagrees(tmp_path: Path) -> None:
    texts = ("p1:so \\boxed{2}", "p2:then we have $4$ and that makes <b>5</b> pears")
    kept = Rejection(thoughts=Thoughts(texts=texts), problems=Given(), second="math_verify")
    goal = Report(arms={"run": graded(Planted(problems=held_out(), skill=0.5, after=kept))})
    store = Store(tmp_path)
    store.make([goal])
    page = (store.folder(goal) / "index.html").read_text()
    assert ">Second opinions</h2>" in page
    assert "it disagrees on 1 of 1 verdicts" in page
    row = page[page.index('<td class="arm">p2#0</td>') :]
    assert row.startswith('<td class="arm">p2#0</td><td class="arm">4</td>')
    assert row.index('<td class="wrong">wrong</td>') < row.index('<td class="right">right</td>') < row.index("</tr>")
