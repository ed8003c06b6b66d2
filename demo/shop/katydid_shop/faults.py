"""Faults on command: mistakes as they are found in the wild, one switch each.

`SHOP_FAULTS=n_plus_one,row_lock` plants them in the app and the worker; `python -m katydid_shop.stack run --faults …` passes it on.
Each is an `if` at the place where a team would have written it; without it the same code runs in its healthy form. Knows their names;
does not know what they do.
"""

import os
from collections.abc import Collection
from functools import cache

FAULTS = {
    "missing_index": "the list of orders has an index on the tenant only, and sorts all of a tenant's orders",
    "n_plus_one": "the list of orders asks for the customer of each order by a query of its own",
    "row_lock": "each new order takes its number from one counter row, and signs its receipt before the commit",
    "connection_held": "each new order asks a partner for a credit check while its transaction is open",
    "slow_downstream": "each new order asks a partner for a credit check, which takes a quarter of a second",
    "blocking_call": "the dashboard asks a partner for exchange rates by a blocking call in an async handler",
    "memory_leak": "each order that is opened leaves its audit entry in the app's memory",
    "one_consumer": "each new order is confirmed by a mail, which takes a consumer longer than orders take to come",
    "no_cache": "the dashboard is computed anew for each request",
    "cache_without_tenant": "the dashboard is cached under one key for all tenants",
    "no_ttl": "each page of orders is cached under a key of its own, for ever",
    "stampede": "the dashboard's report on the market is slow, kept for two seconds, and computed by all who miss it",
    "small_pool": "the app has one connection to the database for all of its threads, and the dashboard a query more",
    "inline_invoice": "the invoice is made within the request, as the queue is left in its mode for tests",
}
"""By name, what each is."""

PARTNER = {"connection_held", "slow_downstream", "blocking_call", "one_consumer"}
"""Those for which the partner has to be up."""


IN_APP = tuple(name for name in FAULTS if name not in ("missing_index", "one_consumer"))
"""Those that are in the app alone: an app without them can be served from the same data."""


class UnknownFault(Exception):
    """There is no fault of this name; the text names those that there are."""


def read(words: str, known: Collection[str] = FAULTS.keys()) -> frozenset[str]:
    """The faults that a list with commas names, out of those that are known."""
    names = frozenset(word.strip() for word in words.split(",") if word.strip())
    for name in sorted(names.difference(known)):
        raise UnknownFault(f"there is no fault {name}; there are {', '.join(known)}")
    return names


@cache
def planted() -> frozenset[str]:
    """The faults of this process."""
    return read(os.environ.get("SHOP_FAULTS", ""))


def is_on(name: str) -> bool:
    """Whether a fault was planted."""
    assert name in FAULTS
    return name in planted()
