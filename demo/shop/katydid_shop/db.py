"""The database engine of a process and the session of a request.

Knows how to connect and how large the pool is; does not know the tables.
"""

from collections.abc import Iterator
from functools import cache
from typing import Annotated

from fastapi import Depends
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from katydid_shop.settings import settings


@cache
def engine() -> Engine:
    """The engine, made on first use so that each worker process gets connections of its own."""
    chosen = settings()
    return create_engine(
        chosen.database_url,
        pool_size=chosen.pool_size,
        max_overflow=chosen.pool_overflow,
        pool_timeout=chosen.pool_timeout,
    )


def request_session() -> Iterator[Session]:
    """One session per request, closed (and rolled back, if it was not committed) at its end."""
    with Session(engine()) as session:
        yield session


DbSession = Annotated[Session, Depends(request_session)]
