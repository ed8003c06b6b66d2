"""The web application: puts the routes together. Served by `uvicorn katydid_shop.app:app`."""

from fastapi import FastAPI
from sqlalchemy import text

from katydid_shop.cache import valkey
from katydid_shop.db import DbSession
from katydid_shop.line import InLine
from katydid_shop.routes import dashboard, invoices, login, orders
from katydid_shop.settings import settings
from katydid_shop.tracing import trace

app = FastAPI(title="Shop")
app.add_middleware(InLine, at_once=settings().requests_at_once)
for routes in (login, dashboard, orders, invoices):
    app.include_router(routes.router)
trace(app)


@app.get("/healthz")
def healthz(db: DbSession) -> dict[str, str]:
    """Answers once the database and Valkey do."""
    db.execute(text("SELECT 1"))
    valkey().ping()
    return {"status": "ok"}
