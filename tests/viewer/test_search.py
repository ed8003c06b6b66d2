"""The search in the report's page: a picture of its steps, its answer, and the steps as a table."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import jsonschema
import pytest
from browser import Browser, Page, browsing

import runs
import searches
from shown import watched

NAME = "<img src=x onerror=alert(1)>"
#: Of each point its shapes, its place, and what is said of it.
POINTS = (
    "[...document.querySelectorAll('svg.scatter .step')].map(one => [[...one.children].map(part => part.getAttribute('class')),"
    " ...one.getAttribute('transform').match(/[\\d.]+/g).map(Number), one.querySelector('title').textContent])"
)
ROWS = "[...document.querySelectorAll('#search tbody tr')].map(row => [...row.cells].map(cell => cell.textContent))"
SAID = "[...document.querySelectorAll('svg.scatter text.said')].map(one => one.textContent)"
#: How high the line of what is allowed is.
ALLOWED = "Number(document.querySelector('svg.scatter path.allowed').getAttribute('d').match(/ ([\\d.]+)H/)[1])"

Made = Callable[..., Page]


def with_search(search: runs.Data) -> runs.Data:
    run = runs.searched()
    run["summary"]["search"] = search
    return run


def hostile() -> runs.Data:
    search = searches.found() | {"answer": NAME, "remarks": [NAME], "unit": NAME}
    search["objectives"][0]["text"] = NAME
    for step in search["steps"]:
        step |= {"phase": f"{step['purpose']} {NAME}", "in_use": {"text": NAME, "share": 0.5}}
    return with_search(search)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as found:
        yield found


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Pages of searches, each made once."""
    folder = tmp_path_factory.mktemp("searches")
    kinds = {
        "found": runs.searched,
        "noisy": lambda: with_search(searches.noisy()),
        "nothing": lambda: with_search(searches.nothing()),
        "hostile": hostile,
        "none": runs.shop,
    }
    return runs.pages(folder, kinds)


@pytest.fixture
def show(browser: Browser, files: Callable[[str], Path]) -> Iterator[Made]:
    """Opens a page by its name."""
    with watched(browser) as opened:
        yield lambda kind, width=1280, **media: opened(files(kind), width, **media)


@pytest.mark.parametrize("made", [searches.found, searches.noisy, searches.nothing])
def test_made_up_searches_are_what_the_schema_promises(made: Callable[[], runs.Data]) -> None:
    schema = runs.ROOT / "docs/schema/summary.schema.json"
    jsonschema.validate(with_search(made())["summary"], json.loads(schema.read_text()))


def test_a_search_comes_first_and_has_its_answer(show: Made) -> None:
    page = show("found")
    assert page.js("document.querySelector('main section').id") == "search"
    assert page.js("document.querySelector('.reason').innerText") == searches.ANSWER
    assert page.js("document.querySelector('.verdict').className") == "verdict good"
    text = page.js("document.getElementById('search').innerText")
    assert all(remark in text for remark in searches.found()["remarks"])
    # It is said once, and to readers aloud with the picture.
    assert searches.ANSWER not in text
    picture = "document.querySelector('svg.scatter')"
    assert page.js(f"{picture}.getAttribute('role')") == "img"
    assert page.js(f"{picture}.getAttribute('aria-label')").startswith(searches.ANSWER)
    assert page.js(SAID) == ["157 arrivals/s (153 to 161)", "153 was held"]
    # The knee is left of the answer.
    lines = "document.querySelectorAll('.scatter path.knee, .scatter path.height')"
    places = f"[...{lines}].map(line => line.getBoundingClientRect().x)"
    knee, height = page.js(places)
    assert 0 < knee < height
    assert page.js("document.getElementById('objectives')") is None


def test_each_step_that_counts_is_a_point(show: Made) -> None:
    page = show("found")
    search = searches.found()
    drawn = [step for step in search["steps"] if step["counts"] and step["purpose"] != "calm"]
    points = page.js(POINTS)
    assert len(points) == len(drawn)
    budget = search["objectives"][0]["budget"]
    allowed = page.js(ALLOWED)
    order = ["coarse", "fine", "confirm"]
    drawn.sort(key=lambda step: order.index(step["purpose"]))
    places = []
    for step, (shapes, x, y, said) in zip(drawn, points, strict=True):
        # Shapes say what it was for, without a colour.
        assert shapes[:1] == [step["purpose"]] and ("cut" in shapes) == step["cut"]
        assert said.startswith(f"{step['purpose']}, ") and "db connections" in said
        (bad,) = step["bad"]
        assert (y < allowed) == (bad > budget), step
        places.append((step["height"], x, bad, y))
    # Heights are in proportion; shares are on a logarithmic axis, and nothing is below all of them.
    (h1, x1, *_), (h2, x2, *_) = places[0], places[4]
    for height, x, *_ in places:
        assert x == pytest.approx(x1 + (height - h1) * (x2 - x1) / (h2 - h1), abs=0.2)
    some = sorted((bad, y) for *_, bad, y in places if bad > 0)
    (b1, y1), (b2, y2) = some[0], some[-1]
    for bad, y in some:
        share = math.log(bad / b1) / math.log(b2 / b1)
        assert y == pytest.approx(y1 + share * (y2 - y1), abs=0.2)
    assert {y for *_, bad, y in places if bad == 0} == {max(y for *_, y in places)}
    # The band is the interval, and the line in it the answer.
    band = page.js(
        "['x', 'width'].map(of => Number(document.querySelector('rect.interval').getAttribute(of)))"
    )
    per = (x2 - x1) / (h2 - h1)
    assert band[1] == pytest.approx((search["high"] - search["low"]) * per, abs=0.2)
    line = page.js("document.querySelector('svg.scatter .height').getAttribute('d')")
    assert float(line[1:].split()[0]) - band[0] == pytest.approx(
        (search["height"] - search["low"]) * per, abs=0.2
    )


def test_the_steps_are_a_table_that_opens(show: Made) -> None:
    page = show("found")
    details = "document.querySelector('#search > details')"
    assert page.js(f"{details}.open") is False
    page.js(f"{details}.querySelector('summary').focus()")
    page.key("Enter")
    page.until(f"{details}.open")
    rows = page.js(ROWS)
    assert len(rows) == len(searches.found()["steps"])
    assert rows[0] == ["coarse 1", "5", "15 s", "0 %", "db connections 0 of 20 (3.1 %)"]
    assert rows[4] == [
        "coarse 5 ended early",
        "224",
        "9.5 s",
        "93 %",
        "db connections 20 of 20 (100 %)",
    ]
    assert rows[5] == ["calm 1 ended early", "20", "14 s", "11 %", ""]
    assert rows[-2][0] == "fine 9 does not count"
    assert rows[-1][:4] == ["confirm 1", "153", "3 min 4 s", "3.1 %"]
    # What is more than is allowed is bold, without a colour too.
    bold = page.js("[...document.querySelectorAll('#search tbody b')].map(one => one.textContent)")
    assert bold == ["6.1 %", "93 %", "11 %", "9.4 %", "12 %", "31 %"]


def test_without_a_number_there_is_a_band(show: Made) -> None:
    page = show("noisy")
    text = page.js("document.getElementById('search').innerText")
    assert searches.noisy()["answer"] in text and "Bad requests by load: errors < 1%" in text
    assert page.js(SAID) == ["between 40 and 80 arrivals/s"]
    assert page.js("document.querySelectorAll('svg.scatter :is(.height, .held)').length") == 0
    # Of two objectives the one that breaks is drawn; what came to nothing is all bad, what nobody asked for is no point.
    points = page.js(POINTS)
    assert [said.split(": ")[1].split(" bad")[0] for *_, said in points] == ["0 %", "30 %", "100 %"]
    assert page.js(ROWS)[2][3:] == ["–", "–", ""]


def test_without_steps_there_is_the_answer(show: Made) -> None:
    page = show("nothing")
    text = page.js("document.getElementById('search').innerText")
    assert "The time was over." in text and not re.search(r"NaN|Infinity|undefined|null", text)
    assert page.js("document.querySelectorAll('#search :is(figure, details)').length") == 0
    assert show("none").js("document.getElementById('search')") is None


def test_names_in_a_search_stay_texts(show: Made) -> None:
    page = show("hostile")
    assert page.js("document.querySelectorAll('img, [onerror]').length") == 0
    assert page.js("document.getElementById('search').textContent").count(NAME) >= 15


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_points_can_be_told_from_the_paper(show: Made, scheme: str) -> None:
    page = show("found", 700, prefers_color_scheme=scheme)
    style = "getComputedStyle(document.querySelector('svg.scatter .{}')).{}"
    paper = page.js("getComputedStyle(document.body).backgroundColor")
    parts = (
        ("coarse", "stroke"),
        ("fine", "fill"),
        ("confirm", "fill"),
        ("height", "stroke"),
        ("cut", "stroke"),
    )
    colours = {page.js(style.format(*part)) for part in parts}
    assert paper not in colours and len(colours) == len(parts)


@pytest.mark.parametrize("width", [390, 700])
def test_the_picture_is_as_wide_as_there_is_room(show: Made, width: int) -> None:
    page = show("found", width)
    page.js("document.querySelector('#search > details').open = true")
    assert page.js("document.scrollingElement.scrollWidth") <= width
    # Its letters keep their size.
    page.until(
        "document.querySelector('svg.scatter').viewBox.baseVal.width === document.querySelector('svg.scatter').clientWidth"
    )
    inside = "[...document.querySelectorAll('svg.scatter text')].every(one => { const box = one.getBBox(); return box.x >= 0 && box.x + box.width <= innerWidth })"  # noqa: E501
    assert page.js(inside)
