"""The work done in the background: making an invoice.

Knows orders and invoices; does not know the queue. Safe to run twice for the same order.
"""

import random
import zlib
from functools import cache
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, selectinload

from katydid_shop.db import engine
from katydid_shop.faults import is_on
from katydid_shop.models import Invoice, Order, OrderLine
from katydid_shop.partner import ask

TAX_PERCENT = 20
COPIES = ("customer", "seller", "tax office", "archive")


def make_invoice(order_id: int) -> dict[str, Any]:
    """Writes the invoice of an order and returns its id and number."""
    with Session(engine()) as session:
        order = session.scalars(
            select(Order)
            .where(Order.id == order_id)
            .options(
                selectinload(Order.lines).joinedload(OrderLine.product),
                selectinload(Order.customer),
            )
        ).one()
        tax = order.total_cents * TAX_PERCENT // 100
        body = _body(order, tax)
        if is_on("inline_invoice"):
            _print(body)
        session.execute(
            insert(Invoice)
            .values(
                order_id=order.id,
                number=f"INV-{order.tenant_id:03d}-{order.id:08d}",
                net_cents=order.total_cents,
                tax_cents=tax,
                body=body,
            )
            .on_conflict_do_nothing(index_elements=["order_id"])
        )
        invoice = session.scalars(select(Invoice).where(Invoice.order_id == order_id)).one()
        found = {"invoice_id": invoice.id, "number": invoice.number}
        session.commit()
    return found


def confirm_order(order_id: int) -> bool:
    """Has the mail gateway tell the customer; returns whether it did."""
    return bool(ask("/mail")["sent"])


def _body(order: Order, tax_cents: int) -> str:
    rows = [f"Invoice to {order.customer.name}, {order.customer.city}", ""]
    for line in order.lines:
        amount = line.quantity * line.unit_price_cents
        rows.append(f"{line.quantity:4d} x {line.product.name:<30} {amount / 100:12.2f}")
    rows += ["", f"net {order.total_cents / 100:.2f}", f"tax {tax_cents / 100:.2f}"]
    return "\n".join(rows)


def _print(body: str) -> list[bytes]:
    """The invoice as documents that a printer takes, one for each who gets a copy."""
    return [
        zlib.compress(f"Copy for the {reader}\n{body}\n".encode() + _fonts(), 9)
        for reader in COPIES
    ]


@cache
def _fonts() -> bytes:
    # Stands for the fonts and the logo that a document brings along, as hard to pack as they are.
    return random.Random(1).randbytes(600_000).hex().encode()
