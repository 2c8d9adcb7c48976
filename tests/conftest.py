"""Options of the whole suite, how properties are tried, and what continuous integration makes of a skip."""

import os

import pytest
from hypothesis import HealthCheck, settings

# Hypothesis tries the same examples every time, however slow the machine is: CI must not fail by chance.
# `make soak` tries others each time, and more of them (`USANCE_HYPOTHESIS_PROFILE=soak`).
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", PATIENT, derandomize=True, max_examples=400)
settings.register_profile("soak", PATIENT, max_examples=20_000)
settings.load_profile(os.environ.get("USANCE_HYPOTHESIS_PROFILE", "quick"))


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
