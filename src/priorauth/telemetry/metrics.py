"""The metrics of one node, in the text format of Prometheus. The registry is this object's own.

What happens is counted when an observer tells of it. What is so at the moment is asked for when somebody looks: each
source gives samples, and `readings` are the last that were taken from the database.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from priorauth.telemetry import families
from priorauth.telemetry.families import Family, Kind

Labels = tuple[str, ...]
Readings = Mapping[Family, Mapping[Labels, float]]
Source = Callable[[], Readings]


class Metrics:
    """Counts, and shows what it has counted beside what its sources say."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._counters: dict[Family, Counter] = {}
        self._histograms: dict[Family, Histogram] = {}
        for family in families.COUNTED:
            if family.kind is Kind.COUNTER:
                self._counters[family] = Counter(family.name, family.meaning, family.labels, registry=self._registry)
            else:
                self._histograms[family] = Histogram(
                    family.name, family.meaning, family.labels, registry=self._registry, buckets=family.buckets
                )
        self._asking = _Asking()
        self._registry.register(self._asking)

    def count(self, family: Family, *labels: str, times: int = 1) -> None:
        """Count one more, or so many."""
        counter = self._counters[family]
        (counter.labels(*labels) if labels else counter).inc(times)

    def took(self, family: Family, seconds: float, *labels: str) -> None:
        """Count something that took this long."""
        histogram = self._histograms[family]
        (histogram.labels(*labels) if labels else histogram).observe(seconds)

    def ask(self, source: Source) -> None:
        """Ask `source` too from now on. It is quick, and does not raise."""
        self._asking.sources.append(source)

    def page(self, readings: Readings) -> bytes:
        """Return everything as text, with `readings` that were taken for this page."""
        self._asking.readings = readings
        return generate_latest(_WithoutBirthdays(self._registry))


class _Asking(Collector):
    """What is so at the moment."""

    def __init__(self) -> None:
        self.sources: list[Source] = []
        self.readings: Readings = {}

    def collect(self) -> Iterator[Metric]:
        found: dict[Family, dict[Labels, float]] = {}
        for readings in (self.readings, *(source() for source in self.sources)):
            for family, samples in readings.items():
                found.setdefault(family, {}).update(samples)
        for family in families.ASKED:
            if family in found:
                make = CounterMetricFamily if family.kind is Kind.COUNTER else GaugeMetricFamily
                metric = make(family.name, family.meaning, labels=family.labels)
                for labels, value in found[family].items():
                    metric.add_metric(labels, value)
                yield metric

    def describe(self) -> Iterable[Metric]:
        return ()


class _WithoutBirthdays(Collector):
    """A registry but for the moment at which each series began, which would be a series more for each."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric
