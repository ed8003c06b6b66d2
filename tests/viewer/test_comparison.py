"""The page of a comparison, as `katydid compare --html` writes it: rows on an axis, pairs, curves, and what else changed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from browser import Browser, Page, browsing
from page import run_in

import versus
from shown import put, watched

NAME = "<img src=x onerror=alert(1)>"
#: Texts of the rows of a table but for its axis.
ROWS = "[...document.querySelectorAll('{} tbody tr:not(.scale)')].map(row => [...row.cells].map(cell => cell.innerText.trim()))"
IDS = "[...document.querySelectorAll('main section')].map(section => section.id)"
#: What is written of outcomes that are not written as they are called.
WORDS = {"worse": "WORSE", "not_compared": "not compared"}

Made = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as found:
        yield found


@pytest.fixture(scope="module")
def written(katydid: str, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run that is compared with itself: three phases, and nothing changed."""
    folder = tmp_path_factory.mktemp("compared")
    for name in ("before", "after"):
        shutil.copytree(root / "tests/fixtures/run-1.4", folder / name)
    done = subprocess.run(
        [katydid, "compare", "before", "after", "--html", "x.html"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return folder / "x.html"


def hostile() -> versus.Data:
    page = versus.page()
    told = page["comparison"]
    told |= {"reason": NAME, "primary": NAME, "notes": [NAME], "dropped": [NAME]}
    for of in told["changes"]:
        of |= {"endpoint": of["endpoint"] and f"GET {NAME}", "phase": of["phase"] and NAME}
    for side in ("before", "after"):
        told[side]["label"] = NAME
        told[side]["runs"][0]["id"] = NAME
    page["texts"] |= {
        "design": NAME,
        "counts": [NAME],
        "findings": [{"word": NAME, "names": [NAME]}],
    }
    return page


def odd() -> versus.Data:
    """What is judged first is a load, of one run each; all else has no interval, or no value."""
    page = versus.page()
    told = page["comparison"]
    told["verdict"] = "SINGLE RUN"
    told["changes"] = [
        versus.change(None, "capacity", 157.0, 180.0, "indicative", primary=True, phase=None),
        versus.change(None, "p95", None, None, "not_compared"),
        versus.change("GET /a", "p95", 4.0, 0.0, "better"),
        versus.change("GET /a", "bad", None, None, "not_compared"),
    ]
    page["texts"]["tone"] = "plain"
    page["curves"] = {
        "before": [versus.curve(300, 0.3)],
        "after": [{"id": "a", "t_s": [0.5], "p95": [None], "rps": [1.0]}],
    }
    return page


@pytest.fixture
def show(browser: Browser, written: Path) -> Iterator[Made]:
    """Opens the page with this in it."""
    kinds: dict[str, Callable[[], Any]] = {
        "pairs": versus.page, "empty": versus.empty, "hostile": hostile, "odd": odd,
    }  # fmt: skip
    with watched(browser) as opened:

        def made(kind: str, width: int = 1280, **media: str) -> Page:
            path = written.with_name(f"{kind}.html")
            path.write_text(put(written.read_text(), kinds[kind]()))
            return opened(path, width, **media)

        yield made


def number(value: float | None) -> str:
    """As the page writes ms."""
    if value is None:
        return "–"
    size = abs(value)
    places = 3 - sum(size >= limit for limit in (0.0995, 9.995, 99.95))
    return f"{value:,.{places}f}" if size else "0"


@pytest.mark.parametrize("made", [versus.page, versus.empty, odd])
def test_made_up_comparisons_are_what_the_schema_promises(
    made: Callable[[], versus.Data], root: Path
) -> None:
    schema = root / "docs/schema/comparison.schema.json"
    jsonschema.validate(made()["comparison"], json.loads(schema.read_text()))


def test_the_written_page_has_a_row_for_each_endpoint(browser: Browser, written: Path) -> None:
    found = run_in(written)
    told = found["comparison"]
    with watched(browser) as opened:
        page = opened(written)
        assert page.js("document.title").startswith("SINGLE RUN: before → after")
        assert (
            page.js("document.querySelector('.verdict').innerText")
            == told["verdict"]
            == "SINGLE RUN"
        )
        assert page.js("document.querySelector('.who').innerText").startswith("one run each")
        phases = page.js("[...document.querySelectorAll('#changes h3')].map(one => one.innerText)")
        changes = [of for of in told["changes"] if of["measure"] == "p95" or of["primary"]]
        assert set(phases) == {of["phase"] for of in changes} and len(phases) == 3
        rows = page.js(ROWS.format("#changes"))
        assert len(rows) == len(changes)
        assert rows[0][0] == "all requests judged first"
        wanted = [of for phase in phases for of in changes if of["phase"] == phase]
        for row, of in zip(rows, wanted, strict=True):
            assert row[0].startswith(of["endpoint"] or "all requests")
            assert row[1:3] == [number(of["before"]), number(of["after"])]
            assert row[5] == WORDS.get(of["outcome"], of["outcome"])
        # Both sides over time: all requests of the phase that is compared.
        for side in ("before", "after"):
            (run,) = found["curves"][side]
            assert (
                len(run["t_s"]) == len(run["p95"]) == len(run["rps"]) > 2 and 0 <= run["t_s"][0] < 5
            )
        assert page.js("document.querySelectorAll('#curves figure').length") == 2


def test_rows_stand_on_one_axis(show: Made) -> None:
    page = show("pairs")
    told = versus.comparison()
    rows = page.js(ROWS.format("#changes"))
    changes = [of for of in told["changes"] if of["measure"] == "p95"]
    assert rows[0][:3] == ["GET /dashboard judged first", "412", "138"]
    assert rows[0][3].split("\n") == ["−67 %", "−71 … −61 %"] and rows[0][5] == "better"
    assert [row[5] for row in rows] == [WORDS.get(of["outcome"], of["outcome"]) for of in changes]
    assert rows[5] == ["GET /new", "–", "11.2", "–", "", "not compared"]
    # Middle of each dot and ends of its line, as shares of the width; what has no interval has no picture.
    place = (
        "[...document.querySelectorAll('#changes tbody tr:not(.scale)')].map(row => { const of = (one, name) => "
        "parseFloat(row.querySelector(one)?.getAttribute(name)); return [of('circle', 'cx'), of('line:not(.zero)', 'x1'), "
        "of('line:not(.zero)', 'x2'), of('line.zero', 'x1'), of('.noise', 'x'), row.querySelectorAll('svg svg').length] })"
    )
    places = page.js(place)
    assert places[5][0] is None
    for (dot, low, high, zero, noise, tips), of in zip(places, changes, strict=True):
        if of["change"] is None:
            continue
        assert low <= dot <= high and noise < zero
        assert (dot < zero) == (of["change"] < 0) and (high < zero) == (of["high"] < 0)
        # An interval that has no room ends in a tip.
        assert tips == (1 if low == 0 else 0) + (1 if high == 100 else 0)
    assert places[4][5] >= 1 and len({zero for *_, zero, _, _ in places if zero}) == 1
    # Open where nothing can be said: no colour is needed.
    paper = page.js("getComputedStyle(document.body).backgroundColor")
    fills = page.js(
        "[...document.querySelectorAll('#changes circle')].map(one => getComputedStyle(one).fill)"
    )
    drawn = [of for of in changes if of["change"] is not None]
    assert [fill == paper for fill in fills] == [of["outcome"] == "unclear" for of in drawn]


def test_the_head_says_what_and_how(show: Made) -> None:
    page = show("pairs")
    told = versus.comparison()
    assert page.js("document.querySelector('.verdict').className") == "verdict bad"
    assert told["reason"] in page.js("document.querySelector('.reason').innerText")
    assert page.js("document.querySelector('.who').innerText").startswith("5 pairs, interleaved")
    figures = page.js("[...document.querySelectorAll('.figures dd')].map(dd => dd.innerText)")
    assert figures == ["412 ms", "138 ms", "−67 %", "−71 … −61 %"]
    sides = page.js("[...document.querySelectorAll('.sides > div')].map(one => one.innerText)")
    for text, side in zip(sides, (told["before"], told["after"]), strict=True):
        assert side["label"] in text and all(run["id"] in text for run in side["runs"])
        assert text.count("does not count") == 1
    assert page.js(IDS) == ["changes", "pairs", "curves", "counts", "findings", "others", "notes"]


def test_pair_by_pair(show: Made) -> None:
    page = show("pairs")
    rows = page.js(ROWS.format("#pairs"))
    assert rows[0] == ["1", "433 ms", "146 ms", "−66 %", ""] and len(rows) == len(versus.PAIRS)
    places = page.js(
        "[...document.querySelectorAll('#pairs tbody tr:not(.scale)')].map(row => ['.before', '.after'].map(one => parseFloat(row.querySelector(one).getAttribute('cx'))))"  # noqa: E501
    )
    # Values are in proportion, on one axis for all.
    (b1, a1), (before, after) = places[0], versus.PAIRS[0]
    scale = (b1 - a1) / (before - after)
    for (b, a), pair in zip(places, versus.PAIRS, strict=True):
        assert b == pytest.approx(b1 + (pair[0] - before) * scale, abs=0.05)
        assert a == pytest.approx(b1 + (pair[1] - before) * scale, abs=0.05)


def test_other_measures_counts_findings_and_notes(show: Made) -> None:
    page = show("pairs")
    details = "document.querySelector('#others details')"
    assert page.js(f"{details}.open") is False
    page.js(f"{details}.open = true")
    rows = {row[1]: row for row in page.js(ROWS.format("#others"))}
    assert rows["memory of the target"][2:5] == ["hold", "180 MiB", "260 MiB"]
    assert rows["memory of the target"][6] == "WORSE"
    assert rows["failed"][3:6] == ["0.10 %", "1.2 %", "+1.1 points\n+0.4 … +2.0 points"]
    assert rows["processor time of the target per request"][3:5] == ["6.90 ms", "6.60 ms"]
    assert rows["answered requests"][3:5] == ["91.7/s", "91.9/s"]
    assert rows["greatest load that keeps the objectives"][2:5] == ["whole run", "157/s", "180/s"]
    assert len(rows) == 6
    text = page.js("document.getElementById('counts').innerText")
    assert "51.0 → 2.00 queries per request (exact)" in text and text.endswith(
        "763 blocks per request (exact) WORSE"
    )
    text = page.js("document.getElementById('findings').innerText")
    assert "resolved: N+1 queries" in text and "remaining: Missing index" in text
    text = page.js("document.getElementById('notes').innerText")
    assert (
        "Does not count: 20261130-160103-shop: the generator was late." in text
        and "GET /new" in text
    )


def test_runs_are_drawn_over_each_other(show: Made) -> None:
    page = show("pairs")
    page.js("document.getElementById('curves').scrollIntoView()")
    page.until("document.querySelectorAll('#curves canvas').length === 2")
    names = page.js(
        "[...document.querySelectorAll('[data-chart=p95] .legend button')].map(one => one.innerText)"
    )
    assert names == [f"{side} {i}" for side in ("before", "after") for i in range(1, 6)]
    # The sides differ without a colour.
    dashed = page.js(
        "[...document.querySelectorAll('[data-chart=p95] .swatch')].map(one => one.classList.contains('dashed'))"
    )
    assert dashed == [True] * 5 + [False] * 5
    # Values of all runs stand at one instant.
    values = "[...document.querySelectorAll('[data-chart=p95] .value')].map(one => one.textContent)"
    page.js("document.querySelector('[data-chart=p95] .plot').focus()")
    page.key("ArrowRight")
    page.until(f"{values}[0] !== '–'")
    assert all(value.endswith(" ms") for value in page.js(values))


def test_a_comparison_of_which_nothing_came(show: Made) -> None:
    page = show("empty")
    assert page.js(IDS) == []
    text = page.js("document.querySelector('main').innerText")
    assert "INVALID" in text and "no run of one side counts" in text
    assert not re.search(r"NaN|Infinity|undefined|null", text)


def test_what_has_no_interval_is_shown_all_the_same(show: Made) -> None:
    page = show("odd")
    rows = page.js(ROWS.format("#changes"))
    assert rows[0] == [
        "greatest load that keeps the objectives judged first",
        "157/s",
        "180/s",
        "+15 %",
        "",
        "indicative",
    ]
    assert rows[1][1:] == ["–", "–", "–", "", "not compared"]
    assert rows[2] == ["GET /a", "4.00", "0", "−100 %", "", "better"]
    html = page.js("document.querySelector('main').innerHTML")
    assert not re.search(r"NaN|Infinity|undefined|>null<", html)
    assert page.js("document.getElementById('pairs')") is None


def test_names_in_a_comparison_stay_texts(show: Made) -> None:
    page = show("hostile")
    assert page.js("document.querySelectorAll('img, [onerror]').length") == 0
    assert page.js("document.scripts.length") == 2
    assert page.js("document.querySelector('main').textContent").count(NAME) >= 15


@pytest.mark.parametrize("width", [390, 700, 1200])
def test_a_comparison_does_not_scroll_sideways(show: Made, width: int) -> None:
    page = show("pairs", width, prefers_color_scheme="dark")
    page.js("document.querySelector('#others details').open = true")
    assert page.js("document.scrollingElement.scrollWidth") <= width
    # Phases have tables of their own, whose axes are below each other.
    lefts = page.js(
        "[...document.querySelectorAll('#changes .scale svg')].map(one => Math.round(one.getBoundingClientRect().left))"
    )
    assert len(lefts) == 2 and len(set(lefts)) == 1


def test_a_comparison_on_paper(show: Made) -> None:
    page = show("pairs", prefers_color_scheme="dark")
    page.js("dispatchEvent(new Event('beforeprint'))")
    assert page.js("document.querySelectorAll('details:not([open])').length") == 0
    assert page.js("document.querySelectorAll('#curves canvas').length") == 2
    page.call("Emulation.setEmulatedMedia", media="print")
    page.resize(703, 1000)
    wide = "[...document.querySelectorAll('table, figure, dl')].filter(one => one.scrollWidth > 703).length"
    assert page.js(wide) == 0
