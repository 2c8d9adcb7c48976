"""The reference of events, generated: `python -m usance.collector.document`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Final

from usance.collector.irrelevant import IRRELEVANT
from usance.collector.reading import Event
from usance.collector.table import EVENTS

_HEAD: Final = """\
# Events

Generated from the table of events itself. These are the types of notifications that the collector makes
something of, and what each of them says: which time counts, and what is so from then on. A time in
the payload counts before that of the message. A type that stands nowhere on this page is
counted as unknown; `usance events` shows which came. How to have types of your own read, and
how not to have some of these, says [Events of your own](../howto/own-events.md).

A message of Cinder's or Glance's holds the whole resource, also what did not change. That is kept as a
sighting: checked against what else is known, and believed from then on where nothing else is. So a
collector that began late, or lost a message, knows all of a volume from its next message on.

Cinder names the type of a volume by its id. The name comes from its `volume_type.*` events, or from
`usance extract`, which asks Cinder. Until it is known, the volume is accounted without its type.
"""

_TITLES: Final = {
    "nova": "Nova",
    "cinder": "Cinder",
    "neutron": "Neutron",
    "glance": "Glance",
    "keystone": "Keystone",
}

_NEUTRON: Final = """\
Ports on public networks and the gateways of routers are left to `usance extract`, which knows the public
networks, and whether gateways are counted.
"""


def document() -> str:
    """Return the reference, in Markdown."""
    parts = [_HEAD]
    for service, title in _TITLES.items():
        for suffix, is_versioned in ((", versioned", True), (", legacy" if service == "nova" else "", False)):
            events = [
                one for one in EVENTS.values() if one.service == service and one.is_versioned == is_versioned
            ]
            if events:
                parts += [f"## {title}{suffix}", "", *_table(("event", "what it says"), _rows(events)), ""]
        if service == "neutron":
            parts.append(_NEUTRON)
    parts += ["## Events that change nothing", "", *_table(("events", "why"), _irrelevant()), ""]
    return "\n".join(parts)


def _rows(events: Iterable[Event]) -> Iterator[tuple[str, str]]:
    for one in events:
        yield f"`{one.type}`", one.effect


def _irrelevant() -> Iterator[tuple[str, str]]:
    for one in IRRELEVANT:
        yield ", ".join(f"`{pattern}`" for pattern in one.patterns), one.why


def _table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(headings) + " |"
    yield "|" + "---|" * len(headings)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


if __name__ == "__main__":
    sys.stdout.write(document())
