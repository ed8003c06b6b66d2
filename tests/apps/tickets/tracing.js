// Spans by OpenTelemetry, where `OTEL_EXPORTER_OTLP_ENDPOINT` says whom to send them to. Loaded before all else: `node --require`.

if (process.env.OTEL_EXPORTER_OTLP_ENDPOINT) {
  const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-proto");
  const { registerInstrumentations } = require("@opentelemetry/instrumentation");
  const { HttpInstrumentation } = require("@opentelemetry/instrumentation-http");
  const { IORedisInstrumentation } = require("@opentelemetry/instrumentation-ioredis");
  const { PgInstrumentation } = require("@opentelemetry/instrumentation-pg");
  const { UndiciInstrumentation } = require("@opentelemetry/instrumentation-undici");
  const { BatchSpanProcessor, NodeTracerProvider } = require("@opentelemetry/sdk-trace-node");

  new NodeTracerProvider({
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  }).register();
  registerInstrumentations({
    instrumentations: [
      new HttpInstrumentation(),
      new IORedisInstrumentation(),
      new PgInstrumentation(),
      new UndiciInstrumentation(),
    ],
  });
}
