"""Waits, with a clock of our own; and which slots of a paced user were blocked or missed."""

import random
from typing import Any

import pytest

from katydid import TaskSet, User, between, constant, constant_pacing, constant_throughput, poisson
from katydid.user import wait_time as module

SECOND = 1_000_000_000


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(module, "perf_counter_ns", lambda: round(self.now * SECOND))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def paced(period: float, clock: Clock) -> Any:
    user: Any = type("U", (User,), {"wait_time": constant_pacing(period)})(None)
    user._cp_last_run = clock.now
    return user


def wake(user: Any, clock: Clock, late: float = 0.0) -> None:
    """Sleeps as long as was said, and oversleeps."""
    clock.now += user._cp_last_wait_time + late
    if user._cp_last_wait_time:
        user._pace.woke(user, round(clock.now * SECOND))


def test_simple_waits() -> None:
    assert constant(3)(None) == 3
    random.seed(1)
    expected = 2 + random.random() * 3
    random.seed(1)
    assert between(2, 5)(None) == expected
    random.seed(1)
    expected = random.expovariate(4)
    random.seed(1)
    assert poisson(4)(None) == expected


@pytest.mark.parametrize("make", [constant_throughput, poisson])
@pytest.mark.parametrize("rate", [0, -1])
def test_rates_must_be_positive(make: Any, rate: int) -> None:
    with pytest.raises(ValueError):
        make(rate)


def test_pacing_counts_from_construction_and_never_catches_up(clock: Clock) -> None:
    """The waits that Locust's formula gives for tasks of 0.3, 0.5, 2.5 and 0.2 seconds."""
    user = paced(1.0, clock)
    waits = []
    for busy in (0.3, 0.5, 2.5, 0.2):
        clock.now += busy
        waits.append(round(user.wait_time(), 6))
        wake(user, clock)
    assert waits == [0.7, 0.5, 0, 0.8]


def test_throughput_is_the_inverse(clock: Clock) -> None:
    user: Any = type("U", (User,), {"wait_time": constant_throughput(4)})(None)
    user._cp_last_run = clock.now
    clock.now += 0.1
    assert round(user.wait_time(), 6) == 0.15


def test_due_is_the_slot(clock: Clock) -> None:
    user = paced(1.0, clock)
    clock.now += 0.3
    user.wait_time()
    assert user._due_ns == 1001 * SECOND
    wake(user, clock, late=0.25)
    assert user._due_ns == 1001 * SECOND and user._missed == 0


@pytest.mark.parametrize(
    ("busy", "due_before_start", "blocked"),
    [
        ([0.9], 0.0, 0),
        ([1.3], 0.3, 0),  # one slot, served late
        ([2.5], 0.5, 1),  # two slots: one skipped, one served half a period late
        ([5.0], 0.0, 4),
        ([1.25] * 4, 0.25, 1),  # four times a quarter: one slot less than the grid had
        ([1.25] * 8, 0.25, 2),
    ],
)
def test_busy_users_block_slots(
    clock: Clock, busy: list[float], due_before_start: float, blocked: int
) -> None:
    user = paced(1.0, clock)
    user.wait_time()  # the first slot is a period from construction
    wake(user, clock)
    for seconds in busy:
        clock.now += seconds
        user.wait_time()
        start = clock.now + user._cp_last_wait_time
        assert round(start - user._due_ns / SECOND, 6) == due_before_start
        wake(user, clock)
    assert (user._blocked, user._missed) == (blocked, 0)


@pytest.mark.parametrize(
    ("late", "missed", "served_late"), [(0.5, 0, 0.5), (1.5, 1, 0.5), (3.0, 3, 0.0)]
)
def test_oversleeping_misses_slots(
    clock: Clock, late: float, missed: int, served_late: float
) -> None:
    user = paced(1.0, clock)
    clock.now += 0.2
    user.wait_time()
    wake(user, clock, late)
    assert (user._missed, user._blocked) == (missed, 0)
    assert round(clock.now - user._due_ns / SECOND, 6) == served_late
    clock.now += 0.1
    user.wait_time()
    assert user._blocked == 0


def test_a_task_set_leaves_it_on_its_user(clock: Clock) -> None:
    user = User(None)  # type: ignore[arg-type]
    task_set: Any = type("S", (TaskSet,), {"wait_time": constant_pacing(2)})(user)
    task_set._cp_last_run = clock.now
    clock.now += 0.5
    assert task_set.wait_time() == 1.5
    assert user._due_ns == 1002 * SECOND
