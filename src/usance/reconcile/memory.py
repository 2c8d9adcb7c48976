"""What a source is told of what is known already: also what others told."""

from __future__ import annotations

from typing import Final

from usance.extraction.executor import LedgerMemory, LedgerThread
from usance.sources.source import Source

_SERVICES: Final = frozenset({"nova", "cinder", "neutron"})


class LivingMemory(LedgerMemory):
    """What a source said before; and, of what lives, what anybody said.

    Push may have told of a resource that the source never saw. If a listing leaves that out, the
    source asks for it by its id: a listing may be short because a cell is down, and must not end what lives.
    """

    async def alive(self, project_id: str) -> set[str]:
        """Return the ids of what the source has seen last, or anybody takes to be alive."""
        seen = await super().alive(project_id)
        living = self._run.ledger.evidence.living
        return seen | await self._run(living, project_id, self._cloud_id, self._kind)


def memory_of(run: LedgerThread, cloud_id: str, source: Source) -> LedgerMemory:
    """Return the memory of a source: who is no service itself (Gnocchi) knows only what it told."""
    is_service = source.name.partition("-")[0] in _SERVICES
    make = LivingMemory if is_service else LedgerMemory
    return make(run, cloud_id, source.name, source.kind)
