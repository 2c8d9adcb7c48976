"""The sample of a configuration file, generated from the options themselves."""

from __future__ import annotations

import io

from oslo_config import cfg, generator

_HEAD = """\
# Usance: a sample of the configuration. What is commented out shows the default.
# Put it where usance looks for it: ~/.config/usance/usance.conf or /etc/usance/usance.conf.
# A caso.conf of cASO works as it is, and counts where there is no usance.conf.

"""


def sample_configuration() -> str:
    """Return the sample: every option with its help, its type and its default; ours first."""
    return _HEAD + _part("usance") + "\n\n" + _part("oslo.log")


def _part(namespace: str) -> str:
    conf = cfg.ConfigOpts()
    generator.register_cli_opts(conf)
    conf(["--namespace", namespace, "--wrap-width", "88"], default_config_files=[], default_config_dirs=[])
    output = io.StringIO()
    generator.generate(conf, output_file=output)
    return output.getvalue()
