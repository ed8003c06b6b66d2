"""`GET /dashboard`: a tenant's day at a glance, cached for a few seconds."""

from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from katydid_shop.auth import CurrentLogin
from katydid_shop.cache import cached
from katydid_shop.db import DbSession
from katydid_shop.models import Order, OrderLine, Product
from katydid_shop.settings import settings

router = APIRouter()

TOP = 5


@router.get("/dashboard")
def dashboard(login: CurrentLogin, db: DbSession) -> dict[str, Any]:
    ttl = settings().dashboard_ttl
    return cached(f"dashboard:{login.tenant_id}", ttl, lambda: _totals(db, login.tenant_id))


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
