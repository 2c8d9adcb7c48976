"""The run of `caso-extract`: cASO's command line and configuration, our extraction, log messages."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from usance.cli.progress import progress_on_terminal
from usance.cli.rehearsed import print_records
from usance.config.load import Need
from usance.extraction.report import RunReport
from usance.legacy.caso_line import configure_caso, parse_line

LOG = logging.getLogger("usance.legacy.caso_extract")  # the name that its lines in log files have had


def extract_as_caso(program: str, arguments: Sequence[str]) -> int:
    """Extract as a command line of any cASO says; return the exit status."""
    configuration = configure_caso(program, parse_line(program, arguments), Need.ALL)
    with progress_on_terminal() as progress:
        from usance.extraction.run import extract  # noqa: PLC0415 - help, status and mistakes do without it

        report: RunReport = extract(configuration.clouds, configuration.request, progress=progress)
    if configuration.request.dry_run:
        print_records(report)
    _log(report)
    return report.exit_status


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
