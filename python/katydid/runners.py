"""Runners start and stop users. The engine says when the next user is due; which one, the
dispatcher; the runner makes it.

Knows users, states and events; not requests, and of time only the shape's ticks and the grace at
the end.
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event
from gevent.pool import Group

from ._link import open_session
from .dispatch import UsersDispatcher
from .exception import StopTest
from .log import greenlet_exception_logger
from .population import Population
from .rpc.protocol import Message
from .stopping import stop_all
from .usage import Usage
from .workers import HEARTBEAT_LIVENESS as HEARTBEAT_LIVENESS
from .workers import STATE_INIT as STATE_INIT
from .workers import STATE_MISSING as STATE_MISSING
from .workers import STATE_RUNNING as STATE_RUNNING
from .workers import STATE_SPAWNING as STATE_SPAWNING
from .workers import WorkerNode as WorkerNode
from .workers import WorkerNodes as WorkerNodes

if TYPE_CHECKING:
    from .env import Environment
    from .stats import RequestStats

logger = logging.getLogger("locust.runners")

STATE_CLEANUP = "cleanup"
STATE_STOPPING = "stopping"
STATE_STOPPED = "stopped"

WORKER_REPORT_INTERVAL = 3.0
WORKER_LOG_REPORT_INTERVAL = 10
CPU_MONITOR_INTERVAL = 10.0
CPU_WARNING_THRESHOLD = 90
HEARTBEAT_INTERVAL = 1
HEARTBEAT_DEAD_INTERNAL = -60
MASTER_HEARTBEAT_TIMEOUT = 60
FALLBACK_INTERVAL = 5
CONNECT_TIMEOUT = 5
CONNECT_RETRY_COUNT = 60

#: Kinds of exceptions kept apart; the rest are counted together.
MOST_EXCEPTIONS = 500

#: Exceptions of one kind that are marked in the record.
MOST_MARKS = 1000


def locust_exception_handler(environment: Environment) -> Callable[[Any], None]:
    """For greenlets of a run: StopTest ends the test, anything else is logged."""
    log_it = greenlet_exception_logger(logger)

    def on_exception(greenlet: Any) -> None:
        if isinstance(greenlet.exception, StopTest):
            _stop_test(environment, greenlet.exception)
        else:
            log_it(greenlet)

    return on_exception


def _stop_test(environment: Environment, why: StopTest) -> None:
    logger.error(why)
    logger.warning("Stopping Locust...")
    runner = environment.runner
    if runner is not None:
        runner.stopped_by = runner.stopped_by or str(why) or "StopTest"
        runner._end()


class Runner:
    """What all kinds of runners share."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self._session = open_session(environment, self._on_message)
        self.user_greenlets = Population(self._on_population)
        self.greenlet = Group()
        self.state = STATE_INIT
        self.stopped_by = ""
        """Why the test ended by itself: the text of a StopTest."""
        self.spawning_greenlet: Any = None
        self.shape_greenlet: Any = None
        self.shape_last_tick: Any = None
        self.current_cpu_usage = 0.0
        self.current_memory_usage = 0
        self.cpu_warning_emitted = False
        self.worker_cpu_warning_emitted = False
        self.connection_broken = False
        self.exceptions: dict[int, dict[str, Any]] = {}
        self.target_user_count = 0
        self.target_user_classes_count: dict[str, int] = {}
        self.final_user_classes_count: dict[str, int] = {}
        self.custom_messages: dict[str, tuple[Callable[..., Any], bool]] = {}
        self._users_dispatcher: UsersDispatcher | None = None
        #: Users that are due, of each line of the schedule.
        self._due = [0]
        self._due_changed = Event()
        self._ending = False
        self._seed = getattr(environment.parsed_options, "seed", None)
        self._spawned_of: Counter[str] = Counter()
        self.on_time_up: Callable[[], Any] = lambda: gevent.spawn(self.quit)
        """Called by the hub when the session's time limit is reached."""
        self.greenlet.spawn(self.monitor_cpu_and_memory).link_exception(
            locust_exception_handler(environment)
        )
        environment.events.spawning_complete.add_listener(self._on_spawning_complete)

    def __del__(self) -> None:
        group = getattr(self, "greenlet", None)
        if group:
            group.kill(block=False)

    # looking at it --------------------------------------------------------------------------------

    @property
    def user_classes(self) -> list[Any]:
        return self.environment.user_classes

    @property
    def user_classes_by_name(self) -> dict[str, Any]:
        return self.environment.user_classes_by_name

    @property
    def stats(self) -> RequestStats:
        return self.environment.stats

    @property
    def errors(self) -> dict[str, Any]:
        return self.stats.errors

    @property
    def user_count(self) -> int:
        return len(self.user_greenlets)

    @property
    def user_classes_count(self) -> dict[str, int]:
        return self.user_greenlets.counts(u.__name__ for u in self.user_classes)

    def update_state(self, new_state: str) -> None:
        self.state = new_state

    def _on_population(self, alive: int) -> None:
        self._session.users(alive)
        counted = self.environment._iterations
        if alive == 0 and counted is not None and counted.exhausted and not self._ending:
            logger.info("All task iterations are done")
            self.greenlet.spawn(self._end)

    def _on_message(self, message: tuple[Any, ...]) -> None:
        """Called by the hub, where nothing may wait."""
        if message[0] == "spawn":
            self._users_due(message[2], message[1])
        elif message[0] == "arrival":
            arrivals = self.environment._arrivals
            if arrivals is not None and self.state in (STATE_SPAWNING, STATE_RUNNING):
                arrivals.arrive(*message[1:])
        elif message[0] == "time_up":
            self.on_time_up()
        elif message[0] == "io_ended":
            self.stopped_by = "katydid's I/O thread ended"
            logger.critical(
                "katydid's I/O thread has ended, which is a defect: no request can be made any more. "
                "What was recorded so far is kept."
            )
            self.on_time_up()

    def _users_due(self, line: int, count: int) -> None:
        if line < len(self._due):  # not of a schedule that a start by the script has replaced
            self._due[line] = count
            self._due_changed.set()

    def _on_spawning_complete(self, user_count: int, **_: Any) -> None:
        self.update_state(STATE_RUNNING)
        if self.environment.reset_stats:
            logger.info("Resetting stats\n")
            self.stats.reset_all()

    def monitor_cpu_and_memory(self) -> None:
        """For ever: tells listeners what this thread and process use, and warns when Python is the
        bottleneck."""
        usage = Usage()
        while True:
            gevent.sleep(CPU_MONITOR_INTERVAL)
            cpu, memory = usage.since_last()
            self.current_cpu_usage, self.current_memory_usage = cpu, memory
            environment = self.environment
            if cpu > CPU_WARNING_THRESHOLD:
                environment.events.cpu_warning.fire(environment=environment, cpu_usage=cpu)
                if not self.cpu_warning_emitted:
                    logger.warning(
                        "CPU usage above %s%%! The scenario's Python takes a whole core: users may wait for it, "
                        "and response times that scripts measure themselves may be too high.",
                        CPU_WARNING_THRESHOLD,
                    )
                    self.cpu_warning_emitted = True
            environment.events.usage_monitor.fire(
                environment=environment, cpu_usage=cpu, memory_usage=memory
            )

    def cpu_log_warning(self) -> bool:
        if self.cpu_warning_emitted:
            logger.warning("CPU usage was too high at some point during the test!")
        return self.cpu_warning_emitted

    # starting -------------------------------------------------------------------------------------

    def start(
        self,
        user_count: int,
        spawn_rate: float,
        wait: bool = False,
        user_classes: list[Any] | None = None,
    ) -> None:
        raise NotImplementedError

    def spawn_users(
        self, user_classes_spawn_count: dict[str, int], wait: bool = False
    ) -> list[Any]:
        """Makes and starts users, one after the other, in the calling greenlet: a slow constructor
        slows the ramp."""
        if self.state in (STATE_INIT, STATE_STOPPED):
            self.update_state(STATE_SPAWNING)
        classes = self.user_classes_by_name
        users = []
        for name, count in user_classes_spawn_count.items():
            for _ in range(count):
                users.append(self._spawn(classes[name]))
        if wait:
            self.user_greenlets.join()
            logger.info("All users stopped\n")
        return users

    def _spawn(self, user_class: Any) -> Any:
        user = user_class(self.environment)
        assert hasattr(user, "environment"), (
            f"Attribute 'environment' is missing on user {user_class.__name__}. Perhaps you defined your own __init__ "
            "and forgot to call the base constructor? (super().__init__(*args, **kwargs))"
        )
        if self._seed is not None:
            name = user_class.__name__
            user._chance = Random(f"{self._seed} {name} {self._number_of(self._spawned_of[name])}")
            self._spawned_of[name] += 1
        user.start(self.user_greenlets)
        return user

    def _number_of(self, spawned: int) -> int:
        """A number that no other user of the class has in any process, for the next one after so many in this process."""
        return spawned

    def _spawned(self) -> None:
        counts = self._staying()
        shown = json.dumps(dict(sorted(counts.items())))
        logger.info("All users spawned: %s (%d total users)", shown, sum(counts.values()))
        self.target_user_classes_count = counts
        self.environment.events.spawning_complete.fire(user_count=sum(counts.values()))

    def _staying(self) -> dict[str, int]:
        """Users of each class, but for those that are about to stop."""
        return self.user_classes_count

    # stopping -------------------------------------------------------------------------------------

    def stop_users(self, user_classes_stop_count: dict[str, int]) -> None:
        """Stops so many users of each class, newest first, and returns when they are gone. With a
        stop_timeout those in a task may finish it; those that wait end at once."""
        chosen = [
            user
            for name, count in user_classes_stop_count.items()
            for user in self.user_greenlets.newest(name, count)
        ]
        stop_all(chosen, self.environment.stop_timeout)

    def stop(self) -> None:
        """Ends the test: all users stop, the runner stays and can start again."""
        if self.state == STATE_STOPPED:
            return
        self.environment.events.test_stopping.fire(environment=self.environment)
        self._session.end_load()
        if self.environment._arrivals is not None:
            self.environment._arrivals.end()
        self.final_user_classes_count = self.user_classes_count
        self.update_state(STATE_CLEANUP)
        current = gevent.getcurrent()
        if self.spawning_greenlet is not None and self.spawning_greenlet is not current:
            self.spawning_greenlet.kill(block=True)
        if self.shape_greenlet is not None and self.shape_greenlet is not current:
            self.shape_greenlet.kill(block=True)
            self.shape_greenlet = None
            self.shape_last_tick = None
        stop_all(
            [u for users in self.user_greenlets.by_class.values() for u in users.values()],
            self.environment.stop_timeout,
        )
        self._users_dispatcher = None
        self.update_state(STATE_STOPPED)
        self.cpu_log_warning()
        self.environment.events.test_stop.fire(environment=self.environment)

    def quit(self) -> None:
        """Ends the test and the runner; whoever joins `greenlet` goes on."""
        self.stop()
        self.greenlet.kill(block=True)

    def _end(self) -> None:
        """Ends what a test without anybody to start it again would: the runner too when headless."""
        self._ending = True
        options = self.environment.parsed_options
        if options is not None and getattr(options, "headless", False):
            self.quit()
        else:
            self.stop()

    # shapes ---------------------------------------------------------------------------------------

    def start_shape(self) -> None:
        """Starts the test of `environment.shape_class`."""
        if self.shape_greenlet is not None:
            logger.info("There is an ongoing shape test running. Editing is disabled")
            return
        logger.info("Shape test starting.")
        self.update_state(STATE_INIT)
        self.shape_greenlet = self.greenlet.spawn(self.shape_worker)
        self.shape_greenlet.link_exception(locust_exception_handler(self.environment))
        if self.environment.shape_class is not None:
            self.environment.shape_class.reset_time()

    def shape_worker(self) -> None:
        """Asks the shape about once a second and starts what it says whenever that changes."""
        shape = self.environment.shape_class
        while self.state in (STATE_INIT, STATE_SPAWNING, STATE_RUNNING):
            began = time.perf_counter()
            tick = shape.tick() if shape is not None else None
            if tick is None:
                logger.info("Shape test stopping")
                self.shape_last_tick = None
                self.shape_greenlet = None
                self._end()
                return
            if tick != self.shape_last_tick:
                users, rate, *classes = tick
                logger.info("Shape test updating to %d users at %.2f spawn rate", users, rate)
                self.start(int(users), rate, user_classes=classes[0] if classes else None)
                self.shape_last_tick = tick
            gevent.sleep(max(1 - (time.perf_counter() - began), 0))

    # exceptions and messages

    def log_exception(self, node_id: str, msg: str, formatted_tb: str) -> None:
        """Counts an exception by its traceback; the first thousand of each kind are marked in the
        record."""
        key = hash(formatted_tb)
        if key not in self.exceptions and len(self.exceptions) >= MOST_EXCEPTIONS:
            key, msg, formatted_tb = 0, "(other exceptions)", ""
        row = self.exceptions.setdefault(
            key, {"count": 0, "msg": msg, "traceback": formatted_tb, "nodes": set()}
        )
        row["count"] += 1
        row["nodes"].add(node_id)
        first_line = msg.partition("\n")[0]
        if row["count"] <= MOST_MARKS:
            self._session.mark("exception", first_line, formatted_tb)
        elif row["count"] == MOST_MARKS + 1:
            self._session.mark(
                "warning", f"only {MOST_MARKS} exceptions are recorded of: {first_line}"
            )

    def register_message(
        self, msg_type: str, listener: Callable[..., Any], concurrent: bool = False
    ) -> None:
        """`listener(environment=, msg=)` for custom messages of this type; `concurrent` runs it in
        a greenlet of its own."""
        if msg_type in self.custom_messages:
            raise Exception(
                f"Tried to register listener method for {msg_type}, but it already had a listener!"
            )
        self.custom_messages[msg_type] = (listener, concurrent)

    def send_message(self, msg_type: str, data: Any = None, client_id: str | None = None) -> None:
        raise NotImplementedError

    def _receive(self, msg_type: str, data: Any, node_id: str) -> None:
        """Calls this process's listener of a message."""
        if msg_type not in self.custom_messages:
            logger.warning("Unknown message type received: %s", msg_type)
            return
        listener, concurrent = self.custom_messages[msg_type]
        message = Message(msg_type, data, node_id)
        if concurrent:
            self.greenlet.spawn(listener, environment=self.environment, msg=message)
            return
        try:
            listener(environment=self.environment, msg=message)
        except Exception:
            # Whoever calls has more to hear from the other side.
            logger.exception("Uncaught exception in the listener of message %s", msg_type)


class DistributedRunner(Runner):
    """A test over several processes of this machine. Those over several machines are not built yet."""


# They are Runners: what they inherit from has to be there.
from ._distributed import MasterRunner as MasterRunner  # noqa: E402
from ._distributed import WorkerRunner as WorkerRunner  # noqa: E402
from ._local import LocalRunner as LocalRunner  # noqa: E402
