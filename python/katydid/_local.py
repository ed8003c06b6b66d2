"""`LocalRunner`: the users of a test in this process, started and stopped as they are due.

When they are due is the engine's to say. It knows classes, users and the dispatcher; nothing of requests.
"""

from __future__ import annotations

import logging
import socket
import traceback
from itertools import islice
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from gevent.queue import SimpleQueue

from ._arrivals import Arrivals, begin
from ._schedule import Levels
from .dispatch import UsersDispatcher
from .exception import StopTest
from .rpc.protocol import Message
from .runners import (
    STATE_INIT,
    STATE_RUNNING,
    STATE_SPAWNING,
    STATE_STOPPED,
    Runner,
    locust_exception_handler,
)
from .stopping import stop_all
from .workers import WorkerNode

if TYPE_CHECKING:
    from .env import Environment

logger = logging.getLogger("locust.runners")


class LocalRunner(Runner):
    """A test in this process."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.worker_index = 0
        self.worker_count = 1
        self.client_id = f"{socket.gethostname()}_{uuid4().hex}"
        self._node = "local"
        self._nodes = [WorkerNode(id=self._node)]
        self._leaving: dict[str, set[Any]] = {}
        environment.events.user_error.add_listener(self._on_user_error)

    def _on_user_error(self, user_instance: Any, exception: Any, tb: Any, **_: Any) -> None:
        self.log_exception("local", str(exception), "".join(traceback.format_tb(tb)))

    def start(
        self,
        user_count: int,
        spawn_rate: float,
        wait: bool = False,
        user_classes: list[Any] | None = None,
    ) -> None:
        """Goes to `user_count` users at `spawn_rate` per second, from however many there are;
        returns at once. A second call takes the place of the first. With `wait`, the spawning
        greenlet stays until all users have ended."""
        if spawn_rate > 100:
            logger.warning(
                "Your selected spawn rate is very high (>100): users start together, and so do their requests."
            )
        if self.spawning_greenlet is not None:
            self.spawning_greenlet.kill(block=True)
        self.spawning_greenlet = self.greenlet.spawn(
            self._ramp, user_count, spawn_rate, wait, user_classes
        )
        self.spawning_greenlet.link_exception(locust_exception_handler(self.environment))

    def start_schedule(
        self, schedule: dict[str, Any], most: int, began_ns: int | None = None
    ) -> None:
        """Follows a schedule of users, as the plan has it, with its most users, to its end; returns at once. It began at that
        instant, or begins now."""
        self.spawning_greenlet = self.greenlet.spawn(
            self._follow_schedule, schedule, most, began_ns
        )
        self.spawning_greenlet.link_exception(locust_exception_handler(self.environment))

    def _follow_schedule(self, schedule: dict[str, Any], most: int, began_ns: int | None) -> None:
        lines = schedule.get("lines", ())
        dispatcher = self._begin(most)
        if not _is_own(type(dispatcher)):
            raise StopTest("--load cannot be combined with a dispatcher_class of the script's own")
        dispatcher.new_dispatch(most, max(most, 1))
        self._due = [0] * (len(lines) or 1)
        self._due_changed.clear()
        self._session.follow(schedule, began_ns)
        apart = [line["schedule"] for line in lines] or [schedule]
        levels = [Levels(line["phases"]) for line in apart]
        reached = [0] * len(levels)
        while True:
            self._due_changed.wait()
            self._due_changed.clear()
            has_come = False
            for line, level in enumerate(levels):
                if lines:
                    due = self._due[line]
                    self._go_to({lines[line]["class"]: self._part_of_line(line, due)})
                else:
                    due = self._follow_dispatcher(dispatcher)
                    if dispatcher.get_current_user_count() < due:
                        return  # there is no class to take a user of
                if due != reached[line]:
                    reached[line] = due
                    has_come = level.comes_to(due) or has_come
            if has_come and all(level.is_there for level in levels):
                self._spawned()

    def _follow_dispatcher(self, dispatcher: UsersDispatcher) -> int:
        """Goes to the users that are due, and says how many; to fewer if there is no class to take a user of."""
        now = dispatcher.get_current_user_count()
        while now < self._due[0]:
            now += 1
            self._go_to(self._part_of(dispatcher, now))
            if dispatcher.get_current_user_count() < now:
                return now
        if now > self._due[0]:
            now = self._due[0]
            self._go_to(self._part_of(dispatcher, now))
        return now

    def _part_of_line(self, line: int, users: int) -> int:
        """With so many users of one line in all processes: how many are this one's. Each line begins with another process."""
        place = (self.worker_index + line) % self.worker_count
        return (users - place + self.worker_count - 1) // self.worker_count

    def start_arrivals(
        self,
        schedule: dict[str, Any],
        most: int,
        began_ns: int | None = None,
        fewest: bool = False,
    ) -> None:
        """Lets users come as a schedule of arrivals says, with at most so many at once; returns at
        once. `fewest`: see `Arrivals`."""
        self._begin(most)
        self._session.no_wait(False)
        to_make: SimpleQueue[tuple[str, Arrivals, int]] = SimpleQueue()
        self.environment._arrivals = Arrivals(
            self._session,
            self.user_classes,
            most,
            lambda *who: to_make.put(who),
            [line["class"] for line in schedule.get("lines", ())],
            fewest,
        )
        self.spawning_greenlet = self.greenlet.spawn(self._make_users, to_make)
        self.spawning_greenlet.link_exception(locust_exception_handler(self.environment))
        logger.info("Arrivals begin; at most %d users at once", most)
        self.update_state(STATE_SPAWNING)
        self._session.follow(schedule, began_ns)
        self.environment.events.spawning_complete.fire(user_count=0)

    def _make_users(self, to_make: SimpleQueue[tuple[str, Arrivals, int]]) -> None:
        """For ever, one after the other: a slow constructor delays the arrivals that need new users."""
        try:
            while True:
                self._make_user(*to_make.get())
        finally:
            while not to_make.empty():
                name, arrivals, due = to_make.get()
                arrivals.give_up(name, due)

    def _make_user(self, name: str, arrivals: Arrivals, due: int) -> None:
        try:
            user = self._spawn(self.user_classes_by_name[name])
        except StopTest:
            arrivals.give_up(name, due)
            raise
        except Exception as error:
            self.log_exception("local", str(error), traceback.format_exc())
            logger.error("%s could not be made: %s", name, error)
            arrivals.never_started(name, due, error)
            return
        except BaseException:
            arrivals.give_up(name, due)
            raise
        begin(user, due, perf_counter_ns())
        user._greenlet.rawlink(lambda _: arrivals.gone())

    def _begin(self, target: int) -> UsersDispatcher:
        """What comes before the first user, and again before every change of the number of users."""
        self.target_user_count = target
        environment = self.environment
        if self.state not in (STATE_RUNNING, STATE_SPAWNING):
            self.stats.clear_all()
            self.exceptions = {}
            self.cpu_warning_emitted = False
            environment._filter_tasks_by_tags()
            environment.events.test_start.fire(environment=environment)
        for user_class in self.user_classes:
            if environment.host:
                user_class.host = environment.host
        if self.state not in (STATE_INIT, STATE_STOPPED):
            self.update_state(STATE_SPAWNING)
        if self._users_dispatcher is None:
            self._users_dispatcher = self._dispatcher_class()(self._nodes, self.user_classes)
        self._session.no_wait(all(_never_waits(u) for u in self.user_classes))
        return self._users_dispatcher

    def _dispatcher_class(self) -> type[UsersDispatcher]:
        return self.environment.dispatcher_class

    def _begin_phase(self, kind: str) -> None:
        self._session.begin_phase(kind)

    def _ramp(
        self, target: int, spawn_rate: float, wait: bool, user_classes: list[Any] | None
    ) -> None:
        dispatcher = self._begin(target)
        if wait and target - self.user_count > spawn_rate:
            raise ValueError(
                "wait is True but the amount of users to add is greater than the spawn rate"
            )
        logger.info("Ramping to %d users at a rate of %.2f per second", target, spawn_rate)
        dispatcher.new_dispatch(target, spawn_rate, user_classes)
        self._session.mark("user_target", str(target), str(spawn_rate))
        self._begin_phase("ramp")
        if _is_own(type(dispatcher)):
            self._follow_engine(dispatcher, target, spawn_rate)
        else:
            for step in dispatcher:
                self._reach(step[self._node])
        self._begin_phase("hold")
        if wait:
            self.user_greenlets.join()
            logger.info("All users stopped\n")

        self._spawned()

    def _follow_engine(self, dispatcher: UsersDispatcher, target: int, rate: float) -> None:
        """Starts and stops users as the engine's messages say that they are due."""
        begun = dispatcher.get_current_user_count()
        if begun == target:
            self._reach(self._part_of(dispatcher, target))
            return
        self._due = [begun]
        self._due_changed.clear()
        self._session.ramp(begun, target, rate)
        now = begun
        while now != target:
            self._due_changed.wait()
            self._due_changed.clear()
            while now != self._due[0]:
                # One at a time: each is made in Locust's order, and a slow constructor delays the
                # next.
                now += 1 if self._due[0] > now else -1
                self._reach(self._part_of(dispatcher, now))
                if dispatcher.get_current_user_count() < now:
                    return  # there is no class to take a user of

    def _part_of(self, dispatcher: UsersDispatcher, users: int) -> dict[str, int]:
        """With so many users in all processes: how many of each class are this one's."""
        dispatcher.advance(users)
        return dispatcher.users_on(self._node)

    def _staying(self) -> dict[str, int]:
        counts = self.user_classes_count
        return {name: count - len(self._leaving_of(name)) for name, count in counts.items()}

    def _leaving_of(self, name: str) -> set[Any]:
        users = self.user_greenlets.by_class.get(name, {})
        return {u for u in self._leaving.get(name, ()) if u.greenlet in users}

    def _go_to(self, wanted: dict[str, int]) -> None:
        """As `_reach`, but waits for nobody who is to stop: they would hold up all that is due after
        them."""
        to_spawn: dict[str, int] = {}
        going: list[Any] = []
        for name, count in wanted.items():
            users = self.user_greenlets.by_class.get(name, {})
            leaving = self._leaving_of(name)
            have = len(users) - len(leaving)
            if have < count:
                to_spawn[name] = count - have
            elif have > count:
                staying = (user for user in reversed(users.values()) if user not in leaving)
                chosen = list(islice(staying, have - count))
                leaving.update(chosen)
                going += chosen
            self._leaving[name] = leaving
        if to_spawn or self.state in (STATE_INIT, STATE_STOPPED):
            self.spawn_users(to_spawn)
        if going:
            self.greenlet.spawn(stop_all, going, self.environment.stop_timeout)

    def _reach(self, wanted: dict[str, int]) -> None:
        """Starts and stops users so that each class has as many as `wanted`; users that died are
        replaced thereby."""
        alive = self.user_greenlets.by_class
        to_spawn, to_stop = {}, {}
        for name, count in wanted.items():
            have = len(alive.get(name, ()))
            if have < count:
                to_spawn[name] = count - have
            elif have > count:
                to_stop[name] = have - count
        if to_spawn or self.state in (STATE_INIT, STATE_STOPPED):
            self.spawn_users(to_spawn)
        if to_stop:
            self.stop_users(to_stop)

    def send_message(self, msg_type: str, data: Any = None, client_id: str | None = None) -> None:
        """Calls this process's own listener."""
        if msg_type in self.custom_messages:
            listener, _ = self.custom_messages[msg_type]
            listener(environment=self.environment, msg=Message(msg_type, data, "local"))
        else:
            logger.warning("Unknown message type received: %s", msg_type)


def _is_own(kind: type[UsersDispatcher]) -> bool:
    """A dispatcher whose steps no script has changed: then the engine keeps the pace."""
    return all(
        getattr(kind, name) is getattr(UsersDispatcher, name)
        for name in ("__next__", "_steps", "advance")
    )


def _never_waits(user_class: Any) -> bool:
    return getattr(user_class.wait_time, "constant_wait", None) == 0
