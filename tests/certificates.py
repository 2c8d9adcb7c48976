"""Authorities, certificates and keys made for tests, as a site has them in /etc/grid-security."""

from __future__ import annotations

import ipaddress
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

YEAR = timedelta(days=365)


def subject(common_name: str) -> x509.Name:
    """Return a name in the manner of the IGTF's authorities."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.DOMAIN_COMPONENT, "org"),
            x509.NameAttribute(NameOID.DOMAIN_COMPONENT, "example"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


class Place:
    """A directory with an authority, and the certificates that it gave."""

    def __init__(self, path: Path, now: datetime | None = None) -> None:
        self.path = path
        self.now = now or datetime.now(UTC)
        self.capath = path / "certificates"
        self.capath.mkdir(parents=True)
        self.key = rsa.generate_private_key(65537, 2048)
        name = subject("Test CA")
        self.authority = (
            self._builder(name, name, self.key, timedelta(days=-2), 10 * YEAR)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
            .sign(self.key, hashes.SHA256())
        )
        self.cafile = self.capath / "test-ca.pem"
        self.cafile.write_bytes(self.authority.public_bytes(Encoding.PEM))
        self.rehash()

    def rehash(self) -> None:
        """Name the files as openssl looks for them."""
        subprocess.run(["openssl", "rehash", str(self.capath)], check=True, timeout=30)

    def issue(
        self,
        name: str,
        *,
        begin: timedelta = timedelta(days=-1),
        end: timedelta = YEAR,
        curve: bool = False,
        authority: Place | None = None,
    ) -> tuple[Path, Path]:
        """Make a certificate and a key for 127.0.0.1 and localhost; return their files."""
        by = authority or self
        key = ec.generate_private_key(ec.SECP256R1()) if curve else rsa.generate_private_key(65537, 2048)
        hosts = [
            x509.DNSName("localhost"),
            *(x509.IPAddress(ipaddress.ip_address(f"127.0.0.{number}")) for number in (1, 2)),
        ]
        certificate = (
            self._builder(subject(name), by.authority.subject, key, begin, end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
            .sign(by.key, hashes.SHA256())
        )
        files = self.path / f"{name}.pem", self.path / f"{name}.key"
        files[0].write_bytes(certificate.public_bytes(Encoding.PEM))
        files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        files[1].chmod(0o600)
        return files

    def revoke(self, *certificates: Path, next_update: timedelta = timedelta(days=7)) -> None:
        """Publish a revocation list with these certificates."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.authority.subject)
            .last_update(self.now - timedelta(days=30))
            .next_update(self.now + next_update)
        )
        for path in certificates:
            serial = x509.load_pem_x509_certificate(path.read_bytes()).serial_number
            revoked = x509.RevokedCertificateBuilder().serial_number(serial)
            builder = builder.add_revoked_certificate(revoked.revocation_date(self.now).build())
        crl = builder.sign(self.key, hashes.SHA256())
        (self.capath / "test-ca.crl").write_bytes(crl.public_bytes(Encoding.PEM))
        self.rehash()

    def _builder(
        self, name: x509.Name, issuer: x509.Name, key: object, begin: timedelta, end: timedelta
    ) -> x509.CertificateBuilder:
        public = key.public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now + begin)
            .not_valid_after(self.now + end)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )
