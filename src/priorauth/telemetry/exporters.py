"""Where traces go: to a collector, or to standard error for trying out."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter

import priorauth


@contextmanager
def provider(*, console: bool) -> Iterator[TracerProvider]:
    """Give a provider that exports in the background; on leaving, what it has still goes out.

    Its other settings are OpenTelemetry's own: headers, sampling, the service's name.
    """
    exporter: SpanExporter = ConsoleSpanExporter(out=sys.stderr, formatter=_line) if console else OTLPSpanExporter()
    named = {SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME", "priorauth"), SERVICE_VERSION: priorauth.__version__}
    made = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    made.add_span_processor(BatchSpanProcessor(exporter))
    try:
        yield made
    finally:
        made.shutdown()


def _line(span: ReadableSpan) -> str:
    return f"{span.to_json(indent=None)}\n"
