"""Everything that a run needs, looked at before it needs it. Nothing is written anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from usance.config.findings import Finding, Level
from usance.config.settings import QueueSettings, Settings
from usance.doctor.check import HERE, Check, Diagnosis, Verdict, diagnosis, guarded
from usance.doctor.clouds import Examined, examine_cloud
from usance.doctor.energy import energy_checks
from usance.doctor.ledger import ledger_checks
from usance.doctor.mapping import strangers
from usance.doctor.peers import peer_check, peers_of, sends
from usance.doctor.queues import queue_checks

_LEVELS = {Level.UNKNOWN: Verdict.ERROR, Level.WARNING: Verdict.WARNING}


def examine(clouds: Sequence[Settings], findings: Sequence[Finding] = ()) -> Diagnosis:
    """Look at all clouds and at this machine; *findings* are what is odd about the configuration."""
    return asyncio.run(_examine(clouds, findings))


async def _examine(clouds: Sequence[Settings], findings: Sequence[Finding]) -> Diagnosis:
    examined, here = await asyncio.gather(
        asyncio.gather(*(examine_cloud(one) for one in clouds)),
        asyncio.gather(*_of_this_machine(clouds, datetime.now(UTC))),
    )
    checks = [check for one in examined for check in one.checks]
    checks += [check for several in here for check in several]
    checks += await guarded("VO mapping", HERE, asyncio.to_thread(_strangers, clouds, examined))
    return diagnosis([*checks, *configuration_checks(findings)])


def configuration_checks(findings: Sequence[Finding]) -> list[Check]:
    """Return what `usance config check` finds; notes are left to it."""
    told = [
        Check("Configuration", HERE, _LEVELS[one.level], one.message, "usance config check")
        for one in findings
        if one.level in _LEVELS
    ]
    return told or [Check("Configuration", HERE, Verdict.OK, "every option in it means something")]


def _of_this_machine(clouds: Sequence[Settings], now: datetime) -> list[Awaitable[list[Check]]]:
    """Return the checks that need no cloud; files and databases are read in threads."""
    settings = clouds[0]
    waiting: list[Awaitable[list[Check]]] = [
        guarded("Ledger", HERE, asyncio.to_thread(ledger_checks, settings.ledger_url, now)),
        *(
            guarded(
                f"Queue {queue.path}",
                HERE,
                asyncio.to_thread(partial(queue_checks, queue, now, max_lock_s=settings.publish.max_lock_s)),
            )
            for queue in _queues(settings)
        ),
    ]
    if sends(settings) and not settings.publish.hosts:
        waiting.append(guarded("Messaging service", HERE, _listed(_no_host())))
    if sends(settings):
        waiting.append(guarded("Certificates", HERE, asyncio.to_thread(_certificates, settings, now)))
    waiting += [guarded(one.name, HERE, _listed(peer_check(one))) for one in peers_of(clouds)]
    for cloud in clouds:
        if "prometheus" in cloud.extractors:
            waiting.append(guarded("Prometheus", cloud.cloud.cloud_id, energy_checks(cloud, now)))
    return waiting


async def _no_host() -> Check:
    return Check(
        "Messaging service",
        HERE,
        Verdict.MISSING,
        "messages are to be sent, and nothing says where to",
        "write [publish] host = <AMS, or the brokers>",
    )


async def _listed(check: Awaitable[Check]) -> list[Check]:
    return [await check]


def _queues(settings: Settings) -> list[QueueSettings]:
    """Return the queues that matter: all where a messenger writes them, else those that are there."""
    written = any(one.name.startswith("ssm") for one in settings.messengers)
    main = settings.publish.queues[:1]
    return [one for one in settings.publish.queues if one.path.exists() or (written and one in main)]


def _certificates(settings: Settings, now: datetime) -> list[Check]:
    try:
        from usance.doctor.certificates import certificate_checks  # noqa: PLC0415 - an extra, and slow to load
    except ModuleNotFoundError:
        return [
            Check(
                "Certificates",
                HERE,
                Verdict.MISSING,
                "messages can't be signed: cryptography is not installed",
                "pip install 'usance[send]'",
            )
        ]
    return certificate_checks(settings.publish, now)


def _strangers(clouds: Sequence[Settings], examined: Sequence[Examined]) -> list[Check]:
    """Return the entries of each mapping file that name a project of none of the clouds that read it."""
    checks: list[Check] = []
    files: dict[Path, list[Examined]] = {}
    for settings, one in zip(clouds, examined, strict=True):
        if settings.projects.mapping_file is not None:
            files.setdefault(settings.projects.mapping_file, []).append(one)
    for path, readers in files.items():
        if all(one.known for one in readers):
            known = {word for one in readers for word in one.known}
            checks += strangers(path, known, complete=all(one.complete for one in readers))
    return checks
