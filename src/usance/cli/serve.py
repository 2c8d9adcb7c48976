"""`usance serve`: answer, over HTTP, what was used."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Sequence
from pathlib import Path

import click

from usance.cli.configuration import configuration_options, configure, say_warnings
from usance.cli.examples import examples
from usance.config.load import Need
from usance.config.serving import check_serving
from usance.config.settings import Settings
from usance.model.errors import ConfigurationError

LOG = logging.getLogger(__name__)


@click.command(
    short_help="Serve the API.",
    epilog=examples(
        "usance serve",
        "usance serve --bind 192.0.2.10 --port 8000",
        "usance serve --config-file /etc/usance/usance.conf",
    ),
)
@configuration_options
@click.option("--bind", metavar="ADDRESS", help="Address to listen on. Default: [api] bind_ip, 127.0.0.1.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="TCP port to listen on; 0: one that is free. Default: [api] bind_port, 8000.",
)
def serve(
    *,
    config_file: Sequence[Path],
    config_dir: Sequence[Path],
    debug: bool,
    bind: str | None,
    port: int | None,
) -> int:
    """Serve the usage API: Almanach's routes, those of /v2, and /docs, which describes them.

    It needs the ledger only, no cloud; Keystone only if callers show tokens of it. It ends on SIGTERM
    or Ctrl-C, after what is under way, with exit status 0. Exit status 1 if it can't listen or the
    ledger can't be opened, 2 if the configuration is wrong or would let in anybody.
    """
    overrides = {"api.bind_ip": bind, "api.bind_port": port}
    configuration = configure(
        config_file,
        config_dir,
        debug=debug,
        need=Need.API,
        overrides={name: value for name, value in overrides.items() if value is not None},
    )
    say_warnings(configuration)
    serve_api(configuration.settings)
    return 0


def serve_api(settings: Settings) -> None:
    """Serve the API until it is told to end.

    Raises ConfigurationError if it would let in anybody, or lacks what it is made with, LedgerError if
    the ledger can't be opened, and UsanceError if it can't listen.
    """
    # What a service says of itself is for its log, whatever level others have there.
    logging.getLogger("usance").setLevel(min(logging.INFO, logging.getLogger().getEffectiveLevel()))
    try:
        for name in ("litestar", "uvicorn", "httptools", "jinja2", "prometheus_client"):
            importlib.import_module(name)
    except ImportError as error:
        raise ConfigurationError(
            f"the API needs {error.name}, which is not installed", hint="pip install 'usance[api]'"
        ) from error
    from usance.api.application import make_app  # noqa: PLC0415 - other commands do without it
    from usance.api.server import listen, make_server, run, url_of  # noqa: PLC0415 - as above
    from usance.api.summing_up import summing_up  # noqa: PLC0415 - as above
    from usance.ledger.ledger import Ledger  # noqa: PLC0415 - as above

    api = settings.api
    check_serving(api, lambda sentence: LOG.warning("%s", sentence))
    # Nobody waits longer than that for an answer, so neither does a thread.
    with Ledger.open(settings.ledger_url, patience_s=api.timeout_s) as ledger:
        app = make_app(api, ledger)
        with listen(api) as listening:
            server = make_server(app, api, lambda: LOG.info("the API is at %s", url_of(listening, api)))
            # A connection of its own: to sum up a large project takes longer than anybody would wait.
            with Ledger.open(settings.ledger_url) as patient, summing_up(patient):
                run(server, listening)
    LOG.info("ended")
