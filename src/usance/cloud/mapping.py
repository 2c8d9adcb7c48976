"""Which VO the usage of a project is reported under."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from usance.model.errors import ConfigurationError

LOG = logging.getLogger(__name__)

LARGEST_FILE = 16 * 1024 * 1024

_PROJECT_KEYS = ("projects", "tenants", "tenant", "project")


def vo_of_properties(properties: Mapping[str, str], names: Iterable[str]) -> str | None:
    """Return the first of the named properties that the project has."""
    return next((properties[name].strip() for name in names if properties.get(name, "").strip()), None)


def read_mapping(path: Path) -> dict[str, str]:
    """Read a voms.json: VO by project, which is written by its id or its name.

    Every form that cASO took is understood: `{vo: {"projects": [...]}}`, `{"tenants": [...]}`,
    `{"tenant": "x"}`, and a string in place of a list. A file that is not there maps nothing, with
    a warning. Raises ConfigurationError, with the line and the column, for what is no JSON.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        LOG.warning("the mapping file %s does not exist; VOs come from the projects' properties", path)
        return {}
    except OSError as error:
        raise ConfigurationError(
            f"the mapping file {path} can't be read: {error.strerror}",
            hint="see its permissions, or mapping_file",
        ) from error
    if len(content) > LARGEST_FILE:
        raise ConfigurationError(f"the mapping file {path} is larger than {LARGEST_FILE} bytes")
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise ConfigurationError(
            f"the mapping file {path} is no JSON: line {error.lineno}, column {error.colno}: {error.msg}",
            hint="JSON allows no comma after the last entry, and no comments",
        ) from error
    return mapping_of(document, str(path))


def mapping_of(document: Any, origin: str) -> dict[str, str]:
    """Turn the content of a voms.json into VO by project; *origin* names it in messages.

    Raises ConfigurationError if it has another shape, or gives one project two VOs.
    """
    if not isinstance(document, dict):
        raise ConfigurationError(f"{origin}: the mapping is an object with a VO for each key")
    found: dict[str, str] = {}
    for vo, entry in document.items():
        for project in _projects_of(entry, vo, origin):
            if found.setdefault(project, vo) != vo:
                raise ConfigurationError(
                    f"{origin}: project {project!r} is mapped to {found[project]!r} and to {vo!r}",
                    hint="a project's usage is reported under one VO",
                )
    return found


def _projects_of(entry: Any, vo: str, origin: str) -> list[str]:
    """Return the projects of one VO's entry; one without any maps nothing (Keystone-VOMS shared the file)."""
    if not isinstance(entry, dict):
        raise ConfigurationError(f'{origin}: VO {vo!r} has no object like {{"projects": ["name"]}}')
    projects: list[str] = []
    for key in _PROJECT_KEYS:
        value = entry.get(key)
        several = [value] if isinstance(value, str) else [] if value is None else value
        if not isinstance(several, list) or not all(isinstance(one, str) for one in several):
            raise ConfigurationError(f"{origin}: {key} of VO {vo!r} is neither a name nor a list of names")
        projects += [one for one in several if one]
    return projects
