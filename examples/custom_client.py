"""Anything can be measured: here a bare TCP connection, reported by hand through `events.request`.

It times how long the host takes to accept a connection, which no HTTP client shows on its own.
"""

import socket
import time
from urllib.parse import urlsplit

from locust import User, between, task


class Caller(User):
    wait_time = between(0.5, 1)

    @task
    def connect(self):
        address = urlsplit(self.host)
        port = address.port or (443 if address.scheme == "https" else 80)
        error = None
        start = time.perf_counter()
        try:
            socket.create_connection((address.hostname, port), timeout=5).close()
        except OSError as failed:
            error = failed
        self.environment.events.request.fire(
            request_type="TCP",
            name="connect",
            response_time=(time.perf_counter() - start) * 1000,
            response_length=0,
            exception=error,
            context={},
        )
