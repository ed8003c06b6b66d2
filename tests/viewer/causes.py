"""What a run says about causes, made up but true to life: findings, and what a probe counted."""

from __future__ import annotations

from typing import Any

Data = dict[str, Any]

ITEM = "SELECT items.id, items.name, items.price FROM items WHERE items.id = $1"
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
        "entries": None, "queries": sum(of["per_request"] for of in statements), "first_queries": None,
        "rows": all_of("rows"), "blocks": all_of("blocks"), "database_ms": all_of("ms"),
        "commands": None, "hits": None, "misses": None, "new_keys": None, "statements": [*statements], "by_command": [],
    } | more  # fmt: skip


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
                requests=41, first_ms=36.38, median_ms=20.667, together_ms=125.04, together=8, entries=20.0, first_queries=23.0, commands=1.0, misses=0.0, new_keys=0.0,
                by_command=[{"name": "GET", "per_request": 1.0}],
            ),
            probed(
                "GET", "/dashboard", asked(sums, 0.3, 1, 1_056.7, 1.578, least=0, most=2), together_ms=21.4, together=8, **cached,
                by_command=[{"name": "GET", "per_request": 2.0}, {"name": "SET", "per_request": 0.15}],
            ),
            probed("POST", "/orders", asked("INSERT INTO orders (tenant_id, status) VALUES ($1, $2) RETURNING id", 1, 1, 14, 0.11), failed=2),
            probed("GET", "/healthz", queries=None, rows=None, blocks=None, database_ms=None, first_ms=1.2, median_ms=0.43),
        ],
    }  # fmt: skip
