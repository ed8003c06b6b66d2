"""The programs compared: how each is told to do a job, and what it says that it did.

What a program says is never a denominator; it is compared with the target's truth, and a reported latency is taken from it.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.process import Finished
from harness.tools import Tools


@dataclass(frozen=True)
class Job:
    """What one run of one program has to do."""

    url: str  # of the target, without a path
    path: str
    users: int
    seconds: int
    rate: int | None  # requests per second, for programs that are told one
    script: str | None  # the workload, relative to the checkout
    out: Path  # prefix of the files it may write


@dataclass(frozen=True)
class Claim:
    """What a program said."""

    requests: int
    failures: int
    p99_ms: float | None = None
    p99_from_send_ms: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Program:
    """A program: its command for a job, and the reader of what it left."""

    command: Callable[[Tools, Job], list[str]]
    claim: Callable[[Finished, Job], Claim]
    fine: frozenset[int] = frozenset({0})  # exit codes of a run that did its work
    env: tuple[tuple[str, str], ...] = ()


def _katydid(tools: Tools, job: Job) -> list[str]:
    load = ["-u", str(job.users), "-r", str(job.users), "-t", f"{job.seconds}s", "-H", job.url]
    script = ["-f", str(job.script), "--headless", "--only-summary", "--loglevel", "WARNING"]
    return [*tools.katydid, *script, *load, *_record(job)]


def _traced(tools: Tools, job: Job) -> list[str]:
    return [*_katydid(tools, job), "--trace"]


def _arrivals(tools: Tools, job: Job) -> list[str]:
    load = ["--load", f"arrive at {job.rate}/s for {job.seconds}s", "-H", job.url]
    script = ["-f", str(job.script), "--only-summary", "--loglevel", "WARNING"]
    return [*tools.katydid, *script, *load, *_record(job)]


def _attack(tools: Tools, job: Job) -> list[str]:
    pace = ["--rate", str(job.rate)] if job.rate else ["-c", str(job.users)]
    load = [*pace, "-t", f"{job.seconds}s"]
    return [tools.attack, "attack", job.url + job.path, *load, *_record(job)]


def _record(job: Job) -> list[str]:
    return ["--run-dir", f"{job.out}.run", "--summary", f"{job.out}.json"]


def _katydid_claim(_: Finished, job: Job) -> Claim:
    summary = _json(Path(f"{job.out}.json"))
    total, generator = summary["total"], summary["generator"]
    reasons = [*generator["reasons"], *generator["warnings"]]
    return Claim(
        requests=total["requests"],
        failures=total["failures"],
        p99_ms=total["from_due"]["p99"],
        p99_from_send_ms=total["from_send"]["p99"],
        note="" if generator["valid"] else "INVALID: " + " ".join(reasons),
    )


def _locust(tools: Tools, job: Job) -> list[str]:
    load = ["-u", str(job.users), "-r", str(job.users), "-t", f"{job.seconds}s", "-H", job.url]
    script = ["-f", str(job.script), "--headless", "--only-summary", "--loglevel", "WARNING"]
    return [tools.locust, *script, *load, "--json"]


def _locust_claim(done: Finished, _: Job) -> Claim:
    entries: list[dict[str, Any]] = json.loads(done.stdout[done.stdout.index("[") :])
    times: dict[float, int] = {}
    for entry in entries:
        for ms, count in entry["response_times"].items():
            times[float(ms)] = times.get(float(ms), 0) + count
    return Claim(
        requests=sum(entry["num_requests"] for entry in entries),
        failures=sum(entry["num_failures"] for entry in entries),
        p99_ms=_quantile(times, 0.99),
    )


def _quantile(times: dict[float, int], share: float) -> float | None:
    """As Locust finds it in its own table of rounded times."""
    left = sum(times.values()) * (1 - share)
    for ms in sorted(times, reverse=True):
        left -= times[ms]
        if left < 0:
            return ms
    return None


def _wrk(tools: Tools, job: Job) -> list[str]:
    # One thread: as one core is what katydid's I/O has.
    return [tools.wrk, "-t1", f"-c{job.users}", f"-d{job.seconds}s", job.url + job.path]


def _wrk_claim(done: Finished, _: Job) -> Claim:
    def number(pattern: str) -> int:
        found = re.search(pattern, done.stdout)
        return sum(map(int, found.groups())) if found else 0

    sockets = r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)"
    return Claim(
        requests=number(r"(\d+) requests in"),
        failures=number(r"Non-2xx or 3xx responses: (\d+)") + number(sockets),
    )


def _oha(tools: Tools, job: Job) -> list[str]:
    rate = ["-q", str(job.rate)] if job.rate else []
    load = ["-z", f"{job.seconds}s", "-c", str(job.users), *rate]
    form = ["--no-tui", "--output-format", "json", "--insecure"]
    return [tools.oha, *form, *load, job.url + job.path]


def _oha_claim(done: Finished, _: Job) -> Claim:
    told = json.loads(done.stdout)
    by_status: dict[str, int] = told["statusCodeDistribution"]
    # What was in flight at the end is listed as an error; it is none.
    errors = {text: n for text, n in told["errorDistribution"].items() if "deadline" not in text}
    bad = sum(n for status, n in by_status.items() if status >= "400")
    p99 = told["latencyPercentiles"]["p99"]
    return Claim(
        requests=sum(by_status.values()),
        failures=bad + sum(errors.values()),
        p99_ms=None if p99 is None else p99 * 1e3,
    )


def _k6(tools: Tools, job: Job) -> list[str]:
    load = ["-u", str(job.users), "-d", f"{job.seconds}s", "-e", f"TARGET={job.url}"]
    quiet = ["--quiet", "--no-color", "--no-usage-report", "--address", "127.0.0.1:0"]
    return [tools.k6, "run", *quiet, *load, "--summary-export", f"{job.out}.json", str(job.script)]


def _k6_arrivals(tools: Tools, job: Job) -> list[str]:
    told = {"TARGET": job.url, "RATE": job.rate, "SECONDS": job.seconds}
    load = [word for name, value in told.items() for word in ("-e", f"{name}={value}")]
    quiet = ["--quiet", "--no-color", "--no-usage-report", "--address", "127.0.0.1:0"]
    return [tools.k6, "run", *quiet, *load, "--summary-export", f"{job.out}.json", str(job.script)]


def _k6_claim(_: Finished, job: Job) -> Claim:
    metrics = _json(Path(f"{job.out}.json"))["metrics"]
    failed = metrics.get("http_req_failed", {}).get("passes", 0)
    return Claim(
        requests=metrics["http_reqs"]["count"],
        failures=failed + metrics.get("checks", {}).get("fails", 0),
        p99_ms=None,
    )


def _json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


# 3: the run says of itself that it was invalid, which is noted; 1: a request failed, which is counted.
KATYDID = Program(_katydid, _katydid_claim, fine=frozenset({0, 1, 3}))
TRACED = Program(_traced, _katydid_claim, fine=frozenset({0, 1, 3}))
ATTACK = Program(_attack, _katydid_claim, fine=frozenset({0, 1, 3}))
ARRIVALS = Program(_arrivals, _katydid_claim, fine=frozenset({0, 1, 3}))
LOCUST = Program(_locust, _locust_claim, fine=frozenset({0, 1}))
WRK = Program(_wrk, _wrk_claim)
OHA = Program(_oha, _oha_claim)
K6 = Program(_k6, _k6_claim)
K6_ARRIVALS = Program(_k6_arrivals, _k6_claim)
