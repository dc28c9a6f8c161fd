"""Traces: what one request caused, from its arrival to the pages of a portal, across processes and pauses.

Off unless an exporter is given: then a span costs a look at one variable. A span's attributes are ids, codes and names
that the code gives; of an error it gets the type. The provider is this module's own, and not the process's.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Link, Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

CASE: Final = "priorauth.case_id"
PAYER: Final = "priorauth.payer_id"
PORTAL: Final = "priorauth.portal_id"
PAGE: Final = "priorauth.page"
STEP: Final = "priorauth.step"
VERDICT: Final = "priorauth.verdict"

_NOTHING: Final = nullcontext(INVALID_SPAN)
_PROPAGATOR: Final = TraceContextTextMapPropagator()
_CARRIED: Final = "traceparent"

_tracer: Tracer | None = None


def is_on() -> bool:
    """Say whether anything is recorded."""
    return _tracer is not None


def span(
    name: str,
    attributes: Mapping[str, str] | None = None,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    within: Context | None = None,
    after: Context | None = None,
) -> AbstractContextManager[Span]:
    """Be a span for a while: below the present one, or `within` another; `after` what led to it long ago."""
    if _tracer is None:
        return _NOTHING
    links = [Link(trace.get_current_span(after).get_span_context())] if after is not None else None
    return _typed(
        _tracer.start_as_current_span(
            name,
            context=within,
            kind=kind,
            attributes=dict(attributes or {}),
            links=links,
            # Both would write down what an error says.
            record_exception=False,
            set_status_on_exception=False,
        )
    )


def point(name: str, attributes: Mapping[str, str], *, since_ns: int) -> None:
    """Be a span that began at `since_ns`, in nanoseconds since 1970, and ends now."""
    if _tracer is not None:
        _tracer.start_span(name, attributes=dict(attributes), start_time=since_ns).end()


def carried() -> str | None:
    """Return what a later process needs to go on with the present trace; None when there is none."""
    if _tracer is None:
        return None
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get(_CARRIED)


def brought(traceparent: str | None) -> Context | None:
    """Return the place in a trace that `carried`, or a client, has named; None when it names none."""
    if _tracer is None or traceparent is None:
        return None
    return _PROPAGATOR.extract({_CARRIED: traceparent}, context=Context())


@contextmanager
def exporting(given: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Export traces meanwhile, where OpenTelemetry's standard variables ask for it.

    OTEL_EXPORTER_OTLP_ENDPOINT, or the same for traces alone, sends them by OTLP over HTTP. With
    OTEL_TRACES_EXPORTER=console they are printed on standard error instead, with =none nothing is exported.
    """
    chosen = given.get("OTEL_TRACES_EXPORTER", "")
    endpoint = given.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or given.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    if chosen == "none" or not (endpoint or chosen == "console"):
        yield
        return
    # Loaded where it is needed: a server without traces does without the exporter's memory.
    from priorauth.telemetry import exporters  # noqa: PLC0415

    with exporters.provider(console=chosen == "console") as provider, exported_by(provider):
        yield


@contextmanager
def exported_by(provider: trace.TracerProvider) -> Iterator[None]:
    """Record with this provider meanwhile."""
    global _tracer  # noqa: PLW0603 - one for the process, as the spans' parents are
    before, _tracer = _tracer, provider.get_tracer("priorauth")
    try:
        yield
    finally:
        _tracer = before


@contextmanager
def _typed(starting: AbstractContextManager[Span]) -> Iterator[Span]:
    """Be the span; what it ends with, if it is an error, is named by its type."""
    with starting as current:
        try:
            yield current
        except BaseException as error:
            current.set_status(StatusCode.ERROR, type(error).__name__)
            raise
