"""Sleepers: one timer of the loop for all, and nobody lost whatever happens to the others."""

import random
import time
from contextlib import suppress
from typing import Any

import gevent
import pytest
from gevent.pool import Group
from greenlet import greenlet

from katydid import _turns
from katydid._turns import Turns, turns

DEADLINE = 10


def test_they_wake_in_the_order_in_which_they_are_due_and_never_early() -> None:
    woke: list[float] = []
    early: list[float] = []

    def sleeper(seconds: float) -> None:
        due = time.perf_counter() + seconds
        turns().sleep(seconds)
        woke.append(seconds)
        if time.perf_counter() < due:
            early.append(seconds)

    group = Group()
    waits = [number / 500 for number in range(1, 60)]
    for seconds in random.Random(1).sample(waits, len(waits)):
        group.spawn(sleeper, seconds)
    with gevent.Timeout(DEADLINE):
        group.join()
    assert woke == sorted(waits) and not early


def test_an_earlier_one_sets_the_alarm_forward() -> None:
    woke: list[str] = []

    def sleeper(name: str, seconds: float) -> None:
        turns().sleep(seconds)
        woke.append(name)

    late = gevent.spawn(sleeper, "late", 60)
    gevent.sleep(0.01)
    soon = gevent.spawn(sleeper, "soon", 0.01)
    with gevent.Timeout(DEADLINE):
        soon.join()
    assert woke == ["soon"]
    late.kill()


def test_a_killed_or_timed_out_sleeper_is_not_woken_again() -> None:
    resumed: list[str] = []

    def impatient() -> None:
        with suppress(gevent.Timeout), gevent.Timeout(0.01):
            turns().sleep(0.05)
        gevent.sleep(0.1)  # a stale alarm would end this early
        resumed.append("impatient")

    def killed() -> None:
        try:
            turns().sleep(0.03)
        finally:
            gevent.sleep(0.1)
            resumed.append("killed")

    began = time.perf_counter()
    one, two = gevent.spawn(impatient), gevent.spawn(killed)
    gevent.sleep(0.005)
    with gevent.Timeout(DEADLINE):
        two.kill()
        one.join()
    assert sorted(resumed) == ["impatient", "killed"]
    assert time.perf_counter() - began >= 0.1


@pytest.mark.parametrize("wait", [lambda: turns().sleep(0.01), lambda: turns().give()])
def test_one_that_raises_into_the_hub_does_not_take_the_others_along(wait: Any) -> None:
    woke: list[int] = []
    hub: Any = gevent.get_hub()
    handled: list[Any] = []

    def bare(number: int) -> None:
        turns()._seen = 0.0  # or somebody alone would go on without waiting
        wait()
        woke.append(number)
        raise KeyError(number)

    before, hub.handle_error = hub.handle_error, lambda *error: handled.append(error)
    try:
        for number in range(3):
            hub.loop.run_callback(greenlet(bare, parent=hub).switch, number)
        with gevent.Timeout(DEADLINE):
            while len(woke) < 3:
                gevent.sleep(0.001)
    finally:
        hub.handle_error = before
    assert sorted(woke) == [0, 1, 2] and len(handled) == 3


def test_the_dead_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_turns, "DEAD", 10)
    mine = turns()
    group = Group()
    for _ in range(100):
        group.spawn(mine.sleep, 3600)
    gevent.sleep(0.01)
    with gevent.Timeout(DEADLINE):
        group.kill()
    assert len(mine._dues) <= 20 and not mine._sleepers


def test_holding_back_ends_even_if_the_woken_raise() -> None:
    calls: list[str] = []
    mine = Turns(gevent.get_hub())
    mine.hold, mine.let_go = lambda: calls.append("hold"), lambda: calls.append("let go")

    def raising() -> None:
        mine.sleep(0.001)
        raise KeyError

    group = Group()
    group.spawn(mine.sleep, 0.001)
    group.spawn(raising)
    with gevent.Timeout(DEADLINE):
        group.join()
    assert calls and calls == ["hold", "let go"] * (len(calls) // 2)


@pytest.mark.parametrize("wait", [lambda: turns().sleep(0.01), lambda: turns().give()])
def test_an_exception_in_the_hub_stops_nobody(wait: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As from a signal handler, while others are being resumed."""
    mine = turns()
    resume = mine._resume
    failed: list[bool] = []

    def interrupted(who: Any) -> None:
        resume(who)
        if not failed:
            failed.append(True)
            raise TimeoutError

    monkeypatch.setattr(Turns, "_resume", lambda self, who: interrupted(who))
    woke: list[int] = []

    def user(number: int) -> None:
        mine._seen = 0.0
        wait()
        woke.append(number)

    group = Group()
    for number in range(5):
        group.spawn(user, number)
    with gevent.Timeout(DEADLINE), suppress(TimeoutError):
        group.join()
    with gevent.Timeout(DEADLINE):
        group.join()
    assert sorted(woke) == [0, 1, 2, 3, 4] and failed


def test_a_sleeper_resumed_by_somebody_else_is_not_woken_again() -> None:
    resumed: list[str] = []

    def sleeper() -> None:
        turns().sleep(0.03)
        resumed.append("raw")
        gevent.sleep(0.1)
        resumed.append("slept")

    one = gevent.spawn(sleeper)
    gevent.sleep(0.005)
    gevent.get_hub().loop.run_callback(one.switch)
    with gevent.Timeout(DEADLINE):
        one.join()
    assert resumed == ["raw", "slept"] and one.successful()
