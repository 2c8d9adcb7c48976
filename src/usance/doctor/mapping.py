"""Which VO each project is reported under, and whether what says so makes sense."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from usance.cloud.mapping import read_mapping, vo_of_properties
from usance.cloud.projects import Project
from usance.config.settings import ProjectSettings
from usance.doctor.check import HERE, Check, Verdict
from usance.http.errors import one_line

_SHOWN: Final = 10
_NAME: Final = "VO mapping"


def vo_checks(projects: Iterable[Project], settings: ProjectSettings, cloud_id: str) -> list[Check]:
    """Return which projects have no VO, and which have two. Raises ConfigurationError for a broken file."""
    mapping = read_mapping(settings.mapping_file) if settings.mapping_file is not None else {}
    first = settings.vo_properties[0] if settings.vo_properties else "VO"
    checks: list[Check] = []
    mapped = 0
    for project in projects:
        scope = f"{cloud_id}/{one_line(project.name)}"
        mapped += project.vo is not None
        if project.vo is None:
            checks.append(
                Check(
                    _NAME,
                    scope,
                    Verdict.MISSING,
                    "the project has no VO: its records are held back until it has one",
                    f"openstack project set --property {first}=<vo> {project.id}",
                )
            )
            continue
        told = vo_of_properties(project.properties, settings.vo_properties)
        written = mapping.get(project.id) or mapping.get(project.name)
        if told is not None and written is not None and told != written:
            checks.append(
                Check(
                    _NAME,
                    scope,
                    Verdict.WARNING,
                    f"its property says VO {one_line(told)}, which counts, and the mapping file"
                    f" {one_line(written)}",
                    f"take it out of {settings.mapping_file}",
                )
            )
    if mapped and not checks:
        checks.append(Check(_NAME, cloud_id, Verdict.OK, f"all {mapped} projects have a VO"))
    return checks


def strangers(path: Path, known: set[str], *, complete: bool) -> list[Check]:
    """Return the entries of a mapping file that name no project of any cloud.

    *complete* says whether *known* are all projects that there are.
    """
    unknown = sorted(read_mapping(path).keys() - known)
    if not unknown:
        return [Check(_NAME, HERE, Verdict.OK, f"every entry of {path} names a project")]
    shown = ", ".join(one_line(one) for one in unknown[:_SHOWN])
    more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
    where = "that exists" if complete else "that the account sees"
    return [
        Check(
            _NAME,
            HERE,
            Verdict.WARNING,
            f"{path} names what is no project {where}: {shown}{more}",
            "see the spelling, or take them out",
        )
    ]
