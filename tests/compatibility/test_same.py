"""The same scenario under Locust and under katydid: the same requests, names, counts, failures, events, files and exit codes.

A scenario is a locustfile as people write them. What it prints after `said: ` is compared, too. Each ends itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from beside import HERE, Did
from recorder import Request

Both = Callable[..., tuple[Did, Did]]

#: Columns of the statistics that do not depend on time.
NAMES, COUNTS = ("Type", "Name"), ("Request Count", "Failure Count", "Average Content Size")
#: docs/locust.md says in what they differ.
FREE = frozenset(("accept-encoding", "user-agent"))
SCENARIOS = sorted(path.stem for path in (HERE / "scenarios").glob("*.py"))
#: What is not the same yet.
KNOWN = {
    "cut_connection": "a GET whose connection ends without an answer is made once more",
    "fast_without_body": "DELETE without a body says Content-Length: 0",
    "stats_errors": "the error of a failure is its text, not the exception",
}


def _scenario(name: str) -> Any:
    if name not in KNOWN:
        return name
    return pytest.param(name, marks=pytest.mark.xfail(strict=True, reason=KNOWN[name]))


def _sent(did: Did) -> list[Request]:
    """The requests, without the headers that may differ."""

    def compared(request: Request) -> Request:
        headers = tuple(header for header in request.headers if header[0] not in FREE)
        return Request(request.method, request.path, headers, request.body)

    return [compared(request) for request in did.requests]


@pytest.mark.parametrize("name", [_scenario(name) for name in SCENARIOS])
def test_a_scenario_does_the_same(both: Both, name: str) -> None:
    theirs, ours = both(name, "-u", "1", "-r", "1")
    assert theirs.requests or theirs.said, theirs.output
    assert ours.said == theirs.said
    assert _sent(ours) == _sent(theirs)
    assert ours.exit_code == theirs.exit_code, ours.output


def test_the_files_are_the_same(both: Both) -> None:
    # Locust writes its files once a second, and not at the end: it takes a scenario that lasts.
    theirs, ours = (did.files for did in both("load_shape", "-u", "1", "-r", "1"))

    def counted(row: dict[str, str]) -> list[object]:
        return [*(row[name] for name in NAMES), *(float(row[name]) for name in COUNTS)]

    assert [counted(row) for row in ours["stats"]] == [counted(row) for row in theirs["stats"]]
    assert len(theirs["stats"]) == 3
    assert [list(row) for row in ours["stats"]] == [list(row) for row in theirs["stats"]]
    for kind in ("failures", "exceptions"):
        assert ours[kind] == theirs[kind], kind
