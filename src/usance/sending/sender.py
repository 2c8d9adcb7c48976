"""What sends for a site: its identity, the receiver's certificate, and a connection, all checked first."""

from __future__ import annotations

from datetime import datetime
from types import TracebackType
from typing import Self

from cryptography import x509

from usance.config.settings import PublishSettings
from usance.http.clock import local_now
from usance.model.errors import ConfigurationError
from usance.sending.ams import AmsTransport
from usance.sending.courier import Courier
from usance.sending.identity import (
    check_dates,
    distinguished_name,
    ends_soon,
    load_certificate,
    load_identity,
    readable_by_others,
)
from usance.sending.smime import Sealer
from usance.sending.stomp import StompTransport
from usance.sending.transport import Transport
from usance.sending.trust import Authorities


class Sender:
    """Made once for a run; `warnings` are what the operator should know though all is well."""

    def __init__(self, settings: PublishSettings, now: datetime | None = None) -> None:
        """Check certificates and options. Raises ConfigurationError for what makes sending impossible."""
        now = now or local_now()
        self.settings = settings
        self.warnings: list[str] = []
        self.identity = load_identity(settings.certificate, settings.key)
        check_dates(self.identity.certificate, settings.certificate, now)
        self.warnings += readable_by_others(settings.key)
        self._warn(f"the host certificate {settings.certificate}", self.identity.certificate, now)
        self.receiver: str | None = None  # for whom is encrypted
        self.courier = Courier(self._sealer(now), self._transport(), settings.max_bytes)

    def _sealer(self, now: datetime) -> Sealer:
        settings = self.settings
        certificates = [self.identity.certificate]
        authorities = self._authorities()
        receiver = None
        if settings.server_cert is not None:
            receiver = load_certificate(settings.server_cert)
            if receiver == self.identity.certificate:
                raise ConfigurationError(
                    "server_cert is the host's own certificate, so that nobody else could read the messages",
                    hint="server_cert is the certificate of the final receiver",
                )
            check_dates(receiver, settings.server_cert, now)
            if settings.verify_server_cert:
                if authorities is None:
                    raise ConfigurationError(
                        f"there are no authorities in {settings.capath} to verify server_cert with",
                        hint="set capath, or verify_server_cert = false",
                    )
                authorities.verify(receiver, settings.server_cert, now, check_crls=settings.check_crls)
            self._warn(f"the receiver's certificate {settings.server_cert}", receiver, now)
            self.receiver = distinguished_name(receiver.subject)
            certificates.append(receiver)
        if authorities is not None:
            self.warnings += authorities.warnings(certificates, now, settings.warn_days)
        return Sealer(self.identity, receiver, settings.cipher)

    def _authorities(self) -> Authorities | None:
        path = self.settings.capath
        return Authorities(path) if path is not None and path.exists() else None

    def _warn(self, what: str, certificate: x509.Certificate, now: datetime) -> None:
        self.warnings += ends_soon(what, certificate.not_valid_after_utc, now, self.settings.warn_days)

    def _transport(self) -> Transport:
        self.transport: Transport = (
            AmsTransport(self.settings) if self.settings.protocol == "AMS" else StompTransport(self.settings)
        )
        return self.transport

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.transport.aclose()
