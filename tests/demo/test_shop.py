"""The shop answers as its users expect, on the data that the seed promises."""

import asyncio
import time
from typing import Any

import httpx
import psycopg
import pytest

from katydid_shop.stack import Stack


def test_login_gives_a_session(stranger: httpx.Client) -> None:
    user = {"email": "user3@tenant-07.example", "password": "katydid"}
    answer = stranger.post("/login", json=user)
    assert answer.status_code == 200
    assert answer.json()["tenant_id"] == 7
    assert stranger.cookies["shop_session"] == answer.json()["token"]
    assert stranger.get("/dashboard").status_code == 200


def test_wrong_password(stranger: httpx.Client) -> None:
    user = {"email": "user3@tenant-07.example", "password": "cricket"}
    assert stranger.post("/login", json=user).status_code == 401


@pytest.mark.parametrize("path", ["/dashboard", "/orders", "/orders/1", "/jobs/x"])
def test_no_session(stranger: httpx.Client, path: str) -> None:
    assert stranger.get(path).status_code == 401


def test_health(stranger: httpx.Client) -> None:
    assert stranger.get("/healthz").json() == {"status": "ok"}


def test_dashboard(seller: httpx.Client) -> None:
    found = seller.get("/dashboard").json()
    assert found["orders_month"] > found["orders_today"] > 0
    assert found["revenue_month_cents"] > found["revenue_today_cents"] > 0
    sold = [product["sold"] for product in found["top_products"]]
    assert len(sold) == 5
    assert sold == sorted(sold, reverse=True)


def test_pages_are_apart_and_in_order(seller: httpx.Client) -> None:
    pages = [seller.get(f"/orders?page={page}").json() for page in (1, 2)]
    rows = [order for page in pages for order in page["orders"]]
    assert pages[0]["more"]
    assert len({order["id"] for order in rows}) == 40
    times = [order["created_at"] for order in rows]
    assert times == sorted(times, reverse=True)


def test_status_filter(seller: httpx.Client) -> None:
    rows = seller.get("/orders?status=cancelled").json()["orders"]
    assert {order["status"] for order in rows} == {"cancelled"}


@pytest.mark.parametrize("query", ["page=0", "page=x", "status=lost"])
def test_bad_query(seller: httpx.Client, query: str) -> None:
    assert seller.get(f"/orders?{query}").status_code == 422


def test_submit_and_open(seller: httpx.Client) -> None:
    new = _new_order(seller)
    placed = seller.post("/orders", json=new)
    assert placed.status_code == 201
    found = seller.get(f"/orders/{placed.json()['id']}").json()
    assert found["lines"][0]["quantity"] == 2
    assert found["total_cents"] == 2 * new["lines"][0]["price_cents"]


@pytest.mark.parametrize(
    "change",
    [{"price_cents": 1}, {"product_id": 101}, {"quantity": 0}],
    ids=["price", "tenant", "none"],
)
def test_order_refused(seller: httpx.Client, change: dict[str, int]) -> None:
    new = _new_order(seller)
    new["lines"][0].update(change)
    assert seller.post("/orders", json=new).status_code == 422


def test_more_than_in_stock(stack: Stack, seller: httpx.Client) -> None:
    new = _new_order(seller)
    with psycopg.connect(stack.urls.postgres) as db:
        db.execute("UPDATE products SET stock = 1 WHERE id = %s", [new["lines"][0]["product_id"]])
    answer = seller.post("/orders", json=new)
    assert answer.status_code == 422
    assert "in stock" in answer.text
    with psycopg.connect(stack.urls.postgres) as db:
        db.execute("UPDATE products SET stock = 1000000 WHERE stock < 2")


def test_other_tenants_are_hidden(stack: Stack, seller: httpx.Client) -> None:
    with psycopg.connect(stack.urls.postgres) as db:
        row = db.execute("SELECT max(id) FROM orders WHERE tenant_id = 2").fetchone()
    assert row is not None
    assert seller.get(f"/orders/{row[0]}").status_code == 404
    assert seller.post(f"/orders/{row[0]}/invoice").status_code == 404


def test_invoice_is_made_by_the_worker(seller: httpx.Client) -> None:
    order = seller.get("/orders").json()["orders"][0]
    first = _invoice(seller, order["id"])
    assert first["number"] == f"INV-001-{order['id']:08d}"
    assert _invoice(seller, order["id"]) == first


def test_many_at_once_wait_in_line(stack: Stack, seller: httpx.Client) -> None:
    """More than there are threads and connections: none of them is held up until it fails."""

    async def ask() -> list[int]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(
            base_url=stack.urls.app, cookies=seller.cookies, limits=limits, timeout=60
        ) as client:
            answers = await asyncio.gather(*(client.get("/orders") for _ in range(400)))
        return [answer.status_code for answer in answers]

    assert set(asyncio.run(ask())) == {200}


def test_unknown_job(seller: httpx.Client) -> None:
    assert seller.get("/jobs/nothing").status_code == 404


@pytest.mark.parametrize(
    ("table", "least", "most"),
    [
        ("tenants", 50, 50),
        ("users", 1_000, 1_000),
        ("customers", 20_000, 21_000),
        ("products", 5_000, 5_000),
        ("orders", 202_000, 203_000),
        ("order_lines", 500_000, 505_000),
    ],
)
def test_seed_counts(stack: Stack, table: str, least: int, most: int) -> None:
    with psycopg.connect(stack.urls.postgres) as db:
        row = db.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row is not None
    assert least <= row[0] <= most


def test_seed_is_skewed_and_adds_up(stack: Stack) -> None:
    with psycopg.connect(stack.urls.postgres) as db:
        sizes = db.execute(
            "SELECT count(*) FROM orders GROUP BY tenant_id ORDER BY tenant_id"
        ).fetchall()
        wrong = db.execute(
            "SELECT o.id FROM orders o JOIN order_lines l ON l.order_id = o.id GROUP BY o.id "
            "HAVING sum(l.quantity * l.unit_price_cents) <> o.total_cents"
        ).fetchall()
    assert sizes[0][0] > 8 * sizes[9][0]
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("shared_preload_libraries", "pg_stat_statements"),
        ("track_io_timing", "on"),
        ("fsync", "on"),
    ],
)
def test_database_settings(stack: Stack, name: str, value: str) -> None:
    with psycopg.connect(stack.urls.postgres) as db:
        assert db.execute("SELECT current_setting(%s)", [name]).fetchone() == (value,)


def _new_order(seller: httpx.Client) -> dict[str, Any]:
    product = seller.get("/dashboard").json()["top_products"][0]
    customer = seller.get("/orders").json()["orders"][0]["customer_id"]
    line = {"product_id": product["id"], "quantity": 2, "price_cents": product["price_cents"]}
    return {"customer_id": customer, "lines": [line]}


def _invoice(seller: httpx.Client, order_id: int) -> dict[str, Any]:
    asked = seller.post(f"/orders/{order_id}/invoice")
    assert asked.status_code == 202
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        job = seller.get(f"/jobs/{asked.json()['job_id']}").json()
        assert job["status"] in ("queued", "started", "done")
        if job["status"] == "done":
            result: dict[str, Any] = job["result"]
            return result
    raise AssertionError("the invoice was not made within 15 s")
