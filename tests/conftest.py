"""Options of the whole suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database-url",
        metavar="URL",
        help="run the PostgreSQL tests against this server (its user may create databases) "
        "instead of starting one",
    )
