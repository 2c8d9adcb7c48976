"""Who signs and for whom is encrypted: certificates and keys from PEM files, checked before use."""

from __future__ import annotations

import stat
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ObjectIdentifier

from usance.model.errors import ConfigurationError

_LARGEST: Final = 1 << 20  # bytes of a PEM file
# How openssl writes the parts of a name, and so how the receiver's list of hosts (GOCDB) has them.
_SHORT_NAMES: Final = {
    "0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID", "1.2.840.113549.1.9.1":
    "emailAddress", "2.5.4.3": "CN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L",
    "2.5.4.8": "ST", "2.5.4.9": "street", "2.5.4.10": "O", "2.5.4.11": "OU",
}  # fmt: skip

Signer = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Identity(msgspec.Struct, frozen=True):
    """A certificate with its key."""

    certificate: x509.Certificate
    key: Signer

    @property
    def subject(self) -> str:
        """The name by which the receiver knows us, as `/DC=org/CN=host.example.org`."""
        return distinguished_name(self.certificate.subject)


def distinguished_name(name: x509.Name) -> str:
    """Return a name as openssl's older form writes it, which EGI's lists of hosts use."""
    return "".join(f"/{_short_name(one.oid)}={_text(one.value)}" for one in name)


def _short_name(oid: ObjectIdentifier) -> str:
    return _SHORT_NAMES.get(oid.dotted_string, oid.dotted_string)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def load_certificate(path: Path) -> x509.Certificate:
    """Return the first certificate of a PEM file. Raises ConfigurationError if there is none."""
    content = _read(path, "certificate")
    try:
        return x509.load_pem_x509_certificates(content)[0]
    except (ValueError, IndexError):
        raise ConfigurationError(f"{path} holds no certificate", hint="it has to be a PEM file") from None


def load_identity(certificate: Path, key: Path) -> Identity:
    """Return a certificate and the key that belongs to it.

    Raises ConfigurationError if one of them can't be read, if the key is another one's, or of a
    kind that can't sign.
    """
    loaded = load_certificate(certificate)
    try:
        private = load_pem_private_key(_read(key, "key"), password=None)
    except TypeError:
        raise ConfigurationError(
            f"the key {key} has a password", hint="give one without, readable by this user alone"
        ) from None
    except ValueError:
        raise ConfigurationError(f"{key} holds no private key", hint="it has to be a PEM file") from None
    except UnsupportedAlgorithm:
        raise ConfigurationError(f"the key {key} is of a kind that can't sign messages") from None
    if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ConfigurationError(
            f"the key {key} is of a kind that can't sign messages", hint="RSA and EC keys can"
        )
    if _public(private.public_key()) != _public(loaded.public_key()):
        raise ConfigurationError(
            f"the key {key} does not belong to the certificate {certificate}",
            hint="name the key that the certificate was requested with",
        )
    return Identity(loaded, private)


def check_dates(certificate: x509.Certificate, path: Path, now: datetime) -> None:
    """Raise ConfigurationError if a certificate is not valid at an instant."""
    if now < certificate.not_valid_before_utc:
        raise ConfigurationError(
            f"the certificate {path} is valid from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC on",
            hint="see whether this machine's clock is right",
        )
    if now >= certificate.not_valid_after_utc:
        raise ConfigurationError(
            f"the certificate {path} ended on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC",
            hint="renew it; the messages wait",
        )


def ends_soon(what: str, end: datetime, now: datetime, days: int) -> list[str]:
    """Return a warning if something ends within so many days."""
    left = end - now
    if left <= timedelta():
        return [f"{what} ended on {end:%Y-%m-%d %H:%M} UTC"]
    if left >= timedelta(days=days):
        return []
    if left < timedelta(days=2):
        return [f"{what} ends on {end:%Y-%m-%d %H:%M} UTC, in {left // timedelta(hours=1)} hours"]
    return [f"{what} ends on {end:%Y-%m-%d} UTC, in {left.days} days"]


def readable_by_others(key: Path) -> list[str]:
    """Return a warning if anybody on this machine may read a key."""
    if key.stat().st_mode & stat.S_IROTH:
        return [f"the key {key} may be read by others on this machine: chmod o= {key}"]
    return []


def _public(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _read(path: Path, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise ConfigurationError(
            f"the {what} {path} can't be read: {error.strerror}",
            hint="name a PEM file that this user can read",
        ) from error
    if len(content) > _LARGEST:
        raise ConfigurationError(f"{path} is larger than 1 MiB: it is no PEM file")
    return content
