"""Reading [prometheus]: what a preset says stands in for what is not written."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

import msgspec

from usance.config.energy_options import PRESETS
from usance.config.reader import OptionReader
from usance.config.settings import PrometheusSettings
from usance.model.decimals import canonical_decimal
from usance.model.errors import ConfigurationError

GROUP: Final = "prometheus"
_METRIC: Final = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_LABEL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_prometheus(reader: OptionReader) -> PrometheusSettings:
    """Return what [prometheus] says. Raises ConfigurationError for what can't be a metric or a URL."""
    preset = PRESETS[reader.value("preset", GROUP)]
    name = reader.text("prometheus_metric_name", GROUP) or preset.name
    label = reader.text("vm_uuid_label_name", GROUP) or preset.server_label
    written = reader.value("labels", GROUP)
    labels = preset.labels if written is None else tuple(_label(word, reader) for word in written)
    _check(reader, "prometheus_metric_name", name, _METRIC, "a metric")
    _check(reader, "vm_uuid_label_name", label, _LABEL, "a label")
    endpoint = reader.text("prometheus_endpoint", GROUP) or ""
    parts = urlsplit(endpoint)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(
            f"{reader.place('prometheus_endpoint', GROUP)}: it is not a URL",
            hint="write prometheus_endpoint = http://<host>:9090",
        )
    factor = canonical_decimal(reader.text("cpu_normalization_factor", GROUP) or "1")
    if factor is None or factor == "0":
        raise ConfigurationError(
            f"{reader.place('cpu_normalization_factor', GROUP)}: it is not a positive number",
            hint="write cpu_normalization_factor = 1.0",
        )
    step_s = reader.value("prometheus_step_seconds", GROUP)
    if 3600 % step_s:
        raise ConfigurationError(
            f"{reader.place('prometheus_step_seconds', GROUP)}: an hour is no multiple of {step_s} s",
            hint="take the next larger number of seconds that divides 3600",
        )
    return PrometheusSettings(
        endpoint=endpoint.rstrip("/"),
        metric=msgspec.structs.replace(
            preset,
            name=name,
            server_label=label,
            labels=labels,
            unit=reader.text("unit", GROUP) or preset.unit,
            # Who names another metric or its labels means these alone.
            patterns=preset.patterns if written is None and name == preset.name else (),
        ),
        step_s=step_s,
        verify=reader.value("prometheus_verify_ssl", GROUP),
        cafile=reader.text("prometheus_cafile", GROUP),
        token=reader.text("prometheus_token", GROUP),
        history_days=reader.value("history_days", GROUP),
        cpu_factor=factor,
    )


def _label(word: str, reader: OptionReader) -> tuple[str, str]:
    name, colon, value = (part.strip() for part in word.partition(":"))
    if not colon or not _LABEL.fullmatch(name):
        raise ConfigurationError(
            f"{reader.place('labels', GROUP)}: {word[:80]!r} names no label and its value",
            hint="write labels = <label>:<value>, with commas between several",
        )
    return name, value


def _check(reader: OptionReader, option: str, value: str, pattern: re.Pattern[str], what: str) -> None:
    if not pattern.fullmatch(value):
        raise ConfigurationError(
            f"{reader.place(option, GROUP)}: {value[:80]!r} can't be the name of {what}",
            hint="see the metrics of whoever measures; letters, digits and _ make a name",
        )
