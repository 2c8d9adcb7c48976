"""Whose something is, and when it was said."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from usance.collector.fields import optional_identifier
from usance.collector.reading import Notification, NotUnderstoodError


def sent(notification: Notification) -> datetime:
    """Return when a message was sent.

    Raises NotUnderstoodError if it does not say: what asks for it is dated by nothing else.
    """
    if notification.timestamp is None:
        raise NotUnderstoodError("`timestamp` is missing, and nothing else dates what happened")
    return notification.timestamp


def project_of(payload: Mapping[str, Any]) -> str:
    """Return the project of a resource, '' where its service names none.

    Neutron writes both names, Cinder and Nova the old one only.
    """
    return optional_identifier(payload, "project_id") or optional_identifier(payload, "tenant_id") or ""
