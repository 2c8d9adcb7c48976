"""Credentials from `clouds.yaml` and `secure.yaml`, the files of the `openstack` command.

We read what credentials need: `auth_type`, `auth`, `region_name`, `interface`, `verify`,
`cacert`, `cert`, `key`, and profiles that stand in `clouds-public.yaml`. The library that has
all of it (openstacksdk) would weigh more than the rest of our dependencies.
Format: openstacksdk, "Configuring OpenStack SDK Applications".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec.yaml

from usance.config.rawfile import suggestion
from usance.config.settings import AuthSettings
from usance.model.errors import ConfigurationError

_LARGEST: Final = 1 << 20  # bytes
_SUFFIXES: Final = (".yaml", ".yml", ".json")


def cloud_from_yaml(
    name: str, environ: Mapping[str, str], cwd: Path, etc: Path, *, wanted: str
) -> dict[str, Any]:
    """Return the entry of a cloud, merged from its profile, clouds.yaml and secure.yaml.

    Raises ConfigurationError if no file has it; *wanted* tells there who asks for it.
    """
    places = _places(environ, cwd, etc)
    path, clouds = _first(places, "clouds", environ.get("OS_CLIENT_CONFIG_FILE"))
    if path is None:
        raise ConfigurationError(
            f"{wanted}, but there is no clouds.yaml",
            hint="looked in " + ", ".join(str(place) for place in places),
        )
    entry = _section(clouds, "clouds", path).get(name)
    if not isinstance(entry, dict):
        raise ConfigurationError(
            f"{wanted}, but {path} has no such cloud",
            hint=suggestion(name, [str(one) for one in _section(clouds, "clouds", path)]),
        )
    profile = entry.get("profile") or entry.get("cloud")
    merged = _merge(_profile(str(profile), places, path), entry) if profile else entry
    _, secure = _first(places, "secure", environ.get("OS_CLIENT_SECURE_FILE"))
    secret = _section(secure, "clouds", path).get(name)
    return {
        **(_merge(merged, secret) if isinstance(secret, dict) else merged),
        "origin": f"cloud {name} of {path}",
    }


def settings_from_cloud(entry: Mapping[str, Any], origin: str) -> AuthSettings:
    """Return how to authenticate by an entry of clouds.yaml."""
    auth = entry.get("auth")
    if not isinstance(auth, dict):
        raise ConfigurationError(f"{origin} has no auth section")
    verify = entry.get("verify", True)
    return AuthSettings(
        auth_type=str(entry.get("auth_type") or "password"),
        options={
            str(name).replace("-", "_"): str(value)
            for name, value in auth.items()
            if value is not None and not isinstance(value, dict | list)
        },
        cafile=_text(entry.get("cacert")),
        certfile=_text(entry.get("cert")),
        keyfile=_text(entry.get("key")),
        insecure=str(verify).lower() in {"false", "0", "no"} or entry.get("insecure") is True,
        origin=origin,
    )


def _places(environ: Mapping[str, str], cwd: Path, etc: Path) -> list[Path]:
    home = environ.get("HOME")
    config = environ.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else None)
    user = [Path(config) / "openstack"] if config else []
    return [cwd, *user, etc / "openstack"]


def _first(places: list[Path], stem: str, chosen: str | None) -> tuple[Path | None, dict[str, Any]]:
    paths = [Path(chosen)] if chosen else [place / f"{stem}{end}" for place in places for end in _SUFFIXES]
    for path in paths:
        if path.is_file():
            return path, _load(path)
    return None, {}


def _load(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise ConfigurationError(f"{path} is larger than 1 MiB: it is no list of clouds")
        loaded: Any = msgspec.yaml.decode(content)
    except OSError as error:
        raise ConfigurationError(f"{path} can't be read: {error.strerror}") from error
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        # The error may show a line, and the line a secret: only its place is told.
        mark = getattr(error.__cause__, "problem_mark", None)
        raise ConfigurationError(f"{path}{f':{mark.line + 1}' if mark else ''}: this is not YAML") from None
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise ConfigurationError(f"{path} should have a section 'clouds'")
    return loaded


def _section(loaded: dict[str, Any], name: str, path: Path) -> dict[str, Any]:
    section = loaded.get(name) or {}
    if not isinstance(section, dict):
        raise ConfigurationError(f"{path}: '{name}' should hold a cloud by its name")
    return section


def _profile(name: str, places: list[Path], path: Path) -> dict[str, Any]:
    found, loaded = _first(places, "clouds-public", None)
    entry = _section(loaded, "public-clouds", found or path).get(name)
    if not isinstance(entry, dict):
        raise ConfigurationError(
            f"{path}: the profile {name!r} stands in no clouds-public.yaml",
            hint="write auth_url into the auth section of the cloud, and leave the profile out",
        )
    return entry


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in over.items():
        below = merged.get(name)
        merged[name] = _merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _text(value: Any) -> str | None:
    return str(value) if value else None
