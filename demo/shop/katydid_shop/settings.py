"""Settings of the service, read once from the environment.

Knows the names and the defaults; does not know who sets them (the stack does, see
`katydid_shop.stack`).
"""

import os
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Settings:
    """What the app and the worker need to know; durations are in seconds."""

    database_url: str
    redis_url: str
    pool_size: int
    pool_overflow: int
    pool_timeout: float
    requests_at_once: int
    dashboard_ttl: int
    session_ttl: int
    invoice_queue: str
    partner_url: str
    dashboard_parts: frozenset[str]


@cache
def settings() -> Settings:
    """The settings of this process."""
    env = os.environ
    return Settings(
        database_url=env["SHOP_DATABASE_URL"],
        redis_url=env["SHOP_REDIS_URL"],
        pool_size=int(env.get("SHOP_POOL_SIZE", "10")),
        pool_overflow=int(env.get("SHOP_POOL_OVERFLOW", "30")),
        pool_timeout=float(env.get("SHOP_POOL_TIMEOUT", "10")),
        requests_at_once=int(env.get("SHOP_REQUESTS_AT_ONCE", "40")),
        dashboard_ttl=int(env.get("SHOP_DASHBOARD_TTL", "5")),
        session_ttl=int(env.get("SHOP_SESSION_TTL", "3600")),
        invoice_queue=env.get("SHOP_INVOICE_QUEUE", "invoices"),
        partner_url=env.get("SHOP_PARTNER_URL", ""),
        dashboard_parts=frozenset(env.get("SHOP_DASHBOARD_PARTS", "").split(",")),
    )
