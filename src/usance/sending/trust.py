"""Whom we trust: the authorities of a directory like /etc/grid-security/certificates, and their CRLs.

The receiver's certificate is verified against them before anything is encrypted with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from usance.model.errors import ConfigurationError
from usance.sending.identity import distinguished_name, ends_soon

_LARGEST: Final = 64 << 20  # bytes of a file; a CRL may be long
_DEEPEST: Final = 8  # authorities one above the other


class Authorities:
    """The certificates of authorities and their revocation lists, as a directory has them.

    Files are read by their names, as openssl does with a hashed directory: `<8 hex>.<digit>` and
    `*.pem` hold certificates, `<8 hex>.r<digit>` revocation lists. What can't be read counts for
    nothing: one broken file of a hundred must not stop the accounting of a site.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.certificates: list[x509.Certificate] = []
        self.revocations: dict[bytes, list[x509.CertificateRevocationList]] = {}
        seen: set[bytes] = set()
        for content in _contents(path, (".pem", ".crt", *(f".{digit}" for digit in range(10)))):
            for certificate in _certificates(content):
                mark = certificate.fingerprint(SHA256())
                if mark not in seen:
                    seen.add(mark)
                    self.certificates.append(certificate)
        for content in _contents(path, tuple(f".r{digit}" for digit in range(10))):
            for crl in _revocations(content):
                self.revocations.setdefault(crl.issuer.public_bytes(), []).append(crl)
        if not self.certificates:
            raise ConfigurationError(
                f"{path} holds no certificates of authorities",
                hint="name the directory of the IGTF bundle: /etc/grid-security/certificates",
            )

    def verify(self, certificate: x509.Certificate, path: Path, now: datetime, *, check_crls: bool) -> None:
        """Raise ConfigurationError unless a certificate leads to one of the authorities.

        With *check_crls* no certificate of the chain but the last may be revoked, and each issuer
        needs a revocation list that is current, as `openssl verify -crl_check_all` has it.
        """
        try:
            verifier = (
                PolicyBuilder()
                .store(Store(self.certificates))
                .time(now)
                .max_chain_depth(_DEEPEST)
                # Host certificates of IGTF authorities are not made by the rules of the Web.
                .extension_policies(ca_policy=_authority_policy(), ee_policy=ExtensionPolicy.permit_all())
                .build_client_verifier()
            )
            chain = verifier.verify(certificate, []).chain
        except VerificationError as error:
            raise ConfigurationError(
                f"the certificate {path} is not verified by the authorities in {self.path}:"
                f" {str(error).strip()[:200]}",
                hint="get the receiver's current certificate, and update the authorities",
            ) from error
        if check_crls:
            for one, issuer in pairwise(chain):
                self._check_revocation(one, issuer, now)

    def _check_revocation(
        self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> None:
        crls = [one for one in self._of(issuer) if one.next_update_utc is None or one.next_update_utc > now]
        if not crls:
            raise ConfigurationError(
                f"there is no current revocation list of {distinguished_name(issuer.subject)} in {self.path}",
                hint="let fetch-crl run, or set check_crls = false",
            )
        if any(one.get_revoked_certificate_by_serial_number(certificate.serial_number) for one in crls):
            raise ConfigurationError(
                f"the certificate of {distinguished_name(certificate.subject)} is revoked",
                hint="get the current one",
            )

    def warnings(self, certificates: Iterable[x509.Certificate], now: datetime, days: int) -> list[str]:
        """Return what ends soon above some certificates: their authorities, and those's revocation lists."""
        found: dict[str, None] = {}
        for issuer in self._above(certificates):
            name = distinguished_name(issuer.subject)
            for line in ends_soon(f"the authority {name}", issuer.not_valid_after_utc, now, days):
                found[line] = None
            ends = [one.next_update_utc for one in self._of(issuer) if one.next_update_utc is not None]
            # Lists are made anew every few days: only one that has ended says that something is wrong.
            if ends:
                for line in ends_soon(f"the revocation list of {name}", max(ends), now, 0):
                    found[line] = None
        return list(found)

    def _above(self, certificates: Iterable[x509.Certificate]) -> Iterator[x509.Certificate]:
        waiting = list(certificates)
        seen: set[bytes] = set()
        while waiting:
            one = waiting.pop()
            for issuer in self.certificates:
                mark = issuer.subject.public_bytes()
                if issuer.subject == one.issuer and mark not in seen and issuer != one:
                    seen.add(mark)
                    waiting.append(issuer)
                    yield issuer

    def _of(self, issuer: x509.Certificate) -> list[x509.CertificateRevocationList]:
        """Return the revocation lists that an authority has signed."""
        key = issuer.public_key()
        return [
            one
            for one in self.revocations.get(issuer.subject.public_bytes(), [])
            if one.is_signature_valid(key)  # type: ignore[arg-type]  # X25519 can't sign: no authority has it
        ]


def _authority_policy() -> ExtensionPolicy:
    return ExtensionPolicy.permit_all().require_present(
        x509.BasicConstraints, Criticality.AGNOSTIC, _is_authority
    )


def _is_authority(_policy: Policy, _certificate: x509.Certificate, extension: x509.BasicConstraints) -> None:
    if not extension.ca:
        raise ValueError("an issuer in the chain is no authority")


def _contents(path: Path, endings: tuple[str, ...]) -> Iterator[bytes]:
    if path.is_file():
        files = [path] if ".pem" in endings else []
    else:
        try:
            files = sorted(one for one in path.iterdir() if one.name.endswith(endings))
        except OSError as error:
            raise ConfigurationError(
                f"the authorities in {path} can't be read: {error.strerror}",
                hint="capath is a directory like /etc/grid-security/certificates",
            ) from error
    for file in files:
        try:
            if file.stat().st_size <= _LARGEST:
                yield file.read_bytes()
        except OSError:
            continue


def _certificates(content: bytes) -> list[x509.Certificate]:
    try:
        found = x509.load_pem_x509_certificates(content)
        return [one for one in found if one.subject and one.issuer]  # names are read here, and may be broken
    except ValueError:
        return []


def _revocations(content: bytes) -> list[x509.CertificateRevocationList]:
    try:
        if content.lstrip().startswith(b"-----BEGIN"):
            return [x509.load_pem_x509_crl(content)]
        return [x509.load_der_x509_crl(content)]
    except ValueError:
        return []
