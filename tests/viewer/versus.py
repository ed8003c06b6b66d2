"""Comparisons, made up but true to life: pairs with something of everything, and one of which nothing came."""

from __future__ import annotations

import math
from typing import Any

Data = dict[str, Any]

PAIRS = [[433.0, 146.0], [413.0, 134.0], [394.0, 138.0], [395.0, 130.0], [415.0, 139.0]]


def change(
    endpoint: str | None,
    measure: str,
    before: Any,
    after: Any,
    outcome: str,
    *ends: float,
    **more: Any,
) -> Data:
    """Its interval is `ends`, if any."""
    difference = None
    if before is not None and after is not None:
        difference = after - before if measure == "bad" else after / before - 1
    low, high = ends or (None, None)
    return {
        "phase": "hold", "endpoint": endpoint, "measure": measure, "primary": False, "before": before, "after": after,
        "change": difference, "low": low, "high": high, "confidence": 0.95, "detectable": 0.08, "outcome": outcome, "pairs": [],
    } | more  # fmt: skip


def side(label: str, hour: int) -> Data:
    runs = [
        {
            "id": f"20261130-{hour}01{i:02}-shop",
            "started": f"2026-11-30T{hour}:01:{i:02}Z",
            "counts": i != 3,
        }
        for i in range(6)
    ]
    return {"label": label, "runs": runs}


def comparison() -> Data:
    mib = 1 << 20
    changes = [
        change("GET /dashboard", "p95", 412.0, 138.0, "better", -0.71, -0.61, primary=True, pairs=PAIRS),
        change(None, "p95", 210.0, 151.0, "better", -0.34, -0.22),
        change("POST /orders", "p95", 44.0, 49.3, "worse", 0.05, 0.19),
        change("GET /orders/[id]", "p95", 31.0, 30.8, "same", -0.03, 0.02),
        change("GET /jobs/[id]", "p95", 21.8, 4.9, "unclear", -0.996, 11.8),
        change("GET /new", "p95", None, 11.2, "not_compared"),
        change(None, "p95", 410.0, 351.0, "unclear", -0.34, 0.22, phase="spike"),
        change(None, "target_memory", 180.0 * mib, 260.0 * mib, "worse", 0.40, 0.49),
        change(None, "target_cpu", 6.9, 6.6, "same", -0.08, 0.01),
        change(None, "bad", 0.001, 0.012, "worse", 0.004, 0.02),
        change(None, "p50", 11.0, 10.2, "better", -0.1, -0.03),
        change(None, "goodput", 91.7, 91.9, "same", -0.01, 0.01),
        change(None, "capacity", 157.0, 180.0, "better", 0.08, 0.2, phase=None),
    ]  # fmt: skip
    counts = [
        {
            "endpoint": "GET /dashboard",
            "what": "queries",
            "before": 51.0,
            "after": 2.0,
            "exact": True,
            "worse": False,
        },
        {
            "endpoint": "GET /orders",
            "what": "blocks",
            "before": 12.0,
            "after": 763.0,
            "exact": True,
            "worse": True,
        },
    ]
    return {
        "version": 1, "verdict": "REGRESSED",
        "reason": "memory of the target 180 → 260 MiB, +44 % (95 % interval +40 to +49 %), 5 interleaved pairs",
        "design": "pairs", "exit_code": 99, "before": side("http://127.0.0.1:8000", 16), "after": side("http://127.0.0.1:8001", 17),
        "counted": 5, "dropped": ["20261130-160103-shop: the generator was late"], "primary": "p95 of GET /dashboard in hold",
        "noise": 0.02, "margin": 0.05, "changes": changes, "counts": counts,
        "findings": {"resolved": ["N+1 queries"], "remaining": ["Missing index"], "new": [], "unknown": []},
        "notes": ["Measured on one side only: GET /new."],
    }  # fmt: skip


def curve(base: float, shift: float) -> Data:
    t = [i + shift for i in range(60)]
    p95 = [None if i == 17 else base * (1 + 0.1 * math.sin(i * 0.4 + shift)) for i in range(60)]
    return {
        "id": f"at {shift}",
        "t_s": t,
        "p95": p95,
        "rps": [120 + math.sin(i) for i in range(60)],
    }


def page() -> Data:
    """All that the page holds; texts as the faces say them."""
    texts = {
        "title": "REGRESSED: a → b · katydid", "tone": "bad", "design": "5 pairs, interleaved", "intervals": "Intervals are of 95 %.",
        "counts": ["GET /dashboard: 51.0 → 2.00 queries per request (exact)", "GET /orders: 12.0 → 763 blocks per request (exact)"],
        "findings": [{"word": "resolved", "names": ["N+1 queries"]}, {"word": "remaining", "names": ["Missing index"]}],
    }  # fmt: skip
    curves = {
        "before": [curve(400, i / 10) for i in range(5)],
        "after": [curve(140, i / 10 + 0.05) for i in range(5)],
    }
    return {"comparison": comparison(), "curves": curves, "texts": texts}


def empty() -> Data:
    """No run counts."""
    none: Data = {name: [] for name in ("changes", "counts", "notes")}
    none |= {"before": {"label": "", "runs": []}, "after": {"label": "", "runs": []}}
    none |= {
        "verdict": "INVALID",
        "reason": "no run of one side counts",
        "primary": "",
        "counted": 0,
    }
    texts = page()["texts"] | {"counts": [], "findings": [], "design": "one run each"}
    return {
        "comparison": comparison() | none,
        "curves": {"before": [], "after": []},
        "texts": texts,
    }
