"""What katydid counted is what the server served: drained, interrupted, killed and replayed."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.honesty.conftest import Katydid, Target

DRAIN = ("--stop-timeout", "20")


@pytest.mark.parametrize("user", ["Fast", "Slow"])
@pytest.mark.parametrize("end", [("-i", "400"), ("-t", "3s")], ids=["iterations", "run-time"])
def test_a_drained_run_counts_what_the_server_served(
    run: Katydid, target: Target, user: str, end: tuple[str, str]
) -> None:
    ended = run("mixed", user, "-u", "10", "-r", "10", "-H", target.url, *end, *DRAIN)
    ended.ended_well(1)
    truth = target.settled()
    assert truth["total"]["unanswered"] == 0
    assert ended.total["aborted"] == 0
    assert ended.total["requests"] == truth["total"]["served"] > 0
    assert ended.total["failures"] == truth["total"]["errors"] > 0
    if end[0] == "-i":
        assert ended.total["requests"] == int(end[1])

    counted: Counter[tuple[str, str]] = Counter()
    failed: Counter[str] = Counter()
    for row in ended.summary["endpoints"]:
        counted[row["method"], row["name"]] += row["requests"]
        failed[row["name"]] += row["failures"]
    served = {
        (method, path): count
        for path, at in truth["paths"].items()
        for method, count in at["methods"].items()
    }
    assert counted == served
    assert {p: n for p, n in failed.items() if n} == {
        p: at["errors"] for p, at in truth["paths"].items() if at["errors"]
    }
    assert ended.total["bytes_in"] == truth["total"]["bytes_out"]
    assert ended.total["bytes_out"] == truth["total"]["bytes_in"]


def test_nothing_is_lost_while_the_event_loop_turns_in_step(
    run: Katydid, target: Target, tmp_path: Path
) -> None:
    """Nobody rings for answers then; they are looked for."""
    steps = tmp_path / "steps"
    load = ("-u", "400", "-r", "400", "-t", "4s", "-H", target.url)
    ended = run("crowd", *load, *DRAIN, HONESTY_STEPS=str(steps))
    inside, outside = map(int, steps.read_text().split())
    assert inside > 1000, "never got into step"
    assert ended.total["requests"] == inside + outside == target.settled()["total"]["served"]
    assert ended.total["aborted"] == 0


@pytest.mark.parametrize(("users", "out"), [(1, "0.05"), (50, "0.3")])
def test_no_answer_is_overlooked_on_getting_into_step_and_out_of_it(
    run: Katydid, target: Target, tmp_path: Path, users: int, out: str
) -> None:
    """An answer that nobody looks at leaves its user waiting to the end."""
    steps = tmp_path / "steps"
    load = ("-u", str(users), "-r", "100", "-t", "5s", "-H", target.url)
    ended = run("crowd", *load, *DRAIN, HONESTY_STEPS=str(steps), HONESTY_FLIP=out)
    inside, outside = map(int, steps.read_text().split())
    assert min(inside, outside) > 10 * users
    assert ended.total["requests"] == inside + outside == target.settled()["total"]["served"]
    assert ended.total["aborted"] == 0


def test_ctrl_c_loses_nothing(run: Katydid, target: Target) -> None:
    live = run.start(
        "waiting", "-u", "30", "-r", "30", "-H", target.url, "--csv", "table", "--html", "r.html",
        HONESTY_PATH="/delay?ms=300", HONESTY_WAIT="0.01",
    )  # fmt: skip
    target.wait_served(100)
    live.interrupt()
    ended = live.join(60)
    ended.ended_well(0)
    total, truth = ended.total, target.settled()["total"]
    assert ended.summary["run"]["ended"] == "interrupted"
    assert ended.summary["run"]["complete"]
    assert total["aborted"] > 0, "30 users were in flight nearly all the time"
    assert total["requests"] <= truth["served"] <= total["requests"] + total["aborted"]
    assert truth["requests"] <= total["requests"] + total["aborted"]
    assert total["failures"] == 0, "what the user interrupts has not failed"

    assert "/delay" in ended.stdout, "no table"
    for suffix in ("stats", "failures", "exceptions", "stats_history"):
        assert (live.folder.parent / f"table_{suffix}.csv").stat().st_size > 0, suffix
    assert (live.folder.parent / "r.html").stat().st_size > 0
    for name in ("manifest.json", "summary.json", "report.html"):
        assert (live.folder / name).stat().st_size > 0, name
    report = run.report(live.folder)
    assert report.returncode == 0, report
    assert "/delay" in report.stdout


def test_replay_equals_live(run: Katydid, target: Target) -> None:
    ended = run("mixed", "Fast", "-u", "10", "-r", "10", "-H", target.url, "-t", "3s", *DRAIN)
    live = (ended.folder / "summary.json").read_text()
    replayed = run.report(ended.folder, "--summary", "-")
    assert replayed.returncode == 0, replayed
    assert replayed.stdout == live
    again = ended.folder.parent / "again.json"
    assert run.report(ended.folder, "--summary", again).returncode == 0
    assert again.read_text() == live
    assert (ended.folder.parent / "out.json").read_text() == live


def test_kill_9_keeps_all_but_the_last_second(run: Katydid, target: Target) -> None:
    live = run.start(
        "waiting", "-u", "10", "-r", "10", "-H", target.url,
        HONESTY_PATH="/delay?ms=20", HONESTY_WAIT="0.03",
    )  # fmt: skip
    target.wait_served(1)
    served: list[tuple[float, int]] = []
    end = time.monotonic() + 6
    while time.monotonic() < end:
        served.append((time.monotonic(), target.truth()["total"]["served"]))
        time.sleep(0.05)
    killed = time.monotonic()
    live.kill()
    truth = target.settled()["total"]

    # A window of one second, and as much again for a machine that is busy.
    kept_at_least = max(count for at, count in served if at < killed - 2)
    report = run.report(live.folder)
    assert report.returncode == 0, report
    before_the_table = report.stdout.partition("Method")[0]
    assert "The record is incomplete: the run was killed" in before_the_table, report.stdout
    again = live.folder.parent / "again.json"
    assert run.report(live.folder, "--summary", again).returncode == 0
    live.summary = again
    read = live.join()
    assert not read.summary["run"]["complete"]
    assert read.summary["run"]["ended"] == "killed"
    assert 0 < kept_at_least <= read.total["requests"] <= truth["served"]
