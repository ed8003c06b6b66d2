"""The tables of the shop and their indexes.

Knows the schema only. Money is in whole cents, times are UTC. Every row belongs to one tenant,
directly or through its order.
"""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import BigInteger, DateTime, ForeignKey, Identity, Index, Text, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

STATUSES = ("new", "paid", "shipped", "cancelled")


class Base(DeclarativeBase):
    type_annotation_map: ClassVar = {str: Text, int: BigInteger, datetime: DateTime(timezone=True)}


class Tenant(Base):
    __tablename__ = "tenants"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str]


class Customer(Base):
    __tablename__ = "customers"
    __table_args__ = (Index("customers_tenant", "tenant_id"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    name: Mapped[str]
    email: Mapped[str]
    city: Mapped[str]


class Product(Base):
    __tablename__ = "products"
    __table_args__ = (Index("products_tenant_sku", "tenant_id", "sku", unique=True),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    sku: Mapped[str]
    name: Mapped[str]
    price_cents: Mapped[int]
    stock: Mapped[int]


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    status: Mapped[str]
    total_cents: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    customer: Mapped[Customer] = relationship()
    lines: Mapped[list["OrderLine"]] = relationship(back_populates="order", order_by="OrderLine.id")

    # The first two carry the lists, newest first; the dashboard's sums read the first alone.
    __table_args__ = (
        Index(
            "orders_tenant_created", "tenant_id", "created_at", postgresql_include=["total_cents"]
        ),
        Index("orders_tenant_status_created", "tenant_id", "status", "created_at"),
        Index("orders_customer", "customer_id"),
    )


class Counter(Base):
    """Numbers that are given out one after the other."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[int]


class OrderLine(Base):
    __tablename__ = "order_lines"
    __table_args__ = (
        Index("order_lines_order", "order_id"),
        Index("order_lines_product", "product_id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"))
    quantity: Mapped[int]
    unit_price_cents: Mapped[int]

    order: Mapped[Order] = relationship(back_populates="lines")
    product: Mapped[Product] = relationship()


class Invoice(Base):
    __tablename__ = "invoices"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), unique=True)
    number: Mapped[str] = mapped_column(unique=True)
    net_cents: Mapped[int]
    tax_cents: Mapped[int]
    body: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
