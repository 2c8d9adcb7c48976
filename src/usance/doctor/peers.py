"""Whether the services that messages go to can be reached, and are who they should be."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Iterator
from typing import Final

import msgspec

from usance.config.settings import PublishSettings, Settings
from usance.doctor.check import HERE, Check, Verdict
from usance.http.errors import one_line

TIMEOUT_S: Final = 5.0


class Peer(msgspec.Struct, frozen=True):
    """A service at the other end."""

    name: str
    host: str
    port: int
    tls: bool = True
    cafile: str | None = None  # None: whom the system trusts
    capath: str | None = None

    @property
    def place(self) -> str:
        """Its address."""
        return f"{self.host}:{self.port}"


def sends(settings: Settings) -> bool:
    """Tell whether this configuration sends messages by itself."""
    return bool(settings.publish.hosts) or any(one.name in {"ams", "stomp"} for one in settings.messengers)


def peers_of(settings: Settings) -> Iterator[Peer]:
    """Yield the services that the configuration names."""
    yield from _messaging(settings.publish)


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
            "name the authority that signed it with [publish] cafile",
        )
    except TimeoutError:
        told = f"it does not answer within {timeout_s:g} s"
        return Check(name, HERE, Verdict.ERROR, told, "see the firewalls on the way")
    except OSError as error:
        told = f"it can't be reached: {one_line(error.strerror or str(error))}"
        return Check(name, HERE, Verdict.ERROR, told, "see its name and port, and the firewalls on the way")
    how = "answers, and its certificate is trusted" if peer.tls else "answers, without TLS"
    return Check(name, HERE, Verdict.OK, f"it {how}")


def _context(peer: Peer) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=peer.cafile)
    if peer.capath:
        context.load_verify_locations(capath=peer.capath)
    return context
