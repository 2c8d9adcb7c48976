"""Answers that are no use, as errors that name the service and the path, and never a secret."""

from __future__ import annotations

import msgspec

from usance.model.errors import CloudError

_HINTS = {
    400: "the service does not understand the request; its version may be too old",
    401: "the token was refused; see the account and its roles",
    403: "the account's roles do not allow this; see the service's policy",
    404: "see the endpoint in the catalog, and whether the resource still exists",
    413: "ask for smaller pages: page_limit",
    429: "the service limits requests; lower the concurrency",
}
_LONGEST_REASON = 200


class UnreachableError(CloudError):
    """No answer came: connection refused or dropped, name unknown, time-out, TLS failure."""


class MalformedAnswerError(CloudError):
    """An answer came, but it is cut short, too long, or not what the API documents."""


class StatusError(CloudError):
    """The service answered with a status that is no success."""

    def __init__(self, service: str, method: str, path: str, status: int, reason: str) -> None:
        said = f": {reason}" if reason else ""
        hint = _HINTS.get(status) or (
            "look into the log of the service, then run again" if status >= 500 else None
        )
        super().__init__(f"{service} answered {status} to {method} {path}{said}", hint=hint)
        self.service = service
        self.path = path
        self.status = status
        self.reason = reason


def reason_of(body: bytes) -> str:
    """Return what an error answer says of itself, in one bounded line; '' if it says nothing readable.

    OpenStack services answer `{"error": {"message": ...}}`, `{"itemNotFound": {"message": ...}}`,
    `{"NeutronError": {"message": ...}}` and the like: one key, with a message below it.
    """
    try:
        content = msgspec.json.decode(body[:65536])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    if not isinstance(content, dict) or not content:
        return ""
    inner = next(iter(content.values()))
    message = inner.get("message") if isinstance(inner, dict) else content.get("message")
    message = message or content.get("description")  # of Gnocchi
    return one_line(message) if isinstance(message, str) else ""


def one_line(text: str, longest: int = _LONGEST_REASON) -> str:
    """Return the text on one line, printable and bounded, for a message or a log."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * longest]).split())
    return clean if len(clean) <= longest else clean[: longest - 3] + "..."
