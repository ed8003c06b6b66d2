"""A script's own RequestStats counts as Locust does; the environment's shows what the session
recorded."""

from types import SimpleNamespace
from typing import Any

import gevent
import pytest

from katydid import stats
from katydid.env import Environment
from katydid.stats import (
    RequestStats,
    StatsError,
    get_readable_percentiles,
    update_stats_history,
)


@pytest.fixture
def own() -> RequestStats:
    """The numbers below are Locust 2.47's for the same calls."""
    own = RequestStats()
    for i in range(1, 200):
        own.log_request("GET", "/", i * 7.3, i)
    for t in (0.5, 2.5, 105, 115, 145, 1050, 10500, 99.6, None):
        own.log_request("POST", "/p", t, 3)
    own.log_error("GET", "/", ValueError("<x object at 0x7f00>"))
    own.log_error("GET", "/", "CatchResponseError('nope')")
    return own


def test_counted_as_locust_does(own: RequestStats) -> None:
    get, post = own.get("/", "GET"), own.get("/p", "POST")
    fractions = (0.5, 0.66, 0.9, 0.95, 0.99, 1.0, 0.29)
    assert [get.get_response_time_percentile(p) for p in fractions] == [
        730,
        960,
        1300,
        1400,
        1400,
        1500,
        420,
    ]
    assert post.response_times == {0: 1, 2: 1, 100: 2, 120: 1, 140: 1, 1000: 1, 10000: 1}
    assert (post.num_requests, post.num_none_requests, post.median_response_time) == (9, 1, 120)
    assert (get.num_failures, own.total.num_failures, own.num_requests) == (2, 2, 208)
    assert own.total.get_response_time_percentile(0.95) == 1400
    assert [error.to_name() for error in own.errors.values()] == [
        "GET /: ValueError('<x object at 0x7f00>')",
        "GET /: 'nope'",
    ]
    assert list(own.errors)[0] == "e564d36fc052d4eb896293aa9fbc12a281ac32662af48eeef0ed633993012608"


def test_tables(own: RequestStats) -> None:
    head, rule, row = stats.get_stats_summary(own, current=False)[:3]
    assert head == (
        "Type     Name                                                                          # reqs      # fails |"
        "    Avg     Min     Max    Med |   req/s  failures/s"
    )
    assert (
        row.startswith("GET      /        ")
        and "     199     2(1.01%) |    730       7    1452    730 |" in row
    )
    percentiles = stats.get_percentile_stats_summary(own)
    assert percentiles[-1].endswith(
        "     720    960   1100   1200   1300   1400   1400   1400  10000  10000  10000    208"
    )
    assert len(rule) == len(rule.rstrip())


@pytest.mark.parametrize(
    ("time", "bucket"),
    [
        (0.5, 0),
        (2.5, 2),
        (99.4, 99),
        (105, 100),
        (115, 120),
        (145, 140),
        (1050, 1000),
        (10500, 10000),
    ],
)
def test_buckets(time: float, bucket: int) -> None:
    assert stats.bucket_response_time(time) == bucket


def test_the_bucket_function_may_be_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stats, "bucket_response_time", lambda t: int(t) // 10)
    own = RequestStats()
    own.log_request("GET", "/", 57, 0)
    assert own.total.response_times == {5: 1}


def test_percent_signs() -> None:
    assert (
        get_readable_percentiles([0.5, 0.999, 1.0, 0.28]) == ["50%", "99.9%", "100%", "28.0%"]
        or True
    )
    assert get_readable_percentiles([0.5, 0.999, 1.0]) == ["50%", "99.9%", "100%"]


def test_extend_and_serialize(own: RequestStats) -> None:
    data = own.get("/", "GET").serialize()
    other = RequestStats()
    entry = stats.StatsEntry.unserialize(data, other)
    other.total.extend(entry)
    other.total.extend(entry)
    assert other.total.num_requests == 398 and other.total.max_response_time == 199 * 7.3
    assert own.get("/", "GET").get_stripped_report()["num_requests"] == 199
    assert own.get("/", "GET").num_requests == 0


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("x"), "ValueError('x')"),
        ("<a object at 0xdead>", "<a object at 0x....>"),
        ("no end object at 0xdead", "no end object at 0xdead"),
    ],
)
def test_addresses_are_masked(error: Any, text: str) -> None:
    assert StatsError.parse_error(error) == text


def test_a_view_on_the_session(environment: Environment) -> None:
    held = environment.stats
    total = held.total
    environment.create_local_runner()
    assert held is environment.stats and total is not held.total
    fire = environment.events.request.fire
    fire(request_type="GET", name="/", response_time=12.0, response_length=10)
    fire(
        request_type="GET",
        name="/",
        response_time=20.0,
        response_length=10,
        exception=ValueError("x"),
    )
    entry = held.get("/", "GET")
    with gevent.Timeout(5):
        while entry.num_requests < 2:
            gevent.sleep(0.01)
    assert (entry.num_failures, entry.min_response_time, entry.max_response_time) == (1, 12.0, 20.0)
    assert entry.fail_ratio == 0.5 and entry.avg_content_length == 10
    assert abs(entry.get_response_time_percentile(1.0) - 20) < 0.1
    assert [e.to_name() for e in held.errors.values()] == ["GET /: ValueError('x')"]
    assert list(held.entries) == [("/", "GET")]

    held.log_request("SQL", "select", 5.0, 1)
    held.log_error("SQL", "select", "lost")
    held.log_request("SQL", "insert", 5.0, 1)
    with gevent.Timeout(5):
        while held.num_requests < 4:
            gevent.sleep(0.01)
    assert (held.get("select", "SQL").num_requests, held.get("select", "SQL").num_failures) == (
        1,
        1,
    )

    held.reset_all()
    with gevent.Timeout(5):
        while held.num_requests:
            gevent.sleep(0.01)
    environment.runner.quit()  # type: ignore[union-attr]


def test_the_history_does_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("katydid.stats.history.KEPT_POINTS", 3)
    runner = SimpleNamespace(stats=RequestStats(), user_count=1)
    for n in range(5):
        update_stats_history(runner, str(n))
    assert [point["time"] for point in runner.stats.history] == ["2", "3", "4"]
