"""The runners of a test over several processes: one that tells what to do, and those that do it.

Both know users as numbers and messages; forks and sockets are `_processes`'.
"""

from __future__ import annotations

import logging
from collections import Counter
from time import monotonic, perf_counter_ns
from typing import TYPE_CHECKING, Any

import gevent

from . import log
from ._local import LocalRunner
from ._processes import Crew, Place, Worker, wait_for
from .dispatch import BalancedDispatcher, UsersDispatcher
from .exception import NotBuiltYet
from .runners import (
    HEARTBEAT_INTERVAL,
    STATE_CLEANUP,
    STATE_RUNNING,
    STATE_SPAWNING,
    STATE_STOPPED,
    DistributedRunner,
)
from .workers import STATE_MISSING, WorkerNode, WorkerNodes

if TYPE_CHECKING:
    from .env import Environment

logger = logging.getLogger("locust.runners")

#: Workers begin a schedule together so long after they are told, ns.
SOON = 50_000_000

#: A worker that is to end and has not been heard of for so long is killed, s. One that is busy with `on_stop` is heard of.
SILENT = 30.0

#: What a process that is gone has said may be on its way for so long, s.
LAST_WORDS = 1.0

ONE_MACHINE = "A run uses one machine for now; `--processes N` uses more of its processors."


class MasterRunner(DistributedRunner):
    """The process that keeps the record: it runs no users, but tells its workers what to do."""

    def __init__(self, environment: Environment, crew: Crew | None = None, **_where: Any) -> None:
        if crew is None:
            raise NotBuiltYet(type(self).__name__, ONE_MACHINE)
        super().__init__(environment)
        self.worker_index = -1
        self.crew = crew
        self.clients = WorkerNodes()
        for worker in crew.workers:
            self.clients[str(worker.index)] = WorkerNode(str(worker.index))
            gevent.spawn(self._watch, worker, gevent.spawn(self._listen, worker))
        self._staying_in: dict[int, dict[str, int]] = {}
        """Users that each worker had when it came to its last level."""
        self._levels_of: Counter[int] = Counter()
        """How many levels of users, one after the other, each worker has come to since the last start."""
        self._levels = 0
        """As many all of them have."""
        self._starts = 0
        self._came_to_its_end = False
        self.has_errors = False
        """Workers said that something in their scripts failed."""

    @property
    def worker_count(self) -> int:
        return len(self.crew.left)

    @property
    def user_count(self) -> int:
        return sum(node.user_count for node in self.clients.values())

    @property
    def user_classes_count(self) -> dict[str, int]:
        counts = Counter({u.__name__: 0 for u in self.user_classes})
        for node in self.clients.values():
            counts.update(node.user_classes_count)
        return dict(counts)

    def start(
        self,
        user_count: int,
        spawn_rate: float,
        wait: bool = False,
        user_classes: list[Any] | None = None,
    ) -> None:
        self._begin(user_count)
        self._starts += 1
        logger.info("Ramping to %d users at a rate of %.2f per second", user_count, spawn_rate)
        names = None if user_classes is None else [u.__name__ for u in user_classes]
        self.crew.say(
            "start", users=user_count, rate=spawn_rate, classes=names, number=self._starts
        )

    def start_schedule(self, schedule: dict[str, Any], most: int) -> None:
        """Lets the workers follow the plan's schedule, each its part."""
        self._begin(most)
        self._follow()

    def start_arrivals(self, schedule: dict[str, Any], most: int) -> None:
        """As `start_schedule`, with at most so many users at once in all of them."""
        self._begin(most)
        logger.info("Arrivals begin; at most %d users at once", most)
        self._follow()

    def _follow(self) -> None:
        began_ns = perf_counter_ns() + SOON
        self._session.load_began(began_ns)
        self.crew.say("follow", began_ns=began_ns)

    def _begin(self, target: int) -> None:
        self.target_user_count = target
        self._levels_of.clear()
        self._levels = 0
        if self.state not in (STATE_RUNNING, STATE_SPAWNING):
            self.stats.clear_all()
            self.exceptions = {}
            self.environment.events.test_start.fire(environment=self.environment)
            # Its listeners in the workers may take their time: the load begins in all of them together.
            self.crew.say("prepare", users=target)
            for worker in self.crew.workers:
                worker.prepared.wait()
        self.update_state(STATE_SPAWNING)

    def _listen(self, worker: Worker) -> None:
        for said in worker.channel.heard():
            worker.heard_at = monotonic()
            try:
                self._hear(worker, said)
            except Exception:
                logger.exception("What worker %d said could not be handled", worker.index)

    def _watch(self, worker: Worker, listening: Any) -> None:
        """The process tells that it is gone; its end of the connection may be held open by a child of its own."""
        how = worker.end_of()
        listening.join(LAST_WORDS)
        for event in (worker.gone, worker.ready, worker.prepared):
            event.set()
        node = self.clients[str(worker.index)]
        node.state, node.user_classes_count = STATE_MISSING, {}
        if not worker.ended:
            logger.error(
                "Worker %d is lost: %s. Its users are gone, the other workers keep theirs.",
                worker.index,
                how,
            )
            self._session.worker_lost(worker.index)
        self._judge_spawned()
        if self.crew.left or self._ending:
            return
        if self._came_to_its_end:
            self.on_time_up()
        else:
            self._end()

    def _hear(self, worker: Worker, said: dict[str, Any]) -> None:
        node = self.clients[str(worker.index)]
        kind = said.pop("kind")
        if kind in ("ready", "prepared"):
            getattr(worker, kind).set()
        elif kind == "users":
            node.user_classes_count, node.state = said["counts"], said["state"]
            node.cpu_usage, node.memory_usage = said["cpu"], said["memory"]
        elif kind == "report":
            node.user_classes_count = said["data"]["user_classes_count"]
            self.environment.events.worker_report.fire(client_id=node.id, data=said["data"])
        elif kind == "spawned":
            node.user_classes_count = self._staying_in[worker.index] = said["counts"]
            if said["number"] == self._starts:
                self._levels_of[worker.index] += 1
                self._judge_spawned()
        elif kind == "message":
            self._receive(said["type"], said["data"], node.id)
        elif kind == "ended":
            self._worker_ended(worker, said)

    def _staying(self) -> dict[str, int]:
        counts = Counter({u.__name__: 0 for u in self.user_classes})
        for worker in self.crew.left:
            counts.update(self._staying_in.get(worker.index, {}))
        return dict(counts)

    def _judge_spawned(self) -> None:
        levels = min((self._levels_of[worker.index] for worker in self.crew.left), default=0)
        while self._levels < levels and self.state in (STATE_SPAWNING, STATE_RUNNING):
            self._levels += 1
            self._spawned()

    def _worker_ended(self, worker: Worker, said: dict[str, Any]) -> None:
        worker.ended = True
        self.has_errors = self.has_errors or said["has_errors"]
        if said["unhandled"]:
            log.unhandled_greenlet_exception = True
        if self.environment.process_exit_code is None:
            self.environment.process_exit_code = said["exit_code"]
        for problem in said["problems"]:
            self._session.problem(f"worker {worker.index}: {problem}")
        for count, message, traceback_text in said["exceptions"]:
            row = self.exceptions.setdefault(
                hash(traceback_text),
                {"count": 0, "msg": message, "traceback": traceback_text, "nodes": set()},
            )
            row["count"] += count
            row["nodes"].add(str(worker.index))
        if said["stopped_by"] and not self.stopped_by:
            self.stopped_by = said["stopped_by"]
            self.greenlet.spawn(self._end)
        # The others are as good as there, but not told to stop: that could cost them their last arrival.
        self._came_to_its_end = self._came_to_its_end or said["reason"] == "run-time"

    def stop(self) -> None:
        """Ends the test in all workers, and the workers."""
        if self.state == STATE_STOPPED:
            return
        self._ending = True
        environment = self.environment
        environment.events.test_stopping.fire(environment=environment)
        self.final_user_classes_count = self.user_classes_count
        self.update_state(STATE_CLEANUP)
        if self.shape_greenlet is not None and self.shape_greenlet is not gevent.getcurrent():
            self.shape_greenlet.kill(block=True)
        self.shape_greenlet = None
        self._session.end_events()
        self.crew.say("stop")
        wait_for(self.crew.workers, SILENT)
        self.update_state(STATE_STOPPED)
        environment.events.test_stop.fire(environment=environment)

    def send_message(self, msg_type: str, data: Any = None, client_id: str | None = None) -> None:
        """To the worker of this id, or to all."""
        for worker in self.crew.left:
            if client_id in (None, str(worker.index)):
                worker.channel.say("message", type=msg_type, data=data)


class WorkerRunner(DistributedRunner, LocalRunner):
    """The part of a test that one of several processes has: of all users every n-th, and of all arrivals."""

    def __init__(self, environment: Environment, place: Place | None = None, **_where: Any) -> None:
        if place is None:
            raise NotBuiltYet(type(self).__name__, ONE_MACHINE)
        self.place = place
        super().__init__(environment)
        self.worker_index = place.index
        self.worker_count = place.of
        self.client_id = self._node = str(place.index)
        self._nodes = [WorkerNode(str(index)) for index in range(place.of)]
        self._start_number = 0
        environment.events.spawning_complete.add_listener(
            lambda **_: place.channel.say(
                "spawned", counts=self._staying(), number=self._start_number
            )
        )
        # To the very end: it is how the parent knows that this process is alive.
        gevent.spawn(self._tell)

    def _tell(self) -> None:
        """For ever: lets the parent know how many users there are."""
        while True:
            self.place.channel.say(
                "users",
                counts=self.user_classes_count,
                state=self.state,
                cpu=self.current_cpu_usage,
                memory=self.current_memory_usage,
            )
            if self.state in (STATE_RUNNING, STATE_SPAWNING):
                self.report()
            gevent.sleep(HEARTBEAT_INTERVAL)

    def prepare(self, users: int) -> None:
        """What comes before the first user; whatever starts them does not do it again."""
        self._begin(users)
        self.update_state(STATE_SPAWNING)

    def start_as(self, number: int, users: int, rate: float, classes: list[Any] | None) -> None:
        """`start` for the so-manieth time in this run: its phases get the same numbers in all processes."""
        self._start_number = number
        self.start(users, rate, user_classes=classes)

    def _begin_phase(self, kind: str) -> None:
        number = self._start_number
        self._session.begin_phase(kind, (2 * number - (kind == "ramp"), number))

    def report(self) -> None:
        """Sends what listeners of `report_to_master` have to tell those of `worker_report`."""
        data: dict[str, Any] = {
            "user_count": self.user_count,
            "user_classes_count": self.user_classes_count,
        }
        self.environment.events.report_to_master.fire(client_id=self.client_id, data=data)
        try:
            self.place.channel.say("report", data=data)
        except TypeError as error:
            logger.error("What listeners of report_to_master add must be JSON: %s", error)

    def _dispatcher_class(self) -> type[UsersDispatcher]:
        kind = super()._dispatcher_class()
        return BalancedDispatcher if kind is UsersDispatcher else kind

    def _number_of(self, spawned: int) -> int:
        return spawned * self.place.of + self.place.index

    def send_message(self, msg_type: str, data: Any = None, client_id: str | None = None) -> None:
        """To the parent."""
        self.place.channel.say("message", type=msg_type, data=data)
