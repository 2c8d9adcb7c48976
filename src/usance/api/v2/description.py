"""/v2 as OpenAPI describes it: made of the parameters that read requests, and of the types of answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from usance.api.v2 import answers, asking
from usance.api.v2.formats import MEDIA_TYPES, Format
from usance.api.v2.parameters import Document, Parameter
from usance.config.settings import ApiSettings
from usance.model.resource import KINDS

TAG: Final = "Usage"

_ANSWERS: Final = (
    answers.Projects,
    answers.Resources,
    answers.Lives,
    answers.Spans,
    answers.UsageOfPeriod,
    answers.Changes,
)
_REF: Final = "#/components/schemas/{name}"

_TAG_HEADER: Final = {
    "ETag": {
        "description": "What If-None-Match takes: 304 answers it while nothing has changed.",
        "schema": {"type": "string"},
    }
}
_LINK_HEADER: Final = {
    "Link": {
        "description": 'Where the next page is (rel="next"), if there is one.',
        "schema": {"type": "string"},
    }
}


def schemas() -> Document:
    """Return what the answers are made of."""
    _, found = msgspec.json.schema_components(_ANSWERS, ref_template=_REF)
    return dict(found)


def paths(settings: ApiSettings) -> Document:
    """Return the routes. What they share with all others, as refusals, is not among it."""
    return {
        "/v2/projects": _get(
            "list_projects",
            "The projects that the ledger knows.",
            "By id, each with its last revision: a reader of /v2/changes asks for those only whose revision "
            "is another than before.",
            asking.projects_parameters(settings),
            _pages(answers.Projects),
        ),
        "/v2/resources": _get(
            "list_resources",
            "Resources, and what they are now or were in the end.",
            "A resource that is there from the first page to the last is told once, whatever is written "
            "meanwhile. With a period, those that it touches.",
            asking.resources_parameters(settings),
            _pages(answers.Resources, tagged=True),
            tagged=True,
        ),
        "/v2/resources/{kind}/{id}": _get(
            "show_resource",
            "The lives of one resource.",
            "One for each project that it was in and that the caller may see, with all spans, and with all "
            "that described it.",
            asking.LIFE,
            _ok(answers.Lives, (Format.JSON,), {}),
            of_path=(
                _in_path("kind", "Its kind.", {"type": "string", "enum": list(KINDS)}),
                _in_path("id", "Its id; a slash in it as %2F.", {"type": "string", "minLength": 1}),
            ),
        ),
        "/v2/spans": _get(
            "list_spans",
            "Stretches of time in which nothing changed that is accounted.",
            "With a period, those that it touches, cut to it. Spans of servers that never ran are told, "
            "too, and count nothing.",
            asking.spans_parameters(settings),
            _pages(answers.Spans, tagged=True),
            tagged=True,
        ),
        "/v2/usage": _get(
            "show_usage",
            "What was used in a period.",
            "One row for each group that used anything, and for each day or month if these are told apart. "
            "What goes on is counted up to the present. All amounts are integers, some of them of more than "
            "53 bits. The answer has no pages: it is written as it is read.",
            asking.USAGE,
            _ok(answers.UsageOfPeriod, tuple(Format), _TAG_HEADER),
            tagged=True,
        ),
        "/v2/changes": _get(
            "list_changes",
            "What became of the spans of a project, in the order in which it became so.",
            "Who applies the changes in order has the spans of /v2/spans. The first question says from when; "
            "every answer gives the cursor of the next one, also if nothing is new.",
            asking.changes_parameters(settings),
            _pages(answers.Changes),
        ),
    }


def _get(
    name: str,
    summary: str,
    text: str,
    parameters: Sequence[Parameter],
    ok: Document,
    *,
    tagged: bool = False,
    of_path: Sequence[Document] = (),
) -> Document:
    responses = {"200": ok}
    if tagged:
        responses["304"] = {"description": "The caller has this answer already.", "headers": _TAG_HEADER}
    return {
        "get": {
            "operationId": name,
            "tags": [TAG],
            "summary": summary,
            "description": text,
            "parameters": [*of_path, *(one.described() for one in parameters)],
            "responses": responses,
        }
    }


def _in_path(name: str, text: str, schema: Document) -> Document:
    return {"name": name, "in": "path", "required": True, "description": text, "schema": schema}


def _pages(answer: type[Any], *, tagged: bool = False) -> Document:
    return _ok(answer, tuple(Format), (_TAG_HEADER if tagged else {}) | _LINK_HEADER)


def _ok(answer: type[Any], formats: Sequence[Format], headers: Document) -> Document:
    content: Document = {}
    for one in formats:
        if one is Format.JSON:
            content[MEDIA_TYPES[one]] = {"schema": {"$ref": _REF.format(name=answer.__name__)}}
        elif one is Format.CSV:
            content[MEDIA_TYPES[one]] = {"schema": {"type": "string"}}
        else:
            content[MEDIA_TYPES[one]] = {"schema": {"type": "string", "format": "binary"}}
    first = (answer.__doc__ or "").partition("\n")[0]
    return {"description": first, "headers": headers, "content": content}
