"""The receiver of spans against what may come to it: real exporters, floods, garbage."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest
from looking import Look, looking
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from ports import free_port

PROTOBUF = "application/x-protobuf"
FIXTURES = Path(__file__).parents[1] / "fixtures" / "otlp"


def post(
    port: int, body: bytes, kind: str = PROTOBUF, path: str = "/v1/traces", **headers: str
) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.request("POST", path, body, {"Content-Type": kind, **headers})
        answer = connection.getresponse()
        return int(answer.status), bytes(answer.read())


def speak_grpc(port: int) -> None:
    """Begins as an exporter over gRPC does; the connection is closed."""
    with contextlib.closing(socket.create_connection(("127.0.0.1", port))) as grpc:
        grpc.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert grpc.recv(1) == b""


def batch(spans: int, attributes: int = 10) -> bytes:
    """A batch as exporters send it."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for number in range(spans):
        span = scope.spans.add(
            trace_id=number.to_bytes(16, "big"), span_id=b"12345678", name="GET /"
        )
        for attribute in range(attributes):
            span.attributes.add(key=f"a{attribute}").value.string_value = "x" * 50
    return bytes(request.SerializeToString())


def received(look: Look) -> float:
    return max(look.series("spans.received"), default=0)


def test_the_python_sdk_is_understood() -> None:
    port = free_port()
    with looking(f"otlp:{port}") as look:
        look.until(lambda look: look.watched())
        assert not look.sights()["spans"]["seen"]
        provider = TracerProvider()
        exporter = OTLPSpanExporter(f"http://127.0.0.1:{port}/v1/traces")
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        for _ in range(3):
            provider.get_tracer("t").start_span("s").end()
        look.until(lambda look: received(look) == 3)


@pytest.mark.parametrize("name", ["node.json", "node.pb"])
def test_what_exporters_of_node_sent_is_understood(name: str) -> None:
    """Bodies as @opentelemetry/exporter-trace-otlp-http and -proto sent them: three spans each."""
    port = free_port()
    kind = "application/json" if name.endswith("json") else PROTOBUF
    with looking(f"otlp:{port}") as look:
        look.until(lambda look: look.watched())
        answer = post(port, (FIXTURES / name).read_bytes(), kind)
        assert answer == (200, b"{}" if name.endswith("json") else b"")
        look.until(lambda look: received(look) == 3)


def test_what_is_no_batch_is_refused_and_nothing_breaks() -> None:
    port = free_port()
    with looking(f"otlp:{port}") as look:
        look.until(lambda look: look.watched())
        assert post(port, b"\xff" * 100)[0] == 400
        assert post(port, b"<html>", "application/json")[0] == 400
        assert post(port, b"{}", "text/html")[0] == 415
        assert post(port, b"not gzip", **{"Content-Encoding": "gzip"})[0] == 400
        assert post(port, b"", **{"Content-Encoding": "br"})[0] == 415
        bomb = gzip.compress(b"\0" * (100 << 20))
        assert post(port, bomb, **{"Content-Encoding": "gzip"})[0] == 400
        assert post(port, b"", path="/elsewhere")[0] == 404
        assert post(port, b"", path="/v1/metrics") == (200, b"")
        # A body that is too large may be answered before it is read whole.
        with contextlib.suppress(OSError, HTTPException):
            assert post(port, b"\0" * (20 << 20))[0] == 413
        speak_grpc(port)
        assert post(port, batch(2)) == (200, b"")
        look.until(lambda look: received(look) == 2)
        assert max(look.series("batches.refused")) >= 4


def test_grpc_is_told_what_to_do_instead() -> None:
    port = free_port()
    with looking(f"otlp:{port}") as look:
        look.until(lambda look: look.watched())
        speak_grpc(port)
    sight = look.sights()["spans"]
    assert "gRPC" in sight["note"] and "http/protobuf" in sight["remedy"]


def memory_mb(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def test_a_flood_is_bounded_in_memory_and_in_time_and_others_go_on_looking() -> None:
    port = free_port()
    body = batch(2_000)
    over = threading.Event()
    answers: list[int] = []

    def flood() -> None:
        while not over.is_set():
            with contextlib.suppress(OSError, HTTPException):
                answers.append(post(port, body)[0])

    with looking(f"otlp:{port}", "host") as look:
        look.until(lambda look: len(look.watched()) >= 2)
        threads = [threading.Thread(target=flood) for _ in range(8)]
        for thread in threads:
            thread.start()
        try:
            look.until(lambda look: len(look.series("cpu.busy")) > 3 or 429 in answers, 30)
            look.until(lambda _: 429 in answers, 30)
            before = len(look.series("observer.read"))
            look.until(lambda look: len(look.series("observer.read")) >= before + 6, 30)
        finally:
            over.set()
            for thread in threads:
                thread.join()
        assert memory_mb(look.process) < 250
        assert set(answers) <= {200, 429}
        stalls = max(look.series("observer.stalls"))
        assert stalls <= 1, "a flood of spans does not hold up the other observers"
        assert post(port, batch(1))[0] in (200, 429)
    sight = look.sights()["all spans"]
    assert not sight["seen"] and "refused" in sight["note"]


def test_it_is_json_all_the_way() -> None:
    """Attributes of every type that JSON may hold."""
    values = [
        {"stringValue": "x"},
        {"intValue": "7"},
        {"boolValue": True},
        {"doubleValue": 1.5},
        {"arrayValue": {"values": [{"intValue": 1}]}},
        {"kvlistValue": {"values": [{"key": "k", "value": {"stringValue": "v"}}]}},
        {},
    ]
    attributes = [{"key": f"a{n}", "value": value} for n, value in enumerate(values)]
    span = {
        "traceId": "0" * 31 + "1",
        "spanId": "0" * 15 + "1",
        "name": "s",
        "kind": 2,
        "startTimeUnixNano": "1",
        "endTimeUnixNano": "2",
        "attributes": attributes,
        "status": {},
        "notKnown": 1,
    }
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    port = free_port()
    with looking(f"otlp:{port}") as look:
        look.until(lambda look: look.watched())
        assert post(port, json.dumps(body).encode(), "application/json") == (200, b"{}")
        look.until(lambda look: received(look) == 1)
