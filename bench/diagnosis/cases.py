"""The faults of the demo shop, and what a run with one of them has to say. Makes no runs, and judges none.

What is expected holds by construction (`katydid_shop/faults.py` and the places where it is asked), not by what katydid said.
"""

import random
from dataclasses import dataclass

HEALTHY = "healthy"
"""The shop without a fault."""

ROUNDS = 20
"""Runs of each fault."""

HEALTHY_PER_ROUND = 3

USERS = 60
"""Of a run. One connection carries so many users; what it does not carry shows with the demo's own number."""

_SEED = 20261129

_LIST = "GET /orders?page=[n]"
_DASHBOARD = "GET /dashboard"
_SUBMIT = "POST /orders"
_INVOICE = "POST /orders/[id]/invoice"


@dataclass(frozen=True)
class Expected:
    """The rule that names a fault, and where.

    `at`: the endpoint that the finding names first is one of these; with none, its place is not asked for. `about`: what the finding is
    about has this text in it, where the place is no endpoint. `neighbours`: rules that are right too, as the fault does what they say.
    """

    rule: str
    at: tuple[str, ...] = ()
    about: str = ""
    neighbours: frozenset[str] = frozenset()
    users: int = USERS

    def place(self) -> str:
        """Where, in words."""
        return " or ".join(self.at) or self.about or "anywhere"


def _and(*rules: str) -> frozenset[str]:
    return frozenset(rules)


EXPECTED = {
    # Without the index both sort what they read; and that is work for processors.
    "missing_index": Expected(
        "missing_index", (_LIST, _DASHBOARD), neighbours=_and("slow_statement", "cpu")
    ),
    "n_plus_one": Expected("n_plus_one", (_LIST,), neighbours=_and("cpu")),
    # The receipt is signed within the transaction; the statement that waits is the slowest.
    "row_lock": Expected(
        "row_lock", (_SUBMIT,), neighbours=_and("connection_held", "slow_statement")
    ),
    # What it is held for is a partner's answer, and products stay locked meanwhile.
    "connection_held": Expected(
        "connection_held", (_SUBMIT,), neighbours=_and("slow_downstream", "row_lock")
    ),
    "slow_downstream": Expected("slow_downstream", (_SUBMIT,)),
    # All wait for the loop; it is the dashboard that blocks it, by asking a partner.
    "blocking_call": Expected("event_loop", (_DASHBOARD,), neighbours=_and("slow_downstream")),
    "memory_leak": Expected("memory_leak", about="uvicorn"),
    "one_consumer": Expected("queue_backlog", about="mails"),
    # Its three queries become the database's largest part.
    "no_cache": Expected("cache_none", (_DASHBOARD,), neighbours=_and("slow_statement", "cpu")),
    "cache_without_tenant": Expected("cache_tenant", (_DASHBOARD,)),
    "no_ttl": Expected("cache_no_ttl", (_LIST,)),
    # What many compute at once is a slow statement.
    "stampede": Expected("stampede", (_DASHBOARD,), neighbours=_and("slow_statement", "cpu")),
    # All wait for the one connection. The query that the dashboard has more reads three months of all tenants, for each request.
    "small_pool": Expected("pool", neighbours=_and("slow_statement", "cache_none"), users=120),
    # The documents are packed within the invoice's transaction.
    "inline_invoice": Expected(
        "inline_work", (_INVOICE,), neighbours=_and("connection_held", "cpu")
    ),
}
"""By fault. The names are those of `katydid_shop.faults.FAULTS`."""


@dataclass(frozen=True, order=True)
class Case:
    """One run: which fault, and the how manieth of it, from 1."""

    fault: str
    number: int


def schedule() -> list[Case]:
    """All runs in their order: round by round, each fault once and the healthy shop three times, shuffled within the round."""
    cases: list[Case] = []
    for number in range(1, ROUNDS + 1):
        of_round = [Case(fault, number) for fault in EXPECTED]
        last = number * HEALTHY_PER_ROUND
        of_round += [Case(HEALTHY, last - before) for before in range(HEALTHY_PER_ROUND)]
        random.Random(f"{_SEED} {number}").shuffle(of_round)
        cases += of_round
    return cases


def wanted(fault: str) -> int:
    """How many runs of it there are to be."""
    return ROUNDS * (HEALTHY_PER_ROUND if fault == HEALTHY else 1)
