"""Valkey, as the service uses it: login sessions and a cache of computed answers.

Knows keys and lifetimes; does not know what is cached. Jobs have their own connection in
`katydid_shop.queue`, because RQ stores bytes and this module reads text.
"""

import json
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from functools import cache as once
from typing import Any

from redis import Redis

from katydid_shop.settings import settings


@dataclass(frozen=True)
class Login:
    """Who is asking."""

    user_id: int
    tenant_id: int


@once
def valkey() -> Redis:
    """The client of this process; it keeps a pool of connections."""
    return Redis.from_url(settings().redis_url, decode_responses=True)


def open_session(login: Login) -> str:
    """Stores a session and returns its token."""
    token = secrets.token_urlsafe(24)
    valkey().set(f"session:{token}", json.dumps(asdict(login)), ex=settings().session_ttl)
    return token


def find_session(token: str) -> Login | None:
    """Who the token belongs to, or None if it is unknown or has run out."""
    stored = valkey().get(f"session:{token}")
    return Login(**json.loads(stored)) if stored else None


def cached(
    key: str,
    ttl: int | None,
    compute: Callable[[], dict[str, Any]],
    *,
    single_flight: bool = False,
) -> dict[str, Any]:
    """The value under `key`, computed and kept for `ttl` seconds (None: for ever) if it is not there.

    With `single_flight` one computes it, in whatever process, and the others wait for that.
    """
    found = _kept(key)
    if found is not None:
        return found
    with _alone(key) if single_flight else nullcontext():
        # Another may have computed it while we waited.
        if single_flight and (found := _kept(key)) is not None:
            return found
        value = compute()
        valkey().set(key, json.dumps(value), ex=ttl)
    return value


def _kept(key: str) -> dict[str, Any] | None:
    stored = valkey().get(key)
    return None if stored is None else json.loads(stored)


def _alone(key: str) -> AbstractContextManager[Any]:
    # The lock runs out by itself, should its holder die.
    found: AbstractContextManager[Any] = valkey().lock(f"{key}:lock", timeout=10, sleep=0.02)
    return found
