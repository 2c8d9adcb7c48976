"""Options of the whole suite, and what continuous integration makes of a skip."""

import os

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database-url",
        metavar="URL",
        help="run the PostgreSQL tests against this server (its user may create databases) "
        "instead of starting one",
    )
    parser.addoption(
        "--citus",
        action="store_true",
        help="that server is the coordinator of a Citus cluster: distribute each ledger made there",
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail in continuous integration when a test was skipped: what is not run is not known to work."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("CI: a skipped test is a failure", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
