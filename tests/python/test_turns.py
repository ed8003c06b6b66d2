"""Sleepers: one timer of the loop for all, and nobody lost whatever happens to the others."""

import random
import time
from collections import Counter
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


def test_an_error_that_cannot_be_printed_stops_nobody() -> None:
    hub: Any = gevent.get_hub()

    def closed(*_: Any) -> None:
        raise BrokenPipeError

    before, hub.handle_error = hub.handle_error, closed
    try:
        try:
            raise KeyError
        except KeyError:
            _turns.report_error(hub, None)
    finally:
        hub.handle_error = before


def test_the_dead_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_turns, "DEAD", 10)
    mine = turns()
    group = Group()
    for _ in range(100):
        group.spawn(mine.sleep, 3600)
    gevent.sleep(0.01)
    with gevent.Timeout(DEADLINE):
        group.kill()
    assert len(mine._dues) <= 20 and not mine._asleep


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


def _crowd(greenlets: int, each: int = 1) -> list[Any]:
    """A batch in which so many greenlets get so many answers each."""
    return [part for n in range(greenlets) for _ in range(each) for part in (n, "answer")]


@pytest.mark.parametrize(
    ("batches", "hurried", "in_step"),
    [
        ([_crowd(100)], False, True),
        ([_crowd(70)], False, False),  # too few to be worth it
        ([_crowd(80, 1), _crowd(20)], False, True),  # some ask again
        ([_crowd(100), _crowd(30)], False, False),  # too many do
        ([_crowd(100), _crowd(1, 10)], False, False),  # one loops without a pause
        ([_crowd(100)], True, False),  # one says that it never pauses
        ([], False, False),
    ],
)
def test_in_step_only_when_many_answers_come_to_greenlets_that_pause(
    batches: list[list[Any]], hurried: bool, in_step: bool
) -> None:
    """Of a window of 50 ms. Whatever it was before, it is decided anew."""
    for before in (False, True):
        mine = Turns(gevent.get_hub())
        mine.attach(_turns.nothing, _turns.nothing, _turns.nothing)
        if before:
            mine._into_step()
            mine._answered = Counter()
        for window in range(2):  # in the first it is not known who gets the answers
            mine._since = time.perf_counter() - _turns.WINDOW
            for batch in batches if window else [_crowd(100)]:
                mine.answers(batch)
            mine.hurried = hurried and window == 1
            mine.judge()
            mine.judge()  # nothing is decided too soon
            assert mine.in_step is (before if window == 0 else in_step)
        if mine.in_step:
            mine._out_of_step()


def test_who_loops_is_not_looked_at_all_the_time() -> None:
    mine = Turns(gevent.get_hub())
    counting = 0
    for _ in range(100):
        mine._since = time.perf_counter() - _turns.WINDOW
        mine.answers(_crowd(1, 1000))
        mine.judge()
        counting += mine._answered is not None
    assert not mine.in_step and 5 <= counting <= 100 / _turns.NOT_YET


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
    assert not mine._asleep and not mine._dues


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
    mine._out_of_step()


def test_each_session_of_a_hub_is_looked_at() -> None:
    """Also the first, and also after the second has gone; and one that raises is looked at again."""
    mine = Turns(gevent.get_hub())
    hub: Any = gevent.get_hub()
    calls: list[str] = []
    failed: list[Any] = []

    def first() -> None:
        calls.append("first")

    def second() -> None:
        calls.append("second")
        if calls.count("second") == 1:
            raise KeyError

    mine.attach(_turns.nothing, _turns.nothing, first)
    mine.attach(_turns.nothing, _turns.nothing, second)
    before, hub.handle_error = hub.handle_error, lambda *error: failed.append(error)
    try:
        mine._into_step()
        mine._out_of_step()
        gevent.sleep(0.001)
    finally:
        hub.handle_error = before
    assert calls[:3] == ["first", "second", "second"] and len(failed) == 1
    mine.detach(second)
    calls.clear()
    mine._look()
    assert calls == ["first"]


def test_one_that_is_left_asleep_is_woken_by_its_killer_only() -> None:
    mine = turns()
    ended: list[str] = []

    def user() -> None:
        try:
            mine.sleep(0.01)
            ended.append("woken")
        finally:
            mine.sleep(0.01)  # as of an on_stop
            ended.append("stopped")

    one = gevent.spawn(user)
    gevent.sleep(0.001)
    mine.leave_asleep(one)
    gevent.sleep(0.05)
    assert ended == []
    with gevent.Timeout(DEADLINE):
        one.kill()
    assert ended == ["stopped"]
