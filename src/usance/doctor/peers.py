"""Whether the services that messages go to can be reached, and are who they should be."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import urlsplit

import msgspec

from usance.config.settings import MessengerSettings, PublishSettings, Settings
from usance.doctor.check import HERE, Check, Verdict
from usance.http.errors import one_line
from usance.messengers.greendigit_cim import DEFAULT_URL as CIM_URL
from usance.messengers.logstash import DEFAULT_PORT as LOGSTASH_PORT

TIMEOUT_S: Final = 5.0
_TRUE: Final = frozenset({"true", "1", "yes", "on"})


class Peer(msgspec.Struct, frozen=True):
    """A service at the other end."""

    name: str
    host: str
    port: int
    tls: bool = True
    cafile: str | None = None  # None: whom the system trusts
    capath: str | None = None
    verified: bool = True  # whether the certificate is; who configured so is told
    option: str = "[publish] cafile"  # what names another authority

    @property
    def place(self) -> str:
        """Its address."""
        return f"{self.host}:{self.port}"


def sends(settings: Settings) -> bool:
    """Tell whether this configuration sends messages by itself."""
    return bool(settings.publish.hosts) or any(one.name in {"ams", "stomp"} for one in settings.messengers)


def peers_of(clouds: Sequence[Settings]) -> list[Peer]:
    """Return the services that the configuration names, each once: one may serve several clouds."""
    shared = clouds[0]
    found = [*_messaging(shared.publish)]
    for one in shared.messengers:
        if one.name == "logstash":
            found.append(_logstash(one))
        elif one.name == "greendigit_cim":
            url = one.options.get("base_url", "").strip() or CIM_URL
            verified = one.options.get("verify_ssl", "true").strip().lower() in _TRUE
            found.append(
                _at_url("GreenDIGIT CIM", url, one.options.get("cafile"), verified, "greendigit_cim")
            )
    for cloud in clouds:
        if "prometheus" in cloud.extractors:
            asked = cloud.prometheus
            found.append(_at_url("Prometheus", asked.endpoint, asked.cafile, asked.verify, "prometheus"))
    return list(dict.fromkeys(found))


def _logstash(settings: MessengerSettings) -> Peer:
    options = settings.options
    port = options.get("port", "").strip()
    return Peer(
        "Logstash",
        options.get("host", "").strip() or "localhost",
        int(port) if port.isascii() and port.isdigit() else LOGSTASH_PORT,
        tls=options.get("tls", "").strip().lower() in _TRUE,
        cafile=options.get("cafile") or None,
        verified=options.get("insecure", "").strip().lower() not in _TRUE,
        option="[logstash] cafile",
    )


def _at_url(name: str, url: str, cafile: str | None, verified: bool, group: str) -> Peer:
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    return Peer(
        name,
        parts.hostname or "",
        parts.port or (443 if tls else 80),
        tls=tls,
        cafile=cafile or None,
        verified=verified,
        option=f"[{group}] cafile",
    )


def _messaging(settings: PublishSettings) -> Iterator[Peer]:
    cafile = str(settings.cafile) if settings.cafile else None
    capath = str(settings.capath) if settings.capath and settings.capath.is_dir() else None
    for host in settings.hosts:
        name, _, port = host.partition(":")
        if settings.protocol == "AMS":
            yield Peer("AMS", name, int(port or settings.port or 443), cafile=cafile)
            if settings.token is None:
                yield Peer("AMS authentication", name, settings.authn_port, cafile=cafile)
        else:
            usual = settings.port or (61614 if settings.use_ssl else 61613)
            yield Peer(
                "STOMP broker", name, int(port or usual), tls=settings.use_ssl, cafile=cafile, capath=capath
            )


async def peer_check(peer: Peer, timeout_s: float = TIMEOUT_S) -> Check:
    """Connect to a service, verify its certificate, and hang up."""
    name = f"{peer.name} at {peer.place}"
    try:
        context = _context(peer) if peer.tls else None
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(peer.host, peer.port, ssl=context)
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(timeout_s):
                await writer.wait_closed()
    except ssl.SSLCertVerificationError as error:
        return Check(
            name,
            HERE,
            Verdict.ERROR,
            f"its certificate is not trusted: {one_line(error.verify_message)}",
            f"name the authority that signed it with {peer.option}",
        )
    except TimeoutError:
        told = f"it does not answer within {timeout_s:g} s"
        return Check(name, HERE, Verdict.ERROR, told, "see the firewalls on the way")
    except OSError as error:
        told = f"it can't be reached: {one_line(error.strerror or str(error))}"
        return Check(name, HERE, Verdict.ERROR, told, "see its name and port, and the firewalls on the way")
    if peer.tls and not peer.verified:
        told = "it answers, and its certificate is not verified"
        return Check(
            name, HERE, Verdict.WARNING, told, f"name its authority with {peer.option}, and verify it"
        )
    how = "answers, and its certificate is trusted" if peer.tls else "answers, without TLS"
    return Check(name, HERE, Verdict.OK, f"it {how}")


def _context(peer: Peer) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=peer.cafile)
    if peer.capath:
        context.load_verify_locations(capath=peer.capath)
    if not peer.verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
