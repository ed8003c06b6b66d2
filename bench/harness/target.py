"""A running `katydid-target`, and what it says it served: the denominator of every figure here."""

import http.client
import json
import os
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from harness.errors import BenchError
from harness.proc import cpu_s
from harness.process import Child

_START_LIMIT_S = 10.0
_ANSWER_LIMIT_S = 30.0


@dataclass(frozen=True)
class Truth:
    """Counts since the last reset."""

    served: int
    unanswered: int
    errors: int
    refused: int
    connections: int
    bytes_in: int
    bytes_out: int
    paths: dict[str, int]  # served, by method and path

    @property
    def failures(self) -> int:
        """Answers that were errors, and requests that were none."""
        return self.errors + self.refused


class Target:
    """A target on a free port of 127.0.0.1; use it as a context."""

    def __init__(self, binary: str, scratch: Path, *flags: str) -> None:
        argv = [binary, "--bind", "127.0.0.1:0", *flags]
        self._child = Child(argv, scratch / "target")

    def __enter__(self) -> "Target":
        self._child.__enter__()
        try:
            self.url = self._listening()
        except BaseException as error:
            self._child.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._child.__exit__(kind, error, trace)

    def _listening(self) -> str:
        said = "listening on "
        while self._child.seconds < _START_LIMIT_S:
            line = self._child.stdout()
            if line.startswith(said) and line.endswith("\n"):
                return line.removeprefix(said).strip()
            if self._child.ended():
                raise BenchError(f"katydid-target ended: {self._child.stderr().strip()}")
            time.sleep(0.01)
        raise BenchError("katydid-target did not start")

    @property
    def cpu_s(self) -> float:
        """Its CPU time so far."""
        return cpu_s(self._child.pid)

    def keep_to(self, cores: set[int]) -> None:
        """Restricts it to these cores."""
        os.sched_setaffinity(self._child.pid, cores)

    def reset(self) -> None:
        """Forgets all counts."""
        self._ask("POST", "/_control/reset")

    def truth(self) -> Truth:
        """What was served since the last reset."""
        told: dict[str, Any] = json.loads(self._ask("GET", "/_truth"))
        total = told["total"]
        return Truth(
            served=total["served"],
            unanswered=total["unanswered"],
            errors=total["errors"],
            refused=told["refused"],
            connections=told["connections"]["accepted"],
            bytes_in=total["bytes_in"],
            bytes_out=total["bytes_out"],
            paths={
                f"{method} {path}": count
                for path, counts in told["paths"].items()
                for method, count in counts["methods"].items()
            },
        )

    def instants(self) -> list[tuple[int, int]]:
        """Request read and last byte written of each request, monotonic ns; needs `--log-requests`."""
        lines = self._ask("GET", "/_truth/requests").splitlines()
        logged = (json.loads(line) for line in lines)
        return [(one["request_read_ns"], one["last_byte_written_ns"]) for one in logged]

    def _ask(self, method: str, path: str) -> bytes:
        where = urlsplit(self.url)
        assert where.hostname is not None
        connection = (
            http.client.HTTPSConnection(
                where.hostname,
                where.port,
                timeout=_ANSWER_LIMIT_S,
                context=ssl._create_unverified_context(),
            )
            if where.scheme == "https"
            else http.client.HTTPConnection(where.hostname, where.port, timeout=_ANSWER_LIMIT_S)
        )
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise BenchError(f"katydid-target does not answer {path}: {error}") from error
        finally:
            connection.close()
        if answer.status != 200:
            raise BenchError(f"katydid-target: {answer.status} for {path}: {body[:200]!r}")
        return body
