"""The report's page in a real browser: what it shows, what keys and pointer do, what it must not do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from browser import Browser, Page, browsing
from page import run_in

import causes
import runs
from shown import watched

NAMES = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "\"'><svg onload=alert(1)>",
)
#: Text of a row's cells, of rows that a selector finds.
CELLS = (
    "[...document.querySelectorAll({!r})].map(row => [...row.cells].map(cell => cell.innerText))"
)
#: The instant under the cursor, or what is zoomed in on.
AT = "document.querySelector('.at').textContent"
CHARTS = "document.querySelectorAll('.plot canvas').length"
#: Parts of an endpoint's time, as they are drawn.
PARTS = ("before", "pool", "database", "cache", "services", "rest")
#: Of each bar its width, and of its pieces what they are, how long, and where.
BARS = (
    "[...document.querySelectorAll('#splits .split')].map(bar => [bar.getBoundingClientRect().width, [...bar.children]"
    ".map(one => [one.className, one.getBoundingClientRect().width, one.offsetLeft])])"
)

Made = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as found:
        yield found


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Pages of runs, each made once."""
    folder = tmp_path_factory.mktemp("pages")
    kinds = {
        "shop": runs.shop,
        "probed": runs.probed,
        "large": runs.large,
        "empty": runs.empty,
        "hostile": hostile,
        "traced": traced,
        "uncached": uncached,
    }
    return runs.pages(folder, kinds)


@pytest.fixture
def show(browser: Browser, files: Callable[[str], Path]) -> Iterator[Made]:
    """Opens a page by its name."""
    with watched(browser) as opened:
        yield lambda kind, width=1280, **media: opened(files(kind), width, **media)


def hostile() -> runs.Data:
    run: runs.Data = runs.shop()
    summary = run["summary"]
    for name in NAMES:
        summary["endpoints"].append(runs.endpoint("GET", name, 10, 1, 1.0, 2.0, 120.0))
        run["view"]["endpoints"].append(runs.endpoint_view(summary["endpoints"][-1], 120.0))
        summary["failures"].append(summary["failures"][0] | {"name": name, "text": name})
        summary["notes"].append(name)
    postgres = summary["target"][1]
    postgres["tables"][0]["rows"] += [[name, *[1] * 6] for name in NAMES]
    postgres["tables"][0]["title"] = NAMES[0]
    run["view"]["target"][1]["charts"][0]["lines"][0]["name"] = NAMES[0]
    for span, name in zip(run["view"]["traces"][0]["spans"], NAMES, strict=False):
        span |= {"name": name, "text": name, "service": name}
    first = summary["findings"]["findings"][0]
    for name in NAMES:
        named: runs.Data = dict.fromkeys(("title", "what", "advice", "check", "basis"), name)
        named |= {"endpoints": [name], "fixes": [{"in": name, "text": name}]}
        summary["findings"]["suspected"].append(first | named)
        by_command = [{"name": name, "per_request": 1.0}]
        more = {
            "by_command": by_command,
            "beside": causes.beside(name, 1.0, 2.0),
            "ever": [{"text": f"{name}!", "calls": 1.0}],
        }
        asked = causes.probed(name, name, causes.asked(name, 1, 1, 1, 1.0), **more)
        summary["probe"]["endpoints"].append(asked)
        summary["splits"].append(causes.split(name, 2.0, 1.0, name))
        summary["little"].append(summary["little"][0] | {"what": name, "phase": name})
    return run


def uncached() -> runs.Data:
    """No cache was watched."""
    run: runs.Data = runs.shop()
    for of in run["summary"]["probe"]["endpoints"]:
        of |= dict.fromkeys(("commands", "hits", "misses", "new_keys"))
    return run


def traced() -> runs.Data:
    """As many traces with as many spans as are kept."""
    run: runs.Data = runs.shop()
    odd = run["view"]["traces"][2]
    assert len(odd["spans"]) == 200
    run["view"]["traces"] = [odd | {"id": f"{i:032x}"} for i in range(50)]
    return run


def centre(page: Page, selector: str) -> tuple[float, float, float]:
    """Left edge, middle and width of an element that has been scrolled to."""
    figure = f"document.querySelector({selector!r}.split(' ')[0])"
    page.js(f"{figure}.scrollIntoView({{block: 'center'}})")
    page.until(f"document.querySelector({selector!r}) !== null")
    page.until(f"document.querySelector({selector!r}).getBoundingClientRect().top < innerHeight")
    box = page.js(f"document.querySelector({selector!r}).getBoundingClientRect().toJSON()")
    return box["left"], box["top"] + box["height"] / 2, box["width"]


def over(chart: str) -> str:
    return f"[data-chart={chart}] .u-over"


def near(value: float | None) -> Any:
    """Equals a number as it is written: to three places, or two, one, none where it is larger."""
    if value is None:
        return None
    places = 3 - sum(abs(value) >= limit for limit in (0.0995, 9.995, 99.95))
    return pytest.approx(value, rel=0, abs=0.501 * 10**-places)


def written(cell: str) -> float | None:
    """The number in a cell; none for a dash."""
    return None if cell == "–" else float(cell.removeprefix("~").replace(",", ""))


@pytest.mark.parametrize("made", [runs.shop, runs.probed, runs.empty])
def test_made_up_runs_are_what_the_schema_promises(made: Callable[[], runs.Data]) -> None:
    schema = runs.ROOT / "docs/schema/summary.schema.json"
    jsonschema.validate(made()["summary"], json.loads(schema.read_text()))


def test_numbers_are_those_of_the_summary(show: Made) -> None:
    page = show("shop")
    summary = runs.shop()["summary"]
    figures = page.js("[...document.querySelectorAll('.figures dd')].map(dd => dd.innerText)")
    assert figures[0] == f"{summary['total']['requests']:,}"
    assert figures[2].startswith(f"{summary['total']['failures']:,}")
    rows = page.js(CELLS.format("#endpoints tr.opens"))
    counts = {row[0].strip(): row[1] for row in rows}
    for e in summary["endpoints"]:
        name = f"{e['method'] or 'flow'} {e['name']}"
        assert counts.pop(name) == f"{e['requests']:,}"
    assert counts == {}
    objectives = page.js(CELLS.format("#objectives tbody tr"))
    assert [row[0] for row in objectives] == [slo["outcome"].upper() for slo in summary["slos"]]
    failures = page.js(CELLS.format("#failures tbody tr"))
    assert [row[3] for row in failures] == [failure["text"] for failure in summary["failures"]]


def test_every_section_is_there(show: Made) -> None:
    page = show("shop")
    found = page.js("[...document.querySelectorAll('main section')].map(section => section.id)")
    for wanted in (
        "objectives", "load", "drifts", "endpoints", "phases", "events", "failures", "responses",
        "findings", "splits", "probe", "exceptions", "slowest", "traces", "generator", "little", "plan", "machine", "marks",
        "notes", "method",
    ):  # fmt: skip
        assert wanted in found, wanted
    assert "spike" in page.js("document.getElementById('phases').innerText")


def test_a_run_of_which_nothing_was_kept(show: Made) -> None:
    text = show("empty").js("document.querySelector('main').innerText")
    assert "INCOMPLETE" in text and not re.search(r"NaN|Infinity|undefined|null", text)


def test_an_opened_endpoint_says_what_its_responses_said(show: Made) -> None:
    page = show("shop")
    page.js("document.querySelector('#endpoints tr.opens').focus()")
    page.key("Enter")
    page.until("document.querySelector('.opened .histogram rect') !== null")
    hints = page.js(CELLS.format(".hints tbody tr"))
    assert hints[0] == ["Server-Timing db", "12,000", ">99 %", "1.27"]
    assert hints[1][3] == "–"


def test_findings_come_first_and_say_what_to_do(show: Made) -> None:
    page = show("shop")
    assert page.js("document.querySelector('main section').id") == "findings"
    said = "[...document.querySelectorAll('#findings > .findings > li')].map(one => one.innerText)"
    first, second = page.js(said)
    for text in (
        "N+1 queries", "GET /orders?page=[n]", "strong, by probe + statements", "Cost: 14.2 of 24.0 ms per request; 12 % of the time",
        "Fix: Load what belongs to all rows with one query.", "Check: GET /orders?page=[n] should need 1 such query", "CPU bound",
    ):  # fmt: skip
        assert text in first, text
    assert "Missing index" in second
    # Evidence opens, with the number from which the rule speaks.
    page.js("document.querySelector('#findings .finding summary').focus()")
    page.key("Enter")
    page.until("document.querySelector('#findings .finding details').open")
    rows = page.js(CELLS.format("#findings .finding:first-child tbody tr"))
    assert rows[0] == ["probe of 41 requests", "calls per request", "20", "5"]
    assert rows[2][1:3] == ["6.1 % of the time of its statements, hold", "0.089 s"]
    # What is to be typed is there as it is, and one press takes it along.
    fix = "document.querySelectorAll('#findings > .findings > li')[1].querySelector('.fixes {}')"
    assert page.js(f"{fix.format('pre')}.textContent") == causes.DDL
    page.js(f"{fix.format('button')}.click()")
    page.until(f"['Copied', 'Marked'].includes({fix.format('button')}.textContent)")
    # What only one signal says stands apart, closed, and is not counted among them.
    apart = "document.querySelector('#findings > details')"
    assert page.js(f"{apart}.open") is False
    assert page.js(f"{apart}.querySelector('summary').innerText").endswith("one signal only: 1")
    page.js(f"{apart}.open = true")
    assert "suspected, by sessions" in page.js(f"{apart}.querySelector('.suspected').innerText")
    text = page.js("document.getElementById('findings').innerText")
    assert "Ruled out: Row lock contention (0 sessions" in text
    assert "Not observed: how long each call took" in text


def test_one_request_opens_to_its_queries(show: Made) -> None:
    page = show("shop")
    section = "document.getElementById('probe')"
    rows = {row[0].strip(): row[1:] for row in page.js(CELLS.format("#probe tbody tr"))}
    heads = page.js(f"[...{section}.querySelectorAll('thead tr:last-child th')].map(one => one.innerText)")  # fmt: skip
    assert heads == [
        "Endpoint", "Asked", "Failed", "first", "then", "8 at once",
        "queries", "rows", "blocks", "ms", "commands", "misses", "new keys",
    ]  # fmt: skip
    assert rows["GET /orders?page=[n]"] == ["41", "0", "36.4", "20.7", "125", "21", "41", "868", "1.84", "1", "0", "0"]  # fmt: skip
    assert rows["GET /dashboard"][5:] == ["0.30", "0.30", "317", "0.47", "2.15", "0.15", "-0.03"]
    # What nobody counted is not zero, and has nothing to open.
    assert rows["GET /healthz"] == ["20", "0", "1.20", "0.43", *["–"] * 8]
    assert page.js(f"{section}.querySelectorAll('tr.opens').length") == 4
    text = page.js(f"{section}.innerText")
    assert "taken off: 2.01/s SELECT id FROM jobs" in text and "0.02/s" not in text
    # By queries, and the first one opens by keys.
    page.js(f"[...{section}.querySelectorAll('.sort')].find(one => one.innerText === 'queries').click()")  # fmt: skip
    assert "/orders?page=[n]" in page.js(f"{section}.querySelector('tbody tr').innerText")
    page.js(f"{section}.querySelector('tbody tr').focus()")
    page.key("Enter")
    page.until(f"{section}.querySelector('.queries') !== null")
    assert page.js(f"{section}.querySelector('tbody tr').getAttribute('aria-expanded')") == "true"
    queries = page.js(CELLS.format("#probe .queries tbody tr"))
    assert queries[0] == ["1", causes.LIST, "21", "808", "1.56", ""]
    assert queries[1] == ["20\n0 to 20", causes.ITEM, "1", "3", "0.014", "1"]
    opened = page.js(f"{section}.querySelector('.opened').innerText")
    assert "queries of the first request: 23" in opened and "commands of the cache: 1 GET" in opened
    page.key("Enter")
    page.until(f"{section}.querySelector('.queries') === null")


def test_many_at_once_and_other_users_stand_below_a_request(show: Made) -> None:
    page = show("shop")
    rows = "[...document.querySelectorAll('#probe tr.{}')]"
    notes = page.js(f"{rows.format('note')}.map(row => row.innerText)")
    orders, dashboard = causes.probe()["endpoints"][1:3]
    beside, other = orders["beside"], orders["other"]
    assert notes == [
        f"{beside['endpoint']} takes {beside['beside_ms']:.1f} ms beside {orders['together']} such requests ({beside['alone_ms']} alone)"
        f" · {other['same']} of {other['tries']} other users got the same response, with {other['queries']:.0f} queries each",
        "3 of 3 other users got the same response, without a query",
    ]  # fmt: skip
    noted = page.js(f"{rows.format('noted')}.map(row => row.cells[0].innerText.trim())")
    assert noted == ["GET /orders?page=[n]", "GET /dashboard"]
    page.js(f"{rows.format('opens')}.forEach(row => row.click())")
    opened = page.js(f"{rows.format('more')}.map(row => row.innerText)")
    login, first, second, _ = opened
    # What is opened comes after the line.
    assert page.js("document.querySelectorAll('#probe tr.note + tr.more').length") == 2
    of_8 = "8 such requests at once: the slowest took"
    assert f"{of_8} 128 ms; all got the same response; 0.98 processors in use (0.79 by one alone)" in first  # fmt: skip
    assert "first request only" not in first and "keys it looked for" not in first
    # Too short for its processor time to be counted.
    assert f"{of_8} 22.2 ms; responses differed" in second and "processors" not in second
    assert "keys it looked for: 1.85 found, 0.15 not" in second
    assert "1 per request when many are made at once · each call makes the request 3.10 ms longer" in second  # fmt: skip
    # What a cold cache asked for.
    ever = page.js(CELLS.format("#probe .first tbody tr"))
    assert ever == [["1", causes.TENANT]] and dashboard["ever"][1]["text"] == causes.TENANT
    # Where nothing was tried nothing is said.
    assert not re.search("at once|other user|processors|keys it", login)


def test_of_a_cache_that_was_not_watched_there_are_no_columns(show: Made) -> None:
    heads = show("uncached").js("[...document.querySelectorAll('#probe > .scroll thead th')].map(one => one.innerText)")  # fmt: skip
    assert "queries" in heads and "8 at once" in heads
    assert not {"cache", "commands", "misses", "new keys"} & set(heads)


def test_the_time_of_an_endpoint_is_split(show: Made) -> None:
    page = show("shop")
    splits = causes.splits()
    heads = page.js("[...document.querySelectorAll('#splits th')].map(one => one.innerText)")
    assert heads == ["Endpoint", "all", *PARTS]
    rows = page.js(CELLS.format("#splits tbody tr"))
    for row, of in zip(rows, splits, strict=True):
        assert row[0].split("\n")[0].startswith(of["endpoint"]) and of["source"] in row[0]
        numbers = [of["mean_ms"], *(of[f"{part}_ms"] for part in PARTS)]
        assert [written(cell) for cell in row[1:]] == [near(number) for number in numbers]
        # What is inferred says so, and only that.
        assert [cell[0] == "~" for cell in row[1:]] == [part == "database" and of["inferred"] for part in ("all", *PARTS)]  # fmt: skip
    # Lengths are in proportion, on one scale for all.
    lengths = [[max(of[f"{part}_ms"] or 0.0, 0.0) for part in PARTS] for of in splits]
    scale = max(map(sum, lengths))
    for (width, pieces), of, parts in zip(page.js(BARS), splits, lengths, strict=True):
        drawn = {name.split()[1]: length for name, length, _ in pieces if name.startswith("part")}
        assert drawn == {
            part: pytest.approx(ms / scale * width, abs=0.1) for part, ms in zip(PARTS, parts, strict=True) if ms > 0
        }  # fmt: skip
        assert [name for name, *_ in pieces if "inferred" in name] == ["part database inferred"] * of["inferred"]  # fmt: skip
        # Where parts add up to more than there is, a line says where the request ends.
        ends = [left for name, _, left in pieces if name == "end"]
        over = sum(parts) > of["mean_ms"] + 0.1
        assert ends == [pytest.approx(of["mean_ms"] / scale * width, abs=1.5)] * over
    # Readers aloud have the numbers; the picture is for the others.
    assert page.js("document.querySelectorAll('#splits .split:not([aria-hidden])').length") == 0
    legend = page.js("[...document.querySelectorAll('#splits .parts b')].map(one => one.innerText)")
    assert legend == list(PARTS)
    text = page.js("document.getElementById('splits').innerText")
    assert "mean of a request from send" in text and "is inferred" in text
    assert "A line in a bar is where the request ends" in text and "Not seen" not in text


def test_what_nobody_saw_is_no_part(show: Made) -> None:
    page = show("probed")
    heads = page.js("[...document.querySelectorAll('#splits th')].map(one => one.innerText)")
    assert heads == ["Endpoint", "all", "database", "rest"]
    text = page.js("document.getElementById('splits').innerText")
    assert "median of a request made alone" in text
    unseen = "Not seen, so in the rest: the time until the service began with it; the time until it had a connection to a database; "
    assert f"{unseen}cache; other services that it calls." in text
    assert page.js("document.querySelectorAll('#splits .end').length") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_parts_can_be_told_apart(show: Made, scheme: str) -> None:
    page = show("shop", 700, prefers_color_scheme=scheme)
    background = "getComputedStyle({}).backgroundColor"
    keys = "[...document.querySelectorAll('#splits .parts .part')]"
    colours = page.js(f"{keys}.map(one => {background.format('one')})")
    paper = page.js(background.format("document.body"))
    assert len({*colours, paper}) == len(PARTS) + 1
    scrolls = "[...document.querySelectorAll('#splits .scroll, #little .scroll')].filter(one => one.scrollWidth > one.clientWidth).length"
    assert page.js(scrolls) == 0 and page.js("document.scrollingElement.scrollWidth") <= 700


def test_littles_law_is_told_of_what_was_counted(show: Made) -> None:
    rows = show("shop").js(CELLS.format("#little tbody tr"))
    for row, of in zip(rows, causes.little(), strict=True):
        assert row[:2] == [of["what"], of["phase"] or "whole run"]
        numbers = [of[name] for name in ("counted", "looks", "computed")]
        assert [written(cell) for cell in row[2:]] == [near(number) for number in numbers]


def test_of_what_was_not_told_there_is_no_section(show: Made) -> None:
    there = "['splits', 'little', 'probe'].filter(id => document.getElementById(id) !== null)"
    assert show("empty").js(there) == []
    assert show("probed").js(there) == ["splits", "probe"]


def test_of_a_probe_the_page_shows_its_requests_right_after_the_findings(show: Made) -> None:
    ids = "[...document.querySelectorAll('main section')].map(section => section.id)"
    page = show("probed")
    assert page.js(ids)[:3] == ["findings", "probe", "splits"]
    assert "one request at a time" in page.js("document.querySelector('.who').innerText")
    of_load = show("shop").js(ids)
    assert of_load[:2] == ["findings", "splits"]
    assert of_load[of_load.index("endpoints") + 1] == "probe"


def test_texts_of_others_stay_texts(show: Made) -> None:
    page = show("hostile")
    page.js("document.querySelectorAll('#probe tr.opens').forEach(row => row.click())")
    assert page.js("document.querySelectorAll('img, svg[onload], [onerror]').length") == 0
    assert page.js("document.scripts.length") == 2
    text = page.js("document.querySelector('main').textContent")
    assert all(text.count(name) >= 15 for name in NAMES)
    policy = page.js("document.querySelector('meta[http-equiv=Content-Security-Policy]').content")
    assert "default-src 'none'" in policy and "script-src 'sha256-" in policy
    # It holds: a script that is not the viewer's does not run.
    page.js("document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))")  # fmt: skip
    assert page.js("window.ran") is None
    refused = page.events("Log.entryAdded")
    assert len(refused) == 1 and "Content Security Policy" in refused[0]["entry"]["text"]
    page._browser.events = [e for e in page._browser.events if e.get("method") != "Log.entryAdded"]


def test_zoom_is_of_all_charts_until_escape(show: Made) -> None:
    page = show("shop")
    left, middle, width = centre(page, over("rps"))
    page.mouse("Moved", left + width * 0.25, middle)
    page.mouse("Pressed", left + width * 0.25, middle)
    for share in (0.3, 0.4, 0.5):
        page.mouse("Moved", left + width * share, middle)
    page.mouse("Released", left + width * 0.5, middle)
    page.until("!document.querySelector('.reset').hidden")
    page.mouse("Moved", 5, 5)
    page.until(f"{AT}.includes(' to ')")
    assert re.match(r"(29|30)(\.\d)? s to (59(\.\d)? s|1:0[01])$", page.js(AT))
    for chart in ("latency", "users"):
        left, middle, width = centre(page, over(chart))
        page.mouse("Moved", left + width * 0.5, middle)
        page.until(f"{AT}.match(/^at 4[45]/)")
        page.mouse("Moved", 5, 5)
        page.until(f"{AT}.includes(' to ')")
    page.key("Escape")
    page.until("document.querySelector('.reset').hidden")
    left, middle, width = centre(page, over("latency"))
    page.mouse("Moved", left + width * 0.5, middle)
    page.until(f"{AT}.match(/^at (59|1:0)/)")


def test_the_cursor_shows_values_in_other_charts(show: Made) -> None:
    page = show("shop")
    other = "document.querySelector('[data-chart=latency] .value').textContent"
    assert page.js(other) == "–"
    left, middle, width = centre(page, over("rps"))
    page.mouse("Moved", left + width * 0.5, middle)
    page.until(f"{other} !== '–'")
    assert page.js(other).endswith(" ms")


def test_the_phase_is_of_all_tables(show: Made) -> None:
    page = show("shop")
    calls = "document.querySelector('[data-table=statements] tbody tr').cells[1].innerText"
    rows = "document.querySelectorAll('#endpoints tbody tr').length"
    assert page.js(calls) == "21,000"
    before = page.js(rows)
    page.js("{ const s = document.getElementById('phase'); s.value = 'hold'; s.dispatchEvent(new Event('change')) }")  # fmt: skip
    page.until(f"{calls} === '14,000'")
    assert page.js(rows) < before


def test_a_statement_opens(show: Made) -> None:
    page = show("shop")
    code = "document.querySelector('.statement code')"
    assert "\n" not in page.js(f"{code}.textContent")
    assert page.js(f"{code}.scrollWidth > {code}.clientWidth")
    page.js("document.querySelector('.statement').click()")
    assert "\n" in page.js(f"{code}.textContent")


def test_a_slow_request_opens_as_a_trace(show: Made) -> None:
    page = show("shop")
    summaries = "[...document.querySelectorAll('.trace > summary')].map(one => one.innerText)"
    first, second, third = page.js(summaries)
    assert "1,502 ms" in first and "503 Service Unavailable" in first
    # The first is open: the client's wait and request, and the tree below.
    lines = "[...document.querySelectorAll('.trace[open] .line')].map(one => one.innerText.replace(/\\s+/g, ' ').trim())"
    found = page.js(lines)
    assert found[0] == "POST /orders from due, as katydid saw it 1,502 ms"
    assert found[1] == "failed POST /orders shop 1,398 ms"
    assert "payments" in found[4]
    # Fifty equal calls are one line, which leaps to the eye.
    assert "52 database calls" in second
    page.js("document.querySelectorAll('.trace')[1].querySelector('summary').focus()")
    page.key("Enter")
    page.until("document.querySelectorAll('.trace')[1].querySelector('.waterfall') !== null")
    found = page.js(lines.replace(".trace[open]", ".trace:nth-child(2)"))
    (many,) = [line for line in found if "50 ×" in line]
    assert many.startswith("50 × SELECT … FROM order_items WHERE") and many.endswith("ms in all")
    assert len(found) == 6
    # Keys open it: the statement, and each of the calls.
    page.js("document.querySelector('.trace:nth-child(2) .times').closest('summary').focus()")
    page.key("Enter")
    page.until("document.querySelectorAll('.trace:nth-child(2) .each .line').length === 50")
    statement = "document.querySelector('.trace:nth-child(2) details[open] pre').textContent"
    assert page.js(statement).startswith("SELECT id, product_id, quantity FROM order_items")
    how = "document.querySelector('.trace:nth-child({}) .times').closest('details').innerText"
    assert "One after the other" in page.js(how.format(2))
    # What was asked side by side is not said to have waited.
    assert "4 database calls, 11.0 ms (0.73 %)" in first
    page.js("document.querySelector('.trace:nth-child(1) .times').closest('details').open = true")
    page.until(f"{how.format(1)}.includes('In part side by side')")
    # One that is odd in every way is drawn all the same.
    page.js("document.querySelectorAll('.trace')[2].open = true")
    page.until("document.querySelectorAll('.trace')[2].querySelectorAll('.beam').length >= 200")
    assert "1,204 more spans" in page.js("document.querySelectorAll('.trace')[2].innerText")
    sizes = page.js("[...document.querySelectorAll('.beam')].map(one => one.style.width)")
    assert all(re.fullmatch(r"[\d.]+(e-\d+)?%", size) for size in sizes if size)
    # Names that are cut can be read in full without a pointer.
    long = "[...document.querySelectorAll('.trace:nth-child(3) details.span')].find(one => one.innerText.includes('without a'))"
    page.js(f"{long}.open = true")
    page.until(f"{long}.querySelector('p').innerText.includes('rather long · shop')")
    assert page.js("document.querySelectorAll('.beam.failed').length") >= 1
    # The slowest requests lead to theirs.
    page.js("document.querySelectorAll('.trace')[0].open = false")
    page.js("document.querySelector('#slowest td a').click()")
    assert page.js("document.querySelectorAll('.trace')[0].open")


def test_many_traces_are_built_when_they_are_opened(show: Made) -> None:
    page = show("traced")
    print(f"loaded in {page.loaded_s:.2f} s")
    assert page.js("document.querySelectorAll('.trace').length") == 50
    lines = "document.querySelectorAll('.trace .line').length"
    assert page.js(lines) == 201
    page.js("document.querySelectorAll('.trace')[49].open = true")
    page.until(f"{lines} === 402")


def test_traces_are_those_of_the_chosen_phase(show: Made) -> None:
    page = show("shop")
    choose = "phase.value = {!r}; phase.dispatchEvent(new Event('change'))"
    for phase, count in (("hold", 1), ("ramp", 0), ("", 3)):
        page.js(choose.format(phase))
        assert page.js("document.querySelectorAll('.trace:not([hidden])').length") == count
    # One that was asked for is shown, whatever the phase.
    page.js(choose.format("ramp"))
    page.js("document.querySelector('#slowest td a').click()")
    assert page.js("document.querySelectorAll('.trace:not([hidden])[open]').length") == 1


def test_the_generator_has_charts_of_its_own(show: Made) -> None:
    page = show("shop")
    ids = "[...document.querySelectorAll('#generator [data-chart]')].map(one => one.dataset.chart)"
    assert page.js(ids) == ["cpu", "cpu.hub", "late", "in_flight"]


def test_light_and_dark(show: Made) -> None:
    page = show("shop", prefers_color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.js(paper)
    page.js("localStorage.clear()")
    page.key("t")
    page.until("document.querySelector('.theme').textContent === 'Theme: light'")
    assert page.js(paper) != dark
    page.key("t")
    assert page.js(paper) == dark
    page.js("localStorage.clear()")


def test_keys_reach_sections(show: Made) -> None:
    page = show("shop")
    names = page.js("[...document.querySelectorAll('main section')].map(section => section.id)")
    seen = []
    for _ in names:
        page.key("j")
        seen.append(page.until("document.activeElement.id"))
    assert seen == names
    page.key("k")
    page.until(f"document.activeElement.id === {names[-2]!r}")
    page.key("/")
    page.until("document.activeElement.id === 'filter'")


@pytest.mark.parametrize("kind", ["shop", "probed", "hostile", "empty"])
def test_a_phone_does_not_scroll_sideways(show: Made, kind: str) -> None:
    page = show(kind, 390)
    assert page.js("document.scrollingElement.scrollWidth") <= 390
    page.js("document.querySelectorAll('#endpoints tr.opens, #probe tr.opens').forEach(row => row.click())")  # fmt: skip
    page.js("document.querySelectorAll('#findings details').forEach(one => { one.open = true })")
    assert page.js("document.scrollingElement.scrollWidth") <= 390


def test_a_large_page_draws_what_is_looked_at(show: Made) -> None:
    page = show("large")
    print(f"loaded in {page.loaded_s:.2f} s")
    page.js("document.getElementById('load').scrollIntoView()")
    page.until(f"{CHARTS} > 0")
    first = page.js(CHARTS)
    assert page.js("document.querySelectorAll('.plot').length") == 88 and first < 20
    page.js("document.getElementById('source-2').scrollIntoView()")
    page.until(f"{CHARTS} > {first}")
    assert page.js(CHARTS) < 60


def test_paper_has_all_charts_and_is_light(show: Made) -> None:
    page = show("shop", prefers_color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.js(paper)
    page.js("document.querySelectorAll('.trace')[1].open = true")
    page.until("document.querySelector('.trace:nth-child(2) .times') !== null")
    page.js("document.querySelectorAll('#probe tr.opens').forEach(row => row.click())")
    page.js("dispatchEvent(new Event('beforeprint'))")
    assert page.js(CHARTS) == page.js("document.querySelectorAll('.plot').length")
    assert page.js(paper) != dark
    # All that can be opened is open, of the traces those that were; each of many equal calls is not.
    assert page.js("document.querySelectorAll('details:not([open], .trace)').length") == 0
    assert page.js("[...document.querySelectorAll('.trace')].map(one => one.open)") == [True, True, False]  # fmt: skip
    page.call("Emulation.setEmulatedMedia", media="print")
    hidden = "getComputedStyle(document.querySelector('.trace:nth-child(2) .each')).display"
    assert page.js(hidden) == "none"
    # Wide tables are not cut off: A4 has 186 mm of room.
    page.resize(703, 1000)
    wide = "[...document.querySelectorAll('table, figure, .line, pre')].filter(one => one.scrollWidth > 703).length"
    assert page.js(wide) == 0
    page.call("Emulation.setEmulatedMedia", media="")
    page.js("dispatchEvent(new Event('afterprint'))")
    assert page.js("document.querySelectorAll('.trace .span[open]').length") == 0


def test_a_legend_tells_long_names_apart(show: Made) -> None:
    page = show("shop")
    legend = "[...document.querySelectorAll('[data-chart=statements] .legend button')]"
    names = page.js(f"{legend}.map(one => one.querySelector('.name').textContent)")
    assert len(set(names)) == len(names) == 8
    assert all(len(name) <= 22 for name in names)
    assert all(table[:8] in name for name, table in zip(names, runs.TABLES, strict=True))
    # All of it is there for keys and readers aloud.
    assert page.js(f"{legend}[1].getAttribute('aria-label')").endswith("ORDER BY id")
    full = f"{legend}[1].querySelector('.full')"
    assert page.js(f"getComputedStyle({full}).display") == "none"
    page.js(f"{legend}[1].focus()")
    assert page.js(f"getComputedStyle({full}).display") == "block"
    # Short names stay as they are.
    assert page.js("document.querySelectorAll('[data-chart=rps] .full').length") == 0


def test_a_limit_is_said_beside_the_title(show: Made) -> None:
    page = show("shop")
    said = "[...document.querySelectorAll('figcaption .limit')].map(one => one.textContent)"
    host, postgres = ["limit 200 %", "limit 7.69 GiB"], ["limit 20 sessions"]
    process, generator = ["limit 1 cores", "limit 10 connections"], ["limit 100 %"]
    assert page.js(said) == [*host, *postgres, *process, *generator]


def test_what_is_in_the_page_is_the_run(files: Callable[[str], Path]) -> None:
    embedded, wanted = run_in(files("shop"))["summary"]["run"], runs.shop()["summary"]["run"]
    assert embedded | wanted == embedded
