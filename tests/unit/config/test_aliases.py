"""The table of accelerators: what PCI aliases, resource classes, traits and profiles are."""

import pytest

from usance.config.load import read_configuration
from usance.model.accelerator import AcceleratorAlias
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
[accelerator]
aliases = {}
"""


def aliases(tmp_path, text):
    conf = tmp_path / "usance.conf"
    conf.write_text(SITE.format(text))
    return read_configuration([conf], {}, {}, cwd=tmp_path, etc=tmp_path).settings.flavor_keys.aliases


def test_each_alias_has_a_type_and_may_have_a_vendor_and_a_model(tmp_path):
    assert aliases(tmp_path, "a100=GPU/NVIDIA/A100, v100 = gpu / NVIDIA / Tesla V100, x=Other, nic=none") == {
        "a100": AcceleratorAlias("GPU", "NVIDIA A100"),
        "v100": AcceleratorAlias("GPU", "NVIDIA Tesla V100"),
        "x": AcceleratorAlias("Other"),
        "nic": None,
    }


@pytest.mark.parametrize("text", ["a100", "a100=", "a100=TPU/Google/v4", "=GPU/NVIDIA/A100"])
def test_an_entry_that_says_nothing_is_named(tmp_path, text):
    with pytest.raises(ConfigurationError, match=r"\[accelerator\] aliases.*says nothing of an accelerator"):
        aliases(tmp_path, text)
