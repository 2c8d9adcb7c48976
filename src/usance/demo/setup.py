"""What a user of a simulated cloud needs: a caso.conf, or the environment of the OpenStack client."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from usance.demo.site import PASSWORD


def auth_url(url: str) -> str:
    """Return Keystone's URL in the cloud that is served at *url*."""
    return f"{url}/identity/v3"


def environment(url: str, *, user: str = "accounting", project: str = "project0") -> dict[str, str]:
    """Return the OS_* variables of one of the accounts, scoped to a project."""
    return {
        "OS_AUTH_TYPE": "password",
        "OS_AUTH_URL": auth_url(url),
        "OS_USERNAME": user,
        "OS_PASSWORD": PASSWORD,
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_DOMAIN_NAME": "Default",
        "OS_PROJECT_NAME": project,
        "OS_REGION_NAME": "RegionOne",
        "OS_IDENTITY_API_VERSION": "3",
    }


def caso_conf(
    url: str,
    directory: Path,
    *,
    user: str = "accounting",
    messengers: str = "ssm",
    extractors: str | None = None,
    default_user: str | None = None,
    options: Mapping[str, str] | None = None,
) -> str:
    """Return a caso.conf that any generation of cASO since 3 reads, and so do we.

    Spool and queue are below *directory*; *extractors* are left to the program unless they are
    given; *default_user* is whose the addresses are that lead to no server; *options* are more of its
    section DEFAULT. Without the option `projects` in them the projects are those that have the tag
    `caso`.
    """
    written = {} if extractors is None else {"extractor": extractors}
    addresses = "" if default_user is None else f"\n[neutron]\ndefault_user = {default_user}\n"
    own = "".join(f"{name} = {value}\n" for name, value in {**written, **(options or {})}.items())
    return (
        "[DEFAULT]\n"
        "site_name = TEST-Site\n"
        "service_name = cloud.test.org\n"
        f"messengers = {messengers}\n"
        f"spooldir = {directory / 'spool'}\n"
        f"{own}"
        "\n[keystone_auth]\n"
        "auth_type = v3password\n"
        f"auth_url = {auth_url(url)}\n"
        f"username = {user}\n"
        f"password = {PASSWORD}\n"
        "user_domain_name = Default\n"
        "project_domain_name = Default\n"
        "\n[ssm]\n"
        f"output_path = {directory / 'outgoing'}\n"
        f"{addresses}"
    )


def write_caso_conf(
    url: str,
    directory: Path,
    *,
    user: str = "accounting",
    messengers: str = "ssm",
    extractors: str | None = None,
    default_user: str | None = None,
    options: Mapping[str, str] | None = None,
) -> Path:
    """Write `caso.conf` and make its spool; return the file's path."""
    (directory / "spool").mkdir(parents=True, exist_ok=True)
    path = directory / "caso.conf"
    text = caso_conf(
        url,
        directory,
        user=user,
        messengers=messengers,
        extractors=extractors,
        default_user=default_user,
        options=options,
    )
    path.write_text(text, encoding="utf-8")
    return path
