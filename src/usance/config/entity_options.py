"""The options of [entities], as Almanach 4.x names them: what its routes tell of servers and volumes."""

from __future__ import annotations

from typing import Final

from oslo_config import cfg

ENTITIES: Final = "entities"

_OLD_GROUP: Final = "resources"  # of Almanach 3.3

ENTITY_OPTIONS: Final[list[cfg.Opt]] = [
    cfg.ListOpt(
        "instance_metadata",
        default=[],
        deprecated_opts=[cfg.DeprecatedOpt("device_metadata_whitelist", group=_OLD_GROUP)],
        help="Keys of the metadata of servers that Almanach's routes tell. Not set: none.",
    ),
    cfg.ListOpt(
        "instance_image_meta",
        default=["distro", "version", "os_type"],
        help="Properties of the images of servers that Almanach's routes tell in the shape of 4.x: distro, "
        "version and os_type are known. A change of one of them begins a new entity. In the shape of 3.x "
        "all three are told, and distro and version count.",
    ),
    cfg.IntOpt(
        "volume_existence_threshold",
        default=60,
        min=0,
        max=86400,
        deprecated_opts=[cfg.DeprecatedOpt("volume_existence_threshold", group=_OLD_GROUP)],
        help="Seconds. A volume that is attached or detached sooner after the begin of an entity has no new "
        "one for it in what Almanach's routes tell. The ledger and /v2 have everything.",
    ),
]
