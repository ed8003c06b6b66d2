"""How a request that its script judges gets into the record: once, whatever the script made of its `request_meta`.

Shared by both clients. Knows native responses and the dictionary that listeners are shown.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import _tags
from . import _transport as transport
from ._errors import cause_of, text_of
from ._flow import note_failure

#: Instants of a request, ns: due, asked, send, done.
Timings = tuple[int, int, int, int]


def report(
    hook: Any,
    native: Any,
    meta: dict[str, Any],
    at: Timings,
    failure: Exception | None,
    content: Callable[[], bytes | None],
) -> None:
    """Records the verdict with the values that `meta` has by now, then tells the listeners."""
    meta["exception"] = failure
    if failure is not None:
        note_failure(lambda: f"{meta.get('request_type')} {meta.get('name')}: {_text(failure)}")
    session = hook._session
    if session is not None and not native.recorded:
        took = meta.get("response_time")
        edited = _edited(took, (at[3] - at[1]) / 1e6)
        verdict = shape = None
        if failure is not None:
            verdict = (cause_of(failure), _text(failure))
            kind = native.header("content-type") or ""
            shape = transport.outline(content() or b"", _plain(kind))
        session.record(
            session.endpoint(
                "request",
                _plain(meta.get("request_type")),
                _plain(meta.get("name")),
                _tags.current(),
            ),
            edited,
            _length(meta.get("response_length")),
            verdict,
            None if took is None else at,
            native.status_code,
            shape,
            native.trace,
        )
    if hook._handlers:
        hook.notify(meta)


def report_well(hook: Any, native: Any, event: Callable[[], dict[str, Any]]) -> None:
    """Records a response as the success it is, then tells the listeners."""
    if hook._session is not None and not native.recorded:
        hook._session.judged_well(native)
    if hook._handlers:
        hook.notify(event())


def unjudged(hook: Any, endpoint: int) -> None:
    """An attempt that ended without a verdict."""
    if hook._session is not None:
        hook._session.unjudged(endpoint)


def context_of(client: Any, own: dict[str, Any]) -> dict[str, Any]:
    """What the user says of itself, and what the call was given."""
    return own if client.user is None else {**client.user.context(), **own}


def context_at_the_end(client: Any, native: Any, own: dict[str, Any]) -> dict[str, Any]:
    """`context_of`; if the user's own method raises, the attempt is counted before its exception goes on."""
    try:
        return context_of(client, own)
    except Exception:
        if not native.recorded:
            unjudged(client.request_event, native.endpoint)
        raise


def _edited(took: Any, measured: float) -> float | None:
    """The response time that a script put in the place of the measured one, ms."""
    if not isinstance(took, (int, float)) or abs(took - measured) <= 1e-6:
        return None
    return float(took)


def _length(length: Any) -> int:
    return int(length) if isinstance(length, (int, float)) and length == length else 0


def _text(failure: Exception) -> str:
    try:
        return _plain(text_of(failure))
    except Exception:
        return type(failure).__name__


def _plain(text: Any) -> str:
    """What UTF-8 can hold."""
    return str(text).encode("utf-8", "replace").decode()
