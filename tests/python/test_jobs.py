"""What a job's row says, with a clock of our own."""

from collections.abc import Callable
from typing import Any

import gevent
import pytest

import katydid
from katydid import job, jobs
from katydid.env import Environment
from katydid.event import Events
from katydid.exception import CatchResponseError, JobTimeout, RescheduleTask, StopTest, StopUser


class Session:
    def __init__(self) -> None:
        self.rows: list[Any] = []

    def endpoint(self, *key: str) -> str:
        return "|".join(key)

    def record(
        self, endpoint: str, ms: None, length: int, failure: Any, at: tuple[int, int, int, int]
    ) -> None:
        due, asked, send, done = at
        assert (ms, length, due, due) == (None, 0, asked, send)
        self.rows.append((endpoint, round((done - due) / 1e9, 6), failure))

    def aborted(self, endpoint: str, age_ms: float) -> None:
        self.rows.append((endpoint, round(age_ms / 1e3, 6), "aborted"))


class Clock:
    """Stands still but for those that sleep, and for `work`."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.now += seconds

    def work(self, seconds: float) -> None:
        self.now += seconds

    def since(self, seconds: float) -> Callable[[], bool]:
        """A condition that comes true so many seconds from now."""
        due = self.now + seconds
        return lambda: self.now >= due - 1e-9


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(jobs, "perf_counter_ns", lambda: round(clock.now * 1e9))
    monkeypatch.setattr(jobs, "sleep", clock.sleep)
    return clock


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is recorded in katydid's own session."""
    session = Session()
    monkeypatch.setattr(katydid.events.request, "_session", session)
    return session.rows


OK = "job||invoice"


def test_it_ends_when_it_is_seen_done(clock: Clock, rows: list[Any]) -> None:
    with job("invoice") as j:
        clock.work(0.2)
        j.until(clock.since(0.9))
        clock.work(5)
    assert rows == [(OK, 1.2, None)]
    assert clock.slept == [0.5, 0.5], "the resolution is the pause"


def test_until_returns_what_it_saw(clock: Clock, rows: list[Any]) -> None:
    with job("invoice") as j:
        assert j.until(lambda: "done") == "done"
    assert rows == [(OK, 0, None)] and clock.slept == []


def test_pauses_may_grow(clock: Clock, rows: list[Any]) -> None:
    with job("invoice") as j:
        j.until(clock.since(2.5), every=lambda looks: 0.25 * 2**looks)
    assert clock.slept == [0.5, 1, 2] and rows == [(OK, 3.5, None)]


def test_the_clock_may_start_later(clock: Clock, rows: list[Any]) -> None:
    with job("invoice", timeout=2) as j:
        clock.work(10)
        j.submitted()
        j.until(clock.since(1))
    assert rows == [(OK, 1, None)]


def test_by_hand(clock: Clock, rows: list[Any]) -> None:
    with job("invoice", timeout=1) as j:
        clock.work(3)
        j.done()
        clock.work(1)
    with job("invoice") as j:
        clock.work(3)
        j.fail("no paper")
        clock.work(1)
    assert rows == [(OK, 3, None), (OK, 3, ("script", "no paper"))]


def test_the_last_verdict_counts_and_the_first_instant(clock: Clock, rows: list[Any]) -> None:
    with job("invoice") as j:
        j.until(clock.since(1))
        clock.work(1)
        j.fail("it was empty")
    with job("invoice") as j:
        j.fail("not sure")
        clock.work(1)
        j.done()
    assert rows == [(OK, 1, ("script", "it was empty")), (OK, 0, None)]


def test_too_late(clock: Clock, rows: list[Any]) -> None:
    """The task ends as by RescheduleTask: it must not go on as if the work were done."""
    with pytest.raises(RescheduleTask) as caught, job("invoice", timeout=1.2) as j:
        j.until(lambda: False)
    assert isinstance(caught.value, JobTimeout)
    assert str(caught.value) == "invoice: not done within 1.2 s"
    assert clock.slept == [0.5, 0.5, 0.2], "the last look is at the timeout"
    assert rows == [(OK, 1.2, ("script", "not done within 1.2 s"))]


def test_what_the_last_look_sees_counts(clock: Clock, rows: list[Any]) -> None:
    with job("invoice", timeout=1.2) as j:
        j.until(clock.since(1.1))
    assert rows == [(OK, 1.2, None)]


def test_a_slow_condition_does_not_lengthen_a_timeout(clock: Clock, rows: list[Any]) -> None:
    with pytest.raises(JobTimeout), job("invoice", timeout=1) as j:
        j.until(lambda: clock.work(7))
    assert rows == [(OK, 1, ("script", "not done within 1 s"))] and clock.slept == []


def test_a_timeout_may_be_caught(clock: Clock, rows: list[Any]) -> None:
    with job("invoice", timeout=1) as j:
        try:
            j.until(lambda: False)
        except JobTimeout:
            clock.work(1)
    assert rows == [(OK, 1, ("script", "not done within 1 s"))]


class Odd(Exception):
    def __repr__(self) -> str:
        raise RuntimeError("not even that")


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (KeyError("status"), ("other", "KeyError('status')")),
        (AssertionError("no"), ("script", "AssertionError('no')")),
        (CatchResponseError("no"), ("script", "no")),
        (RescheduleTask(), ("other", "RescheduleTask()")),
        (Odd(), ("other", "Odd")),
        (ValueError("\udcff"), ("other", "ValueError('\\udcff')")),
    ],
)
def test_an_exception_is_its_failure(
    clock: Clock, rows: list[Any], error: Exception, failure: Any
) -> None:
    with pytest.raises(type(error)), job("invoice") as j:
        clock.work(2)
        j.until(lambda: (_ for _ in ()).throw(error))
    assert rows == [(OK, 2, failure)]


def test_an_exception_after_its_end_changes_nothing(clock: Clock, rows: list[Any]) -> None:
    with pytest.raises(KeyError), job("invoice") as j:
        j.done()
        raise KeyError("later")
    assert rows == [(OK, 0, None)]


def test_a_gevent_timeout_is_the_scripts(clock: Clock, rows: list[Any]) -> None:
    limit = gevent.Timeout(3)
    with pytest.raises(gevent.Timeout), job("invoice"):
        raise limit
    assert rows == [(OK, 0, ("other", repr(limit)))]


def test_left_without_a_word(clock: Clock, rows: list[Any]) -> None:
    with job("invoice"):
        clock.work(1)
    assert rows == [(OK, 1, ("script", "left without being done"))]


@pytest.mark.parametrize("error", [StopUser(), StopTest(), gevent.GreenletExit(), SystemExit()])
def test_the_end_of_the_user_is_not_the_jobs(
    clock: Clock, rows: list[Any], error: BaseException
) -> None:
    with pytest.raises(type(error)), job("invoice"):
        clock.work(2)
        raise error
    assert rows == [(OK, 2, "aborted")]
    rows.clear()
    with pytest.raises(type(error)), job("invoice") as j:
        j.done()
        raise error
    assert rows == [(OK, 0, None)], "its end had been seen"


def test_a_killed_user(rows: list[Any]) -> None:
    waits = gevent.event.Event()

    def user() -> None:
        with job("invoice") as j:
            j.until(waits.set, every=1000)

    greenlet = gevent.spawn(user)
    assert waits.wait(60)
    gevent.sleep(0)
    greenlet.kill()
    [(_, _, verdict)] = rows
    assert verdict == "aborted"


@pytest.mark.parametrize("every", [0, -1, float("nan"), lambda looks: 0])
def test_pauses_that_make_no_sense(clock: Clock, rows: list[Any], every: Any) -> None:
    with pytest.raises(ValueError, match="pauses above 0 s"), job("invoice") as j:
        j.until(lambda: False, every=every)
    assert len(rows) == 1 and "pauses above 0 s" in rows[0][2][1]


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_timeouts_that_make_no_sense(timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout above 0 s"):
        job("invoice", timeout=timeout)


def test_for_ever(clock: Clock, rows: list[Any]) -> None:
    with job("invoice", timeout=float("inf")) as j:
        j.until(clock.since(5000), every=1000)
    assert rows == [(OK, 5000, None)]


def test_listeners_are_told(clock: Clock, rows: list[Any]) -> None:
    told: list[Any] = []
    katydid.events.job.add_listener(lambda **job: told.append(job))
    with job("invoice") as j:
        clock.work(1)
        j.done()
    with job("\udcff") as j:
        j.fail("no")
    assert told == [
        {"name": "invoice", "response_time": 1000, "failure": None},
        {"name": "?", "response_time": 0, "failure": "no"},
    ]


def test_outside_of_a_test(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(katydid.events.request, "_session", None)
    with job("invoice") as j:
        j.until(clock.since(1))


def test_it_counts_in_the_test_of_its_user(clock: Clock, rows: list[Any]) -> None:
    """A script may run several environments."""
    environment = Environment(events=Events())
    own: Any = Session()
    environment.events.request._session = own

    def user(_: Any) -> None:
        with job("invoice") as j:
            j.done()

    class User:
        pass

    mine: Any = User()
    mine.environment = environment
    gevent.spawn(user, mine).get()
    gevent.spawn(user, object()).get()
    assert own.rows == rows == [(OK, 0, None)]
