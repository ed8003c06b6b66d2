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


@pytest.mark.parametrize(
    ("answers", "pauses", "hurried", "in_step"),
    [
        (1600, 1600, False, True),
        (1400, 1400, False, False),  # too few to be worth it
        (1600, 1300, False, True),  # some ask again within a task
        (1600, 1200, False, False),  # too many do
        (1600, 1600, True, False),  # one never pauses
        (100, 5000, False, False),  # pauses of others, who do not use this client
    ],
)
def test_in_step_only_when_many_answers_come_to_users_who_pause(
    answers: int, pauses: int, hurried: bool, in_step: bool
) -> None:
    """Of one second. Whatever it was before, it is decided anew."""
    for before in (False, True):
        mine = Turns(gevent.get_hub())
        if before:
            mine._into_step()
        mine.answers, mine._pauses, mine.hurried = answers, pauses, hurried
        mine._since = time.perf_counter() - 1
        mine.judge()
        assert mine.in_step is in_step
        # What was counted is used up; nothing is decided too soon.
        mine.answers = mine._pauses = 0
        mine.judge()
        assert mine.in_step is in_step
        mine.detach()
        assert not mine.in_step


def test_what_is_counted_as_a_pause() -> None:
    mine = Turns(gevent.get_hub())
    group = Group()
    for seconds in (_turns.PAUSE, _turns.PAUSE / 2):
        group.spawn(mine.sleep, seconds)
    with gevent.Timeout(DEADLINE):
        group.join()
    assert mine._pauses == 1 and not mine.hurried
    mine._seen = 0.0
    mine.give()
    assert mine.hurried


def test_nobody_is_lost_on_getting_into_step_and_out_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sleepers from before, meanwhile and after; at most half a step early while in step."""
    looks: list[bool] = []
    mine = Turns(gevent.get_hub())
    mine.attach(_turns.nothing, _turns.nothing, lambda: looks.append(mine.in_step))
    monkeypatch.setattr(mine.__class__, "judge", lambda self: None)
    random_waits = random.Random(3)
    early: list[float] = []

    def user() -> None:
        for _ in range(20):
            seconds = random_waits.uniform(0.001, 0.05)
            due = time.perf_counter() + seconds
            mine.sleep(seconds)
            early.append(due - time.perf_counter())

    group = Group()
    for _ in range(50):
        group.spawn(user)
    with gevent.Timeout(DEADLINE):
        for change in (mine._into_step, mine._out_of_step) * 10:
            gevent.sleep(0.03)
            change()
        group.join()
    assert len(early) == 1000 and max(early) <= _turns.STEP / 2
    assert any(early_by > 0 for early_by in early), "never in step"
    # In step it looks again and again, and once more on leaving: nobody rings for what came before.
    assert looks.count(True) > 20 and looks.count(False) == 10
    assert not mine._sleepers and not mine._dues


def test_more_sleepers_than_a_slice_takes_do_not_wait_for_the_next_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_turns, "STEP", 3600)
    mine = Turns(gevent.get_hub())

    def user() -> None:
        mine.sleep(0.001)
        end = time.perf_counter() + _turns.SLEEPERS_SLICE
        while time.perf_counter() < end:
            pass

    group = Group()
    for _ in range(5):
        group.spawn(user)
    gevent.sleep(0)  # they fall asleep
    mine._into_step()
    with gevent.Timeout(DEADLINE):
        mine._step()
        group.join()
    mine.detach()
