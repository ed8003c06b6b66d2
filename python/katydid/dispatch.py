"""In which order users of several classes start and stop.

The order is a pure sequence: classes with a fixed count first, then the others so that the mix
stays as close to the weights as whole users allow; stopping takes the newest first. Knows names and
weights, not users; only iterating a `UsersDispatcher` sleeps, for scripts that subclass it. The
runner takes the order alone (`advance`) and gets its pace from the engine.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from heapq import heapify, heapreplace
from itertools import cycle
from math import log2
from operator import attrgetter
from typing import Any

import gevent

Counts = dict[str, dict[str, int]]  # {worker id: {class name: users}}


def weighted_order(weights: Iterable[tuple[str, float]]) -> Iterator[str | None]:
    """Names for ever, each as often as its weight says: always the one whose next user brings the
    mix nearest to the weights by Kullback-Leibler divergence. None for ever if no weight is
    positive. 5:1 gives AABAAAAABAAA…"""
    # Taking a class for the x-th time, from x = weight on, changes the divergence by weight·log2(x
    # / (x + 1)).
    heap = [(w * log2(w / (w + 1.0)), w + 1.0, w, name) for name, w in weights if w > 0]
    heapify(heap)
    if not heap:
        while True:
            yield None
    while True:
        _, x, weight, name = heap[0]
        yield name
        heapreplace(heap, (weight * log2(x / (x + 1.0)), x + 1.0, weight, name))


class UsersDispatcher(Iterator[Counts]):
    """The roster of a test: who runs where, after each step. `new_dispatch` sets where it is going,
    iterating goes there."""

    def __init__(self, worker_nodes: list[Any], user_classes: list[Any]) -> None:
        assert user_classes, "a test needs at least one user class"
        self._user_classes = sorted(user_classes, key=attrgetter("__name__"))
        self._original_user_classes = list(self._user_classes)
        self._worker_nodes = _spread(worker_nodes)
        self._users_on_workers = self._nobody()
        self._active_users: list[tuple[Any, str]] = []
        self._counts = dict.fromkeys((u.__name__ for u in self._user_classes), 0)
        self._try_dispatch_fixed = True
        self._user_generator = self._user_gen()
        self._worker_node_generator = cycle(self._worker_nodes)
        self._current_user_count = 0
        self._target_user_count = 0
        self._spawn_rate = 0.0
        self._user_count_per_dispatch_iteration = 1
        self._wait_between_dispatch = 0.0
        self._dispatcher_generator: Iterator[Counts] = iter(())
        self._dispatch_in_progress = False
        self._rebalance = False
        self.dispatch_iteration_durations: list[float] = []

    @property
    def dispatch_in_progress(self) -> bool:
        return self._dispatch_in_progress

    def get_current_user_count(self) -> int:
        return len(self._active_users)

    def new_dispatch(
        self, target_user_count: int, spawn_rate: float, user_classes: list[Any] | None = None
    ) -> None:
        """From here to `target_user_count` users. Other `user_classes` apply to users that start
        from now on."""
        if target_user_count < 0:
            raise ValueError(f"target_user_count must be >= 0, got {target_user_count}")
        if not (spawn_rate > 0 and math.isfinite(spawn_rate)):
            raise ValueError(f"spawn_rate must be a finite number > 0, got {spawn_rate}")
        if user_classes is not None:
            named = sorted(user_classes, key=attrgetter("__name__"))
            if named != self._user_classes:
                self._user_classes = named
                for user_class in named:
                    self._counts.setdefault(user_class.__name__, 0)
                    for counts in self._users_on_workers.values():
                        counts.setdefault(user_class.__name__, 0)
                self._user_generator = self._user_gen()
        self._target_user_count = target_user_count
        self._spawn_rate = spawn_rate
        self._user_count_per_dispatch_iteration = max(1, math.floor(spawn_rate))
        self._wait_between_dispatch = self._user_count_per_dispatch_iteration / spawn_rate
        self._dispatcher_generator = self._steps()
        self.dispatch_iteration_durations.clear()

    def advance(self, user_count: int) -> dict[str, int]:
        """Goes to `user_count` users at once; how many of each class there are then, on all
        workers. Costs what it changes."""
        while self._current_user_count < user_count:
            place = self._next_place()
            if place is None:
                break
            worker, name = place
            self._count(worker, name, 1)
            self._active_users.append((worker, name))
        while self._current_user_count > max(user_count, 0):
            worker, name = self._active_users.pop()
            self._left(worker, name)
            self._count(worker, name, -1)
            self._try_dispatch_fixed = True
        return self._counts

    def users_on(self, worker_id: str) -> dict[str, int]:
        """How many of each class this worker has now."""
        return self._users_on_workers[worker_id]

    # Locust's own form: an iterator that paces itself
    # -------------------------------------------------------------------

    def __next__(self) -> Counts:
        return {worker: dict(counts) for worker, counts in next(self._dispatcher_generator).items()}

    def _steps(self) -> Iterator[Counts]:
        self._dispatch_in_progress = True
        target = self._target_user_count
        if self._current_user_count == target:
            yield self._users_on_workers
        step = self._user_count_per_dispatch_iteration
        while self._current_user_count != target or self._rebalance:
            began = time.perf_counter()
            before = self._current_user_count
            if self._rebalance:
                self._rebalance = False
            elif before < target:
                self.advance(min(before + step, target))
            else:
                self.advance(max(before - step, target))
            yield self._users_on_workers
            spent = time.perf_counter() - began
            self.dispatch_iteration_durations.append(spent)
            if self._current_user_count == target or self._current_user_count == before:
                break
            gevent.sleep(max(0.0, self._wait_between_dispatch - spent))
        self._dispatch_in_progress = False

    # workers that come and go
    # -------------------------------------------------------------------------------------------

    def add_worker(self, worker_node: Any) -> None:
        """The next step spreads all users over the workers anew."""
        self._worker_nodes = _spread([*self._worker_nodes, worker_node])
        self._redistribute()

    def remove_worker(self, worker_node: Any) -> None:
        self._worker_nodes = [w for w in self._worker_nodes if w.id != worker_node.id]
        if self._worker_nodes:
            self._redistribute()

    def _redistribute(self) -> None:
        users = self._current_user_count
        self._users_on_workers = self._nobody()
        self._active_users = []
        self._counts = dict.fromkeys(self._counts, 0)
        self._current_user_count = 0
        self._try_dispatch_fixed = True
        self._user_generator = self._user_gen()
        self._worker_node_generator = cycle(self._worker_nodes)
        self.advance(users)
        self._rebalance = True

    # ----------------------------------------------------------------------------------------------
    # --------------------

    def _nobody(self) -> Counts:
        names = [user_class.__name__ for user_class in self._original_user_classes]
        return {worker.id: dict.fromkeys(names, 0) for worker in self._worker_nodes}

    def _count(self, worker: Any, name: str, change: int) -> None:
        self._users_on_workers[worker.id][name] += change
        self._counts[name] += change
        self._current_user_count += change

    def _next_place(self) -> tuple[Any, str] | None:
        """Where the next user runs, and of which class; None if there is none."""
        name = next(self._user_generator)
        return None if name is None else (next(self._worker_node_generator), name)

    def _left(self, worker: Any, name: str) -> None:
        """The newest user is to stop."""

    def _user_gen(self) -> Iterator[str | None]:
        weighted = weighted_order(
            (u.__name__, u.weight) for u in self._user_classes if not u.fixed_count
        )
        while True:
            if self._try_dispatch_fixed:
                self._try_dispatch_fixed = False
                missing = [
                    (u.__name__, u.fixed_count - self._counts[u.__name__])
                    for u in self._user_classes
                    if u.fixed_count > self._counts[u.__name__]
                ]
                fixed = weighted_order(missing)
                for _ in range(sum(count for _, count in missing)):
                    yield next(fixed)
            else:
                yield next(weighted)


class BalancedDispatcher(UsersDispatcher):
    """For processes that follow the same schedule apart. Each has as many users of each class as the others: taking turns may give one
    all users of the class that costs most. And the n-th user is the same one whatever happened before, since one process may miss a
    peak that another saw."""

    def __init__(self, worker_nodes: list[Any], user_classes: list[Any]) -> None:
        super().__init__(worker_nodes, user_classes)
        self._gone: list[tuple[Any, str]] = []

    def new_dispatch(
        self, target_user_count: int, spawn_rate: float, user_classes: list[Any] | None = None
    ) -> None:
        before = self._user_classes
        super().new_dispatch(target_user_count, spawn_rate, user_classes)
        if self._user_classes != before:
            self._gone.clear()

    def _next_place(self) -> tuple[Any, str] | None:
        if self._gone:
            return self._gone.pop()
        name = next(self._user_generator)
        if name is None:
            return None

        def has(worker: Any) -> tuple[int, int]:
            users = self._users_on_workers[worker.id]
            return users[name], sum(users.values())

        return min(self._worker_nodes, key=has), name

    def _left(self, worker: Any, name: str) -> None:
        self._gone.append((worker, name))


def _spread(workers: list[Any]) -> list[Any]:
    """Workers in a repeatable order that goes over the hosts first: the first worker of each host,
    then the second…"""
    seen: dict[str, int] = {}
    ranked = []
    for worker in sorted(workers, key=attrgetter("id")):
        host = worker.id.split("_")[0]
        ranked.append((seen.get(host, 0), worker.id, worker))
        seen[host] = seen.get(host, 0) + 1
    ranked.sort(key=lambda row: row[:2])
    return [worker for _, _, worker in ranked]
