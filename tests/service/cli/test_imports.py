"""What an hourly run imports: each library that it does without is time saved at every start."""

import json
import os
import subprocess
import sys

import pytest

MODULES = """
import json, sys
from {module} import run
status = run(sys.argv[1:])
print(json.dumps([status, sorted(sys.modules)]))
"""

NEEDLESS = (
    "alembic",  # the schema is up to date
    "sqlalchemy.orm", "sqlalchemy.dialects.postgresql", "psycopg",
    "litestar", "uvicorn", "jinja2", "prometheus_client",
    "pika",
    "cryptography", "lxml", "defusedxml",
    "pyarrow", "duckdb",
    "rich", "yaml",
    "usance.api", "usance.collector", "usance.demo", "usance.doctor", "usance.reconcile", "usance.sending",
)  # fmt: skip


@pytest.fixture
def modules(tmp_path):
    """Run a command in a process of its own; return its exit status and what it has imported."""

    def ran(module, *arguments):
        done = subprocess.run(
            [sys.executable, "-c", MODULES.format(module=module), *map(str, arguments)],
            env={**os.environ, "HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        status, names = json.loads(done.stdout.splitlines()[-1])
        assert status == 0, done.stderr
        return set(names)

    return ran


def test_caso_extract_imports_no_library_that_it_does_without(modules, conf):
    modules("usance.legacy.caso_extract", "--config-file", conf)  # makes the ledger

    found = modules("usance.legacy.caso_extract", "--config-file", conf)

    assert {"sqlalchemy", "httpx2", "usance.sources.nova", "usance.messengers.ssm"} <= found
    assert sorted(found & {*NEEDLESS, "click"}) == []


def test_usance_extract_imports_no_library_and_no_other_command(modules, conf):
    arguments = ("extract", "--config-file", conf, "--output", "json")  # a table takes rich
    modules("usance.cli.main", *arguments)

    found = modules("usance.cli.main", *arguments)

    assert {"sqlalchemy", "httpx2", "usance.cli.extract"} <= found
    assert sorted(found & set(NEEDLESS)) == []
    assert (
        sorted(found & {f"usance.cli.{name}" for name in ("collect", "db", "doctor", "report", "serve")})
        == []
    )


def test_the_help_of_extract_needs_neither_the_ledger_nor_the_clients_of_a_cloud(modules):
    found = modules("usance.cli.main", "extract", "--help")

    assert sorted(found & {*NEEDLESS, "sqlalchemy", "usance.ledger.ledger"}) == []
