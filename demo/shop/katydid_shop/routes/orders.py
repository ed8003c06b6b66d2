"""`/orders`: list, open and submit orders."""

import hashlib
import time
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, Field
from sqlalchemy import select, update
from sqlalchemy.orm import Session, joinedload, selectinload

from katydid_shop.auth import CurrentLogin
from katydid_shop.cache import cached
from katydid_shop.db import DbSession
from katydid_shop.faults import is_on
from katydid_shop.models import Counter, Customer, Order, OrderLine, Product
from katydid_shop.partner import ask
from katydid_shop.queue import enqueue_confirmation

router = APIRouter(prefix="/orders")

PAGE = 20

Status = Literal["new", "paid", "shipped", "cancelled"]


class NewLine(BaseModel):
    product_id: int
    quantity: int = Field(ge=1, le=100)
    price_cents: int = Field(ge=0, description="the price the customer was shown")


class NewOrder(BaseModel):
    customer_id: int
    lines: list[NewLine] = Field(min_length=1, max_length=50)


class OrderRow(BaseModel):
    id: int
    status: str
    total_cents: int
    created_at: datetime
    customer_id: int
    customer: str


class OrderPage(BaseModel):
    page: int
    more: bool
    orders: list[OrderRow]


@router.get("")
def list_orders(
    login: CurrentLogin,
    db: DbSession,
    page: Annotated[int, Query(ge=1, le=500)] = 1,
    status: Status | None = None,
) -> OrderPage:
    """One page, newest first."""
    if is_on("no_ttl"):
        key = f"orders:{login.tenant_id}:{page}:{status}:{_newest(db, login.tenant_id)}"
        kept = cached(
            key, None, lambda: _page(db, login.tenant_id, page, status).model_dump(mode="json")
        )
        return OrderPage(**kept)
    return _page(db, login.tenant_id, page, status)


def _page(db: Session, tenant_id: int, page: int, status: Status | None) -> OrderPage:
    query = select(Order).where(Order.tenant_id == tenant_id)
    if not is_on("n_plus_one"):
        query = query.options(joinedload(Order.customer))
    if status is not None:
        query = query.where(Order.status == status)
    # One row more than a page shows whether there is a next one, without counting them all.
    query = query.order_by(Order.created_at.desc()).offset((page - 1) * PAGE).limit(PAGE + 1)
    found = db.scalars(query).all()
    return OrderPage(
        page=page, more=len(found) > PAGE, orders=[_row(order) for order in found[:PAGE]]
    )


def _newest(db: Session, tenant_id: int) -> int | None:
    mine = select(Order.id).where(Order.tenant_id == tenant_id)
    return db.scalar(mine.order_by(Order.created_at.desc()).limit(1))


def _row(order: Order) -> OrderRow:
    return OrderRow(
        id=order.id,
        status=order.status,
        total_cents=order.total_cents,
        created_at=order.created_at,
        customer_id=order.customer_id,
        customer=order.customer.name,
    )


@router.get("/{order_id}")
def get_order(order_id: int, login: CurrentLogin, db: DbSession) -> dict[str, Any]:
    """An order with its lines."""
    if is_on("memory_leak"):
        _audit(login.user_id, order_id)
    order = db.scalars(
        select(Order)
        .where(Order.id == order_id, Order.tenant_id == login.tenant_id)
        .options(
            joinedload(Order.customer), selectinload(Order.lines).joinedload(OrderLine.product)
        )
    ).one_or_none()
    if order is None:
        raise HTTPException(404, "no such order")
    return {
        **_row(order).model_dump(),
        "lines": [
            {
                "product_id": line.product_id,
                "product": line.product.name,
                "quantity": line.quantity,
                "price_cents": line.unit_price_cents,
            }
            for line in order.lines
        ],
    }


@router.post("", status_code=201)
def submit_order(new: NewOrder, login: CurrentLogin, db: DbSession) -> dict[str, Any]:
    """Checks prices and stock, takes the stock, stores the order: in one transaction."""
    if is_on("slow_downstream"):
        ask("/credit")
    if is_on("row_lock"):
        _next_number(db)
    customer = db.get(Customer, new.customer_id)
    if customer is None or customer.tenant_id != login.tenant_id:
        raise HTTPException(422, f"no customer {new.customer_id}")
    products = _lock_products(db, login.tenant_id, {line.product_id for line in new.lines})
    order = Order(tenant_id=login.tenant_id, customer_id=customer.id, status="new", total_cents=0)
    for line in new.lines:
        order.lines.append(_sell(products, line))
        order.total_cents += line.quantity * line.price_cents
    db.add(order)
    db.flush()
    placed: dict[str, Any] = {
        "id": order.id,
        "status": order.status,
        "total_cents": order.total_cents,
    }
    if is_on("connection_held"):
        ask("/credit")
    if is_on("row_lock"):
        _receipt(order)
    db.commit()
    if is_on("one_consumer"):
        enqueue_confirmation(placed["id"])
    return placed


_audited: list[bytes] = []


def _audit(user_id: int, order_id: int) -> None:
    _audited.append(f"{user_id} opened {order_id};".encode() * 10_000)


def _next_number(db: Session) -> int:
    number = db.scalar(
        update(Counter)
        .where(Counter.name == "orders")
        .values(value=Counter.value + 1)
        .returning(Counter.value)
    )
    return int(number or 0)


def _receipt(order: Order) -> str:
    text = f"{order.tenant_id}/{order.id}/{order.total_cents}"
    return hashlib.pbkdf2_hmac("sha256", text.encode(), b"shop", _rounds()).hex()


@cache
def _rounds() -> int:
    """As many as take 80 ms here, as one chooses them for passwords: processors differ by five times in this."""

    def seconds() -> float:
        began = time.perf_counter()
        hashlib.pbkdf2_hmac("sha256", b"", b"", 10_000)
        return time.perf_counter() - began

    return round(800 / min(seconds() for _ in range(5)))


def _lock_products(db: Session, tenant_id: int, ids: set[int]) -> dict[int, Product]:
    # Locked in the order of their ids, so that two orders for the same products cannot deadlock.
    rows = db.scalars(
        select(Product)
        .where(Product.id.in_(ids), Product.tenant_id == tenant_id)
        .order_by(Product.id)
        .with_for_update()
    )
    return {product.id: product for product in rows}


def _sell(products: dict[int, Product], line: NewLine) -> OrderLine:
    product = products.get(line.product_id)
    if product is None:
        raise HTTPException(422, f"no product {line.product_id}")
    if product.price_cents != line.price_cents:
        raise HTTPException(422, f"the price of product {product.id} is now {product.price_cents}")
    if product.stock < line.quantity:
        raise HTTPException(422, f"only {product.stock} of product {product.id} in stock")
    product.stock -= line.quantity
    return OrderLine(
        product_id=product.id, quantity=line.quantity, unit_price_cents=product.price_cents
    )
