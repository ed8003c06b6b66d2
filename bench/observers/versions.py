"""What is seen of each version of PostgreSQL, from 13 to 18, and of PgBouncer: writes bench/observers/versions.md.

    .venv/bin/python bench/observers/versions.py [--only 13]… [--tests]

Each server gets the same small work and is looked at by a role that has pg_monitor, and by `katydid doctor`. What a version does not
have by itself is known here (`SINCE`, `UNTIL`); whatever else is missing beside 18 is an error, and the exit code is 1. With `--tests`
those of tests/observe/test_postgres.py run with each server too, and those of test_pgbouncer.py with the newer PgBouncer.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests/support"))

from looking import Look, looking
from observers.packages import POSTGRES, ROOT, pgbouncer, postgres
from postgres import STATEMENTS, Server, serving

PAGE = ROOT / "bench/observers/versions.md"
#: Series that came with a version, by the beginnings of their names.
SINCE = {
    "database.active_time": 14,
    "database.idle_in_transaction_time": 14,
    "database.sessions": 14,
    "wal.": 14,
    "statements.evictions": 14,
    "io.": 16,
}
#: Series whose source later versions do not have.
UNTIL = {"writer.buffers_backend": 16}
COLUMNS = (
    "version",
    "series",
    "not there, as the version has no source for it",
    "missing",
    "blind",
    "troubles",
    "doctor",
    "own commits /s",
    "tests",
    "ok",
)
#: There when there is something to tell: an idle server may have none of these.
SOMETIMES = ("io.", "statement.io_time", "blocking.")


@dataclass
class Seen:
    """What was seen of one server."""

    version: str
    title: str = ""
    series: set[str] = field(default_factory=set)
    blind: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    doctor: int = -1
    own_commits: float = 0.0
    tests: str = "not run"


def work(server: Server) -> None:
    """A little of everything that is counted: reads, writes, a sort on disk, a session that waits for another, a checkpoint."""
    with server.connect() as one, server.connect() as other:
        for n in range(100):
            one.execute("SELECT name FROM item WHERE id = %s", [n])
            one.execute("INSERT INTO item VALUES (%s, 'new')", [100_000 + n])
            one.execute("UPDATE item SET name = name || 'x' WHERE id = %s", [n])
        one.execute("SET work_mem = '64kB'")
        one.execute("SELECT count(*) FROM (SELECT name FROM item ORDER BY name DESC OFFSET 1) x")
        one.execute("CHECKPOINT")
        one.execute("BEGIN")
        one.execute("UPDATE item SET name = 'held' WHERE id = 1")
        waits = threading.Thread(
            target=lambda: other.execute("UPDATE item SET name = 'next' WHERE id = 1")
        )
        waits.start()
        LOOKED.wait(20)
        one.execute("ROLLBACK")
        waits.join()


#: Set once the wait was seen.
LOOKED = threading.Event()


def names(look: Look) -> set[str]:
    """Names of all series so far."""
    announced = [name for frame in look.frames for name in frame["body"].get("names", ())]
    return {name["series"]["name"] for name in announced if "series" in name}


def survey(version: str, server: Server, seen: Seen) -> None:
    """Looks while it works, until tables were read twice."""
    server.do(
        "CREATE TABLE item (id int PRIMARY KEY, name text)",
        "INSERT INTO item SELECT n, repeat('item ' || n, 20) FROM generate_series(1, 20000) n",
        "ANALYZE item",
        "CREATE ROLE watcher LOGIN PASSWORD 'watcher'",
        "GRANT pg_monitor TO watcher",
        "GRANT SELECT ON item TO watcher",  # for plans
    )
    url = server.url(user="watcher", password="watcher")
    with looking(url) as look:
        look.until(lambda look: look.series("table.bytes"))
        LOOKED.clear()
        works = threading.Thread(target=work, args=(server,))
        works.start()
        look.until(lambda look: (look.last("lock.waiters") or 0) > 0)
        LOOKED.set()
        works.join()
        look.until(lambda look: (look.last("table.index_scans", table="item") or 0) > 0, 60)
        commits = look.series("database.commits")
        seen.own_commits = (commits[-1] - commits[-8]) / 7
    seen.title = look.watched()[-1]["title"]
    seen.series = names(look)
    seen.blind = [what for what, sight in look.sights().items() if not sight["seen"]]
    texts = look.facts("statement").values()
    if not any("SELECT name FROM item WHERE id =" in text for text in texts):
        seen.troubles.append("the statement's text is not there")
    if not any(
        "waits for a session that is idle" in text for text in look.facts("blocking").values()
    ):
        seen.troubles.append("who waits for whom is not there")
    seen.troubles += [mark["why"] for kind in ("lost", "restarted") for mark in look.marks(kind)]
    seen.troubles += [mark["text"] for mark in look.marks("warning")]
    for series, least in (("statements.calls", 200), ("database.temp_bytes", 1)):
        values = look.series(series)
        if not values or values[-1] - values[0] < least:
            seen.troubles.append(f"{series} did not grow")
    told = subprocess.run(
        [ROOT / ".venv/bin/katydid", "doctor", "--watch", url], capture_output=True, text=True
    )
    seen.doctor = told.returncode
    if "○" in told.stdout or "✗" in told.stdout:
        seen.troubles.append(told.stdout.strip())


def tests(name: str, **env: str) -> str:
    """How the tests of an observer end with other servers."""
    command = [sys.executable, "-m", "pytest", "-q", f"tests/observe/test_{name}.py"]
    told = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True
    )
    last = told.stdout.strip().splitlines()[-1].strip("= ")
    if told.returncode != 0:
        print(told.stdout[-6000:])
    return last.split(" in ")[0]


def known_missing(name: str, version: int) -> bool:
    """Whether this version does not have it by itself."""
    since = [at for start, at in SINCE.items() if name.startswith(start)]
    until = [at for start, at in UNTIL.items() if name.startswith(start)]
    return any(version < at for at in since) or any(version > at for at in until)


def page(all_seen: list[Seen]) -> tuple[str, bool]:
    """The table, and whether all is as it should be."""
    whole = set().union(*(seen.series for seen in all_seen))
    lines = [
        "# What is seen of each version of PostgreSQL",
        "",
        "Written by `.venv/bin/python bench/observers/versions.py --tests`. The role has pg_monitor; the extension is created.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|" + "---|" * len(COLUMNS),
    ]
    fine = True
    for seen in all_seen:
        number = int(seen.title.split()[1].split(".")[0]) if seen.title else 0
        absent = sorted(whole - seen.series)
        known = [name for name in absent if known_missing(name, number)]
        missing = [name for name in absent if name not in known and not name.startswith(SOMETIMES)]
        ok = not missing and not seen.blind and not seen.troubles and seen.doctor == 0
        ok = ok and "failed" not in seen.tests and "error" not in seen.tests
        fine = fine and ok
        cells = [
            seen.title.split(",")[0] or seen.version,
            str(len(seen.series)),
            ", ".join(known) or "–",
            ", ".join(missing) or "–",
            ", ".join(seen.blind) or "–",
            "; ".join(seen.troubles).replace("\n", " ").replace("|", "¦") or "–",
            str(seen.doctor),
            f"{seen.own_commits:.1f}",
            seen.tests,
            "yes" if ok else "NO",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n", fine


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    every = sorted([*POSTGRES, "18", "debian"])
    parser.add_argument("--only", action="append", choices=every)
    parser.add_argument("--tests", action="store_true")
    options = parser.parse_args()
    all_seen = []
    for version in options.only or every:
        programs = str(postgres(version)) if version in POSTGRES else version
        seen = Seen(version)
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / f"pg{version}"
            place.mkdir()
            try:
                # Temporary files and I/O are counted only where they happen.
                with serving(place, programs, *STATEMENTS) as server:
                    survey(version, server, seen)
            except (AssertionError, psycopg.Error) as error:
                seen.troubles.append(str(error)[:2000])
        if options.tests:
            seen.tests = tests("postgres", KATYDID_TEST_POSTGRES=programs)
        print(seen, flush=True)
        all_seen.append(seen)
    text, fine = page(all_seen)
    if not options.only:
        newer = pgbouncer()
        told = subprocess.run([newer, "--version"], check=True, stdout=subprocess.PIPE, text=True)
        ended = tests("pgbouncer", KATYDID_TEST_PGBOUNCER=str(newer))
        fine = fine and "failed" not in ended and "error" not in ended
        title = told.stdout.splitlines()[0]
        text += f"\n{title}: tests/observe/test_pgbouncer.py: {ended}.\n"
        PAGE.write_text(text)
    print(text)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
