"""Failures in the exceptions that users of `requests` expect, and exceptions in the record's terms."""

from __future__ import annotations

import re

from requests.exceptions import (
    ChunkedEncodingError,
    ConnectionError,
    ConnectTimeout,
    HTTPError,
    InvalidSchema,
    InvalidURL,
    MissingSchema,
    ProxyError,
    ReadTimeout,
    RequestException,
    SSLError,
)

from .exception import CatchResponseError, ResponseError

absolute_http_url_regexp = re.compile(r"^https?://", re.IGNORECASE)


def bad_url(url: str, error: Exception) -> RequestException:
    if "://" not in url:
        return MissingSchema(
            f"Invalid URL {url!r}: No scheme supplied. Perhaps you meant https://{url}?"
        )
    if not absolute_http_url_regexp.match(url):
        return InvalidSchema(f"No connection adapters were found for {url!r}")
    return InvalidURL(str(error))


_EXCEPTIONS: dict[str, type[Exception]] = {
    "refused": ConnectionRefusedError,
    "reset": ConnectionResetError,
    "unreachable": OSError,
    "exhausted": OSError,
}


def exception_of(failure: tuple[str, str, int | None]) -> Exception:
    """What requests users expect for a failure below HTTP; Locust shows the lowest exception, so the OS's own where there is one."""
    cause, text, number = failure
    if cause in _EXCEPTIONS and number is not None:
        error: Exception = _EXCEPTIONS[cause](number, text)
    elif cause == "timeout_connect":
        error = ConnectTimeout(text)
    elif cause in ("timeout_first_byte", "timeout_body"):
        error = ReadTimeout(text)
    elif cause == "tls":
        error = SSLError(text)
    elif cause == "reset":
        error = ConnectionResetError(text)
    elif cause == "protocol":
        error = ChunkedEncodingError(text)
    elif cause == "refused":
        error = ProxyError(text)
    else:
        error = ConnectionError(text)
    error.katydid_cause = cause  # type: ignore[attr-defined]
    return error


def lowest(error: BaseException) -> Exception:
    """The exception at the bottom of the chain, as Locust reports it."""
    while error.__context__ is not None and isinstance(error.__context__, Exception):
        error = error.__context__
    return error  # type: ignore[return-value]


def cause_of(failure: Exception) -> str:
    cause = getattr(failure, "katydid_cause", None)
    if cause is not None:
        return str(cause)
    if isinstance(failure, HTTPError):
        return "status"
    if isinstance(failure, (ResponseError, CatchResponseError, AssertionError)):
        return "script"
    return "other"


def text_of(failure: Exception) -> str:
    return (
        str(failure.args[0])
        if isinstance(failure, CatchResponseError) and failure.args
        else repr(failure)
    )
