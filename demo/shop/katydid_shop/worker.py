"""The worker process: `python -m katydid_shop.worker` runs jobs, one at a time, until told to stop.

RQ's `SimpleWorker`, which runs a job in the process itself and so keeps its database connections.
The default worker forks for each job, and the child sets up SQLAlchemy and connects anew: ten times
the CPU of the invoice itself (measured).
"""

from rq import SimpleWorker

from katydid_shop.faults import is_on
from katydid_shop.queue import invoice_queue, mail_queue


def main() -> None:
    """Works until SIGTERM, then finishes the job in hand."""
    queue = invoice_queue()
    queues = [queue, mail_queue()] if is_on("one_consumer") else [queue]
    SimpleWorker(queues, connection=queue.connection).work(logging_level="WARNING")


if __name__ == "__main__":
    main()
