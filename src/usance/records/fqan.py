"""What a fully qualified attribute name says: VO, group and role."""

from __future__ import annotations

import msgspec


class Fqan(msgspec.Struct, frozen=True):
    """The parts of an FQAN."""

    vo: str
    group: str | None = None  # below the VO, without the slashes around it: "production/long"
    role: str | None = None


def parse_fqan(fqan: str) -> Fqan:
    """Take an FQAN apart, as the receiver of cloud records does.

    Of a list (separated by `;`) the first counts. What does not begin with a slash is the name of
    a VO as it is. `Role=NULL` means none; capabilities say nothing.
    """
    first = fqan.partition(";")[0].strip()
    if not first.startswith("/"):
        return Fqan(first)
    groups: list[str] = []
    role: str | None = None
    for part in first.split("/")[1:]:
        name, equals, value = part.partition("=")
        if not equals:
            groups.append(part)
        elif name.lower() == "role" and value.upper() != "NULL":
            role = value or None
    vo, *below = groups or [""]
    return Fqan(vo, "/".join(one for one in below if one) or None, role)
