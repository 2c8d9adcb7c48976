"""What makes the records of each type, in the order in which cASO sends them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from usance.messengers.accelerator_due import AcceleratorMaker
from usance.messengers.cloud_due import CloudMaker
from usance.messengers.energy_due import EnergyMaker
from usance.messengers.ip_due import IpMaker
from usance.messengers.making import Maker
from usance.messengers.storage_due import StorageMaker

MAKERS: Final[tuple[Maker, ...]] = (
    CloudMaker(),
    IpMaker(),
    AcceleratorMaker(),
    StorageMaker(),
    EnergyMaker(),
)


def made_of(observed: Collection[str]) -> frozenset[str]:
    """Return the record types that can be made once these kinds of resource were observed completely."""
    return frozenset(maker.record_type for maker in MAKERS if maker.observed.issubset(observed))
