"""The options of [prometheus] and [greendigit_cim], and the metrics that are known by name.

Names and defaults are those of cASO 5.
"""

from __future__ import annotations

from typing import Final

from oslo_config import cfg

from usance.config.settings import PowerMetric

_UNITS: Final = ("microwatts", "milliwatts", "watts", "microjoules", "millijoules", "joules")

PRESETS: Final[dict[str, PowerMetric]] = {
    # collectd with Scaphandre, as the documentation of cASO has it.
    "caso": PowerMetric(
        "prometheus_value", "uuid", (("type_instance", "scaph_process_power_microwatts"),), "microwatts"
    ),
    # Kepler 0.10 and later; zones overlap (core is a part of package), so only two are added up.
    "kepler": PowerMetric(
        "kepler_vm_cpu_joules_total", "vm_id", (), "joules", patterns=(("zone", "package.*|dram.*"),)
    ),
    # Scaphandre with --qemu; its label holds the server's id only where the scrape configuration says so.
    "scaphandre": PowerMetric("scaph_process_power_consumption_microwatts", "vmname", (), "microwatts"),
    # The meter `power` of Ceilometer, as its exporter names it.
    "ceilometer": PowerMetric("ceilometer_power", "resource", (), "watts"),
}

PROMETHEUS_OPTIONS: Final[list[cfg.Opt]] = [
    cfg.StrOpt("prometheus_endpoint", default="http://localhost:9090", help="URL of the Prometheus server."),
    cfg.StrOpt(
        "preset",
        default="caso",
        choices=sorted(PRESETS),
        help="Who measures: names the metric, its labels and its unit where these are not set.",
    ),
    cfg.StrOpt(
        "prometheus_metric_name",
        sample_default="prometheus_value",
        help="Metric of the servers' power or energy. Not set: that of the preset.",
    ),
    cfg.StrOpt(
        "vm_uuid_label_name",
        sample_default="uuid",
        help="Label of the metric that holds the server's id. Not set: that of the preset.",
    ),
    cfg.ListOpt(
        "labels",
        sample_default=["type_instance:scaph_process_power_microwatts"],
        help="Labels that the metric must have, as <label>:<value>. Not set: those of the preset.",
    ),
    cfg.StrOpt(
        "unit",
        sample_default="microwatts",
        choices=list(_UNITS),
        help="What the metric counts: power (a gauge) or energy (a counter). Not set: that of the preset.",
    ),
    cfg.IntOpt(
        "prometheus_step_seconds",
        default=30,
        min=1,
        max=3600,
        help="Seconds between two samples. Where it is less than they really are apart, time is missing.",
    ),
    cfg.BoolOpt("prometheus_verify_ssl", default=True, help="Verify the certificate of the server."),
    cfg.StrOpt("prometheus_cafile", help="PEM file of the authorities trusted for Prometheus."),
    cfg.StrOpt("prometheus_token", secret=True, help="Bearer token for Prometheus."),
    cfg.IntOpt(
        "history_days",
        default=31,
        min=1,
        max=3660,
        help="Days that the first look, or one from the beginning of time, goes back.",
    ),
    cfg.StrOpt(
        "cpu_normalization_factor",
        default="1.0",
        help="What a CPU second here is worth in the seconds of the reference CPU. Work is counted by it; "
        "the energy is not.",
    ),
]

CIM_OPTIONS: Final[list[cfg.Opt]] = [
    cfg.StrOpt("base_url", default="https://greendigit-cim.sztaki.hu", help="URL of the GreenDIGIT CIM."),
    cfg.StrOpt("email", help="Name of the account."),
    cfg.StrOpt("password", secret=True, help="Password of the account. It is never logged."),
    cfg.BoolOpt("verify_ssl", default=True, help="Verify the certificate of the CIM."),
    cfg.StrOpt("cafile", help="PEM file of the authorities trusted for the CIM. Not set: the system's."),
    cfg.IntOpt("max_size", default=100, min=1, max=10_000, help="Records in one request, at most."),
    cfg.IntOpt("timeout", default=60, min=1, max=3600, help="Seconds that one request may take."),
    cfg.IntOpt("retries", default=4, min=0, max=20, help="Repetitions of a request whose failure may pass."),
]
