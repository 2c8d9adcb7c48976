"""What follows the look at a project: its addresses and names are looked up, its records staged.

A project is finished as soon as it was observed, while others are still being read: the cloud
and the ledger work side by side.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from usance.cloud.access import Cloud
from usance.cloud.projects import Project
from usance.extraction.addresses import AddressObserver
from usance.extraction.executor import LedgerThread
from usance.extraction.naming import Mentions, remember_images, remember_users, remember_volume_types
from usance.extraction.publishing import Publisher
from usance.messengers.messenger import Messenger
from usance.messengers.outbox import StageResult
from usance.model.errors import CloudError
from usance.model.resource import SERVER, VOLUME


class Finisher:
    """Finishes projects, and keeps what came of it."""

    def __init__(
        self,
        run: LedgerThread,
        cloud: Cloud,
        mentions: Mentions,
        publisher: Publisher,
        messengers: Sequence[Messenger],
        *,
        now: datetime,
        reads_neutron: bool = False,
    ) -> None:
        """*reads_neutron*: a source reads it, too, and says so if it is missing."""
        self._run = run
        self._cloud = cloud
        self._mentions = mentions
        self._addresses = AddressObserver(run, cloud, missing_is_said=reads_neutron)
        self._publisher = publisher
        self._messengers = messengers  # none in a dry run: then nothing is staged
        self._now = now
        self.troubles: list[str] = []
        self.staged: dict[str, list[StageResult]] = {one.name: [] for one in messengers}

    async def __call__(self, project: Project, observed: Collection[str]) -> None:
        """Finish a project of which these kinds of resource were observed completely. Raises LedgerError."""
        if SERVER in observed:
            self.troubles += await self._addresses.observe(project)
        try:
            await remember_users(self._run, self._cloud, self._now)
        except CloudError as error:
            self.troubles.append(f"project {project.name}: names of users can't be read: {error}")
        if VOLUME in observed:
            self.troubles += await remember_volume_types(self._run, self._cloud, project, self._now)
        wanted = self._mentions.images.get(project.id, set())
        self.troubles += await remember_images(self._run, self._cloud, project, wanted, self._now)
        for messenger in self._messengers:
            staged = await self._run(self._publisher.stage, project, messenger, observed, datetime.now(UTC))
            self.staged[messenger.name].append(staged)
