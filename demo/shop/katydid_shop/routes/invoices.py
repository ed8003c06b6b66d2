"""`POST /orders/{id}/invoice` and `GET /jobs/{id}`: ask for an invoice, then ask whether it is
done.
"""

from typing import Any

from fastapi import APIRouter, HTTPException
from sqlalchemy import select

from katydid_shop.auth import CurrentLogin
from katydid_shop.db import DbSession
from katydid_shop.faults import is_on
from katydid_shop.models import Order
from katydid_shop.queue import enqueue_invoice, find_job

router = APIRouter()


@router.post("/orders/{order_id}/invoice", status_code=202)
def request_invoice(order_id: int, login: CurrentLogin, db: DbSession) -> dict[str, str]:
    mine = select(Order.id).where(Order.id == order_id, Order.tenant_id == login.tenant_id)
    if db.scalar(mine) is None:
        raise HTTPException(404, "no such order")
    if is_on("inline_invoice"):
        # The job takes a connection of its own; with one in each hand, a small pool would run dry.
        db.close()
    return {"job_id": enqueue_invoice(login.tenant_id, order_id)}


@router.get("/jobs/{job_id}")
def job_status(job_id: str, login: CurrentLogin) -> dict[str, Any]:
    found = find_job(login.tenant_id, job_id)
    if found is None:
        raise HTTPException(404, "no such job")
    state, result = found
    return {"id": job_id, "status": state, "result": result}
