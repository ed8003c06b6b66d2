"""katydid's scenario API: what a locustfile imports.

`from katydid import HttpUser, task` and, when katydid is the program running, `from locust import
…` give these names. Importing it patches the standard library (see `_patch`), as scripts that use
Locust as a library rely on.
"""

# ruff: noqa: E402  (patching comes before every other import)

from ._patch import patch as _patch

_patch()

from ._version import __version__
from .event import Events

events = Events()

from .contrib.fasthttp import FastHttpUser
from .data import feed
from .debug import run_single_user
from .jobs import job
from .shape import LoadTestShape
from .skew import zipf
from .user import wait_time
from .user.markov_taskset import MarkovTaskSet, transition, transitions
from .user.sequential_taskset import SequentialTaskSet
from .user.task import TaskSet, tag, task
from .user.users import HttpUser, User
from .user.wait_time import between, constant, constant_pacing, constant_throughput, poisson
from .util.deprecation import DeprecatedHttpLocustClass as HttpLocust
from .util.deprecation import DeprecatedLocustClass as Locust

__all__ = (
    "FastHttpUser",
    "HttpLocust",
    "HttpUser",
    "LoadTestShape",
    "Locust",
    "MarkovTaskSet",
    "SequentialTaskSet",
    "TaskSet",
    "User",
    "__version__",
    "between",
    "constant",
    "constant_pacing",
    "constant_throughput",
    "events",
    "feed",
    "job",
    "poisson",
    "run_single_user",
    "tag",
    "task",
    "transition",
    "transitions",
    "wait_time",
    "zipf",
)
