"""Usage: what a timeline amounts to in a period, exactly, in integers."""

from __future__ import annotations

import msgspec


class Usage(msgspec.Struct, frozen=True):
    """What one resource used in a period. Seconds are whole: instants are floored, then subtracted."""

    elapsed_s: int  # wall_s + suspended_s
    wall_s: int
    suspended_s: int  # in one of the states that count as suspended
    vcpu_s: int  # sum of vCPUs x seconds, over what counts as wall
    ram_mib_s: int  # over the elapsed time
    disk_gib_s: int  # root and ephemeral disk, over the elapsed time
    inferred_s: int  # seconds in which the state, the vCPUs or the life itself are inferred
    inferred_vcpu_s: int  # the part of vcpu_s that lies in those seconds
