"""Fills an empty database: 50 tenants, 1,000 users and ninety days of trade, the same every time.

Knows the data; does not know where the database runs or whether it is cached (see
`katydid_shop.stack`). Users of tenant k are `user1@tenant-0k.example` to `user20@…`, all with the
password `katydid`.
"""

import hashlib
from collections.abc import Collection
from pathlib import Path

from sqlalchemy import Connection, create_engine, insert, text
from sqlalchemy.schema import CreateIndex, CreateTable

from katydid_shop.models import Base, Counter, User
from katydid_shop.passwords import hash_password

TENANTS = 50
USERS_PER_TENANT = 20
ORDERS_TODAY = 2_000
PASSWORD = "katydid"

_HERE = Path(__file__).parent
_SOURCES = (
    "seed/__init__.py",
    "seed/history.sql",
    "models.py",
    "passwords.py",
    "stack/postgres.py",
)


def fingerprint() -> str:
    """A short hash of all that decides what a seeded database looks like, but for the day."""
    found = hashlib.sha256()
    for source in _SOURCES:
        found.update((_HERE.parent / source).read_bytes())
    return found.hexdigest()[:12]


def fill(database_url: str) -> None:
    """Creates tables, history and indexes, and leaves the statistics fresh."""
    engine = create_engine(database_url)
    with engine.begin() as db:
        db.execute(text("CREATE EXTENSION IF NOT EXISTS pg_stat_statements"))
        for table in Base.metadata.sorted_tables:
            db.execute(CreateTable(table))
        _run_file(db, "history.sql")
        _add_users(db)
        db.execute(insert(Counter), [{"name": "orders", "value": 0}])
        for table in Base.metadata.sorted_tables:
            # Indexes last: building them at once is several times cheaper than row by row.
            for index in sorted(table.indexes, key=lambda index: str(index.name)):
                db.execute(CreateIndex(index))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.execute(text("VACUUM ANALYZE"))
        db.execute(text("SELECT pg_stat_statements_reset()"))
    engine.dispose()


def open_day(database_url: str) -> None:
    """Adds the trade of the current day, which the cached history cannot hold."""
    engine = create_engine(database_url)
    with engine.begin() as db:
        _run_file(db, "today.sql")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.execute(text("ANALYZE orders, order_lines"))
        db.execute(text("SELECT pg_stat_statements_reset()"))
    engine.dispose()


def plant(database_url: str, faults: Collection[str]) -> None:
    """The faults that lie in the schema."""
    if "missing_index" not in faults:
        return
    engine = create_engine(database_url)
    with engine.begin() as db:
        for statement in (
            "DROP INDEX orders_tenant_created, orders_tenant_status_created",
            "CREATE INDEX orders_tenant ON orders (tenant_id)",
        ):
            db.execute(text(statement))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.execute(text("SELECT pg_stat_statements_reset()"))
    engine.dispose()


def _run_file(db: Connection, name: str) -> None:
    # Straight to the driver: these files hold no parameters, and SQLAlchemy would read `::int` as
    # one.
    cursor = db.connection.cursor()
    cursor.execute((_HERE / name).read_text())
    cursor.close()


def _add_users(db: Connection) -> None:
    rows = []
    for tenant in range(1, TENANTS + 1):
        for number in range(1, USERS_PER_TENANT + 1):
            email = f"user{number}@tenant-{tenant:02d}.example"
            rows.append(
                {
                    "tenant_id": tenant,
                    "email": email,
                    "name": f"User {number}",
                    "password_hash": hash_password(PASSWORD, email),
                }
            )
    db.execute(insert(User), rows)
