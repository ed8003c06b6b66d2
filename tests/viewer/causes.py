"""What a run says about causes, made up but true to life: findings, and what a probe counted."""

from __future__ import annotations

from typing import Any

Data = dict[str, Any]

ITEM = "SELECT items.id, items.name, items.price FROM items WHERE items.id = $1"
TENANT = "SELECT tenants.id, tenants.name FROM tenants WHERE tenants.id = $1"
LIST = (
    "SELECT orders.id, orders.tenant_id, orders.customer_id, orders.status, orders.total_cents, orders.created_at FROM orders "
    "WHERE orders.tenant_id = $1 ORDER BY orders.created_at DESC LIMIT $2 OFFSET $3"
)
DDL = "CREATE INDEX CONCURRENTLY ON orders (tenant_id, created_at DESC);"


def evidence(source: str, what: str, value: float, unit: str = "", **more: Any) -> Data:
    return {"source": source, "what": what, "value": value, "unit": unit, "limit": None, "phase": ""} | more  # fmt: skip


def findings() -> Data:
    """Two that are sure, one that is suspected, and what was not so or not seen."""
    n_plus_one: Data = {
        "rule": "n_plus_one", "title": "N+1 queries", "confidence": "strong", "basis": "probe + statements",
        "endpoints": ["GET /orders?page=[n]"], "about": ITEM,
        "what": f"21 queries per request: 1 list of 20 rows, and 20 × {ITEM}; 20 entries are shown",
        "cost": {"ms": 14.2, "of_ms": 24.0, "share": 0.118},
        "evidence": [
            evidence("probe of 41 requests", "calls per request", 20.0, limit=5.0),
            evidence("PostgreSQL 18.1, database shop", "rows per call", 1.0, limit=2.0),
            evidence("PostgreSQL 18.1, database shop", "6.1 % of the time of its statements", 0.089, "s", phase="hold"),
        ],
        "advice": "Load what belongs to all rows with one query.",
        "fixes": [
            {"in": "SQLAlchemy", "text": "select(Order).options(selectinload(Order.customer))"},
            {"in": "SQL", "text": "… WHERE id = ANY($1), with all ids at once"},
        ],
        "check": "GET /orders?page=[n] should need 1 such query per request instead of 20",
        "consequences": ["CPU bound: the machine's processors were 99.2 % busy in the phase hold"],
    }  # fmt: skip
    missing_index: Data = n_plus_one | {
        "rule": "missing_index", "title": "Missing index", "basis": "plan + statements + probe",
        "endpoints": ["GET /orders?page=[n]", "GET /dashboard"], "about": "orders (tenant_id, created_at DESC)",
        "what": "orders (tenant_id, created_at DESC): SELECT … FROM orders WHERE orders.tenant_id = $1 reads 763 blocks to give 21 rows, 1.5 ms each: it sorts 4,043 rows by created_at DESC to give the first",
        "cost": {"ms": 1.5, "of_ms": 24.0, "share": 0.021},
        "evidence": [evidence("plan", "rows that are sorted", 4_043.0)],
        "advice": "Build the index; CONCURRENTLY lets writes go on.",
        "fixes": [{"in": "SQL", "text": DDL}],
        "check": "blocks per call of the statement should fall from 763 to a few",
        "consequences": [],
    }  # fmt: skip
    held: Data = missing_index | {
        "rule": "connection_held", "title": "Connection held during other work", "confidence": "suspected", "basis": "sessions",
        "endpoints": [], "about": "", "cost": None, "fixes": [],
        "what": "a session is idle in an open transaction for 84 ms at every other look: the database waits for the service",
        "advice": "Move the work that is no SQL out of the transaction: before it, or after the commit.",
        "check": "no session should be idle in transaction for longer than a moment",
    }  # fmt: skip
    return {
        "version": 1,
        "findings": [n_plus_one, missing_index],
        "suspected": [held],
        "ruled_out": [{"rule": "row_lock", "title": "Row lock contention", "why": "0 sessions waited for a lock on average at most"}],
        "not_observed": [{"what": "how long each call took: no spans of the target came", "remedy": "run with --trace"}],
    }  # fmt: skip


def asked(
    text: str, per_request: float, rows: float, blocks: float, ms: float, **more: Any
) -> Data:
    return {
        "id": "5cd87b95", "text": text, "per_request": per_request, "least": per_request, "most": per_request,
        "rows": rows, "blocks": blocks, "ms": ms, "per_entry": None, "request_ms": None, "together": None,
    } | more  # fmt: skip


def probed(method: str, name: str, *statements: Data, **more: Any) -> Data:
    """Without a cache; what its statements give is added up."""

    def all_of(what: str) -> float:
        return float(sum(of["per_request"] * of[what] for of in statements))

    return {
        "method": method, "name": name, "requests": 20, "failed": 0, "first_ms": 24.462, "median_ms": 3.872, "together_ms": None, "together": 0,
        "slowest_together_ms": None, "together_cpu": None, "together_same": None, "beside": None, "other": None, "alone_cpu": None,
        "entries": None, "queries": sum(of["per_request"] for of in statements), "first_queries": None,
        "rows": all_of("rows"), "blocks": all_of("blocks"), "database_ms": all_of("ms"),
        "commands": None, "hits": None, "misses": None, "new_keys": None, "statements": [*statements], "by_command": [],
        "ever": [{"text": of["text"], "calls": 20.0 * of["per_request"]} for of in statements], "over_s": 4.2,
    } | more  # fmt: skip


def beside(endpoint: str, alone_ms: float, beside_ms: float) -> Data:
    return {"endpoint": endpoint, "alone_ms": alone_ms, "beside_ms": beside_ms}


def other(same: int, queries: float | None) -> Data:
    return {"tries": 3, "same": same, "queries": queries}


def probe() -> Data:
    """A list that asks for its rows one by one, one that a cache answers, a write, and what asks for nothing."""
    sums = "SELECT count(*) AS count_1, coalesce(sum(orders.total_cents), $1) FROM orders WHERE orders.tenant_id = $2"
    cached = {"commands": 2.15, "hits": 1.85, "misses": 0.15, "new_keys": -0.025}
    return {
        "idle_s": 6.0,
        "background": [
            {"text": "SELECT id FROM jobs WHERE state = $1 FOR UPDATE SKIP LOCKED LIMIT $2", "per_second": 2.01},
            {"text": "SELECT 1", "per_second": 0.02},
        ],
        "endpoints": [
            probed("POST", "/login", asked("SELECT users.id, users.email FROM users WHERE users.email = $1", 1, 1, 3, 0.09)),
            probed(
                "GET", "/orders?page=[n]", asked(LIST, 1, 21, 808.25, 1.565), asked(ITEM, 20, 1, 3, 0.014, least=0, most=20, per_entry=1.0, together=20),
                requests=41, first_ms=36.38, median_ms=20.667, together_ms=125.04, together=8, slowest_together_ms=127.8,
                together_cpu=0.984, alone_cpu=0.786, together_same=True, beside=beside("GET /healthz", 0.43, 75.31), other=other(0, 2.0), entries=20.0, first_queries=23.0, commands=1.0, misses=0.0, new_keys=0.0,
                by_command=[{"name": "GET", "per_request": 1.0}],
            ),
            probed(
                "GET", "/dashboard", asked(sums, 0.3, 1, 1_056.7, 1.578, least=0, most=2, request_ms=3.1, together=1.0), together_ms=21.4, together=8, **cached,
                slowest_together_ms=22.18, together_cpu=0.0, alone_cpu=0.0, together_same=False, other=other(3, 0.0),
                ever=[{"text": sums, "calls": 6.0}, {"text": TENANT, "calls": 1.0}],
                by_command=[{"name": "GET", "per_request": 2.0}, {"name": "SET", "per_request": 0.15}],
            ),
            probed("POST", "/orders", asked("INSERT INTO orders (tenant_id, status) VALUES ($1, $2) RETURNING id", 1, 1, 14, 0.11), failed=2),
            probed("GET", "/healthz", queries=None, rows=None, blocks=None, database_ms=None, first_ms=1.2, median_ms=0.43),
        ],
    }  # fmt: skip


def split(endpoint: str, mean_ms: float, database_ms: float, source: str, **more: float) -> Data:
    """What is not said was not seen. What is left is the rest."""
    seen = database_ms + sum(more.values())
    return {
        "endpoint": endpoint, "mean_ms": mean_ms, "before_ms": None, "pool_ms": None, "database_ms": database_ms, "cache_ms": None, "services_ms": None,
        "rest_ms": max(mean_ms - seen, 0.0), "source": source, "inferred": source.startswith("probe"),
    } | more  # fmt: skip


def splits() -> list[Data]:
    """One of which all is known, one that waits for a connection, one whose calls are made side by side, and one that only a probe knows."""
    return [
        split("POST /orders", 383.6, 39.89, "spans of 43 requests", before_ms=8.81, pool_ms=0.0, cache_ms=5.58, services_ms=262.49),
        split("GET /orders?page=[n]", 254.2, 120.9, "spans of 80 requests", before_ms=4.7, pool_ms=61.3, cache_ms=13.4, services_ms=-0.0),
        split("GET /dashboard", 148.9, 309.5, "spans of 22 requests", before_ms=0.0, pool_ms=0.0, cache_ms=1.3, services_ms=0.0),
        split("GET /orders/[id]/items/[item]/history?page=[page]&size=[size]", 24.3, 1.9, "probe of 20 requests"),
    ]  # fmt: skip


def little() -> list[Data]:
    """Requests that agree, and statements of which there were few; the second of a run without phases."""
    return [
        {"what": "requests under way", "phase": "hold", "counted": 5.667, "looks": 1_204, "computed": 6.676},
        {"what": "statements running, PostgreSQL 18.1, database shop", "phase": "", "counted": 0.385, "looks": 13, "computed": 0.0123},
    ]  # fmt: skip
