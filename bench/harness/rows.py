"""The rows of the table: the work, the programs that do it, and what katydid aims at."""

from dataclasses import dataclass, field
from enum import Enum

from harness.programs import (
    ARRIVALS,
    ATTACK,
    K6,
    K6_ARRIVALS,
    KATYDID,
    LOCUST,
    OHA,
    TRACED,
    WRK,
    Program,
)

CPU = "CPU µs per request"
P99 = "p99 ms"
LATE_P99 = "late by, p99 ms"
KB_PER_USER = "KB per user"
FIRST_REQUESTS = "first requests s"


class Kind(Enum):
    """How a row is measured."""

    CPU = "cpu"
    IDLE = "idle"
    LATENCY = "latency"
    LATENESS = "lateness"


@dataclass(frozen=True)
class Contender:
    """A program in a row. The label is its name in the table."""

    label: str
    program: Program
    script: str | None = None

    @property
    def path(self) -> str | None:
        """The workload, relative to the checkout."""
        return f"bench/workloads/{self.script}" if self.script else None


@dataclass(frozen=True)
class Goal:
    """katydid's figure ÷ a peer's in the same round, or katydid's figure alone, is at most this."""

    at_most: float
    peer: str | None = None
    metric: str = CPU
    said: str = ""  # how to write it, where the number is not how one says it

    def __str__(self) -> str:
        limit = self.said or f"{self.at_most:g}"
        return f"≤ {limit} × {self.peer}" if self.peer else f"≤ {limit} {self.metric}"


@dataclass(frozen=True)
class Row:
    """One row. `settle` is the shorter of two run lengths: start-up has to be over by then."""

    name: str
    title: str
    kind: Kind
    users: int
    contenders: tuple[Contender, ...]
    goals: tuple[Goal, ...]
    path: str = "/"
    settle: int = 2
    rate: int | None = None
    tls: bool = False
    no_wait: bool = False
    flags: tuple[str, ...] = field(default=())  # of the target


def _pair(script: str) -> tuple[Contender, Contender]:
    """katydid and Locust on one file, unchanged."""
    return Contender("katydid", KATYDID, script), Contender("Locust", LOCUST, script)


_WRK = Contender("wrk", WRK)
_OHA = Contender("oha", OHA)

ROWS = (
    Row(
        "flow",
        "realistic flow: 1,000 users with think time, about 5,000 req/s",
        Kind.CPU,
        users=1000,
        settle=4,
        contenders=(*_pair("shop.py"), Contender("k6", K6, "shop.js")),
        goals=(Goal(1 / 4, "Locust", said="1/4"), Goal(1 / 2, "k6", said="1/2")),
    ),
    Row(
        "fast",
        'FastHttpUser, 100 users, no wait, client.get("/")',
        Kind.CPU,
        users=100,
        no_wait=True,
        contenders=(*_pair("fast.py"), _WRK, _OHA),
        goals=(Goal(1.25, "wrk"), Goal(1 / 10, "Locust", said="1/10"), Goal(1.0, "oha")),
    ),
    Row(
        "http",
        'HttpUser, 100 users, no wait, client.get("/")',
        Kind.CPU,
        users=100,
        no_wait=True,
        contenders=(*_pair("http.py"), _WRK),
        goals=(Goal(1.6, "wrk"), Goal(1 / 35, "Locust", said="1/35")),
    ),
    Row(
        "listener",
        "FastHttpUser with a Python listener on events.request",
        Kind.CPU,
        users=100,
        no_wait=True,
        contenders=(*_pair("listener.py"), _WRK),
        goals=(Goal(1.8, "wrk"),),
    ),
    Row(
        "paced",
        "1,000 users with 0.2 s waits, bare GET",
        Kind.CPU,
        users=1000,
        settle=4,
        rate=5000,
        contenders=(*_pair("paced.py"), Contender("k6", K6, "paced.js"), _OHA),
        goals=(
            Goal(1 / 4, "Locust", said="1/4"),
            Goal(1 / 3, "k6", said="1/3"),
            Goal(1.0, "oha"),
        ),
    ),
    Row(
        "tls",
        "TLS, keep-alive, 100 users, no wait",
        Kind.CPU,
        users=100,
        tls=True,
        no_wait=True,
        contenders=(Contender("katydid", KATYDID, "fast.py"), _WRK),
        goals=(Goal(1.3, "wrk"),),
    ),
    Row(
        "traced",
        "FastHttpUser, 100 users, no wait, with --trace: each request carries a traceparent, no span comes",
        Kind.CPU,
        users=100,
        no_wait=True,
        contenders=(
            Contender("katydid", TRACED, "fast.py"),
            Contender("katydid untraced", KATYDID, "fast.py"),
        ),
        goals=(Goal(1.05, "katydid untraced"),),
    ),
    Row(
        "idle",
        "10,000 connected users with tasks, waiting",
        Kind.IDLE,
        users=10_000,
        contenders=_pair("idle.py"),
        goals=(
            Goal(12, metric=KB_PER_USER),
            Goal(1 / 4, "Locust", FIRST_REQUESTS, said="1/4"),
        ),
        flags=("--log-requests",),
    ),
    Row(
        "latency",
        "20 ms target, 1,000 users out of step, 8,000 req/s offered: reported p99",
        Kind.LATENCY,
        users=1000,
        path="/delay?ms=20",
        rate=8000,
        contenders=(*_pair("latency.py"), _OHA),
        goals=(Goal(1.2, "oha", P99),),
        flags=("--log-requests",),
    ),
    Row(
        "arrivals",
        "2,000 arrivals a second: how late they are at the target",
        Kind.LATENESS,
        users=100,
        rate=2000,
        contenders=(
            Contender("katydid", ARRIVALS, "arrivals.py"),
            Contender("katydid attack", ATTACK),
            Contender("k6", K6_ARRIVALS, "arrivals.js"),
            _OHA,
        ),
        goals=(Goal(1.0, "k6", LATE_P99), Goal(1.0, "oha", LATE_P99)),
        flags=("--log-requests",),
    ),
    Row(
        "attack",
        "katydid attack, 100 connections, no wait",
        Kind.CPU,
        users=100,
        no_wait=True,
        contenders=(Contender("katydid", ATTACK), _WRK),
        goals=(Goal(1.15, "wrk"),),
    ),
)
