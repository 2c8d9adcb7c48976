"""What we keep beside a request: its id, and who asks."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, Final
from uuid import uuid4

_ID: Final = "usance.request_id"


def new_request_id(scope: MutableMapping[str, Any]) -> str:
    """Give a request its id, in the form that OpenStack's services use."""
    made = scope[_ID] = f"req-{uuid4()}"
    return made


def request_id(scope: Mapping[str, Any]) -> str:
    """Return the id of a request; empty if it has none."""
    return str(scope.get(_ID, ""))
