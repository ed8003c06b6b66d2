"""`run_single_user`: one user in the current greenlet, for debuggers. Prints a line per request;
records nothing."""

from __future__ import annotations

import inspect
import os
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from . import log
from .exception import CatchResponseError

if TYPE_CHECKING:
    from .env import Environment
    from .user.users import User

_env: Environment | None = None
"""The environment of all users run this way in this process."""


class PrintListener:
    """Prints a tab-separated line per request."""

    def __init__(
        self,
        env: Environment,
        include_length: bool = False,
        include_time: bool = False,
        include_context: bool = False,
        include_payload: bool = False,
    ) -> None:
        self.include_length = include_length
        self.include_time = include_time
        self.include_context = include_context
        self.include_payload = include_payload
        env.events.request.add_listener(self.on_request)
        titles = ["type", "name".ljust(50), "resp_ms", "exception"]
        if include_time:
            titles.insert(0, "time".ljust(24))
        if include_length:
            titles.insert(-1, "length")
        titles += ["context"] * include_context + ["payload"] * include_payload
        print("\n" + "\t".join(titles) + "\t")

    def on_request(
        self,
        request_type: str,
        name: str,
        response_time: float | None,
        response_length: int,
        exception: Any = None,
        context: Any = None,
        start_time: float | None = None,
        response: Any = None,
        **_others: Any,
    ) -> None:
        cells = [request_type, (name or "").ljust(50)]
        cells.append(str(-1 if response_time is None else round(response_time)).ljust(7))
        if self.include_time:
            at = (
                datetime.now()
                if start_time is None
                else datetime.fromtimestamp(start_time, timezone.utc)
            )
            cells.insert(0, str(at))
        if self.include_length:
            cells.append(str(response_length))
        cells.append(_short(exception).ljust(9))
        if self.include_context:
            cells.append(str(context or ""))
        if self.include_payload:
            request = getattr(response, "request", None)
            cells.append(str(getattr(request, "body", "") or ""))
        print("\t".join(cells) + "\t", flush=True)


def _short(exception: Any) -> str:
    if not exception:
        return ""
    text = str(exception) if isinstance(exception, CatchResponseError) else repr(exception)
    return text[:500].replace("\n", " ")


def run_single_user(
    user_class: type[User],
    include_length: bool = False,
    include_time: bool = False,
    include_context: bool = False,
    include_payload: bool = False,
    loglevel: str | None = "WARNING",
) -> None:
    """Runs one user until it stops. Fires `init` and `test_start`; never `test_stop` or `quit`. The
    command line is read as usual (-H, tags, custom options)."""
    global _env
    if loglevel:
        log.setup_logging(loglevel)
    if _env is None:
        caller = inspect.stack()[1].filename
        _env = _environment(os.path.basename(caller))
        PrintListener(_env, include_length, include_time, include_context, include_payload)
        _env.events.init.fire(environment=_env, runner=None, web_ui=None)
        if log.unhandled_greenlet_exception:
            os._exit(1)  # it has been logged; a debugger would hold up a normal exit
    _env.user_classes = [user_class]
    _env._filter_tasks_by_tags()
    _env.events.test_start.fire(environment=_env)
    if _env.host:
        user_class.host = _env.host
    user = user_class(_env)
    _env.single_user_instance = user  # type: ignore[attr-defined]
    user.run()


def _environment(locustfile: str) -> Environment:
    from . import events
    from ._link import open_session
    from .argument_parser import get_parser
    from .env import Environment

    options = get_parser().parse_args()
    options.locustfile = locustfile
    env = Environment(
        events=events, locustfile=locustfile, host=options.host, parsed_options=options
    )
    open_session(env, lambda _message: None)
    return env
