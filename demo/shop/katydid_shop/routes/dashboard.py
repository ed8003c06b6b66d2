"""`GET /dashboard`: a tenant's day at a glance, cached for a few seconds."""

from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from katydid_shop.auth import CurrentLogin
from katydid_shop.cache import cached
from katydid_shop.db import DbSession
from katydid_shop.faults import is_on
from katydid_shop.models import Customer, Order, OrderLine, Product
from katydid_shop.partner import ask
from katydid_shop.settings import settings

router = APIRouter()

TOP = 5
MARKET_TTL = 2


def dashboard(login: CurrentLogin, db: DbSession) -> dict[str, Any]:
    found: dict[str, Any] = {}
    # Parts that the faults are about; the setting has them in their healthy form.
    if is_on("stampede") or "market" in settings().dashboard_parts:
        # First, so that none who waits for another's report holds a connection.
        alone = not is_on("stampede")
        found |= cached("market", MARKET_TTL, lambda: _market(db), single_flight=alone)
    found |= _own(login, db)
    if is_on("small_pool") or "place" in settings().dashboard_parts:
        found["place"] = _place(db, login.tenant_id)
    return found


async def dashboard_with_rates(login: CurrentLogin, db: DbSession) -> dict[str, Any]:
    # The event loop waits, and no other request is answered meanwhile.
    rates = ask("/rates")
    # Not on the loop too: waiting there for a connection, it could not see those given back.
    return {**await run_in_threadpool(dashboard, login, db), "rates": rates}


router.get("/dashboard")(dashboard_with_rates if is_on("blocking_call") else dashboard)


def _own(login: CurrentLogin, db: Session) -> dict[str, Any]:
    if is_on("no_cache"):
        return _totals(db, login.tenant_id)
    ttl = settings().dashboard_ttl
    key = "dashboard" if is_on("cache_without_tenant") else f"dashboard:{login.tenant_id}"
    return cached(key, ttl, lambda: _totals(db, login.tenant_id))


def _totals(db: Session, tenant_id: int) -> dict[str, Any]:
    midnight = _midnight()
    today, revenue_today = _sums(db, tenant_id, midnight)
    month, revenue_month = _sums(db, tenant_id, midnight - timedelta(days=30))
    sold = func.sum(OrderLine.quantity).label("sold")
    top = db.execute(
        select(Product.id, Product.name, Product.price_cents, sold)
        .join(OrderLine, OrderLine.product_id == Product.id)
        .join(Order, Order.id == OrderLine.order_id)
        .where(Order.tenant_id == tenant_id, Order.created_at >= midnight - timedelta(days=3))
        .group_by(Product.id)
        .order_by(sold.desc(), Product.id)
        .limit(TOP)
    )
    return {
        "orders_today": today,
        "revenue_today_cents": revenue_today,
        "orders_month": month,
        "revenue_month_cents": revenue_month,
        "top_products": [
            {"id": row.id, "name": row.name, "price_cents": row.price_cents, "sold": int(row.sold)}
            for row in top
        ],
    }


def _market(db: Session) -> dict[str, Any]:
    """What all tenants sold in ninety days and to how many, by city and week."""
    week = func.date_trunc("week", Order.created_at).label("week")
    rows = db.execute(
        select(
            Customer.city,
            week,
            func.sum(Order.total_cents).label("worth"),
            func.count(Order.customer_id.distinct()).label("buyers"),
        )
        .join(Order, Order.customer_id == Customer.id)
        .where(Order.created_at >= _midnight() - timedelta(days=90))
        .group_by(Customer.city, week)
        .order_by(Customer.city, week)
    )
    market: dict[str, list[list[int]]] = {}
    for row in rows:
        market.setdefault(row.city, []).append([int(row.worth), row.buyers])
    return {"market": market}


def _place(db: Session, tenant_id: int) -> int:
    """The tenant's place among all by what they sold in ninety days; the first is 1."""
    tenants = db.scalars(
        select(Order.tenant_id)
        .where(Order.created_at >= _midnight() - timedelta(days=90))
        .group_by(Order.tenant_id)
        .order_by(func.sum(Order.total_cents).desc(), Order.tenant_id)
    ).all()
    return 1 + (tenants.index(tenant_id) if tenant_id in tenants else len(tenants))


def _midnight() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _sums(db: Session, tenant_id: int, since: datetime) -> tuple[int, int]:
    """Number of orders since then, and their worth in cents."""
    row = db.execute(
        select(func.count(), func.coalesce(func.sum(Order.total_cents), 0)).where(
            Order.tenant_id == tenant_id, Order.created_at >= since
        )
    ).one()
    return int(row[0]), int(row[1])
