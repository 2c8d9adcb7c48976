"""Types of events that change nothing that is accounted, so that what is unknown is truly unknown.

A pattern may begin or end with `*`, which stands for any text. What a reader is there for
(:mod:`usance.collector.table`) comes before all of these.
"""

from __future__ import annotations

from typing import Final

import msgspec


class Irrelevant(msgspec.Struct, frozen=True):
    """Types of events of which nothing is made, and why."""

    patterns: tuple[str, ...]
    why: str


_ENDED: Final = "changes no attribute of a server that is accounted"

IRRELEVANT: Final = (
    Irrelevant(("*.start",), "what an action does is told at its end"),
    Irrelevant(("*.error",), "what failed changed nothing, or the next message shows what"),
    Irrelevant(
        tuple(
            f"{prefix}.{suffix}"
            for prefix in ("compute.instance", "instance")
            for suffix in (
                *("snapshot.end", "shutdown.end", "trigger_crash_dump.end", "rebuild.scheduled"),
                *(
                    "rebuild_scheduled",
                    "resize.end",
                    "resize.prep.end",
                    "resize_prep.end",
                    "power_action.end",
                ),
                *("volume.attach", "volume.detach", "volume_attach.*", "volume_detach.*", "volume_swap.*"),
                *("live_migration.*", "live.migration.*", "live_migration_*", "evacuate", "lock", "unlock"),
                *("update_tags.*", "share_attach.*", "share_detach.*"),
            )
        ),
        f"{_ENDED}; a resize that only began gave it no new flavor yet, and volumes are told of by Cinder",
    ),
    Irrelevant(
        tuple(
            f"{prefix}.{suffix}"
            for prefix in ("compute.instance", "instance")
            for suffix in ("interface_attach.*", "interface_detach.*", "create_ip.*", "delete_ip.*")
        ),
        f"{_ENDED}: addresses are told of by Neutron",
    ),
    Irrelevant(
        (
            *("scheduler.*", "compute.metrics.update", "metrics.*", "compute.libvirt.error", "libvirt.*"),
            *("compute.exception", "HostAPI.*", "service.*", "aggregate.*", "servergroup.*"),
            *("server_group.*", "keypair.*", "flavor.*", "volume.usage", "network.*"),
        ),
        "is of the cloud itself, of keys, groups and flavors, or of a network",
    ),
    Irrelevant(
        (
            *("volume.transfer.create.end", "volume.transfer.delete.end", "volume.revert.end"),
            *("volume.migrate*", "volume.enable_replication.end", "volume.disable_replication.end"),
            *("volume.failover_replication.end", "snapshot.revert.end", "backup.restore.end"),
            *("backup.createprogress", "backup.createprogress.*"),
        ),
        "changes neither size nor type nor owner: an offer to give a volume away is no transfer yet",
    ),
    Irrelevant(
        (
            *("volume_type_project.*", "volume_type_extra_specs.*", "volume_type_encryption.*"),
            *("qos_specs.*", "group_type.*", "group_type_specs.*", "group.*", "groups.*"),
            *("group_snapshot.*", "groupsnapshots.*", "consistencygroup.*", "cgsnapshot.*", "capacity.*"),
            "image_volume_cache.*",
        ),
        "is of Cinder's groups, properties and pools; the volumes in them tell of themselves",
    ),
    Irrelevant(
        (
            *("port.*", "router.*", "router_interface.*", "binding.*"),
            *("subnet.*", "subnetpool.*", "address_scope.*", "address_group.*", "segment.*", "trunk.*"),
            *("security_group.*", "security_group_rule.*", "default_security_group_rule.*", "rbac_policy.*"),
            *("policy.*", "bandwidth_limit_rule.*", "dscp_marking_rule.*", "minimum_bandwidth_rule.*"),
            *("agent.*", "dhcp_agent.*", "l3_agent.*", "tag.*", "quota.*", "availability_zone.*"),
            *("metering_label.*", "metering_label_rule.*", "l3.meter", "local_ip.*", "port_forwarding.*"),
            *("conntrack_helper.*", "auto_allocated_topology.*", "network_segment_range.*"),
            *("service_profile.*", "ndp_proxy.*", "log.*"),
        ),
        "is of networks; ports on public networks and gateways of routers are left to the looks at Neutron",
    ),
    Irrelevant(
        ("image.prepare", "image.send", "image.member.*", "task.*", "metadef_*"),
        "neither makes an image larger nor gives it away",
    ),
    Irrelevant(("identity.*",), "names nothing"),
)
