"""What a receiver makes of a message: decrypt, verify, cut off the header, as SSM's does with openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path

from certificates import Place


class NotAcceptedError(Exception):
    """A receiver would put the message into its queue of rejected ones."""


def opened(place: Place, text: bytes, receiver: Path | None = None) -> bytes:
    """Return the body of a sealed message. Raises NotAcceptedError."""
    assert text.isascii()
    if receiver is not None:
        if b"application/pkcs7-mime" not in text and b"application/x-pkcs7-mime" not in text:
            raise NotAcceptedError("not encrypted")
        key = str(receiver.with_suffix(".key"))
        text = _openssl(["smime", "-decrypt", "-recip", str(receiver), "-inkey", key], text + b"\n\n")
    # Without -noverify: openssl also verifies the signer, by the authorities.
    plain = _openssl(["smime", "-verify", "-CApath", str(place.capath), "-purpose", "any"], text + b"\n\n")
    lines = plain.decode("ascii").strip().splitlines()
    if "" not in lines:
        raise NotAcceptedError("no blank line between header and body")
    blank = lines.index("")
    header = "\n".join(lines[:blank])
    if "quoted-printable" in header or "base64" in header:
        raise NotAcceptedError(header)
    return "\n".join(lines[blank + 1 :]).encode()


def _openssl(arguments: list[str], content: bytes) -> bytes:
    done = subprocess.run(
        ["openssl", *arguments], input=content, capture_output=True, check=False, timeout=30
    )
    if done.returncode:
        raise NotAcceptedError(done.stderr.decode())
    return done.stdout
