"""A service of which it is known what it does: `GET /calls/7` makes seven database calls and says so by OpenTelemetry's SDK.

Run as `python traced_app.py PORT`; the SDK is told by its own variables where to send. What is called takes no time and needs no
database: the spans are what is tested.
"""

from __future__ import annotations

import sys
import time

import uvicorn
from fastapi import FastAPI, Response
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode

provider = TracerProvider(resource=Resource.create({"service.name": "counted"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
tracer = provider.get_tracer("counted")
app = FastAPI()


@app.get("/calls/{count}")
def calls(count: int, wait: float = 0, fail: bool = False) -> Response:
    """So many statements, one in another span, after a wait of so many seconds."""
    for number in range(count):
        statement = f"SELECT * FROM item WHERE id = {number}"
        attributes = {"db.system": "postgresql", "db.statement": statement}
        with tracer.start_as_current_span("SELECT", kind=SpanKind.CLIENT, attributes=attributes):
            pass
    with tracer.start_as_current_span("work") as work:
        time.sleep(wait)
        if fail:
            work.set_status(StatusCode.ERROR)
    return Response(status_code=500 if fail else 200)


FastAPIInstrumentor.instrument_app(app, tracer_provider=provider, exclude_spans=["receive", "send"])

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
