"""Energy records as cASO 5 sends them to the GreenDIGIT CIM: a JSON array of objects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import ClassVar, Final

import orjson

from usance.records.energy import RECORD_TYPE, EnergyRecord
from usance.records.record import Finding
from usance.records.text import safe_text
from usance.records.validate_energy import record_findings, text_findings

_SEPARATOR: Final = ", "
DECIMALS: Final = frozenset({"EnergyWh", "Work", "Efficiency", "CPUNormalizationFactor"})


class EnergyCim:
    """The format `energy-cim`."""

    name: ClassVar[str] = "energy-cim"
    record_type: ClassVar[str] = RECORD_TYPE
    envelope_bytes: ClassVar[int] = 2
    separator_bytes: ClassVar[int] = len(_SEPARATOR)

    def render(self, record: EnergyRecord) -> str:
        """Return the record's JSON object; decimal numbers are written as they are."""
        written = (
            f"{json.dumps(name)}: {value if name in DECIMALS else _json(value)}"
            for name, value in energy_fields(record).items()
        )
        return "{" + _SEPARATOR.join(written) + "}"

    def findings(self, record: EnergyRecord, text: str) -> list[Finding]:
        """Return what is wrong with the record or its JSON."""
        return record_findings(record) or text_findings(text)

    def pack(self, texts: Sequence[str]) -> bytes:
        """Return the array."""
        return f"[{_SEPARATOR.join(texts)}]".encode("ascii")


class EnergyJson:
    """The format `energy-json`: one object a line, canonical (sorted keys, no spaces, UTF-8).

    Beside the fields of `energy-cim`, whose decimal numbers are strings here, it has the keys of all
    lines (`record_id`, `record_digest`, `record_type`) and how much was measured.
    """

    name: ClassVar[str] = "energy-json"
    record_type: ClassVar[str] = RECORD_TYPE
    envelope_bytes: ClassVar[int] = 0
    separator_bytes: ClassVar[int] = 0

    def render(self, record: EnergyRecord) -> str:
        """Return the record's line, with its end."""
        line = {
            **{key: value for key, value in energy_fields(record).items() if value is not None},
            "record_id": record.key,
            "record_digest": record.digest,
            "record_type": RECORD_TYPE,
            "sampled_s": record.sampled_s,
            "unsampled_s": record.unsampled_s,
        }
        return orjson.dumps(line, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE).decode()

    def findings(self, record: EnergyRecord, text: str) -> list[Finding]:  # noqa: ARG002 - JSON can carry any text
        """Return what is wrong with the record."""
        return record_findings(record)

    def pack(self, texts: Sequence[str]) -> bytes:
        """Return the lines."""
        return "".join(texts).encode()


def energy_fields(record: EnergyRecord) -> dict[str, str | int | None]:
    """Return a record's fields by cASO's names, in its order. Decimal numbers are text."""
    return {
        "SiteName": record.site_name,
        "CloudType": record.cloud_type,
        "CloudComputeService": record.service_name,
        "ExecUnitID": record.server_id,
        "StartExecTime": f"{record.start:%Y-%m-%dT%H:%M:%SZ}",
        "EndExecTime": f"{record.end:%Y-%m-%dT%H:%M:%SZ}",
        "EnergyWh": record.energy_wh,
        "Work": record.work,
        "Efficiency": record.efficiency,
        "WallClockTime_s": record.wall_s,
        "CpuDuration_s": record.cpu_s,
        "SuspendDuration_s": record.suspended_s,
        "CPUNormalizationFactor": record.cpu_factor,
        "ExecUnitFinished": int(record.finished),
        "Status": record.status,
        "Owner": record.fqan,
    }


def _json(value: str | int | None) -> str:
    return json.dumps(safe_text(value) if isinstance(value, str) else value)
