"""[prometheus]: cASO's options and defaults, presets, and what can't be used."""

import pytest

from usance.config.load import read_configuration
from usance.config.settings import PowerMetric, PrometheusSettings
from usance.model.errors import ConfigurationError

SITE = """
[DEFAULT]
site_name = TEST-Site
messengers = noop
[keystone_auth]
auth_type = v3password
auth_url = https://keystone.example.org/v3
username = accounting
user_domain_id = default
password = correct horse
[prometheus]
{}
"""


def prometheus(tmp_path, text):
    conf = tmp_path / "usance.conf"
    conf.write_text(SITE.format(text))
    read = read_configuration([conf], {}, {}, cwd=tmp_path, etc=tmp_path)
    assert read.findings == ()
    return read.settings.prometheus


def test_defaults_are_those_of_caso(tmp_path):
    assert prometheus(tmp_path, "") == PrometheusSettings()


def test_a_preset_names_metric_labels_and_unit(tmp_path):
    found = prometheus(tmp_path, "preset = kepler\nprometheus_endpoint = https://p.example.org/sub/")

    assert found.endpoint == "https://p.example.org/sub"
    assert found.metric == PowerMetric(
        "kepler_vm_cpu_joules_total", "vm_id", (), "joules", (("zone", "package.*|dram.*"),)
    )
    assert found.metric.is_counter


def test_any_metric_can_be_named(tmp_path):
    found = prometheus(
        tmp_path,
        "prometheus_metric_name = my:power\nvm_uuid_label_name = server\nlabels = a:b, c:d:e\nunit = watts\n"
        "prometheus_step_seconds = 60\ncpu_normalization_factor = 1.50\nprometheus_token = secret",
    )

    assert found.metric == PowerMetric("my:power", "server", (("a", "b"), ("c", "d:e")), "watts")
    assert (found.step_s, found.cpu_factor) == (60, "1.5")
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("prometheus_endpoint = p.example.org:9090", "not a URL"),
        ("prometheus_metric_name = up) or (up", "can't be the name of a metric"),
        ("vm_uuid_label_name = a-b", "can't be the name of a label"),
        ("labels = zone", "names no label and its value"),
        ("cpu_normalization_factor = 0", "not a positive number"),
        ("cpu_normalization_factor = much", "not a positive number"),
        ("prometheus_step_seconds = 7", "an hour is no multiple of 7 s"),
        ("unit = horsepower", "unit"),
    ],
)
def test_what_can_not_be_used_is_one_sentence(tmp_path, text, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        prometheus(tmp_path, text)
