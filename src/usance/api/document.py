"""The reference of the API as a page, generated: `python -m usance.api.document`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from usance.api.application import make_app
from usance.api.openapi import complete, operations, type_of
from usance.config.settings import ApiSettings
from usance.ledger.ledger import Ledger

Document = dict[str, Any]

_HEAD = """\
# The API

Generated from the description that the API gives of itself, which stands at `/openapi.json` and, for
people, at `/docs`. How to serve it and who may ask is told in
[Serving the API](../howto/api.md); examples are in [Asking what was used](../howto/usage-api.md).

A caller shows who she is in the header `X-Auth-Token`. What she may not see is answered as if there were
no such thing.

Under `/v2`:

- Times are ISO 8601; an offset is respected, and without one they are UTC. Answers have UTC. Periods hold
  their start, and not their end.
- Amounts are integers, in JSON too: some have more than 53 bits, which a reader that takes every number for
  a float would round.
- A page has up to `limit` rows. Its `next` is the cursor of the following one, and so is the header
  `Link` (`rel="next"`); null is the end. A cursor is good for the same question, whatever is written
  meanwhile; any other question refuses it with 400.
- `format` or the header `Accept` choose JSON, CSV or Parquet (which takes the extra `archive`). In CSV a
  text that a spreadsheet would take for a formula has an apostrophe before it. What is accounted stands in
  columns of its own; JSON has it under `accounted`.
- An answer that nothing can change but what is written to the ledger has an `ETag`: with `If-None-Match` it
  is sent again only when it has become another one.
- A parameter that there is not is refused, and so is one that can't be read.
- Every refusal has one form:

```json
{"error": {"code": 400, "title": "Bad Request", "message": "start has to lie before end",
           "request_id": "req-86c3ac1b-52d4-4d9c-a2a9-2d1c2d1cbd0f"}}
```
"""

_STATUSES = """\
## Statuses

| status | when |
|---|---|
"""

_ALMANACH = """\
## Almanach's routes

Each of them stands under `/v1`, too. How they differ from Almanach's own is told in
[What differs from Almanach](../explanation/differences-from-almanach.md).
"""


def document() -> str:
    """Return the page."""
    schema = description()
    found = list(operations(schema))
    return "\n".join(
        [
            _HEAD,
            *(_section(path, method, one) for path, method, one in found if path.startswith("/v2/")),
            "## What answers hold\n",
            *_values(schema),
            _ALMANACH,
            *_routes(
                one for one in found if not one[0].startswith(("/v2/", "/v1/")) and _is_almanachs(one[2])
            ),
            "\n## For whoever runs the service\n",
            *_routes(one for one in found if "Operation" in one[2].get("tags", ())),
            "",
            _STATUSES + "\n".join(_statuses(one for _, _, one in found)),
            "",
        ]
    )


def description() -> Document:
    """Return the description of the API as it is served with the defaults."""
    settings = ApiSettings(private_key="generated")
    with Ledger.open("sqlite://") as ledger:
        app = make_app(settings, ledger)
        schema = complete(app.litestar.openapi_schema.to_schema(), settings)
        app.ledger.close()
    return schema


def _is_almanachs(operation: Document) -> bool:
    return "Almanach" in operation.get("tags", ())


def _section(path: str, method: str, operation: Document) -> str:
    lines = [f"## {method.upper()} {path}", "", f"{operation['summary']} {operation['description']}", ""]
    parameters = operation.get("parameters", ())
    if parameters:
        lines += ["| parameter | value | meaning |", "|---|---|---|"]
        lines += [
            f"| `{one['name']}` | {_cell(_value(one))} | {_cell(one['description'])} |" for one in parameters
        ]
        lines.append("")
    ok = operation["responses"]["200"]
    kinds = ", ".join(f"`{kind}`" for kind in ok["content"])
    answer = type_of(next(iter(ok["content"].values()))["schema"])
    refused = ", ".join(status for status in operation["responses"] if status != "200")
    lines += [f"200: [{answer}](#{answer.lower()}) as {kinds}. Else: {refused}.", ""]
    return "\n".join(lines)


def _value(parameter: Document) -> str:
    schema = parameter["schema"]
    each = schema.get("items", schema)
    words = "one of " + ", ".join(f"`{one}`" for one in each["enum"]) if "enum" in each else type_of(each)
    if "minimum" in each:
        words = f"{each['minimum']} to {each['maximum']}"
    if "default" in schema:
        words += f"; default `{str(schema['default']).lower()}`"
    if parameter.get("required"):
        words += "; **required**"
    return words + ("; any number of times" if "items" in schema else "")


def _values(schema: Document) -> Iterator[str]:
    for name, one in sorted(_of_v2(schema).items()):
        yield f"### {name}\n"
        yield f"{one.get('description', '').partition(chr(10))[0]}\n"
        if "properties" in one:
            yield "| field | value | meaning |\n|---|---|---|"
            for field, of in one["properties"].items():
                yield f"| `{field}` | {_cell(type_of(of))} | {_cell(_meaning(of))} |"
        else:
            yield _cell(type_of(one))
        yield ""


def _of_v2(schema: Document) -> Document:
    """Return the values that answers of /v2 are made of."""
    schemas = schema["components"]["schemas"]
    wanted = [
        type_of(content["schema"])
        for path, _, one in operations(schema)
        if path.startswith("/v2/")
        for answer in one["responses"].values()
        for content in answer.get("content", {}).values()
    ]
    found: Document = {}
    while wanted:
        name = wanted.pop()
        if name in schemas and name not in found:
            found[name] = schemas[name]
            wanted += _refs(schemas[name])
    return found


def _refs(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        for one in schema.values():
            yield from _refs(one)
    elif isinstance(schema, list):
        for one in schema:
            yield from _refs(one)


def _meaning(schema: Document) -> str:
    if "description" in schema:
        return str(schema["description"])
    return next((str(one["description"]) for one in schema.get("anyOf", ()) if "description" in one), "")


def _routes(found: Iterator[tuple[str, str, Document]]) -> Iterator[str]:
    yield "| route | what it does | query | body |"
    yield "|---|---|---|---|"
    for path, method, one in found:
        query = _names(each["name"] for each in one.get("parameters", ()) if each["in"] == "query")
        yield f"| `{method.upper()} {path}` | {_cell(one['summary'])} | {query} | {_names(_body(one))} |"


def _body(operation: Document) -> Iterator[str]:
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield from content["schema"].get("properties", {})


def _names(names: Iterator[str] | Sequence[str]) -> str:
    return ", ".join(f"`{one}`" for one in names)


def _statuses(found: Iterator[Document]) -> Iterator[str]:
    texts: dict[str, str] = {}
    for one in found:
        for status, answer in one["responses"].items():
            if status >= "4":
                texts.setdefault(status, answer["description"].partition(": ")[2])
    for status, text in sorted(texts.items()):
        yield f"| {status} | {_cell(text)} |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


if __name__ == "__main__":
    sys.stdout.write(document())
