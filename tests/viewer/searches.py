"""Searches for the greatest load, made up but true to life: one that found it, and one that did not."""

from __future__ import annotations

from typing import Any

Data = dict[str, Any]

ANSWER = "Sustains 157 arrivals/s (95 % interval 153 to 161), 157 req/s."
#: Height and share of bad requests, as they were near the limit.
FINE = (
    (128.7, 0.0012), (141.3, 0.0058), (152.3, 0.021), (163.3, 0.094),
    (163.3, 0.118), (152.3, 0.034), (141.3, 0.0064), (128.7, 0.0),
)  # fmt: skip


def step(purpose: str, height: float, *bad: float | None, **more: Any) -> Data:
    used = {
        "text": f"db connections {min(20, height // 8):.0f} of 20",
        "share": min(height / 160, 1.0),
    }
    return {
        "phase": purpose, "purpose": purpose, "height": height, "lasted_s": 35.0, "counts": True, "cut": False,
        "bad": [*bad], "in_use": used,
    } | more  # fmt: skip


def named(steps: list[Data]) -> list[Data]:
    """With the names that their phases have: `fine 3`."""
    for i, of in enumerate(steps):
        before = [one for one in steps[:i] if one["purpose"] == of["purpose"]]
        of["phase"] = f"{of['purpose']} {len(before) + 1}"
    return steps


def found() -> Data:
    steps = [
        *[step("coarse", height, bad, lasted_s=15.0) for height, bad in ((5, 0.0), (40, 0.0), (80, 0.002), (160, 0.061))],
        step("coarse", 224, 0.93, lasted_s=9.5, cut=True),
        step("calm", 20, 0.11, lasted_s=14.0, cut=True, in_use=None),
        *[step("fine", height, bad) for height, bad in FINE],
        step("fine", 152.3, 0.31, counts=False),
        step("confirm", 152.5, 0.031, lasted_s=184.0),
    ]  # fmt: skip
    return {
        "outcome": "found", "complete": True, "answer": ANSWER, "unit": "arrivals/s",
        "remarks": ["152.5 arrivals/s were then held for 180 s.", "First near its limit: db connections 19 of 20, at 152 arrivals/s."],
        "height": 157.2, "low": 152.5, "high": 161.3, "confirmed": 152.5, "binding": 0,
        "objectives": [{"text": "p95 < 200ms", "budget": 0.05}], "requests_per_arrival": 1.0,
        "knee": {"height": 131.0, "quantile": 0.95, "base_ms": 81.0},
        "levels": [{"height": 152.3, "steps": 3, "bad": 0.028}], "steps": named(steps),
    }  # fmt: skip


def noisy() -> Data:
    """Of two objectives the second breaks first, somewhere; one step came to nothing."""
    steps = [
        step("coarse", 40, 0.0, 0.0),
        step("coarse", 80, 0.01, 0.3),
        step("coarse", 160, None, None, cut=True, in_use=None),
        step("coarse", 60, 0.2, None),
    ]
    return found() | {
        "outcome": "too_noisy", "answer": "Too noisy here for a number: errors < 1% breaks somewhere between 40 and 80 arrivals/s.",
        "remarks": [], "height": None, "low": 40.0, "high": 80.0, "confirmed": None, "knee": None, "binding": 1,
        "objectives": [{"text": "p95 < 200ms", "budget": 0.05}, {"text": "errors < 1%", "budget": 0.01}], "steps": named(steps),
    }  # fmt: skip


def nothing() -> Data:
    """Stopped before its first step was over."""
    none = dict.fromkeys(("height", "low", "high", "confirmed", "knee", "binding"))
    return (
        found()
        | none
        | {
            "outcome": "unfinished",
            "answer": "The time was over.",
            "remarks": [],
            "steps": [],
            "levels": [],
        }
    )
