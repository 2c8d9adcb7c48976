"""`caso-extract`, as cron jobs call it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from usance.cli.ending import leave, run_to_end
from usance.cli.progress import progress_on_terminal
from usance.cli.rehearsed import print_records
from usance.config.load import Need
from usance.extraction.garbage import collected_rarely
from usance.extraction.report import RunReport
from usance.legacy.caso_line import configure_caso, parse_line, wants_debug

LOG = logging.getLogger(__name__)
PROGRAM = "caso-extract"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and end the process with its exit status: 0, 1, 2 or 75, as `usance extract`."""
    leave(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Extract as a command line of any cASO says; return the exit status."""

    def body() -> int:
        configuration = configure_caso(PROGRAM, parse_line(PROGRAM, arguments), Need.ALL)
        with collected_rarely(), progress_on_terminal() as progress:
            from usance.extraction.run import extract  # noqa: PLC0415 - help, status and mistakes do without it

            report: RunReport = extract(configuration.clouds, configuration.request, progress=progress)
        if configuration.request.dry_run:
            print_records(report)
        _log(report)
        return report.exit_status

    return run_to_end(PROGRAM, body, debug=lambda: wants_debug(arguments))


def _log(report: RunReport) -> None:
    for cloud in report.clouds:
        if cloud.error:
            LOG.error("cloud %s: %s", cloud.cloud_id, cloud.error)
    for project in report.projects:
        where = f" of cloud {project.cloud_id}" if len(report.clouds) > 1 else ""
        if project.error:
            LOG.error("project %s (%s)%s: %s", project.project_id, project.name, where, project.error)
        else:
            LOG.info(
                "project %s (%s, VO %s)%s: %d new observations",
                project.project_id,
                project.name,
                project.vo,
                where,
                project.observations,
            )
    for sentence in (*report.refused, *report.troubles):
        LOG.error("%s", sentence)
    for messenger in report.messengers:
        LOG.info(
            "messenger %s: %d records in %d messages, %d delivered, %d waiting, %d records held back",
            messenger.name,
            messenger.records,
            messenger.messages,
            messenger.delivered,
            messenger.pending,
            messenger.quarantined,
        )
        if messenger.quarantined:
            LOG.error(
                "messenger %s: %d records are held back; usance status says why",
                messenger.name,
                messenger.quarantined,
            )
        if messenger.error:
            LOG.error("messenger %s: %s", messenger.name, messenger.error)
    for sentence in report.warnings:
        LOG.warning("%s", sentence)
