"""What became of each option of Almanach, as a page: `python -m usance.legacy.almanach_document`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

import msgspec

from usance.config.findings import known_options
from usance.config.rawfile import RawFiles
from usance.config.reader import OptionReader
from usance.legacy.almanach_ini import became_of_3

_RETRIES: Final = ("retry_queue", "retry_exchange", "retry_return_exchange", "retry_ttl", "max_retries")
_DEAD: Final = ("dead_queue", "dead_exchange")

OPTIONS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "3.3": {
        "database": ("driver", "connection_url"),
        "api": ("bind_ip", "bind_port"),
        "collector": ("url", "heartbeat", "queue", "exchange", "routing_key", *_RETRIES, *_DEAD),
        "auth": (
            "strategy", "private_key", "keystone_username", "keystone_password", "keystone_tenant",
            "keystone_url",
        ),
        "resources": ("volume_existence_threshold", "device_metadata_whitelist"),
    },
    "4.x": {
        "database": ("driver", "connection_url"),
        "api": ("bind_ip", "bind_port"),
        "collector": (
            "transport_url", "topic", "max_retries", "min_retries", "retry_delay", "thread_pool_size",
        ),
        "auth": ("strategy", "private_key"),
        "keystone_authtoken": (
            "username", "password", "user_domain_id", "user_domain_name", "project_domain_name",
            "project_name", "auth_url",
        ),
        "entities": (
            "instance_existence_threshold", "volume_existence_threshold", "instance_metadata",
            "instance_image_meta",
        ),
    },
}  # fmt: skip
"""The options that the files of Almanach 3.3 and 4.x may have, beside those of oslo.log."""

_REMARKS: Final[dict[tuple[str, str], str]] = {
    ("ALMANACH", "auth_token"): "`secret`, which everybody knows, is taken on loopback only, with a warning.",
    ("ALMANACH", "auth_strategy"): "As there: `keystone`; both, if the words `token` and `keystone` are in "
    "it; else the private key.",
    ("RABBITMQ", "queue"): "The queue is made where it is missing, as Almanach made it.",
    ("KEYSTONE", "auth_url"): "An address of version 2.0 is used as version 3, with the domain `default`.",
    ("auth", "private_key"): "Not set, it is `secret`, as there: on loopback only, with a warning. "
    "`usance serve` has no default.",
    ("auth", "strategy"): "A word that is none of them is an error; Almanach took it for the private key.",
    ("auth", "keystone_url"): "An address of version 2.0 is used as version 3, with the domain `default`.",
    ("collector", "transport_url"): "All addresses are listened to. The environment's `RABBITMQ_URL` comes "
    "before it.",
    ("keystone_authtoken", "username"): "Not set, each token validates itself.",
    ("entities", "instance_image_meta"): "Not set, all three are told; Almanach told none, "
    "and saw no rebuild.",
}  # fmt: skip
"""What is to be said of an option beside what it is called."""

_HEAD: Final = """\
# Options of Almanach, and what became of them

Every option of Almanach 3.x, 3.3 and 4.x. `almanach`, `almanach-api` and `almanach-collector` read the
files as they are; `usance serve` and `usance collect` read those of 3.3 and 4.x. Our own options may
stand in any of them, in their own sections (see [Options](options.md)). A name that is in no table
here and in no table there is pointed out.

The usage is kept in a ledger, not in MongoDB: see `[usance] ledger_url`. Where neither the file nor
`USANCE_LEDGER_URL` in the environment says where, the three commands keep it in
`/var/spool/usance/usance.sqlite`.

*Same* means: the same name, in the same section, with the same meaning.
"""

_LOGGING: Final = """\
## Logging

`almanach --logging FILE` takes a file of `logging.config.fileConfig`, as it did. `almanach-api` and
`almanach-collector` take the options of oslo.log in `[DEFAULT]` and on the command line, as they did.
"""

_3X: Final = """\
## 3.x: an INI file

A variable of the environment that is named `<SECTION>_<OPTION>` and is not empty comes before the
file, as there: `RABBITMQ_URL`, `MONGODB_URL`, `ALMANACH_AUTH_TOKEN`, `KEYSTONE_PASSWORD` ...
"""


class Row(msgspec.Struct, frozen=True):
    """What became of one option."""

    section: str
    name: str
    today: str  # "same", or its name today; empty if it has no effect
    remark: str


def rows_of_3() -> Iterator[Row]:
    """Yield the options of 3.x."""
    for section, name, today, reason in became_of_3():
        group, _, option = today.rpartition(".")
        said = _REMARKS.get((section, name), "") or _sentence(reason)
        yield Row(section, name, f"`[{group}] {option}`" if today else "", said)


def rows(generation: str) -> Iterator[Row]:
    """Yield the options of 3.3 or 4.x. KeyError for one that a file may not have: a fault of ours."""
    known = known_options([OptionReader(RawFiles(()), {}, {})])
    for section, names in OPTIONS[generation].items():
        for name in names:
            meaning = known[section][name]
            is_same = (meaning.group, meaning.name) == (section, name)
            today = "same" if is_same else f"`[{meaning.group}] {meaning.name}`"
            said = _REMARKS.get((section, name), "") or _sentence(meaning.remark)
            yield Row(section, name, "" if meaning.remark else today, said)


def _sentence(remark: str | None) -> str:
    return f"{remark[0].upper()}{remark[1:]}." if remark else ""


def document() -> str:
    """Return the page, in Markdown."""
    parts = [_HEAD, _3X, *_table(rows_of_3()), ""]
    for generation in OPTIONS:
        parts += [f"## {generation}: a file of oslo.config", "", *_table(rows(generation)), ""]
    return "\n".join([*parts, _LOGGING])


def _table(found: Iterator[Row]) -> Iterator[str]:
    yield "| option | here | remarks |"
    yield "|---|---|---|"
    for one in found:
        here = one.today or "no effect"
        yield f"| `[{one.section}] {one.name}` | {here} | {one.remark} |".replace("  |", " |")


if __name__ == "__main__":
    sys.stdout.write(document())
