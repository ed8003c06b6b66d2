"""The truth table of the diagnosis (bench/diagnosis): what is to be run, what counts as right, and how sure a count is."""

from collections import Counter
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest

from diagnosis.cases import EXPECTED, HEALTHY, schedule, wanted
from diagnosis.judge import at_least, goal, interval, is_right, named_at_all, named_soon, strong
from diagnosis.page import page
from diagnosis.runs import is_of, keep_all, mend, only_record, read
from tree import ROOT


def said(rule: str, at: str = "", about: str = "", confidence: str = "strong") -> dict[str, Any]:
    places = [at] if at else []
    return {"rule": rule, "endpoints": places, "about": about, "confidence": confidence}


def line(fault: str, *findings: dict[str, Any], number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "fault": fault,
        "number": number,
        "time": "2026-11-29T10:00:00Z",
        "commit": "abc",
        "machine": "a processor, 2 cores",
        "valid": True,
        "findings": list(findings),
        "suspected": [],
        "instead": "",
        **more,
    }


NAMED = said("n_plus_one", "GET /orders?page=[n]")


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [
        (0, 20, 0, 1 - 0.025 ** (1 / 20)),
        (20, 20, 0.025 ** (1 / 20), 1),
        (19, 20, 0.7513, 0.9987),
        (5, 10, 0.1871, 0.8129),
        (0, 0, 0, 1),
    ],
)
def test_an_interval_is_clopper_and_pearsons(hits: int, of: int, low: float, high: float) -> None:
    assert interval(hits, of) == pytest.approx((low, high), abs=5e-5)


def test_beyond_an_interval_half_of_the_rest_is_left() -> None:
    for hits, of in ((58, 60), (1, 3), (900, 2000)):
        low, high = interval(hits, of)
        assert at_least(hits, of, low) == pytest.approx(0.025)
        assert 1 - at_least(hits + 1, of, high) == pytest.approx(0.025)


def test_all_faults_are_in_the_table() -> None:
    # Read, not imported: the shop's package is that of whatever katydid is installed.
    shop = run_path(str(ROOT / "demo/shop/katydid_shop/faults.py"))
    assert EXPECTED.keys() == shop["FAULTS"].keys()


def test_a_schedule_is_the_same_each_time_and_balanced_from_its_beginning() -> None:
    cases = schedule()
    assert cases == schedule() and len(set(cases)) == len(cases)
    of_round = len(EXPECTED) + wanted(HEALTHY) // wanted("n_plus_one")
    faults = [case.fault for case in cases]
    first, second = faults[:of_round], faults[of_round : 2 * of_round]
    assert Counter(first) == Counter(second) == dict.fromkeys(EXPECTED, 1) | {HEALTHY: 3}
    assert first != second
    assert Counter(faults) == {fault: wanted(fault) for fault in (*EXPECTED, HEALTHY)}


def test_what_is_right() -> None:
    def check(of: dict[str, Any], soon: bool, at_all: bool, right: bool) -> None:
        assert (named_soon(of), named_at_all(of), is_right(of)) == (soon, at_all, right)

    cpu, lock = said("cpu"), said("row_lock", "POST /orders")
    check(line("n_plus_one", NAMED), True, True, True)
    check(line("n_plus_one", cpu, NAMED), True, True, True)
    check(line("n_plus_one", lock, NAMED), True, True, False)
    check(line("n_plus_one", cpu, lock, NAMED), False, True, False)
    check(line("n_plus_one", said("n_plus_one", "POST /login")), False, True, False)
    check(line("n_plus_one", suspected=[NAMED]), False, False, False)
    check(line("memory_leak", said("memory_leak", about="uvicorn, port 1")), True, True, True)
    check(line("memory_leak", said("memory_leak", about="worker")), False, True, False)
    check(line("small_pool", said("pool", "GET /dashboard")), True, True, True)
    check(line(HEALTHY), False, False, True)
    check(line(HEALTHY, cpu), False, False, False)
    check(line(HEALTHY, suspected=[cpu]), False, False, True)


def test_uses_of_strong() -> None:
    weak = said("row_lock", "POST /orders", confidence="suspected")
    lines = [line("n_plus_one", NAMED, said("cpu"), said("pool"), weak), line(HEALTHY, said("cpu"))]
    right, near, wrong = strong(lines)
    assert right == [NAMED] and near == [said("cpu")]
    assert wrong == [("n_plus_one", said("pool")), (HEALTHY, said("cpu"))]


def test_a_goal_is_open_while_it_can_be_missed() -> None:
    assert [goal(runs, misses, 20, 1) for runs, misses in ((19, 1), (20, 1), (2, 2))] == [
        "open",
        "met",
        "missed",
    ]


def test_a_killed_write_is_taken_off(tmp_path: Path) -> None:
    runs = tmp_path / "runs.jsonl"
    assert read(runs) == []
    mend(runs)
    runs.write_text('{"fault": "healthy", "number": 1}\n{"fault": "heal')
    whole = [{"fault": "healthy", "number": 1}]
    assert read(runs) == whole
    mend(runs)
    assert runs.read_text().endswith("1}\n") and read(runs) == whole


def test_the_table_says_what_was_misnamed() -> None:
    lines = [line("n_plus_one", NAMED, number=number) for number in range(1, 20)]
    lines += [line("n_plus_one", said("row_lock", "POST /orders"), number=20, instead="3 calls")]
    lines += [line(HEALTHY, valid=False), line("no_ttl", number=1, error="it did not start")]
    told = page(lines, probe=True)
    row = "| `n_plus_one` | `n_plus_one` | GET /orders?page=[n] | 20 | 0 | 19 of 20 (75–100 %) | 19 | 0 | 1 | met |"
    assert row in told.splitlines()
    assert '- `n_plus_one`: not named in 1 ("3 calls"); row_lock at POST /orders in 1.' in told
    assert "- `no_ttl`: no result in 1." in told
    assert "21 of 340 runs, after a probe. Date: 2026-11-29." in told
    assert (
        "strong\" is right in 90 % of its uses: 19 of 20 (75–100 %), 0 of these a neighbour's; met"
        in told
    )


def test_a_record_is_judged_again_without_what_was_made_of_it(tmp_path: Path) -> None:
    run, probe = tmp_path / "healthy-1", tmp_path / "healthy-1-probe"
    probe.mkdir()
    run.mkdir()
    for name in ("manifest.json", "frames.jsonl.zst", "findings.json", "report.html"):
        (run / name).touch()
    only_record(run)
    assert {place.name for place in run.iterdir()} == {"manifest.json", "frames.jsonl.zst"}
    assert not probe.exists()
    lines = [line(HEALTHY), line(HEALTHY, number=2, rules="def")]
    keep_all(tmp_path / "runs.jsonl", lines)
    assert read(tmp_path / "runs.jsonl") == lines
    assert "Commit: abc. Judged again by the rules of def: 1 runs." in page(lines, probe=True)


def test_the_record_of_another_start_is_not_judged_for_a_line(tmp_path: Path) -> None:
    of = line(HEALTHY, seconds=60.0)
    assert not is_of(of, tmp_path)
    for started, is_its in (("09:59:59", False), ("10:00:05", True), ("10:01:01", False)):
        text = f'{{"started": "2026-11-29T{started}.112Z"}}'
        (tmp_path / "manifest.json").write_text(text)
        assert is_of(of, tmp_path) == is_its
