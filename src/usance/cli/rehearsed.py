"""What a dry run prints: the records that would go out."""

from __future__ import annotations

from usance.cli.columns import printable
from usance.extraction.report import RunReport


def print_records(report: RunReport) -> None:
    """Print the records that would go out, as their formats render them, each under its key."""
    for record in report.dry_records:
        where = f", cloud {printable(record.cloud_id)}" if len(report.clouds) > 1 else ""
        print(
            f"# {record.messenger}: {printable(record.key)} of project {printable(record.project_id)}{where}"
        )
        if record.problem:
            print(f"# held back: {printable(record.problem)}")
        print("\n".join(printable(line) for line in record.text.splitlines()), end="\n\n")
