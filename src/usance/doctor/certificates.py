"""Whether messages can be signed and encrypted: each certificate by itself, so that one hides no other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cryptography import x509

from usance.config.settings import PublishSettings
from usance.doctor.check import HERE, Check, Verdict, failed
from usance.model.errors import UsanceError
from usance.sending.identity import check_dates, ends_soon, load_certificate, load_identity
from usance.sending.trust import Authorities


def certificate_checks(settings: PublishSettings, now: datetime) -> list[Check]:
    """Return what there is to say of the host's certificate, the authorities, and the receiver's."""
    trusted: list[x509.Certificate] = []
    checks = _checked(
        "Host certificate",
        settings.certificate,
        lambda: load_identity(settings.certificate, settings.key).certificate,
        (settings, now, trusted),
    )
    if settings.server_cert is not None:
        path = settings.server_cert
        checks += _checked(
            "Receiver's certificate", path, lambda: load_certificate(path), (settings, now, trusted)
        )
    else:
        checks.append(
            Check(
                "Receiver's certificate", HERE, Verdict.OK, "none is configured: messages are not encrypted"
            )
        )
    return [*checks, *_authorities(settings, now, trusted)]


def _checked(
    name: str,
    path: Path,
    load: Callable[[], x509.Certificate],
    context: tuple[PublishSettings, datetime, list[x509.Certificate]],
) -> list[Check]:
    settings, now, trusted = context
    try:
        certificate = load()
        check_dates(certificate, path, now)
    except UsanceError as error:
        return [failed(name, HERE, error, Verdict.MISSING)]
    trusted.append(certificate)
    end = certificate.not_valid_after_utc
    soon = ends_soon(f"the certificate {path}", end, now, settings.warn_days)
    if soon:
        return [Check(name, HERE, Verdict.WARNING, soon[0], "renew it")]
    return [Check(name, HERE, Verdict.OK, f"{path} is valid until {end:%Y-%m-%d}")]


def _authorities(
    settings: PublishSettings, now: datetime, certificates: list[x509.Certificate]
) -> list[Check]:
    name, path = "Authorities", settings.capath
    verifies = settings.server_cert is not None and settings.verify_server_cert
    if path is None or not path.exists():
        verdict = Verdict.MISSING if verifies else Verdict.WARNING
        sentence = f"there are no authorities in {path}" if path else "capath is not set"
        return [Check(name, HERE, verdict, sentence, "install the IGTF bundle, or set capath")]
    try:
        authorities = Authorities(path)
        if verifies and settings.server_cert is not None:
            receiver = load_certificate(settings.server_cert)
            authorities.verify(receiver, settings.server_cert, now, check_crls=settings.check_crls)
    except UsanceError as error:
        return [failed(name, HERE, error, Verdict.MISSING)]
    soon = authorities.warnings(certificates, now, settings.warn_days)
    if soon:
        return [Check(name, HERE, Verdict.WARNING, one, "update the authorities") for one in soon]
    return [Check(name, HERE, Verdict.OK, f"{path} has {len(authorities.certificates)} authorities")]
