"""Requests of every form that the description of the API allows, and of forms that it forbids.

Schemathesis makes them of the description, sends them to a real server over a ledger with data, and
holds the answers to the description. USANCE_SOAK=1 does it for longer, with other requests each time.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

import httpx2
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import positive_data_acceptance

import api_ledger
from loopback_api import KEY, MINE, OTHER, keystone, serving_app, token
from usance.api.application import make_app
from usance.api.openapi import complete, operations
from usance.config.settings import ApiSettings, KeystoneSettings, Strategy
from usance.demo.server import serving
from usance.ledger.ledger import Ledger
from usance.model.resource import KINDS

SOAK = os.environ.get("USANCE_SOAK") == "1"
EXAMPLES = {"/v2": 200 if SOAK else 25}
FEW = 50 if SOAK else 5


def _known(names: Iterable[str], pick: int) -> dict[str, str]:
    """Return what there is, by the names of parameters."""
    return {name: KNOWN[name][pick % len(KNOWN[name])] for name in names if name in KNOWN}


def described() -> list[tuple[str, str]]:
    """Return the operations of the application: method and path."""
    with Ledger.open("sqlite://") as ledger:
        app = make_app(ApiSettings(private_key=KEY), ledger)
        document = complete(app.litestar.openapi_schema.to_schema(), ApiSettings())
        app.ledger.close()
    # What stands under /v1 are the same handlers once more.
    return [
        (method.upper(), path)
        for path, method, _ in operations(document)
        if SOAK or not path.startswith("/v1/")
    ]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Serve a ledger with data; yield the description, and what callers show."""
    place = tmp_path_factory.mktemp("ledger")
    with serving(keystone()) as identity, Ledger.open(f"sqlite:///{place}/ledger.db") as ledger:
        api_ledger.fill(ledger)
        made = ApiSettings(
            strategy=Strategy.PRIVATE_KEY | Strategy.KEYSTONE,
            private_key=KEY,
            keystone=KeystoneSettings(f"{identity}/identity/v3"),
            rate_limit=0,
            failure_limit=0,
        )
        with serving_app(ledger, made) as (url, _):
            document = httpx2.get(f"{url}/openapi.json").json()
            # Tokens are sent by this test: what is made should not vary in them.
            for part in (document, *(operation for _, _, operation in operations(document))):
                part.pop("security", None)
            yield {
                "url": url,
                "schema": schemathesis.openapi.from_dict(
                    document, config=SchemathesisConfig.from_dict(CONFIG)
                ),
                "callers": {
                    "private key": KEY,
                    "member": token(identity, "member"),
                    "wrong token": "gAAAA",
                    "nobody": None,
                },
            }


# What is too long is refused as that before anybody looks into it.
REFUSED = ["400", "401", "403", "404", "406", "413", "414", "431"]
CONFIG = {"checks": {"negative_data_rejection": {"expected-statuses": REFUSED}}}

BEYOND_SCHEMAS = {
    "cursor: it is none, or belongs to another question",
    "start has to lie before end",
    "start lies in the future, and there is no end",
    "as_of comes in the order of id, unless projects are named",
    "group_by: usage is told by day or by month, not both",
    "at most 3700 days are told one by one",
    "at most 600 months are told one by one",
    "the parameter project_id is missing",
    "the project is in several clouds",
}
"""Why a request is refused that each of its parameters, taken alone, allows."""

KNOWN = {
    "project_id": [MINE, OTHER, "nobody"],
    "kind": list(KINDS),
    "id": [api_ledger.resource_id(kind, MINE) for kind in KINDS],
    "entity_id": [api_ledger.resource_id("server", MINE), api_ledger.resource_id("volume", OTHER)],
    "instance_id": [api_ledger.resource_id("server", MINE), api_ledger.resource_id("server", OTHER)],
    "volume_id": [api_ledger.resource_id("volume", MINE), api_ledger.resource_id("volume", OTHER)],
}
DATES = {"date", "created_at", "rebuild_date", "start", "start_date", "end_date"}
WHEN = "2026-10-20T12:00:00Z"
MOMENT = "2026-10-01 12:00:00.000"


@pytest.mark.parametrize("caller", ["private key", "member", "wrong token", "nobody"])
@pytest.mark.parametrize(("method", "path"), described())
def test_what_is_answered_is_what_is_described(
    served: dict[str, Any], caller: str, method: str, path: str
) -> None:
    operation = served["schema"][path][method]
    shown = served["callers"][caller]
    most = next((most for prefix, most in EXAMPLES.items() if path.startswith(prefix)), FEW)
    how = st.sampled_from(GenerationMode).flatmap(lambda mode: operation.as_strategy(generation_mode=mode))

    @settings(
        max_examples=most if shown == KEY else max(most // 5, 3),
        derandomize=not SOAK,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=how, known=st.booleans(), pick=st.integers(0, 100))
    def ask(case: schemathesis.Case, known: bool, pick: int) -> None:
        # Beyond some 64 KiB it is no HTTP to the server, and no route is asked.
        assume(len(repr(case.query)) < 4000)
        is_positive = case.meta.generation.mode.is_positive
        if known and is_positive:
            case.path_parameters.update(_known(case.path_parameters, pick))
            if isinstance(case.body, dict):
                case.body.update(dict.fromkeys(DATES & case.body.keys(), WHEN))
            if not path.startswith("/v2"):
                case.query.update(dict.fromkeys(case.query, MOMENT))
        headers = {} if shown is None else {"X-Auth-Token": shown}
        answer = case.call_and_validate(
            base_url=served["url"],
            session=session,
            headers=headers,
            excluded_checks=[positive_data_acceptance],
        )
        if answer.status_code == 400 and is_positive and path.startswith("/v2"):
            assert answer.json()["error"]["message"] in BEYOND_SCHEMAS

    with requests.Session() as session:
        ask()
