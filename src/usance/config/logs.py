"""Where log messages go: oslo.log's options where the configuration sets any, else plain lines."""

from __future__ import annotations

import logging
import sys
from typing import Final

from oslo_config import cfg
from oslo_log import log

from usance import __version__
from usance.config.reader import quiet_oslo
from usance.model.errors import ConfigurationError

_DESTINATIONS: Final = (
    "log_config_append", "log_file", "log_dir", "use_syslog", "use_journal", "use_json", "use_eventlog",
)  # fmt: skip
_QUIET: Final = ("keystoneauth", "urllib3", "httpx2", "httpcore2", "alembic", "stevedore", "asyncio")


def set_up_logging(conf: cfg.ConfigOpts, program: str, *, plain: bool) -> None:
    """Send log messages where the configuration says.

    *plain* is for people at a terminal: unless a destination is configured, warnings (with debug:
    everything) go to standard error as single lines. Otherwise oslo.log does it all, as for cASO.
    Raises ConfigurationError if the destination can't be used.
    """
    try:
        with quiet_oslo():
            somewhere = any(name in conf and conf[name] for name in _DESTINATIONS)
            if plain and not somewhere:
                _set_up_plain(program, debug=conf.debug)
            else:
                if not somewhere:
                    # oslo.log would take standard output, which is for results.
                    conf.set_override("use_stderr", True)
                log.setup(conf, program, __version__)
    except (OSError, ValueError, cfg.Error, log.LogConfigError) as error:
        raise ConfigurationError(
            f"logging can't be set up: {error}", hint="check the log options of [DEFAULT]"
        ) from error
    for name in _QUIET:
        # At DEBUG some of them would log requests and answers, and these hold passwords and tokens.
        logging.getLogger(name).setLevel(logging.WARNING)


def _set_up_plain(program: str, *, debug: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    shape = "%(asctime)s %(levelname)s %(name)s: %(message)s" if debug else f"{program}: %(message)s"
    handler.setFormatter(logging.Formatter(shape))
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, handlers=[handler], force=True)
