"""The questions that Prometheus is asked, and what its numbers amount to."""

from decimal import Decimal

import pytest

from usance.config.energy_options import PRESETS
from usance.config.settings import PowerMetric
from usance.sources.prometheus_api import Hour, hour_of, power_query, samples_query


def test_power_is_summed_over_a_servers_series_first_and_averaged_then():
    assert power_query(PRESETS["caso"], 30, ["b", "a"]) == (
        "avg_over_time(sum by (uuid) (last_over_time(prometheus_value"
        '{type_instance="scaph_process_power_microwatts",uuid=~"a|b"}[29999ms]))[3599s:30s])'
    )


def test_a_counters_energy_is_its_growth():
    assert power_query(PRESETS["kepler"], 60) == (
        'sum by (vm_id) (increase(kepler_vm_cpu_joules_total{zone=~"package.*|dram.*",vm_id!=""}[3600s]))'
    )


def test_steps_with_a_sample_are_counted():
    assert samples_query(PRESETS["kepler"], 60, ["a"]).startswith("count_over_time(sum by (vm_id) (last_over")


def test_many_servers_are_asked_for_together_and_strange_ids_never():
    many = [f"id{number}" for number in range(201)]

    assert 'uuid!=""' in power_query(PRESETS["caso"], 30, many)
    assert 'uuid=~"a"' in power_query(PRESETS["caso"], 30, ["a", 'x"} or vector(1) #'])


def test_values_of_labels_are_quoted():
    metric = PowerMetric("m", "uuid", (("host", 'a"\\b'),), "watts")

    assert '{host="a\\"\\\\b",uuid!=""}' in power_query(metric, 30)


@pytest.mark.parametrize(
    ("unit", "value", "sampled_s", "hour"),
    [
        ("microwatts", "2000000", 3600, Hour(2_000_000, 3600)),
        ("milliwatts", "2000", 3600, Hour(2_000_000, 3600)),
        ("watts", "2", 1800, Hour(1_000_000, 1800)),
        ("watts", "2", 7200, Hour(2_000_000, 3600)),
        ("joules", "7200", 1800, Hour(2_000_000, 1800)),
        ("microjoules", "7200", 3600, Hour(2, 3600)),
        ("watts", "1e30", 3600, Hour(10**15, 3600)),
    ],
)
def test_an_hour_counts_for_the_time_that_was_sampled(unit, value, sampled_s, hour):
    assert hour_of(PowerMetric("m", "uuid", (), unit), Decimal(value), sampled_s) == hour
