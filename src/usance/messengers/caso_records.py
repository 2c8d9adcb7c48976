"""Records as messengers written for cASO expect them: objects with the fields of `caso.record`, 5.x.

They are made of the JSON lines that our formats write, and can be read as those of cASO: by
attribute, and as a whole by field names or by the names in the message (`model_dump`,
`model_dump_json`, and `dict` and `json` as they were called before). `ssm_message()` gives the
record as Usance itself would send it. Instants are naive and in UTC, as cASO has them.

What cASO knows and our records do not state: the name and the status of a volume, and where it is attached.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Final, Self

from usance.messengers.caso_object import CasoRecord, Line, said
from usance.records import apel, star

_IDS: Final = uuid.uuid5(uuid.NAMESPACE_DNS, "caso-records.usance")
_GIB: Final = 2**30


class CloudRecord(CasoRecord):
    """A server's use, since its creation."""

    version = "0.4"
    _like = "CloudRecord"
    aliases: ClassVar[Mapping[str, str]] = {
        "site_name": "SiteName",
        "cloud_type": "CloudType",
        "compute_service": "CloudComputeService",
        "uuid": "VMUUID",
        "name": "MachineName",
        "user_id": "LocalUserId",
        "user_dn": "GlobalUserName",
        "group_id": "LocalGroupId",
        "fqan": "FQAN",
        "status": "Status",
        "image_id": "ImageId",
        "public_ip_count": "PublicIPCount",
        "cpu_count": "CpuCount",
        "memory": "Memory",
        "disk": "Disk",
        "suspend_duration": "SuspendDuration",
        "benchmark_value": "Benchmark",
        "benchmark_type": "BenchmarkType",
        "start_time_epoch": "StartTime",
        "end_time_epoch": "EndTime",
        "wall_duration": "WallDuration",
        "cpu_duration": "CpuDuration",
    }

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self.site_name: str = line["SiteName"]
        self.cloud_type: str = line["CloudType"]
        self.compute_service: str = line["CloudComputeService"]
        self.uuid = _uuid(line["VMUUID"])
        self.name: str = line.get("MachineName", "")
        self.user_id: str = line.get("LocalUserId", "")
        self.user_dn: str | None = line.get("GlobalUserName")
        self.group_id: str = line["LocalGroupId"]
        self.fqan: str = line["FQAN"]
        self.status: str = line["Status"]
        self.image_id: str | None = line.get("ImageId")
        self.public_ip_count: int = line["PublicIPCount"]
        self.cpu_count: int = line["CpuCount"]
        self.memory: int = line["Memory"]
        self.disk: int = line["Disk"]
        self.suspend_duration: int | None = line["SuspendDuration"]
        self.benchmark_value = _number(line.get("Benchmark"))
        self.benchmark_type: str | None = line.get("BenchmarkType")
        self.start_time = _instant(line["StartTime"])
        self.end_time = _instant(line["EndTime"]) if "EndTime" in line else None
        self.wall_duration: int = line["WallDuration"]
        self.cpu_duration: int = line["CpuDuration"]

    @property
    def start_time_epoch(self) -> int:
        """When it began, in seconds since 1970."""
        return _epoch(self.start_time)

    @property
    def end_time_epoch(self) -> int:
        """When it ended, in seconds since 1970; 0 if it has not: so cASO has it."""
        return 0 if self.end_time is None else _epoch(self.end_time)

    def ssm_message(self) -> str:
        """Return the lines of a record v0.4, without the last line's end."""
        return apel.lines(sorted(said(self._line).items())).removesuffix("\n")


class IPRecord(CasoRecord):
    """How many public addresses a user had at one instant."""

    version = "0.2"
    _like = "IPRecord"
    aliases: ClassVar[Mapping[str, str]] = {
        "site_name": "SiteName",
        "cloud_type": "CloudType",
        "compute_service": "CloudComputeService",
        "uuid": "uuid",
        "user_id": "LocalUser",
        "user_dn": "GlobalUserName",
        "group_id": "LocalGroup",
        "fqan": "FQAN",
        "ip_version": "IPVersion",
        "public_ip_count": "IPCount",
        "measure_time_epoch": "MeasurementTime",
    }

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self.site_name: str = line["SiteName"]
        self.cloud_type: str = line["CloudType"]
        self.compute_service: str | None = line.get("CloudComputeService")
        # cASO draws one by lot; this one names what is measured, and is the same when it is repeated.
        self.uuid = uuid.uuid5(_IDS, line["record_id"])
        self.user_id: str | None = line.get("LocalUser")
        self.user_dn: str | None = line.get("GlobalUserName")
        self.group_id: str = line["LocalGroup"]
        self.fqan: str = line["FQAN"]
        self.ip_version: int = line["IPVersion"]
        self.public_ip_count: int = line["IPCount"]
        self.measure_time = _instant(line["MeasurementTime"])

    @property
    def measure_time_epoch(self) -> int:
        """When it was measured, in seconds since 1970."""
        return _epoch(self.measure_time)


class AcceleratorRecord(CasoRecord):
    """What a server had of one kind of accelerator in a month."""

    version = "0.1"
    _like = "AcceleratorRecord"
    aliases: ClassVar[Mapping[str, str]] = {
        "site_name": "SiteName",
        "cloud_type": "CloudType",
        "compute_service": "CloudComputeService",
        "uuid": "AssociatedRecord",
        "user_dn": "GlobalUserName",
        "fqan": "FQAN",
        "count": "Count",
        "available_duration": "AvailableDuration",
        "measurement_month": "MeasurementMonth",
        "measurement_year": "MeasurementYear",
        "associated_record_type": "AssociatedRecordType",
        "accelerator_type": "Type",
        "cores": "Cores",
        "model": "Model",
        "benchmark_value": "benchmark_value",
        "benchmark_type": "BenchmarkType",
        "active_duration": "ActiveDuration",
    }

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self.site_name: str = line["SiteName"]
        self.cloud_type: str = line["CloudType"]
        self.compute_service: str = line["CloudComputeService"]
        self.uuid = _uuid(line["AssociatedRecord"])
        self.user_dn: str | None = line.get("GlobalUserName")
        self.fqan: str = line["FQAN"]
        self.count = _number(line["Count"])  # an integer unless accelerators are shared
        self.available_duration: int = line["AvailableDuration"]
        self.measurement_month: int = line["MeasurementMonth"]
        self.measurement_year: int = line["MeasurementYear"]
        self.associated_record_type: str = line["AssociatedRecordType"]
        self.accelerator_type: str = line["Type"]
        self.cores: int | None = None
        self.model: str = line.get("Model", "")
        self.benchmark_value: float | None = None
        self.benchmark_type: str | None = None
        self.active_duration = self.available_duration  # as in cASO: nobody measured when they worked

    def ssm_message(self) -> str:
        """Return the record's JSON object; the count is a number there."""
        return json.dumps({**said(self._line), "Count": _number(self._line["Count"])})


class StorageRecord(CasoRecord):
    """What a volume, snapshot or backup occupied in an interval."""

    version = "0.1"
    _like = "StorageRecord"
    aliases: ClassVar[Mapping[str, str]] = {
        "site_name": "SiteName",
        "cloud_type": "CloudType",
        "compute_service": "CloudComputeService",
        "uuid": "VolumeUUID",
        "name": "RecordName",
        "user_id": "LocalUser",
        "user_dn": "GlobalUserName",
        "group_id": "LocalGroup",
        "fqan": "FQAN",
        "active_duration": "ActiveDuration",
        "attached_duration": "AttachedDuration",
        "attached_to": "AttachedTo",
        "storage_type": "Type",
        "status": "Status",
        "capacity": "Capacity",
        "start_time_epoch": "StartTime",
        "measure_time_epoch": "CreateTime",
        "volume_creation_epoch": "VolumeCreationTime",
    }

    def __init__(self, line: Line, cloud_type: str = "") -> None:
        super().__init__(line)
        self.site_name: str = line["Site"]
        self.cloud_type = cloud_type
        self.compute_service: str = line["StorageSystem"]
        self.uuid = _uuid(line["resource_id"])
        self.name: str = line["resource_id"]
        self.user_id: str = line.get("LocalUser", "")
        self.user_dn: str | None = line.get("UserIdentity")
        self.group_id: str = line["LocalGroup"]
        self.fqan: str = _fqan(line)
        self.start_time = datetime.fromisoformat(line["StartTime"]).replace(tzinfo=None)
        self.measure_time = datetime.fromisoformat(line["EndTime"]).replace(tzinfo=None)
        self.volume_creation = self.start_time
        self.active_duration = (self.measure_time - self.start_time) // timedelta(seconds=1)
        self.attached_duration: float | None = None
        self.attached_to: str | None = None
        share: str = line["StorageShare"]
        self.storage_type: str = _STORAGE.get(share, share)
        self.status = "unknown"
        self.capacity: int = line["ResourceCapacityUsed"] // _GIB

    @property
    def start_time_epoch(self) -> int:
        """When the interval began, in seconds since 1970."""
        return _epoch(self.start_time)

    @property
    def measure_time_epoch(self) -> int:
        """When the interval ended, in seconds since 1970."""
        return _epoch(self.measure_time)

    @property
    def volume_creation_epoch(self) -> int:
        """When the interval began: from when on the record states."""
        return _epoch(self.volume_creation)

    def ssm_message(self) -> bytes:
        """Return the record's element, with an id for each interval. It binds its prefix, as cASO's does."""
        fields: dict[str, Any] = {name: self._line.get(key) for name, key in _STAR.items()}
        element = star.render(star.StarFields(**fields))
        return element.replace(">", f' xmlns:sr="{star.NAMESPACE}">', 1).encode("ascii")


class EnergyRecord(CasoRecord):
    """What a server used on one day."""

    version = "0.1"
    _like = "EnergyRecord"
    aliases: ClassVar[Mapping[str, str]] = {
        "site_name": "SiteName",
        "cloud_type": "CloudType",
        "compute_service": "CloudComputeService",
        "exec_unit_id": "ExecUnitID",
        "start_exec_time": "StartExecTime",
        "end_exec_time": "EndExecTime",
        "energy_wh": "EnergyWh",
        "work": "Work",
        "efficiency": "Efficiency",
        "wall_clock_time_s": "WallClockTime_s",
        "cpu_duration_s": "CpuDuration_s",
        "suspend_duration_s": "SuspendDuration_s",
        "cpu_normalization_factor": "CPUNormalizationFactor",
        "exec_unit_finished": "ExecUnitFinished",
        "status": "Status",
        "owner": "Owner",
    }
    _decimal = frozenset({"energy_wh", "work", "efficiency", "cpu_normalization_factor"})

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        for name, alias in self.aliases.items():
            value = line.get(alias)
            setattr(self, name, _number(value) if name in self._decimal else value)
        self.exec_unit_id = _uuid(line["ExecUnitID"])

    def ssm_message(self) -> str:
        """Return the record's JSON object; decimal numbers are numbers there."""
        return self.model_dump_json(by_alias=True, exclude_none=True)


_STORAGE: Final = {
    "volumes": "Block Storage (cinder)",
    "snapshots": "Snapshot (cinder)",
    "backups": "Backup (cinder)",
}
_STAR: Final = {
    name: "".join(word.capitalize() for word in name.split("_"))
    for name in star.StarFields.__struct_fields__
    if name != "subgroup"
} | {"subgroup": "SubGroup"}

_MADE_OF: Final[Mapping[str, Callable[[Line], CasoRecord]]] = {
    "cloud": CloudRecord,
    "ip": IPRecord,
    "accelerator": AcceleratorRecord,
    "energy": EnergyRecord,
}


def caso_record(record_type: str, line: Line, cloud_type: str) -> CasoRecord:
    """Return the record of a JSON line. KeyError for what is no line of ours."""
    if record_type == "storage":
        return StorageRecord(line, cloud_type)
    return _MADE_OF[record_type](line)


class Records(list[CasoRecord]):
    """The records of one message. Up to cASO 3 there was a dictionary in their place: that is told."""

    def __getattr__(self, name: str) -> Self:
        if name in _OF_A_DICTIONARY:
            raise OldContractError(name)
        raise AttributeError(name)


_OF_A_DICTIONARY: Final = frozenset(
    {"items", "iteritems", "viewitems", "values", "itervalues", "keys", "iterkeys", "get"}
)


class OldContractError(AttributeError):
    """A messenger wants what cASO gave up to 3.x: records in a dictionary, by id."""


def _fqan(line: Line) -> str:
    """Put the name together that StAR has in parts."""
    vo: str = line.get("Group", "")
    below = [line["SubGroup"]] if "SubGroup" in line else []
    below += [f"Role={line['Role']}"] if "Role" in line else []
    return "/".join(["", vo, *below]) if below else vo


def _uuid(text: str) -> uuid.UUID | str:
    """Return an id as cASO has it, or as it is if it is none of the usual ones."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return text


def _number(text: str | None) -> int | float | None:
    """Return a decimal number as Python's own, which these messengers know; whole ones are exact."""
    if text is None:
        return None
    number = Decimal(text)
    return int(number) if number == number.to_integral_value() else float(number)


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def _epoch(instant: datetime) -> int:
    """Return the seconds since 1970 of an instant. Naive ones are in UTC, whatever zone the machine has."""
    aware = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant
    return int(aware.timestamp())
