"""A service that answers so many requests at a time, and says by OpenTelemetry's SDK how long it had each.

Run as `python few_workers.py PORT WORKERS`.

Connections end with each answer, as with gunicorn's sync workers: what is not answered waits to be accepted.
"""

from __future__ import annotations

import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

provider = TracerProvider(resource=Resource.create({"service.name": "few-workers"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=500))
tracer = provider.get_tracer("few-workers")
#: By path: how long a worker waits, in seconds.
WAITS = {"/report": 0.1, "/me": 0.002}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        context = extract({key.lower(): value for key, value in self.headers.items()})
        with tracer.start_as_current_span(self.path, context=context, kind=SpanKind.SERVER):
            time.sleep(WAITS[self.path])
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Server(HTTPServer):
    request_queue_size = 512
    workers: ThreadPoolExecutor

    def process_request(self, request: Any, client_address: Any) -> None:
        self.workers.submit(self.answer, request, client_address)

    def answer(self, request: socket.socket, client_address: Any) -> None:
        self.finish_request(request, client_address)
        self.shutdown_request(request)


if __name__ == "__main__":
    server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
    server.workers = ThreadPoolExecutor(int(sys.argv[2]))
    server.serve_forever()
