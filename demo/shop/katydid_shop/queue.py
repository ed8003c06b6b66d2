"""The queue of background jobs, as seen from the app: put one in, ask how it is doing.

Knows RQ; does not know what a job does (see `jobs.py`) or who runs it (see `worker.py`).
"""

from functools import cache
from typing import Any, Literal

from redis import Redis
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus

from katydid_shop.faults import is_on
from katydid_shop.settings import settings

State = Literal["queued", "started", "done", "failed"]

_STATES: dict[JobStatus, State] = {
    JobStatus.STARTED: "started",
    JobStatus.FINISHED: "done",
    JobStatus.FAILED: "failed",
    JobStatus.STOPPED: "failed",
    JobStatus.CANCELED: "failed",
}


@cache
def invoice_queue() -> Queue:
    """The queue that invoices wait in."""
    chosen = settings()
    return Queue(
        chosen.invoice_queue,
        connection=Redis.from_url(chosen.redis_url),
        # Jobs then run where they are put in, and are done when that returns.
        is_async=not is_on("inline_invoice"),
    )


def enqueue_invoice(tenant_id: int, order_id: int) -> str:
    """Asks for an invoice; returns the id of the job."""
    job = invoice_queue().enqueue(
        "katydid_shop.jobs.make_invoice",
        order_id,
        meta={"tenant_id": tenant_id},
        job_timeout=30,
        result_ttl=600,
        failure_ttl=600,
    )
    return str(job.id)


@cache
def mail_queue() -> Queue:
    """The queue that confirmations wait in."""
    chosen = settings()
    return Queue("mails", connection=Redis.from_url(chosen.redis_url))


def enqueue_confirmation(order_id: int) -> None:
    """Asks for a mail to the customer."""
    mail_queue().enqueue("katydid_shop.jobs.confirm_order", order_id, result_ttl=0)


def find_job(tenant_id: int, job_id: str) -> tuple[State, Any] | None:
    """State and result of a tenant's job, or None if the tenant has no such job."""
    try:
        job = Job.fetch(job_id, connection=invoice_queue().connection)
    except NoSuchJobError:
        return None
    if job.meta.get("tenant_id") != tenant_id:
        return None
    state = _STATES.get(job.get_status(refresh=False), "queued")
    return state, job.return_value() if state == "done" else None
