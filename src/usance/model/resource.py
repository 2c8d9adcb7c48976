"""What is accounted: a resource, and the attributes that its usage is counted by."""

from __future__ import annotations

from typing import Final

import msgspec

SERVER: Final = "server"
VOLUME: Final = "volume"
FLOATING_IP: Final = "floating_ip"

Value = str | int
"""What an attribute can be. Decimals are canonical strings; what is not known is absent."""

# Accounted attributes of a server: a change of one of them begins a new span.
USER_ID: Final = "user_id"
STATE: Final = "state"  # Nova's vm_state: active, building, paused, suspended, stopped, ...
FLAVOR: Final = "flavor"  # its name
VCPUS: Final = "vcpus"
RAM_MIB: Final = "ram_mib"
DISK_GIB: Final = "disk_gib"  # root disk
EPHEMERAL_GIB: Final = "ephemeral_gib"
ACCELERATORS: Final = "accelerators"  # canonical JSON of the flavor's properties that name them
IMAGE_ID: Final = "image_id"
BENCHMARK_TYPE: Final = "benchmark_type"
BENCHMARK_VALUE: Final = "benchmark_value"  # a decimal number, as its shortest string

FLAVOR_ATTRIBUTES: Final = (
    FLAVOR,
    VCPUS,
    RAM_MIB,
    DISK_GIB,
    EPHEMERAL_GIB,
    ACCELERATORS,
    BENCHMARK_TYPE,
    BENCHMARK_VALUE,
)
"""What comes with a flavor, and therefore changes together, at a resize."""

SERVER_ATTRIBUTES: Final = (USER_ID, STATE, *FLAVOR_ATTRIBUTES, IMAGE_ID)


class Resource(msgspec.Struct, frozen=True, order=True):
    """One thing whose use is accounted, in one project.

    A resource that moves to another project is another resource there: its usage before and
    after belongs to different projects.
    """

    project_id: str  # '' while the owner is not known
    cloud_id: str  # the stable name of the region in the configuration
    kind: str
    id: str
