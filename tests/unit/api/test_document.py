"""The page of the API holds to what the API says of itself."""

from __future__ import annotations

from pages import ROOT
from usance.api.document import description, document
from usance.api.openapi import operations

PAGE = ROOT / "docs" / "reference" / "api.md"


def test_the_reference_of_the_api_is_generated_from_its_description() -> None:
    """After a change: python -m usance.api.document > docs/reference/api.md."""
    assert PAGE.read_text(encoding="utf-8") == document()


def test_every_operation_and_each_of_its_parameters_is_on_the_page() -> None:
    text = document()

    for path, method, operation in operations(description()):
        if path.startswith("/v1/"):
            continue
        assert f"{method.upper()} {path}" in text, path
        for parameter in operation.get("parameters", ()):
            where = f"`{parameter['name']}`" if parameter["in"] == "query" else f"{{{parameter['name']}}}"
            assert where in text, (path, parameter["name"])


def test_every_operation_says_who_may_and_how_it_refuses() -> None:
    for path, method, operation in operations(description()):
        statuses = operation["responses"]
        assert {"429", "503"} <= statuses.keys(), path
        if operation.get("security") != [{}]:
            assert {"401", "403"} <= statuses.keys(), path
        assert operation["operationId"], (path, method)
        assert operation["summary"], (path, method)
