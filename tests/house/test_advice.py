"""bench/diagnosis/advice.py: that it takes the advice to the letter, and counts no pair that it did not make."""

from typing import Any

import pytest
from harness.errors import BenchError

from diagnosis.advice import follow, page

INDEX = "CREATE INDEX CONCURRENTLY ON orders (tenant_id, created_at DESC);"


def pair(fault: str, number: int, before: float, after: float, gone: bool = True) -> dict[str, Any]:
    """A line of a pair that was made."""
    at = "GET /orders?page=[n]"
    return {
        "fault": fault,
        "number": number,
        "commit": "abc",
        "machine": "two cores",
        "named": True,
        "endpoints": [at],
        "done": INDEX,
        "before": {"valid": True, "p95_ms": {at: before}},
        "after": {"valid": True, "p95_ms": {at: after}},
        "gone": gone,
    }


def finding(advice: str, *fixes: str) -> dict[str, Any]:
    return {"advice": advice, "fixes": [{"in": "", "text": text} for text in fixes]}


def test_what_was_advised_is_done() -> None:
    assert follow("missing_index", [finding("", INDEX)]).done == INDEX
    pool = follow("small_pool", [finding("", "create_engine(url, pool_size=7, max_overflow=0)")])
    assert pool.env and pool.env["SHOP_POOL_SIZE"] == "7" and pool.faults == ""
    mails = follow("one_consumer", [finding("Run 3 times as many consumers, or make …")])
    assert (mails.done, mails.faults) == ("3 consumers", "one_consumer")
    with pytest.raises(BenchError, match="the advice has no number"):
        follow("small_pool", [finding("Give the pool more connections.")])


def test_only_pairs_that_were_made_are_counted() -> None:
    failed = {"fault": "row_lock", "number": 1, "error": "no shop"}
    missed = {**pair("no_cache", 1, 9, 9), "named": False, "said": "cpu"}
    told = page(
        [
            pair("missing_index", 1, 90, 10),
            pair("missing_index", 2, 90, 100),
            pair("missing_index", 3, 90, 10),
            pair("n_plus_one", 1, 50, 60, gone=False),
            missed,
            failed,
        ]
    )
    assert "gone in every pair: 1 of 3 faults" in told
    assert "lower in most pairs: 1 of the 2 faults" in told
    assert "| 3 | 3 | GET /orders?page=[n] | 90 → 10; 90 → 100; 90 → 10 |" in told
    assert "row_lock 1: no shop" in told and "no_cache 1: not named, but cpu" in told
