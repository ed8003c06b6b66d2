"""Does the advice of the diagnosis help? Runs the demo shop with each fault, follows the advice, runs it again: bench/diagnosis/advice.md.

.venv/bin/python bench/diagnosis/advice.py [--only FAULT]… [--rounds N] [--minutes N] [--table] [--out DIR]

What is printed as SQL, as the size of a pool, as a number of consumers is taken to the letter. Other advice is a change of code: then the
shop is run with the form of that code that has no fault. Each pair is a line of advice.jsonl, written when it is over; what has a line
is not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness.errors import BenchError
from harness.process import Child, end_as_an_error_would

from diagnosis.cases import EXPECTED
from diagnosis.judge import Line, is_named
from diagnosis.runs import (
    CHECKOUT,
    HERE,
    SCRATCH,
    alone,
    mend,
    read,
    remove,
    short,
    start,
    without_settings,
)

_LIMIT_S = 240.0
_ROUNDS = 3
_SHOP = CHECKOUT / "demo/shop"

Shop = dict[str, Any]
"""What the shop's manager says of it: URLs and process numbers."""

_HEAD = """\
# Whether the advice helps

Made by `.venv/bin/python bench/diagnosis/advice.py` ([README.md](README.md)): a run of the demo shop with one
fault; then the advice of the finding that names it is followed, and the same run is made again. *Gone*: no finding of the rule is left at
the place. p95 is of the endpoint that the finding names first, over the whole run, from the instant at which each request was due.
"""


@dataclass(frozen=True)
class Followed:
    """The shop after the advice: what it is started with, and what is done to it before the load."""

    done: str
    faults: str = ""
    env: Mapping[str, str] | None = None
    prepare: Callable[[Shop, ExitStack], None] = lambda _shop, _until: None


def main() -> int:
    """Exit code 0 when nothing stood in the way, whatever the table says; 1 when runs fail."""
    options = _options()
    os.chdir(CHECKOUT)
    end_as_an_error_would()
    without_settings()
    options.out.mkdir(parents=True, exist_ok=True)
    pairs, table = options.out / "advice.jsonl", options.out / "advice.md"
    code = 0
    if not options.table:
        with alone():
            code = _measure(pairs, table, options)
    table.write_text(page(read(pairs)), encoding="utf-8")
    print(f"kept in {table}")
    return code


def _measure(pairs: Path, table: Path, options: argparse.Namespace) -> int:
    end = time.monotonic() + 60 * options.minutes
    mend(pairs)
    done = {(line["fault"], line["number"]) for line in read(pairs) if "error" not in line}
    code = 0
    for number in range(1, options.rounds + 1):
        for fault in EXPECTED:
            if (fault, number) in done or (options.only and fault not in options.only):
                continue
            if time.monotonic() >= end:
                return code
            line = start(fault, number)
            try:
                line |= _pair(fault)
            except (BenchError, OSError, ValueError, KeyError, psycopg.Error) as error:
                line["error"] = f"{type(error).__name__}: {error}"[:500]
                code = 1
            with pairs.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            table.write_text(page(read(pairs)), encoding="utf-8")
            print(f"{fault} {number}: {_told(line)}", flush=True)
    return code


def _pair(fault: str) -> Line:
    of = EXPECTED[fault]
    before, found = _run(fault, Followed("", fault))
    named = [one for one in found if is_named(short(one), of)]
    if not named:
        said = ", ".join(one["rule"] for one in found) or "nothing"
        return {"named": False, "said": said, "before": before}
    followed = follow(fault, named)
    after, left = _run(fault, followed)
    return {
        "named": True,
        "about": named[0]["about"][:200],
        "endpoints": named[0]["endpoints"],
        "advice": named[0]["advice"],
        "done": followed.done,
        "before": before,
        "after": after,
        "gone": not any(is_named(short(one), of) for one in left),
        "left": [short(one) for one in left],
    }


def follow(fault: str, named: list[dict[str, Any]]) -> Followed:
    """What the findings of a fault advise, as far as it can be done without a change of code."""
    texts = [fix["text"] for one in named for fix in one["fixes"]]
    if fault == "missing_index":
        return Followed(" ".join(texts), fault, prepare=_do_sql(texts))
    if fault == "small_pool":
        size = _number(r"pool_size=(\d+)", texts)
        return Followed(
            f"pool_size={size}, max_overflow=0",
            env={
                "SHOP_POOL_SIZE": size,
                "SHOP_POOL_OVERFLOW": "0",
                "SHOP_DASHBOARD_PARTS": "place",
            },
        )
    if fault == "one_consumer":
        times = _number(r"Run (\d+) times as many consumers", [one["advice"] for one in named])
        return Followed(f"{times} consumers", fault, prepare=_add_consumers(int(times) - 1))
    if fault == "stampede":
        return Followed("the same report, by one at a time", env={"SHOP_DASHBOARD_PARTS": "market"})
    return Followed("the shop's own code without the fault")


def _number(pattern: str, texts: list[str]) -> str:
    for text in texts:
        if found := re.search(pattern, text):
            return found[1]
    raise BenchError(f"the advice has no number: {texts}")


def _do_sql(texts: list[str]) -> Callable[[Shop, ExitStack], None]:
    def prepare(shop: Shop, _: ExitStack) -> None:
        with psycopg.connect(shop["postgres"], autocommit=True) as db:
            for text in texts:
                db.execute(text)

    return prepare


def _add_consumers(more: int) -> Callable[[Shop, ExitStack], None]:
    """As the first one, in the same environment: whoever runs a service starts a second worker so."""

    def prepare(shop: Shop, until: ExitStack) -> None:
        raw = Path(f"/proc/{shop['pids']['worker']}/environ").read_text()
        env = dict(pair.split("=", 1) for pair in raw.split("\0") if "=" in pair)
        for number in range(more):
            argv = [sys.executable, "-m", "katydid_shop.worker"]
            until.enter_context(Child(argv, SCRATCH / f"consumer-{number}", env))
        time.sleep(2)

    return prepare


def _run(fault: str, shop_as: Followed) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """One run with a shop of its own: what endpoints took, and the findings."""
    folder = SCRATCH / f"advice-{fault}"
    remove(folder)
    users = EXPECTED[fault].users
    with ExitStack() as until:
        spans = _free_address()
        shop = until.enter_context(_shop(shop_as, spans))
        shop_as.prepare(shop, until)
        argv = [sys.executable, "-m", "katydid", "-f", "examples/shop.py", "-H", shop["app"]]
        argv += ["--probe", "--headless", "-u", str(users), "-r", f"{users / 5:g}", "-t", "20s"]
        argv += ["--only-summary", "--run-dir", str(folder), "--watch", f"otlp:{spans}"]
        for address in ("env:OBSERVER_URL", "env:VALKEY_URL"):
            argv += ["--watch", address]
        for name in ("worker", "postgres", "valkey"):
            argv += ["--watch", f"pid:{shop['pids'][name]}"]
        env = {"OBSERVER_URL": shop["observer"], "VALKEY_URL": shop["valkey"]}
        ended = until.enter_context(Child(argv, SCRATCH / "advice-last", env)).wait(_LIMIT_S)
    if not (folder / "findings.json").exists():
        raise BenchError(f"ended with {ended.exit_code}: {ended.stderr[-300:]}")
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    found = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
    p95 = {f"{of['method']} {of['name']}": of["from_due"]["p95"] for of in summary["endpoints"]}
    valid = summary["run"]["valid"]
    requests = summary["total"]["requests"]
    return {"valid": valid, "requests": requests, "p95_ms": p95}, found["findings"]


@contextmanager
def _shop(shop_as: Followed, spans: str) -> Iterator[Shop]:
    """The shop, up. It ends when the pipe to its standard input is closed, even by our death."""
    env = {
        **os.environ,
        "PYTHONPATH": str(_SHOP),
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{spans}",
        "OTEL_BSP_SCHEDULE_DELAY": "500",
        **(shop_as.env or {}),
    }
    argv = [sys.executable, "-m", "katydid_shop.stack", "run", "--json", "--with-parent"]
    with (SCRATCH / "advice-shop.err").open("wb") as errors:
        process = subprocess.Popen(
            [*argv, "--faults", shop_as.faults],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=env,
            start_new_session=True,
        )
        assert process.stdin is not None and process.stdout is not None  # pipes were asked for
        with process.stdin, process.stdout:
            ready = process.stdout.readline()
            if not ready:
                raise BenchError(f"the shop did not start: see {errors.name}")
            yield json.loads(ready)
            process.stdin.close()
            process.wait(60)


def _free_address() -> str:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


def _ratio(line: Line) -> float | None:
    """The endpoint's p95 afterwards, in parts of what it was."""
    first = next(iter(line.get("endpoints", ())), None)
    if first is None or "after" not in line:
        return None
    before, after = (line[when]["p95_ms"].get(first) for when in ("before", "after"))
    return after / before if before and after else None


def _told(line: Line) -> str:
    if "error" in line:
        return f"no result: {line['error']}"
    if not line["named"]:
        return f"not named: {line['said']}"
    ratio = _ratio(line)
    return f"{'gone' if line['gone'] else 'STILL THERE'}, p95 {'–' if ratio is None else f'x {ratio:.2f}'}; {line['done']}"


def page(lines: list[Line]) -> str:
    made = [line for line in lines if "error" not in line]
    commits = ", ".join(sorted({line["commit"] for line in made})) or "–"
    machines = ", ".join(sorted({line["machine"] for line in made})) or "–"
    rows = ["| fault | what was done | pairs | gone | endpoint | p95 before → after, ms |"]
    rows.append("| --- | --- | --- | --- | --- | --- |")
    gone_all = better_all = 0
    timed_all = faults_all = 0
    for fault in EXPECTED:
        pairs = [line for line in made if line["fault"] == fault]
        if not pairs:
            continue
        faults_all += 1
        named = [line for line in pairs if line["named"]]
        gone = sum(line["gone"] for line in named)
        ratios = [ratio for line in named if (ratio := _ratio(line)) is not None]
        gone_all += gone == len(pairs)
        if ratios:
            timed_all += 1
            better_all += sum(ratio < 1 for ratio in ratios) * 2 > len(pairs)
        done = sorted({line["done"] for line in named})
        at = sorted({line["endpoints"][0] for line in named if line["endpoints"]})
        rows.append(
            f"| `{fault}` | {'; or: '.join(f'`{text}`' for text in done) or '–'} | {len(pairs)} | {gone} | {', '.join(at) or '–'} "
            f"| {'; '.join(_times(line) for line in named if _ratio(line) is not None) or '–'} |"
        )
    told = [
        f"- The finding is gone in every pair: {gone_all} of {faults_all} faults.",
        f"- p95 of the endpoint is lower in most pairs: {better_all} of the {timed_all} faults that are found at an endpoint.",
    ]
    failed = [
        f"- {line['fault']} {line['number']}: {line['error']}" for line in lines if "error" in line
    ]
    missed = [
        f"- {line['fault']} {line['number']}: not named, but {line['said']}"
        for line in made
        if not line["named"]
    ]
    parts = [
        _HEAD.strip(),
        f"{len(made)} pairs. Commits: {commits}. Machine: {machines}.",
        "\n".join(rows),
        "\n".join(told),
    ]
    if failed or missed:
        parts += ["## Without a result", "\n".join(failed + missed)]
    return "\n\n".join(parts) + "\n"


def _times(line: Line) -> str:
    first = line["endpoints"][0]
    before, after = (line[when]["p95_ms"][first] for when in ("before", "after"))
    mark = "" if line["before"]["valid"] and line["after"]["valid"] else " (INVALID)"
    return f"{before:.0f} → {after:.0f}{mark}"


def _options() -> argparse.Namespace:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        prog="bench/diagnosis/advice.py", description=__doc__.split("\n")[0]
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=tuple(EXPECTED),
        metavar="FAULT",
        help="this fault; may be repeated",
    )
    parser.add_argument(
        "--rounds", type=int, default=_ROUNDS, help="pairs of each fault [%(default)s]"
    )
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="begin no pair after so many"
    )
    parser.add_argument(
        "--table", action="store_true", help="only write the table of what is there"
    )
    parser.add_argument(
        "--out", type=Path, default=CHECKOUT / HERE, help="folder of pairs and table [this one]"
    )
    options = parser.parse_args()
    options.out = options.out.absolute()
    return options


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (BenchError, KeyboardInterrupt) as error_:
        sys.exit(f"bench: {error_}" if isinstance(error_, BenchError) else 130)
