"""Runs to be shown: summary, view and manifest as data, made up but true to life. Waves instead of chance, so always the same.

`python tests/viewer/runs.py shop >run.json` prints one; `page` turns it into the report's page.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import causes
import searches

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from built import example

ROOT = Path(__file__).parents[2]

Data = dict[str, Any]
TABLES = ("orders", "order_items", "stock", "users", "tenants", "invoices", "jobs", "audit")


def wave(t: float, a: float = 0.31, b: float = 0.077) -> float:
    """Between -1 and 1, with no visible period."""
    return math.sin(t * a) * 0.5 + math.sin(t * b + 1.3) * 0.3 + math.sin(t * 1.9) * 0.2


def latency(count: int, p50: float, tail: float) -> Data:
    at = {"min": -0.6 * p50, "p50": 0, "p90": tail * 0.15, "p95": tail * 0.25, "p99": tail * 0.55}
    at |= {"p999": tail * 0.9, "max": tail}
    needed = {"p95": 200, "p99": 1_000, "p999": 10_000}
    values = {name: p50 + more if count else None for name, more in at.items()}
    wide = [name for name, least in needed.items() if 0 < count < least]
    return {"count": count, "mean": p50 * 1.2 if count else None, **values, "wide": wide}


def endpoint(
    method: str, name: str, requests: int, failures: int, p50: float, tail: float, span: float
) -> Data:
    return {
        "kind": "request",
        "method": method,
        "name": name,
        "access": "read" if method == "GET" else "write",
        "share": 0.1,
        "requests": requests,
        "failures": failures,
        "aborted": 0,
        "blocked": 0,
        "missed": 0,
        "unjudged": 0,
        "failure_ratio": failures / max(requests, 1),
        "rps": requests / span,
        "bytes_in": requests * 2_310,
        "bytes_out": requests * 412,
        "from_due": latency(requests - failures, p50 + 0.2, tail * 1.1),
        "from_send": latency(requests - failures, p50, tail),
        "failed_from_due": latency(failures, 3.1, 9.0),
        "connect": latency(30, 0.21, 0.9),
        "tls": latency(0, 0, 0),
    }


def endpoint_view(e: Data, span: float, points: int = 60) -> Data:
    step = span / points
    t = [i * step for i in range(points)]
    p50, top = e["from_due"]["p50"] or 1.0, e["from_due"]["max"] or 10.0
    first, last = math.ceil(math.log2(p50 * 400) * 4), math.ceil(math.log2(top * 1000) * 4)
    middle = math.log2(p50 * 1000) * 4
    spread = {
        n: int(e["requests"] * 0.12 * math.exp(-(((n - middle) / (2.5 if n < middle else 6)) ** 2)))
        for n in range(first, last + 1)
    }
    return {
        "t_s": t,
        "rps": [e["rps"] * (1 + 0.3 * wave(x)) for x in t],
        "failures_per_s": [0.0 for _ in t],
        "p95": [None if i == 7 else p50 * (2 + wave(x, 0.2)) for i, x in enumerate(t)],
        "histogram": [[2 ** (n / 4) / 1000, count] for n, count in spread.items()],
    }


def chart(
    id: str,
    title: str,
    unit: str,
    t: list[float],
    lines: dict[str, list[float | None]],
    stacked: bool = False,
    limit: float | None = None,
) -> Data:
    named = [{"name": name, "values": values} for name, values in lines.items()]
    return {
        "id": id, "title": title, "unit": unit, "stacked": stacked, "limit": limit, "t_s": t, "lines": named,
    }  # fmt: skip


def target(subject: str, kind: str, title: str, looks: int, **more: Any) -> Data:
    return {
        "subject": subject,
        "kind": kind,
        "title": title,
        "every_s": 1.0,
        "looks": looks,
        "read_median_ms": 1.34,
        "read_max_ms": 18.2,
        "cost_share": 0.0042,
        "stalls": 0,
        "losses": [],
        "sights": [],
        "tables": [],
        **more,
    }


def statements(phase: str, calls: int) -> Data:
    long = (
        "SELECT o.id, o.placed_at, o.status, sum(i.quantity * i.unit_price) AS total\n  FROM orders o\n"
        "  JOIN order_items i ON i.order_id = o.id\n  JOIN tenants t ON t.id = o.tenant_id\n"
        " WHERE t.slug = $1 AND o.status <> $2\n GROUP BY o.id\n ORDER BY o.placed_at DESC\n LIMIT $3 OFFSET $4"
    )
    rows = [
        [long, calls, 41.26, 0.412, 18_220.0, None, 0.993],
        ["SELECT id, email FROM users WHERE lower(email) = $1", calls // 3, 12.1, 0.121, 1.0, 0, 0.71],
        ["UPDATE stock SET left_over = left_over - $1 WHERE product_id = $2", calls // 8, 3.3, 0.03, 1.0, 4_096, 1.0],
    ]  # fmt: skip
    columns = [
        ("Statement", "code"), ("Calls", ""), ("Mean", "ms"), ("Of database time", ""),
        ("Rows per call", ""), ("Temporary files", "bytes"), ("Found in cache", ""),
    ]  # fmt: skip
    return {
        "id": "statements",
        "title": "Statements by time",
        "phase": phase,
        "columns": [{"name": name, "unit": unit} for name, unit in columns],
        "rows": rows,
        "note": "Literals are masked. 214 statements with less than 1 % of the time are left out.",
    }


def sources(span: float) -> tuple[list[Data], list[Data]]:
    """What was watched of the shop: summary and view."""
    t = [float(i) for i in range(int(span) + 1)]
    storm = [1.0 if 0.65 <= x / span < 0.77 else 0.0 for x in t]
    lost = (0.40 * span, 0.47 * span)

    def seen(value: Any, *gap: float) -> list[float | None]:
        hidden = gap or (-1.0, -1.0)
        return [
            None if hidden[0] <= x < hidden[1] else value(x, s)
            for x, s in zip(t, storm, strict=True)
        ]

    mib = 1 << 20
    host = [
        chart("cpu", "CPU", "%", t, {
            "user": seen(lambda x, s: 62 + 18 * wave(x) + 60 * s), "system": seen(lambda x, s: 21 + 5 * wave(x, 0.5) + 14 * s),
            "waiting for disk": seen(lambda x, s: 3 + 2 * wave(x, 0.9)), "steal": seen(lambda x, s: 1.2 + wave(x, 0.7)),
        }, stacked=True, limit=200.0),
        chart("memory", "Memory", "bytes", t, {
            "in use": seen(lambda x, s: (2_900 + 180 * x / span + 30 * wave(x)) * mib), "page cache": seen(lambda x, s: (1_400 + 60 * wave(x, 0.02)) * mib),
        }, limit=7_872.0 * mib),
        chart("disk", "Disk", "bytes/s", t, {"read": seen(lambda x, s: max(0.0, 2 + 2 * wave(x)) * mib), "written": seen(lambda x, s: (14 + 6 * wave(x, 0.6) + 20 * s) * mib)}),
        chart("pressure", "Pressure: time in which something waited", "%", t, {"CPU": seen(lambda x, s: 8 + 5 * wave(x) + 40 * s), "I/O": seen(lambda x, s: 2 + wave(x, 0.8)), "memory": seen(lambda x, s: 0.0)}),
    ]  # fmt: skip
    postgres = [
        chart("sessions", "Sessions by what they wait for", "sessions", t, {
            "running": seen(lambda x, s: round(3 + 2 * wave(x)), *lost), "Lock": seen(lambda x, s: round(9 * s), *lost),
            "IO": seen(lambda x, s: round(2 + wave(x, 0.4)), *lost), "LWLock": seen(lambda x, s: round(1 + s), *lost), "idle in transaction": seen(lambda x, s: round(1.5 + wave(x, 0.2)), *lost),
        }, stacked=True, limit=20.0),
        chart("transactions", "Transactions", "/s", t, {"committed": seen(lambda x, s: 310 + 40 * wave(x) - 160 * s, *lost), "rolled back": seen(lambda x, s: 12 * s, *lost)}),
        chart("hits", "Found in the buffer cache", "%", t, {"hits": seen(lambda x, s: 99.2 - 4 * s + 0.3 * wave(x), *lost)}),
        chart("statements", "Time in statements", "s/s", t, {
            f"SELECT id, tenant_id, placed_at, status FROM {table} WHERE tenant_id = $1 ORDER BY id": seen(lambda x, s, i=i: max(0.0, (1.4 / i) * (1 + 0.3 * wave(x, 0.1 * i)) + s / i), *lost) for i, table in enumerate(TABLES, 1)
        }, stacked=True),
    ]  # fmt: skip
    redis = [
        chart("commands", "Commands", "/s", t, {"all": seen(lambda x, s: 900 + 120 * wave(x))}),
        chart("hits", "Keys found", "%", t, {"found": seen(lambda x, s: 91 - 60 * s + 2 * wave(x))}),
        chart("queue", "Jobs that wait", "jobs", t, {"invoices": seen(lambda x, s: max(0.0, round(4 + 3 * wave(x) + 60 * s)))}),
    ]  # fmt: skip
    process = [
        chart("cpu", "CPU of the app", "cores", t, {"app": seen(lambda x, s: 0.7 + 0.1 * wave(x) + 0.28 * s)}, limit=1.0),
        chart("pool", "Connection pool", "connections", t, {"in use": seen(lambda x, s: round(4 + 2 * wave(x) + 5 * s)), "waiting": seen(lambda x, s: round(11 * s))}, limit=10.0),
    ]  # fmt: skip
    looks = len(t)
    summary = [
        target("host", "host", "Debian GNU/Linux 12, 2 processors, 7.7 GiB", looks),
        target(
            "postgres 127.0.0.1:5432/shop", "postgres", "PostgreSQL 18.1, database shop", looks - 9,
            stalls=2,
            losses=[{"from_s": lost[0], "until_s": lost[1], "why": "the connection was closed by the server"}],
            sights=[
                {"what": "sessions", "seen": True, "note": "", "remedy": ""},
                {"what": "plans", "seen": False, "note": "auto_explain is not loaded", "remedy": "ALTER SYSTEM SET session_preload_libraries = 'auto_explain';\nSELECT pg_reload_conf();"},
                {"what": "I/O times", "seen": False, "note": "track_io_timing is off", "remedy": "ALTER SYSTEM SET track_io_timing = on; SELECT pg_reload_conf();"},
            ],
            tables=[statements("", 21_000), statements("ramp", 2_000), statements("hold", 14_000), {
                "id": "settings", "title": "Settings", "phase": "", "note": "",
                "columns": [{"name": "Setting", "unit": "text"}, {"name": "Value", "unit": "text"}],
                "rows": [["shared_buffers", "128MB"], ["max_connections", "20"]],
            }],
        ),
        target("redis 127.0.0.1:6379", "redis", "Valkey 9.1.2", looks, losses=[{"from_s": span * 0.9, "until_s": span * 0.9, "why": "the server was restarted"}]),
        target("process app", "process", "uvicorn katydid_shop.app (pid 4711)", looks),
    ]  # fmt: skip
    all_charts = [host, postgres, redis, process]
    views = [
        {"subject": found["subject"], "charts": charts}
        for found, charts in zip(summary, all_charts, strict=True)
    ]
    return summary, views


def span(name: str, depth: int, start: float, ms: float, about: str = "", **more: Any) -> Data:
    return {
        "name": name, "called": name, "service": "shop", "kind": "client" if about else "internal", "about": about, "depth": depth,
        "from_send_ms": start, "ms": ms, "failed": False, "text": "", **more,
    }  # fmt: skip


def traces() -> list[Data]:
    """A request that asks for its items one by one; one that fails behind another service; one that is odd in every way."""
    items = "SELECT id, product_id, quantity FROM order_items WHERE order_id = $1"
    many = [
        span("GET /orders", 0, 1.2, 410.0, kind="server"),
        span("GET", 1, 2.0, 0.4, "db", text="GET"),
        span("SELECT orders", 1, 3.1, 6.2, "db", text="SELECT id, placed_at FROM orders WHERE tenant_id = $1 LIMIT $2", called="SELECT … FROM orders WHERE tenant_id = $1 LIMIT $2"),
        *(span("SELECT order_items", 1, 10.0 + 7.6 * i, 6.8 + wave(i) / 2, "db", text=items, called="SELECT … FROM order_items WHERE order_id = $1") for i in range(50)),
        span("render", 1, 394.0, 15.0),
    ]  # fmt: skip
    failing = [
        span("POST /orders", 0, 0.8, 1_398.0, kind="server", failed=True),
        span("charge", 1, 6.0, 1_380.0),
        span("POST pay.example.com", 2, 6.4, 1_378.0, "http", text="POST pay.example.com", failed=True),
        span("POST /charges", 3, 9.0, 1_371.0, service="payments", kind="server"),
        span("publish orders", 1, 1_391.0, 3.0, "messaging", kind="producer", text="orders"),
    ]  # fmt: skip
    odd = [span("GET /", 0, -3.0, 90.0, kind="server"), span("nothing", 1, 5.0, 0.0)]
    odd += [span(f"part {depth}", depth, 10.0 + depth, 60.0 - depth) for depth in range(2, 30)]
    odd += [span(f"call {n}", 1, 70.0 + n / 10, 0.05, "rpc", text=f"Call{n}") for n in range(168)]
    odd += [span("a name without a statement that is " + "rather " * 20 + "long", 1, 88.0, 40.0)]
    odd += [span("late", 1, 130.0, 9.0, "http", text="GET late.example.com", failed=True)]
    failing += [
        span("SELECT", 1, 1_380.0 + n, 8.0, "db", text="SELECT 1", called="SELECT 1")
        for n in range(4)
    ]
    common = {
        "phase": "spike",
        "at_s": 84.2,
        "status": 200,
        "failure": None,
        "left_out": 0,
        "db_calls": 0,
        "db_ms": 0.0,
    }
    return [
        common | {"id": "0af7651916cd43dd8448eb211c80319c", "method": "POST", "name": "/orders", "from_due_ms": 1_502.2, "from_send_ms": 1_402.0, "status": 503, "failure": "503 Service Unavailable", "spans": failing, "db_calls": 4, "db_ms": 11.0},
        common | {"id": "5dd33ee90000010001438cec1d44f776", "method": "GET", "name": "/reports/[id]", "from_due_ms": 412.6, "from_send_ms": 412.4, "spans": many, "db_calls": 52, "db_ms": 349.1},
        common | {"id": "5dd33ee9000001000234c665ed283962", "method": "GET", "name": "/", "phase": "hold", "from_due_ms": 80.2, "from_send_ms": 80.2, "spans": odd, "left_out": 1_204},
    ]  # fmt: skip


def of_generator(span: float) -> list[Data]:
    t = [i + 0.5 for i in range(int(span))]
    return [
        chart("cpu", "Processor time, of one core", "%", t, {"all of katydid": [38 + 9 * wave(x) for x in t], "the I/O thread": [17 + 4 * wave(x) for x in t]}),
        chart("cpu.hub", "Scenario's threads: processor time, of one core each", "%", t, {f"worker {i}": [min(100.0, 30 + 25 * i + 9 * wave(x, 0.1 * (i + 1))) for x in t] for i in range(3)}, limit=100.0),
        chart("late", "How late it was", "ms", t, {"requests taken up, p99": [0.2 + 0.05 * wave(x) for x in t]}),
        chart("in_flight", "Requests in flight", "", t, {f"worker {i}": [round(4 + 2 * i + 2 * wave(x, 0.2)) for x in t] for i in range(3)}, stacked=True),
    ]  # fmt: skip


def series(span: float) -> Data:
    t = [float(i) for i in range(int(span))]
    users = [min(300, round((x + 1) * 1200 / span)) for x in t]
    storm = [1.0 if 0.65 <= x / span < 0.77 else 0.0 for x in t]
    pairs = list(zip(t, storm, strict=True))
    return {
        "width_s": 1.0,
        "t_s": t,
        "length_s": [1.0] * len(t),
        "users": users,
        "rps": [
            max(0.0, u * 1.05 * (1 - 0.35 * s) + 9 * wave(x))
            for u, (x, s) in zip(users, pairs, strict=True)
        ],
        "failures_per_s": [s * max(0.0, 14 + 8 * wave(x, 0.5)) for x, s in pairs],
        "in_flight": [round(u / 20 + 90 * s) for u, s in zip(users, storm, strict=True)],
        "p50": [11 + 1.5 * wave(x, 0.2) + 30 * s for x, s in pairs],
        "p95": [42 + 9 * wave(x, 0.4) + 210 * s for x, s in pairs],
        "p99": [None if x == 3 else 95 + 30 * wave(x, 0.7) + 900 * s for x, s in pairs],
    }


def manifest(span: float) -> Data:
    return {
        "format": {"major": 1, "minor": 4},
        "tool_version": "0.1.0",
        "id": "20261123-101530-checkout",
        "name": "checkout",
        "started": "2026-11-23T10:15:30Z",
        "started_epoch_us": 1_795_428_930_000_000,
        "argv": ["katydid", "-f", "locustfile.py", "-u", "300", "-t", f"{span:.0f}s"],
        "plan": {
            "command": "run",
            "host": "http://127.0.0.1:8000",
            "users": 300,
            "run_time_s": span,
            "user_classes": [{"name": "Shopper", "weight": 3.0, "fixed_count": 0}],
        },
        "host": {
            "os": "Debian 12",
            "cpu": "AMD EPYC 7B13",
            "processors": 2,
            "memory_bytes": 8_254_390_272,
        },
        "scenario": [{"path": "locustfile.py", "sha256": "9f86d081884c7d65" * 4}],
    }


def phase(name: str, kind: str, began: float, ended: float, endpoints: list[Data]) -> Data:
    requests = sum(e["requests"] for e in endpoints)
    total = endpoint("", "Aggregated", requests, 0, 11.2, 1_860, ended - began)
    return {
        "name": name, "kind": kind, "began_s": began, "ended_s": ended, "users": 300, "valid": True,
        "reasons": [], "total": total, "reads": total, "writes": total, "endpoints": endpoints,
    }  # fmt: skip


def shop(span: float = 120.0) -> Data:
    """Two minutes with something of everything."""
    named = [
        ("GET", "/", 12_031, 0, 2.1, 86), ("POST", "/login", 300, 0, 48, 120), ("GET", "/dashboard", 9_812, 0, 11.2, 410),
        ("POST", "/orders", 8_004, 241, 18.4, 1_400), ("GET", "/orders?page=[n]", 6_210, 0, 24.0, 900),
        ("GET", "/orders/[id]/items/[item]/history?page=[page]&size=[size]", 3_102, 0, 0.43, 12), ("GET", "/reports/[id]", 163, 13, 412, 1_460),
        ("GET", "/search?q=[words]", 2_201, 0, 31.0, 640), ("GET", "/cart", 4_020, 0, 6.1, 210), ("PUT", "/cart/[item]", 1_990, 0, 9.9, 330), ("DELETE", "/cart/[item]", 402, 0, 7.7, 95),
    ]  # fmt: skip
    endpoints = [endpoint(*one, span) for one in named]
    endpoints[0]["hints"] = [
        {"name": "Server-Timing db", "count": 12_000, "share": 0.997, "mean_ms": 1.27},
        {"name": "X-Cache HIT", "count": 9_004, "share": 0.748, "mean_ms": None},
    ]
    flow = endpoint("", "Shopper.buy", 3_201, 12, 140, 2_000, span) | {
        "kind": "flow",
        "access": None,
    }
    endpoints.append(flow)
    total = endpoint(
        "", "Aggregated", sum(e[2] for e in named), sum(e[3] for e in named), 11.2, 1_860, span
    )
    targets, views = sources(span)
    edges = [
        ("ramp", "ramp", 0, 0.25),
        ("hold", "hold", 0.25, 0.65),
        ("spike", "spike", 0.65, 0.77),
        ("recovery", "recovery", 0.77, 1),
    ]
    example = {"why": "slowest", "method": "GET", "name": "/reports/[id]", "done_s": 84.2, "from_due_ms": 1_871.6, "from_send_ms": 1_871.4, "status": 200, "failure": None, "shape": None, "trace": None}  # fmt: skip
    summary = {
        "version": 1,
        "run": {
            "id": "20261123-101530-checkout", "name": "checkout", "valid": True, "exit_code": 99, "started": "2026-11-23T10:15:30Z",
            "duration_s": span, "command": "run", "host": "http://127.0.0.1:8000", "users": 300, "ended": "run-time", "complete": True,
            "tool_version": "0.1.0", "verdict": "FAIL", "reason": "errors < 1% in spike: 2.1 % of 2000 requests were bad (95 % interval 1.5 % to 2.8 %), allowed are 1 %",
        },
        "generator": {
            "valid": True, "reasons": [], "warnings": ["The hypervisor took 6.0 % of the machine's processor time."], "cpu_us_per_request": 8.14,
            "lag_p50_ms": 0.012, "lag_p99_ms": 0.21, "lag_max_ms": 3.4, "hub_lag_p99_ms": 0.62, "io_lag_p99_ms": 0.13, "hub_busy_share": 0.21,
            "io_busy_share": 0.17, "run_queue_wait_share": 0.004, "steal_share": 0.06, "machine_busy_share": None, "rss_max_bytes": 94_371_840,
            "connections_opened": 312, "connections_replaced": 4, "no_wait": False,
        },
        "total": total | {"aborted": 12},
        "reads": endpoint("", "reads", 37_539, 13, 9.0, 1_200, span),
        "writes": endpoint("", "writes", 10_696, 241, 15.0, 1_400, span),
        "endpoints": endpoints,
        "phases": [phase(name, kind, a * span, b * span, [endpoint("GET", "/", 900, 0, 2.1, 86, span), endpoint("POST", "/orders", 650, 2, 18, 1_000, span)]) for name, kind, a, b in edges],
        "slos": [
            {"text": "p95 < 300ms", "phase": "hold", "outcome": "pass", "total": 27_146, "bad": 271, "slow": 17, "failed": 254, "blocked": 0, "aborted": 0, "share": 0.01, "low": 0.007, "high": 0.013, "budget": 0.05, "observed_ms": 212.4, "needed": None, "reason": "1 % of 27146 requests were bad, allowed are 5 %"},
            {"text": "errors < 1%", "phase": "spike", "outcome": "fail", "total": 2_000, "bad": 42, "slow": 0, "failed": 42, "blocked": 0, "aborted": 0, "share": 0.021, "low": 0.015, "high": 0.028, "budget": 0.01, "observed_ms": None, "needed": None, "reason": "2.1 % of 2000 requests were bad, allowed are 1 %"},
        ],
        "spikes": [{"phase": "spike", "before": "hold", "limit_ms": 84.0, "limit_is_an_objective": False, "budget": 0.05, "peak_bad_share": 0.38, "peak_bad_at_s": 88.0, "in_flight_before": 8.2, "in_flight_peak": 105, "watched_s": 27.0, "recovered_s": 4.0}],
        "events": [{"name": "deploy", "command": "./deploy.sh shop", "at_s": span * 0.5, "phase": "hold", "outcome": "done", "late_ms": 0.4, "took_s": 3.1, "limit_s": 60.0, "status": 0, "output": "image pushed", "reason": "done in 3.10 s"}],
        "drifts": [{"phase": "hold", "what": "p95", "outcome": "rose", "from": 41.2, "to": 57.9, "per_hour": 8.4, "over_s": 7_200.0, "windows": 120, "chance": 0.0003}],
        "failures": [
            {"kind": "request", "method": "POST", "name": "/orders", "cause": "status", "text": "503 Service Unavailable", "count": 241, "first_s": 78.0, "last_s": 92.0},
            {"kind": "request", "method": "GET", "name": "/reports/[id]", "cause": "timeout_first_byte", "text": "no first byte within 1 s", "count": 13, "first_s": 79.0, "last_s": 91.0},
        ],
        "exceptions": [{"count": 3, "message": "KeyError: 'order_id'", "traceback": "Traceback (most recent call last):\n  File \"locustfile.py\", line 31, in buy\n    order = reply.json()[\"order_id\"]\nKeyError: 'order_id'"}],
        "exemplars": [
            example, example | {"method": "POST", "name": "/orders", "from_due_ms": 1_502.2, "from_send_ms": 1_402.0, "done_s": 83.9, "trace": "0af7651916cd43dd8448eb211c80319c"},
            example | {"why": "failed", "method": "POST", "name": "/orders", "status": 503, "failure": "503 Service Unavailable", "from_due_ms": 12.6, "shape": "application/json, 61 bytes\n{\"error\": \"***\", \"retry_after\": 0}"},
        ],
        "target": targets,
        "series": series(span),
        "marks": [{"at_s": a * span, "text": f"phase {name} ({name})"} for name, _, a, _ in edges] + [{"at_s": 79.0, "text": "warning: 12 requests waited for a connection"}, {"at_s": span, "text": "end: run-time"}],
        "notes": ["Shopper.client: 214 requests went through requests because an auth object was set."],
        "findings": causes.findings(),
        "probe": causes.probe(),
        "splits": causes.splits(),
        "little": causes.little(),
    }  # fmt: skip
    view = {
        "endpoints": [endpoint_view(e, span) for e in endpoints],
        "target": views,
        "generator": of_generator(span),
        "traces": traces(),
    }
    return {"summary": summary, "view": view, "manifest": manifest(span)}


def probed() -> Data:
    """Of a probe instead of a load."""
    run = shop()
    run["summary"]["run"] |= {"command": "probe", "users": 0, "verdict": "", "reason": ""}
    for name in ("slos", "spikes", "drifts", "events", "phases"):
        run["summary"][name] = []
    run["summary"]["little"] = []
    probe = "probe of 41 requests"
    run["summary"]["splits"] = [causes.split("GET /orders?page=[n]", 20.667, 1.845, probe)]
    run["manifest"]["argv"] = ["katydid", "probe", "-f", "locustfile.py"]
    run["manifest"]["plan"] |= {"command": "probe", "users": 0}
    return run


def searched() -> Data:
    """Of a search that found its number."""
    run = shop(900.0)
    summary = run["summary"]
    summary["search"] = searches.found()
    summary["run"] |= {
        "command": "find",
        "verdict": "FOUND",
        "reason": searches.ANSWER,
        "exit_code": 0,
    }
    summary["slos"] = []
    run["manifest"]["argv"] = ["katydid", "find", "-f", "locustfile.py", "--slo", "p95 < 200ms"]
    return run


def large() -> Data:
    """An hour with 50 endpoints and 80 charts of 3 lines."""
    run = shop(3_600.0)
    summary, view = run["summary"], run["view"]
    summary["endpoints"] = [
        endpoint("GET", f"/part-{i:02}/[id]", 10_000 + 13 * i, i % 3, 5.0 + i, 300.0 + 9 * i, 3_600)
        for i in range(50)
    ]
    view["endpoints"] = [endpoint_view(e, 3_600, 240) for e in summary["endpoints"]]
    t = [i + 0.000_217 for i in range(3_600)]
    lines: dict[str, list[float | None]] = {
        name: [50 + 30 * wave(x, 0.01 * (k + 1), 0.003) for x in t] for k, name in enumerate("abc")
    }
    for found, source in zip(summary["target"], view["target"], strict=True):
        source["charts"] = [
            chart(f"c{i}", f"{found['kind']} {i}", "/s", t, lines, stacked=i % 2 == 0)
            for i in range(20)
        ]
    return run


def empty() -> Data:
    """Killed before anything was observed."""
    run = shop()
    summary = run["summary"]
    none = endpoint("", "Aggregated", 0, 0, 0, 0, 1) | {"connect": latency(0, 0, 0), "rps": 0.0}
    for name, value in summary.items():
        if isinstance(value, list):
            summary[name] = []
    summary |= {"total": none, "reads": none, "writes": none, "findings": None, "probe": None}
    summary["series"] = {
        name: [] if isinstance(values, list) else 0.0 for name, values in summary["series"].items()
    }
    summary["run"] |= {"duration_s": 0.0, "complete": False, "ended": "killed", "verdict": "INCOMPLETE"}  # fmt: skip
    return {**run, "view": {"endpoints": [], "target": [], "generator": [], "traces": []}}


def pages(folder: Path, kinds: Mapping[str, Callable[[], Data]]) -> Callable[[str], Path]:
    """Where the page of a run of this kind is, in the folder; each is made once."""

    def made(kind: str) -> Path:
        path = folder / f"{kind}.html"
        if not path.exists():
            path.write_text(page(kinds[kind]()))
        return path

    return made


def page(run: Data) -> str:
    """The report's page of a run."""
    done = subprocess.run(
        [example("page")],
        cwd=ROOT,
        input=json.dumps(run),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


if __name__ == "__main__":
    made = {"shop": shop, "probed": probed, "searched": searched, "large": large, "empty": empty}[
        sys.argv[1]
    ]()
    print(page(made) if "--page" in sys.argv else json.dumps(made))
