"""Cursors as texts: opaque to whoever has one, and good for the question that gave it only.

They hold a place in the order of answers, and a digest of the question. They are no secret and no
right: what a caller may see is decided anew for each page, so a forged one leads nowhere else.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Final

import msgspec

from usance.api.errors import RefusedError
from usance.ledger.answers import Cursor

LONGEST: Final = 4096  # characters

_DIGEST: Final = 12  # bytes

_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(tuple[str, tuple[str | int, ...]])


def seal(cursor: Cursor, question: Any) -> str:
    """Return a cursor as a text. The *question* is anything that JSON can hold."""
    body = _encoder.encode((cursor.of, cursor.key))
    return base64.urlsafe_b64encode(_digest(body, question) + body).rstrip(b"=").decode()


def unseal(text: str, question: Any) -> Cursor:
    """Return the cursor that a text is. RefusedError (400) if it is none, or that of another question."""
    try:
        sealed = base64.b64decode(
            text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True
        )
        body = sealed[_DIGEST:]
        if sealed[:_DIGEST] != _digest(body, question):
            raise foreign()
        of, key = _decoder.decode(body)
    except (ValueError, msgspec.MsgspecError):  # also what is no ASCII, or no base64
        raise foreign() from None
    return Cursor(of, key)


def _digest(body: bytes, question: Any) -> bytes:
    asked = msgspec.json.encode(question, order="deterministic")
    return hashlib.blake2b(body, key=hashlib.blake2b(asked).digest(), digest_size=_DIGEST).digest()


def foreign() -> RefusedError:
    """Return the refusal of a cursor that is none, or another question's."""
    return RefusedError(
        400,
        "cursor: it is none, or belongs to another question",
        hint="ask the same question again with the cursor that its last page gave as next",
    )
