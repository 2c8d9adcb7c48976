"""What APEL's database makes of cloud messages: ReplaceCloudRecord and SummariseVMs, in memory.

Written from the behaviour of schemas/cloud.sql of apel/apel 2.5.0. The last record loaded for a
server and month wins; a month's usage is its cumulative figure less that of the server's latest
earlier record. Tests use it to see a site's usage as its federation would.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(frozen=True)
class Row:
    """One row of the table CloudRecords."""

    vmuuid: str
    measured_s: int  # MeasurementTime; the row is filed in its month
    fields: dict[str, str]

    @property
    def month(self) -> tuple[int, int]:
        """Year and month under which the row is filed; (0, 0) for a completed record without an end."""
        if self.measured_s < 0:
            return (0, 0)
        measured = datetime.fromtimestamp(self.measured_s, UTC)
        return measured.year, measured.month

    def number(self, name: str) -> int:
        """Return a duration; what is absent counts nothing."""
        return int(self.fields.get(name) or 0)


@dataclass(frozen=True)
class Month:
    """One server's usage in one month, as it is published."""

    wall_s: int
    cpu_s: int


@dataclass
class ApelDatabase:
    """The table CloudRecords, and what is summed from it."""

    rows: dict[tuple[str, int, int], Row] = field(default_factory=dict)

    def load(self, message: bytes) -> int:
        """Load one message; return how many records it held."""
        records = parse_message(message)
        for fields in records:
            self.replace(fields)
        return len(records)

    def load_all(self, messages: Iterable[bytes]) -> None:
        """Load messages in their order."""
        for message in messages:
            self.load(message)

    def replace(self, fields: dict[str, str]) -> None:
        """Keep a record under its server and month, in the place of an earlier one."""
        row = Row(fields["VMUUID"], _measured_s(fields), fields)
        self.rows[row.vmuuid, *row.month] = row

    def months(self) -> dict[tuple[str, int, int], Month]:
        """Return the usage of each server (VMUUID, year, month): differences of cumulative figures."""
        by_server: dict[str, list[Row]] = {}
        for row in self.rows.values():
            by_server.setdefault(row.vmuuid, []).append(row)
        usage: dict[tuple[str, int, int], Month] = {}
        for vmuuid, rows in by_server.items():
            rows.sort(key=lambda row: row.measured_s)
            previous: Row | None = None
            for row in rows:
                usage[vmuuid, *row.month] = Month(
                    row.number("WallDuration") - (previous.number("WallDuration") if previous else 0),
                    row.number("CpuDuration") - (previous.number("CpuDuration") if previous else 0),
                )
                previous = row if row.month != (0, 0) else previous
        return usage

    def site_months(self) -> dict[tuple[int, int], Month]:
        """Return the usage of all servers by year and month."""
        total: dict[tuple[int, int], Month] = {}
        for (_, year, month), one in self.months().items():
            old = total.get((year, month), Month(0, 0))
            total[year, month] = Month(old.wall_s + one.wall_s, old.cpu_s + one.cpu_s)
        return total

    def state(self) -> dict[tuple[str, int, int], dict[str, str]]:
        """Return what is kept."""
        return {key: dict(row.fields) for key, row in self.rows.items()}


def parse_message(message: bytes) -> list[dict[str, str]]:
    """Split a cloud message into records as APEL's record factory does."""
    lines = message.decode("ascii").strip().splitlines()
    if not lines[0].startswith("APEL-cloud-message:"):
        raise ValueError(lines[0])
    return [parse_record(chunk) for chunk in "\n".join(lines[1:]).split("%%") if chunk.strip()]


def parse_record(text: str) -> dict[str, str]:
    """Split a record's lines into keys and values."""
    fields: dict[str, str] = {}
    for line in text.strip().splitlines():
        key, value = (part.strip() for part in line.split(":", 1))
        fields[key] = value
    return fields


def _measured_s(fields: dict[str, str]) -> int:
    if fields.get("Status") == "completed":
        return int(fields["EndTime"]) if fields.get("EndTime") else -1
    if fields.get("RecordCreateTime"):
        return int(fields["RecordCreateTime"])
    return int(fields["StartTime"]) + int(fields.get("SuspendDuration") or 0) + int(fields["WallDuration"])
