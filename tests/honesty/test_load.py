"""What was asked for and did not happen is said: slots during a freeze, and failures."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.honesty.conftest import Katydid, Target

USERS = 10
PERIOD_S = 0.2
RUN_S = 9
FREEZE_S = 2.0


def test_no_slot_of_a_freeze_is_lost(run: Katydid, target: Target) -> None:
    live = run.start(
        "joined", "-u", str(USERS), "-r", str(USERS), "-H", target.url,
        "-t", f"{RUN_S}s", "-s", "10",
        HONESTY_PATHS="/null", HONESTY_PACE=str(PERIOD_S),
    )  # fmt: skip
    target.wait_served(USERS)
    time.sleep(3)
    target.freeze(round(FREEZE_S * 1000))
    ended = live.join()
    ended.ended_well(0)
    row = ended.endpoint("/null")
    freeze = target.settled()["freezes"][0]
    lost = row["blocked"] + row["missed"]
    slots = row["requests"] + row["aborted"] + lost
    instants = ended.instants()
    assert len(instants) == row["requests"]

    # All slots of the run: one per user is a matter of rounding. The ramp is over within a second.
    started, ended_at = min(at.due for at in instants), max(at.due for at in instants)
    expected = USERS * (ended_at - started) / 1e9 / PERIOD_S
    ramp = USERS * 1 / PERIOD_S
    assert expected - USERS - ramp <= slots <= expected + 2 * USERS, (expected, row)
    assert ended_at - started >= 0.8 * RUN_S * 1e9

    # Those of the freeze: each was served late, or is counted as blocked or missed.
    during = [at for at in instants if freeze["from_ns"] <= at.due < freeze["until_ns"]]
    assert all(at.done >= freeze["until_ns"] for at in during)
    asked = USERS * FREEZE_S / PERIOD_S
    assert len(during) + lost >= asked - USERS, (len(during), row)
    assert row["blocked"] >= asked - 3 * USERS, "users in flight are the target's doing"
    # The longest wait is that of a slot at the freeze's beginning.
    longest = max((at.done - at.due) / 1e9 for at in instants)
    assert longest >= 0.9 * FREEZE_S
    assert row["from_due"]["max"] >= 0.9 * FREEZE_S * 1000
    # Slots that users came late to count from the slot, not from when they were sent.
    late = [at for at in during if at.send >= freeze["until_ns"]]
    assert len(late) >= USERS // 2, "each user's newest slot was due before the world moved again"
    assert all(at.done - at.due > at.done - at.send for at in late)


def test_fast_failures_do_not_improve_percentiles(run: Katydid, target: Target) -> None:
    ended = run("failing", "-u", "10", "-r", "10", "-H", target.url, "-t", "4s", "-s", "10")
    ended.ended_well(1)
    truth = target.settled()["paths"]
    mixed, half = ended.endpoint("/mixed"), ended.endpoint("/half")
    assert mixed["failures"] > 2 * (mixed["requests"] - mixed["failures"]) > 0
    assert mixed["requests"] - mixed["failures"] == truth["/delay"]["served"]
    assert mixed["failures"] + half["failures"] == truth["/error"]["errors"]
    assert abs(2 * half["failures"] - half["requests"]) <= 1, "the target errs exactly that often"
    for row in (mixed, half, ended.total):
        good = row["requests"] - row["failures"]
        for series in ("from_due", "from_send"):
            assert row[series]["count"] == good, series
            assert row[series]["min"] >= 20 * 0.999, series
            assert row[series]["p50"] >= 20 * 0.999, series
        assert row["failed_from_due"]["count"] == row["failures"]
    assert mixed["failed_from_due"]["min"] < 20, "the failures were fast"
