"""Addresses of message brokers, as oslo.messaging and kombu write them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from usance.config.settings import BrokerHost, BrokerSettings
from usance.model.errors import ConfigurationError

_PLAIN: Final = frozenset({"rabbit", "amqp", "pyamqp", "librabbitmq", "kombu"})
_TLS: Final = frozenset({"rabbits", "amqps", "pyamqps"})
_PORT, _TLS_PORT = 5672, 5671
_GUEST: Final = "guest"
_HINT: Final = "write rabbit://<user>:<password>@<host>:<port>/<virtual host>"


def split_addresses(words: Iterable[str]) -> list[str]:
    """Return whole addresses from the words of a list: what names no scheme is a further host."""
    found: list[str] = []
    for word in (one.strip() for one in words):
        if not word:
            continue
        if "://" in word or not found:
            found.append(word)
        else:
            found[-1] += f",{word}"
    return found


def read_address(address: str, place: str, *, tls: bool) -> BrokerSettings:
    """Return what an address says. *tls* says that all are spoken to over TLS, whatever their scheme.

    A host without an account has that of the host before it, else RabbitMQ's `guest`. Raises
    ConfigurationError, which shows nothing of the address: it holds a password.
    """
    scheme, separator, _ = address.partition("://")
    scheme = scheme.lower().rpartition("+")[2]
    if not separator or scheme not in _PLAIN | _TLS:
        raise ConfigurationError(f"{place} is no address of a RabbitMQ", hint=_HINT)
    try:
        parts = urlsplit(address)
        if "@" in f"{parts.path}{parts.query}{parts.fragment}":
            # A slash in a password ends the host: the rest of it would be told as the virtual host.
            raise ConfigurationError(
                f"{place}: an address has an @ behind its host",
                hint="write what is special in a password or a virtual host as %2F, %3F, %23, %40",
            )
        query = parse_qs(parts.query)
        over_tls = tls or scheme in _TLS or query.get("ssl", ["0"])[-1].lower() in {"1", "true", "yes", "on"}
        hosts = tuple(_hosts(parts.netloc, _TLS_PORT if over_tls else _PORT))
    except ValueError:
        raise ConfigurationError(
            f"{place}: the host or port of an address can't be read", hint=_HINT
        ) from None
    if not hosts:
        raise ConfigurationError(f"{place}: an address names no host", hint=_HINT)
    return BrokerSettings(hosts, unquote(parts.path.removeprefix("/")) or "/", tls=over_tls)


def _hosts(netloc: str, port: int) -> Iterator[BrokerHost]:
    user = password = _GUEST
    for part in netloc.split(","):
        account, at, place = part.rpartition("@")
        if at:
            name, _, secret = account.partition(":")
            user, password = unquote(name), unquote(secret)
        if place:
            split = urlsplit(f"//{place}")  # knows brackets, and refuses ports that are none
            if split.hostname is None or not split.hostname.isprintable():
                raise ValueError("no host")
            yield BrokerHost(split.hostname, split.port or port, user, password)
