"""`GET /dashboard`: a tenant's day at a glance, cached for a few seconds."""

from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from katydid_shop.auth import CurrentLogin
from katydid_shop.cache import cached
from katydid_shop.db import DbSession
from katydid_shop.faults import is_on
from katydid_shop.models import Order, OrderLine, Product
from katydid_shop.partner import ask
from katydid_shop.settings import settings

router = APIRouter()

TOP = 5


def dashboard(login: CurrentLogin, db: DbSession) -> dict[str, Any]:
    if is_on("no_cache"):
        return _totals(db, login.tenant_id)
    ttl = settings().dashboard_ttl
    key = "dashboard" if is_on("cache_without_tenant") else f"dashboard:{login.tenant_id}"
    return cached(key, ttl, lambda: _totals(db, login.tenant_id))


async def dashboard_with_rates(login: CurrentLogin, db: DbSession) -> dict[str, Any]:
    # The event loop waits for both: no other request is answered meanwhile.
    rates = ask("/rates")
    return {**dashboard(login, db), "rates": rates}


router.get("/dashboard")(dashboard_with_rates if is_on("blocking_call") else dashboard)


def _totals(db: Session, tenant_id: int) -> dict[str, Any]:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
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


def _sums(db: Session, tenant_id: int, since: datetime) -> tuple[int, int]:
    """Number of orders since then, and their worth in cents."""
    row = db.execute(
        select(func.count(), func.coalesce(func.sum(Order.total_cents), 0)).where(
            Order.tenant_id == tenant_id, Order.created_at >= since
        )
    ).one()
    return int(row[0]), int(row[1])
