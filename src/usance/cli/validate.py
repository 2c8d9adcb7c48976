"""`usance validate`: hold messages to the rules of those who receive them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import msgspec

from usance.cli.columns import Columns
from usance.cli.configuration import output_option
from usance.cli.examples import examples
from usance.cli.present import show
from usance.model.errors import ConfigurationError
from usance.records.validate import check_message

_LARGEST = 8 << 20  # bytes; what is larger is no message


class Verdict(msgspec.Struct, frozen=True):
    """What there is to say about one message."""

    path: str
    records: int
    findings: tuple[str, ...]


@click.command(
    epilog=examples(
        "usance validate /var/spool/apel/outgoing/openstack", "usance validate --output json message.txt"
    )
)
@output_option
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
def validate(*, output: str, paths: Sequence[Path]) -> int:
    """Check messages of any record type: files, or all messages of a queue.

    Exit status 1 if the receiving side would refuse one of them, or count it wrongly.
    """
    verdicts = [_verdict(path) for path in _messages(paths)]
    if not verdicts:
        raise ConfigurationError(
            "there is no message to check", hint="name a message, or a queue that has one"
        )
    columns = Columns(
        "Messages",
        ("message", "records", "verdict"),
        tuple((one.path, one.records, "; ".join(one.findings) or "valid") for one in verdicts),
    )
    show(output, verdicts, [columns])
    return 1 if any(one.findings for one in verdicts) else 0


def _messages(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.exists():
            raise ConfigurationError(f"there is no message and no queue {path}", hint="see the spelling")
        if path.is_dir():
            yield from sorted(one for one in path.rglob("*") if one.is_file() and not one.suffix)
        else:
            yield path


def _verdict(path: Path) -> Verdict:
    with path.open("rb") as file:
        message = file.read(_LARGEST + 1)
    if len(message) > _LARGEST:
        return Verdict(str(path), 0, (f"is larger than {_LARGEST} bytes: no message",))
    records, findings = check_message(message)
    return Verdict(str(path), records, tuple(str(one) for one in findings))
