"""Virtual users. A user is one greenlet that runs the tasks of its class; it knows its environment
and its client, not the other users, not when it is started and not how many there are.
"""

from __future__ import annotations

import logging
import random
import time
import traceback
from typing import TYPE_CHECKING, Any, ClassVar

from gevent import GreenletExit
from gevent.pool import Group

from .._turns import turns
from ..clients import HttpSession
from ..exception import FeedExhausted, StopTest, StopUser
from ..rest import RestMixin
from ..util.deprecation import check_for_deprecated_task_set_attribute
from .task import (
    LOCUST_STATE_RUNNING,
    LOCUST_STATE_STOPPING,
    LOCUST_STATE_WAITING,
    DefaultTaskSet,
    get_tasks_from_base_classes,
)
from .wait_time import constant

if TYPE_CHECKING:
    from .._arrivals import Arrivals
    from ..env import Environment
    from .pace import Pace

logger = logging.getLogger("locust.user.users")

NO_HOST = (
    "You must specify the base host. Either in the host attribute in the User class, "
    "or on the command line using the --host option."
)


class UserMeta(type):
    """Collects the tasks; a class is abstract only if its own body says so."""

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> UserMeta:
        body["tasks"] = get_tasks_from_base_classes(bases, body)
        if not body.get("abstract"):
            body["abstract"] = False
        check_for_deprecated_task_set_attribute(body)
        return super().__new__(mcs, name, bases, body)


class User(metaclass=UserMeta):
    """Subclass it, give it tasks and something to measure with."""

    # What every user has sits in slots; a subclass's own attributes go to its __dict__ as usual.
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_begun_ns",
        "_blocked",
        "_chance",
        "_cp_last_run",
        "_cp_last_wait_time",
        "_due_ns",
        "_failed",
        "_flow_ns",
        "_greenlet",
        "_group",
        "_held_ns",
        "_missed",
        "_pace",
        "_state",
        "_taskset_instance",
        "environment",
    )

    host: str | None = None
    min_wait: Any = None
    max_wait: Any = None
    wait_function: Any = None
    wait_time: Any = constant(0)
    tasks: ClassVar[list[Any]] = []
    weight: float = 1
    """Share of this class among the users; 0 leaves it out."""
    fixed_count: int = 0
    """Exactly that many users of this class, started before the weighted ones."""
    abstract: bool = True

    _is_task_set: ClassVar[bool] = False
    _asks_engine: ClassVar[bool] = False  # its client's requests wait for their instant there
    environment: Environment
    _state: str | None
    _greenlet: Any
    _group: Group
    _taskset_instance: Any
    _pace: Pace | None
    _chance: Any  # what it draws from: the module `random`, or a generator of its own (--seed)
    _flow_ns: int  # when the arrival was due whose iteration is under way; 0: none is
    _failed: str | None  # what failed first in it
    _begun_ns: int  # when it was begun, maybe a moment before that
    _held_ns: int  # how long its first request waited for that moment to come

    def __init__(self, environment: Environment) -> None:
        super().__init__()
        self.environment = environment
        self._state = None
        self._greenlet = None
        self._taskset_instance = None
        self._cp_last_run = time.perf_counter()
        self._cp_last_wait_time = 0.0
        self._pace = None
        self._chance = random
        self._due_ns = 0
        self._flow_ns = self._begun_ns = self._held_ns = 0
        self._failed = None
        self._blocked = 0
        self._missed = 0

    def on_start(self) -> None:
        """Called when the user starts, before its first task."""

    def on_stop(self) -> None:
        """Called when the user is stopped; not if its on_start failed."""

    def run(self) -> None:
        """The whole life of the user. Not to be overridden."""
        self._state = LOCUST_STATE_RUNNING
        arrivals = self.environment._arrivals
        self._taskset_instance = DefaultTaskSet(self) if arrivals is None else arrivals.tasks(self)
        try:
            try:
                self.on_start()
            except FeedExhausted:
                raise  # said once, by the feed
            except Exception as error:
                logger.error("%s\n%s", error, traceback.format_exc())
                if not isinstance(error, (StopUser, StopTest)):
                    self.environment.events.user_error.fire(
                        user_instance=self, exception=error, tb=error.__traceback__
                    )
                if arrivals is not None and not isinstance(error, StopTest):
                    arrivals.ended(self, error)
                raise
            self._taskset_instance.run()
        except (GreenletExit, StopUser, StopTest):
            self._cut_off(arrivals)
            self.on_stop()
        finally:
            self._cut_off(arrivals)

    def _cut_off(self, arrivals: Arrivals | None) -> None:
        if arrivals is not None:
            arrivals.cut_off(self)

    def wait(self) -> None:
        """Pauses for `wait_time()` in the middle of a task; the user may be stopped here."""
        self._taskset_instance.wait()

    def start(self, group: Group) -> Any:
        """Starts the user in a greenlet of `group` and returns it; `greenlet.args[0]` is the user."""
        self._greenlet = group.spawn(_run_user, self)
        self._group = group
        return self._greenlet

    def stop(self, force: bool = False) -> bool:
        """Ends the user: at once if forced, waiting or not yet started (True), otherwise after its
        current task (False)."""
        if force or self._state in (None, LOCUST_STATE_WAITING):
            self._kill()
            return True
        if self._state == LOCUST_STATE_RUNNING:
            self._state = LOCUST_STATE_STOPPING
            return False
        raise Exception(f"Tried to stop a user that is {self._state} already")

    def _kill(self, *, block: bool = True) -> None:
        # A kill comes a moment after it was asked for. Should the user's wait end before, it would start another task, whose
        # request would be cut off.
        turns().leave_asleep(self._greenlet)
        self._group.killone(self._greenlet, block=block)

    @property
    def group(self) -> Group:
        return self._group

    @property
    def greenlet(self) -> Any:
        return self._greenlet

    def context(self) -> dict[str, Any]:
        """Override it to add to the context of every request event."""
        return {}

    @classmethod
    def json(cls) -> dict[str, Any]:
        return {
            "host": cls.host,
            "weight": cls.weight,
            "fixed_count": cls.fixed_count,
            "tasks": [task.__name__ for task in cls.tasks],
        }

    @classmethod
    def fullname(cls) -> str:
        """my_package.my_module.MyUser"""
        path = f"{cls.__module__}.{cls.__qualname__}".split(".")
        return ".".join(part for part in path if part != "<locals>")


def _run_user(user: User) -> None:
    user.run()


def headers_asked_for(environment: Any) -> dict[str, str]:
    """What `--header` asks for with every request, by name."""
    lines = getattr(environment.parsed_options, "header", None) or ()
    named = (line.partition(":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in named}


class HttpUser(RestMixin, User):
    """A user with an HTTP session of its own: `self.client`, which is a `requests.Session`."""

    abstract: bool = True
    _asks_engine: ClassVar[bool] = True
    pool_manager: Any = None
    """A urllib3 PoolManager to share among users; choosing one takes the session off the native
    path."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.host is None:
            raise StopTest(NO_HOST)
        self.client = HttpSession(
            base_url=self.host,
            request_event=self.environment.events.request,
            user=self,
            pool_manager=self.pool_manager,
        )
        self.client.trust_env = False
        if asked := headers_asked_for(self.environment):
            self.client.headers.update(asked)


class PytestUser(User):
    """Locust's users made of pytest functions; the name exists so that checks against it work."""

    abstract = True
    functions: ClassVar[list[Any]] = []
