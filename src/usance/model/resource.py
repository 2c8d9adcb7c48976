"""What is accounted: a resource, and the attributes that its usage is counted by."""

from __future__ import annotations

from typing import Final

import msgspec

SERVER: Final = "server"
VOLUME: Final = "volume"
SNAPSHOT: Final = "snapshot"  # of a volume
BACKUP: Final = "backup"  # of a volume
FLOATING_IP: Final = "floating_ip"
PORT: Final = "port"  # one on a public network
ROUTER_GATEWAY: Final = "router_gateway"  # a router, for its addresses on external networks
IMAGE: Final = "image"
ENERGY: Final = "energy"  # what one server used on one UTC day; its id is <server id>/<YYYY-MM-DD>

KINDS: Final = (SERVER, VOLUME, SNAPSHOT, BACKUP, FLOATING_IP, PORT, ROUTER_GATEWAY, IMAGE, ENERGY)
"""Every kind of resource that is accounted."""

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
# Canonical JSON of what the flavor says (model/accelerator.py). Of accelerators and benchmark, the empty
# text is what a flavor has that is known to have none.
ACCELERATORS: Final = "accelerators"
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

# Accounted attributes of what Cinder keeps, beside the user. A snapshot or backup has no type and no
# attachments of its own.
SIZE_GIB: Final = "size_gib"  # as it was ordered; what lies in it is not known
VOLUME_TYPE: Final = "volume_type"  # its name
ATTACHMENTS: Final = "attachments"  # canonical JSON: the sorted list of the ids of the servers

# Accounted attribute of an image, beside the user.
SIZE_KIB: Final = "size_kib"  # of its data, once it is there; a KiB that was begun counts whole

SERVER_ATTRIBUTES: Final = (USER_ID, STATE, *FLAVOR_ATTRIBUTES, IMAGE_ID)

# Accounted attributes of what holds public addresses: a floating IP, a port, a router's gateway. Its
# creator, where an event names one, is USER_ID.
ADDRESSES: Final = "addresses"  # canonical, each once, in order, with spaces between; empty for none
PORT_ID: Final = "port_id"  # of a floating IP: the port that it leads to; empty for none
SERVER_ID: Final = "server_id"  # the server behind it; empty for none

# Accounted attributes of a day's energy. They change at full hours only.
POWER_UW: Final = "power_uw"  # microwatts: the energy of an hour, as if it were used evenly
SAMPLED_S: Final = "sampled_s"  # seconds of each hour for which there were samples

ADDRESS_KINDS: Final = (FLOATING_IP, PORT, ROUTER_GATEWAY)


class Resource(msgspec.Struct, frozen=True, order=True):
    """One thing whose use is accounted, in one project.

    A resource that moves to another project is another resource there: its usage before and
    after belongs to different projects.
    """

    project_id: str  # '' while the owner is not known
    cloud_id: str  # the stable name of the region in the configuration
    kind: str
    id: str
