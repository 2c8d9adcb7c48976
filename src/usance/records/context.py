"""What the records of one project need to know, beside the timelines."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from usance import __version__
from usance.model.accelerator import Aliases

CLOUD_TYPE: Final = f"usance/{__version__} (OpenStack)"


class RecordContext(msgspec.Struct, frozen=True):
    """What the records of one project need to know, beside the timelines."""

    site_name: str  # as in GOCDB
    service_name: str
    fqan: str | None  # None while no VO is mapped to the project
    cloud_type: str = CLOUD_TYPE
    suspended_states: frozenset[str] = frozenset()
    # What was reported before us counted the whole life up to this instant as wall.
    counted_whole_until: datetime | None = None
    accelerator_aliases: Aliases = {}
    cpu_factor: str = "1"  # a decimal number: what a CPU second here is worth of the reference CPU's
    user_names: Mapping[str, str] = {}  # by user id; who is missing goes out without a name
    default_user_id: str | None = None  # to whom addresses are counted that nothing else gives a user
    image_uris: Mapping[str, str] = {}  # by image id: the marketplace's name of the image, where it has one
