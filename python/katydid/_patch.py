"""Makes the standard library cooperative, as `import locust` does.

Locustfiles depend on it: `time.sleep`, sockets, locks, `requests` and database drivers must give
way to other users. Runs once per process, before anything else of katydid is imported.
"""

from __future__ import annotations

import os


def patch() -> None:
    """Patches unless LOCUST_SKIP_MONKEY_PATCH is set; urllib3's pools too unless
    LOCUST_SKIP_URLLIB3_PATCH is."""
    if os.getenv("LOCUST_SKIP_MONKEY_PATCH"):
        return
    from gevent import monkey, queue

    monkey.patch_all()
    if os.getenv("LOCUST_SKIP_URLLIB3_PATCH"):
        return
    import urllib3.connectionpool

    # A pool hands out the connection used last: few sockets stay warm instead of all of them being
    # woken in turn.
    urllib3.connectionpool.ConnectionPool.QueueCls = queue.LifoQueue  # type: ignore[assignment]
