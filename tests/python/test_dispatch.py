"""The order in which users start and stop; the expected orders were made by Locust 2.47."""

from typing import Any

import pytest

from katydid import User
from katydid.dispatch import BalancedDispatcher, UsersDispatcher
from katydid.runners import WorkerNode

#: (class, weight[, fixed_count])…, user counts gone to one after the other, what Locust starts (A)
#: and stops (-A).
CASES: list[tuple[Any, list[int], str]] = [
    ([("A", 5), ("B", 1)], [18], "A A B A A A A A B A A A A A B A A A"),
    ([("A", 1), ("B", 1), ("C", 1)], [9], "A B C A B C A B C"),
    (
        [("A", 3), ("B", 2), ("C", 0.5)],
        [24],
        "A B A B C A A B A B A A B A B A C A B A B A A B",
    ),
    ([("A", 1), ("B", 1, 2)], [7], "B B A A A A A"),
    ([("A", 10), ("B", 3, 3), ("C", 1, 1)], [12], "B C B B A A A A A A A A"),
    ([("Z", 7), ("M", 7), ("A", 2)], [20], "M Z M Z A M Z M Z M Z A M Z M Z M Z M Z"),
    (
        [("A", 2), ("B", 1, 2)],
        [6, 2, 8, 0, 5],
        "B B A A A A -A -A -A -A A A A A A A -A -A -A -A -A -A -B -B B B A A A",
    ),
    (
        [("A", 5), ("B", 2), ("C", 1)],
        [10, 4, 9],
        "A B A C A A B A A B -B -A -A -B -A -A A C A A B",
    ),
    ([("A", 1, 3)], [5], "A A A"),
]


def classes(rows: Any) -> list[Any]:
    return [
        type(name, (User,), {"weight": weight, "fixed_count": fixed[0] if fixed else 0})
        for name, weight, *fixed in rows
    ]


def changes(before: dict[str, int], after: dict[str, int]) -> list[str]:
    found = []
    for name, count in after.items():
        difference = count - before[name]
        found += [("" if difference > 0 else "-") + name] * abs(difference)
    return found


@pytest.mark.parametrize(("rows", "ramp", "expected"), CASES)
def test_one_at_a_time(rows: Any, ramp: list[int], expected: str) -> None:
    dispatcher = UsersDispatcher([WorkerNode("w")], classes(rows))
    order, now = [], 0
    for target in ramp:
        dispatcher.new_dispatch(target, 1)
        while now != target:
            before = dict(dispatcher.advance(now))
            now += 1 if target > now else -1
            order += changes(before, dispatcher.advance(now))
    assert " ".join(order) == expected


@pytest.mark.parametrize(("rows", "ramp", "expected"), CASES)
def test_iterated(rows: Any, ramp: list[int], expected: str) -> None:
    dispatcher = UsersDispatcher([WorkerNode("w")], classes(rows))
    order = []
    before = {row[0]: 0 for row in rows}
    for target in ramp:
        dispatcher.new_dispatch(target, 1)
        dispatcher._wait_between_dispatch = 0
        for step in dispatcher:
            order += changes(before, step["w"])
            before = step["w"]
    assert " ".join(order) == expected


def test_steps_are_as_large_as_the_rate() -> None:
    dispatcher = UsersDispatcher([WorkerNode("w")], classes([("A", 1)]))
    dispatcher.new_dispatch(25, 10.5)
    assert dispatcher._wait_between_dispatch == 10 / 10.5
    dispatcher._wait_between_dispatch = 0
    assert [step["w"]["A"] for step in dispatcher] == [10, 20, 25]
    dispatcher.new_dispatch(25, 1)
    assert [step["w"]["A"] for step in dispatcher] == [25]


def test_workers_take_turns_hosts_first() -> None:
    workers = [WorkerNode(name) for name in ("b_2", "a_1", "a_2", "b_1")]
    dispatcher = UsersDispatcher(workers, classes([("A", 1)]))
    assert [w.id for w in dispatcher._worker_nodes] == ["a_1", "b_1", "a_2", "b_2"]
    dispatcher.new_dispatch(6, 100)
    assert next(dispatcher) == {"a_1": {"A": 2}, "b_1": {"A": 2}, "a_2": {"A": 1}, "b_2": {"A": 1}}
    dispatcher.remove_worker(workers[0])
    dispatcher.add_worker(WorkerNode("c_1"))
    dispatcher.new_dispatch(6, 100)
    assert sum(sum(counts.values()) for counts in next(dispatcher).values()) == 6


@pytest.mark.parametrize(
    ("users", "rate"), [(-1, 1), (1, 0), (1, -1), (1, float("inf")), (1, float("nan"))]
)
def test_refused(users: int, rate: float) -> None:
    with pytest.raises(ValueError):
        UsersDispatcher([WorkerNode("w")], classes([("A", 1)])).new_dispatch(users, rate)


def test_other_classes_from_now_on() -> None:
    a, b = classes([("A", 1), ("B", 1)])
    dispatcher = UsersDispatcher([WorkerNode("w")], [a, b])
    dispatcher.new_dispatch(4, 1)
    dispatcher.advance(4)
    dispatcher.new_dispatch(7, 1, [b])
    assert dispatcher.advance(7) == {"A": 2, "B": 5}


@pytest.mark.parametrize("peak", range(2_990, 2_998))
def test_processes_agree_whatever_peak_each_of_them_saw(peak: int) -> None:
    """Their parts of 61 users are 61 users, each of a class as often as the other's."""
    nodes = [WorkerNode("0"), WorkerNode("1")]
    users = classes([("A", 3), ("B", 1)])
    one, other = BalancedDispatcher(nodes, users), BalancedDispatcher(nodes, users)
    for dispatcher, seen in ((one, 2_990), (other, peak)):
        for count in (seen, 10, 61):
            dispatcher.advance(count)
    parts = [one.users_on("0"), other.users_on("1")]
    assert sum(part[name] for part in parts for name in part) == 61
    assert all(abs(parts[0][name] - parts[1][name]) <= 1 for name in ("A", "B"))
    assert one.advance(61) == {"A": 46, "B": 15}
