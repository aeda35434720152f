"""The table of the service's metrics."""

from __future__ import annotations

from typing import Any

from pages import code, table


def metrics() -> str:
    """A table of the metrics with their labels, in the order of /metrics."""
    from tradingkb.service.metric_table import METRICS

    rows = [(code(m.name), m.kind, _labels(m), m.meaning) for m in METRICS]
    return table(("metric", "kind", "labels", "meaning"), rows)


def _labels(spec: Any) -> str:
    opened = [code(name) for name in spec.open_labels]
    known = [f"{code(n)}: {', '.join(values)}" for n, values in spec.labels.items()]
    return "; ".join((*opened, *known))
