"""Where the target of a run is, as far as its user classes say.

Knows hosts as texts; what they resolve to is looked up in Rust.
"""

from __future__ import annotations

from typing import Any

from . import _core, events
from .env import Environment


def hosts(environment: Environment) -> list[str]:
    """Base URLs that requests go to, as far as they are known before the run."""
    if environment.host:
        return [environment.host]
    of_classes = [u.host for u in environment.user_classes if isinstance(u.host, str)]
    return list(dict.fromkeys(filter(None, of_classes)))


def require_here(plan: dict[str, Any], environment: Environment, *, final: bool) -> None:
    """UsageError if conditions (`--abort-on "cpu > 90%"`) are about the target's machine and that is not this one. Unless it is
    `final`, a host that a listener of `init` may still set is waited for."""
    of_classes = [(f"host of {u.__name__}", u.host) for u in environment.user_classes]
    hosts = [("-H/--host", environment.host)] if environment.host else of_classes
    if not final and events.init._handlers:
        hosts = [(who, host) for who, host in hosts if host]
    _core.require_here(plan.get("abort_on_machine", ()), hosts)
