"""The database engine of a process and the session of a request.

Knows how to connect and how large the pool is; does not know the tables.
"""

from collections.abc import Iterator
from functools import cache
from typing import Annotated

from fastapi import Depends
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from katydid_shop.faults import is_on
from katydid_shop.settings import settings


@cache
def engine() -> Engine:
    """The engine, made on first use so that each worker process gets connections of its own."""
    chosen = settings()
    size, overflow, timeout = chosen.pool_size, chosen.pool_overflow, chosen.pool_timeout
    if is_on("small_pool"):
        size, overflow, timeout = 1, 0, 60
    return create_engine(
        chosen.database_url, pool_size=size, max_overflow=overflow, pool_timeout=timeout
    )


def request_session() -> Iterator[Session]:
    """One session per request, closed (and rolled back, if it was not committed) at its end."""
    with Session(engine()) as session:
        yield session


DbSession = Annotated[Session, Depends(request_session)]
