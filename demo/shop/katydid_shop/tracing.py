"""Traces of the service by OpenTelemetry, where `OTEL_EXPORTER_OTLP_ENDPOINT` says whom to send them to.

Knows the libraries that are traced; does not know who receives the spans.
"""

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from fastapi import FastAPI


def trace(app: FastAPI) -> None:
    """Has requests, statements and commands of Valkey traced, if somebody wants it."""
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return
    from opentelemetry import trace as traces
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
    from opentelemetry.instrumentation.redis import RedisInstrumentor
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = os.environ.get("OTEL_SERVICE_NAME", "shop")
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    traces.set_tracer_provider(provider)
    FastAPIInstrumentor.instrument_app(
        app, tracer_provider=provider, exclude_spans=["receive", "send"]
    )
    PsycopgInstrumentor().instrument(tracer_provider=provider)
    RedisInstrumentor().instrument(tracer_provider=provider)


def calling(method: str, url: str) -> AbstractContextManager[Any]:
    """A span around a call of another service, if somebody wants it."""
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return nullcontext()
    from opentelemetry import trace as traces

    attributes = {"http.request.method": method, "url.full": url}
    tracer = traces.get_tracer("katydid_shop")
    return tracer.start_as_current_span(method, kind=traces.SpanKind.CLIENT, attributes=attributes)
