"""The lines of policy that an accounting account needs, by service and by OpenStack release.

Each line gives the default of its release, and a role beside it. Where a release still accepts its
older default beside the new one (`enforce_new_defaults = False`), a line in a file replaces both:
so the older one, which lets more people in, is what stands there until the service stops that.

Facts: the policies in code of Nova 16 to 33, Keystone 12 to 29, Cinder 12 to 28 and what came after,
Neutron 16 to 28 and Glance 20 to 30, and a real control plane of 2026.2.
"""

from __future__ import annotations

from typing import Final

import msgspec

from usance.doctor.releases import Release

NOVA: Final = "Nova"
KEYSTONE: Final = "Keystone"
CINDER: Final = "Cinder"
NEUTRON: Final = "Neutron"
GLANCE: Final = "Glance"
GNOCCHI: Final = "Gnocchi"

FILES: Final = {
    NOVA: "/etc/nova/policy.yaml",
    KEYSTONE: "/etc/keystone/policy.yaml",
    CINDER: "/etc/cinder/policy.yaml",
    NEUTRON: "/etc/neutron/policy.yaml",
    GLANCE: "/etc/glance/policy.yaml",
    GNOCCHI: "/etc/gnocchi/policy.yaml",
}

_OWN: Final = "project_id:%(project_id)s"


USUAL_ROLES: Final = frozenset({"reader", "member", "manager", "admin", "service", "_member_", "Member"})
"""What every OpenStack has. A role of another name was made for us, and is the one to name in a policy."""

OUR_ROLE: Final = "accounting"


class Era(msgspec.Struct, frozen=True):
    """A rule as it is from one release on."""

    since: Release
    rule: str
    default: str


class Rule(msgspec.Struct, frozen=True):
    """What an account has to be let do."""

    service: str
    eras: tuple[Era, ...]  # the oldest first
    own: str = _OWN  # what else has to be true of whoever has the role; empty: nothing

    def of(self, release: Release) -> Era:
        """Return the rule of a release."""
        return next((one for one in reversed(self.eras) if one.since <= release), self.eras[0])

    def line(self, release: Release, role: str) -> str:
        """Return the line for the service's policy file that lets a role do it.

        Where the role counts everywhere and not in a project, it is one of the account's own.
        """
        era = self.of(release)
        if not self.own and role in USUAL_ROLES:
            role = OUR_ROLE  # with reader, everybody who reads some project could read all users
        added = f"(role:{role} and {self.own})" if self.own else f"role:{role}"
        return f'"{era.rule}": "{era.default} or {added}"'

    def lines(self, releases: tuple[Release, ...], role: str) -> list[tuple[str, str]]:
        """Return each line that there may have to be, with the release that wants it."""
        found: dict[str, str] = {}
        for release in releases:
            found.setdefault(self.line(release, role), release.title)
        return [(title, line) for line, title in found.items()]


def remedy(rules: tuple[Rule, ...], releases: tuple[Release, ...], role: str) -> str:
    """Return what to write where, in one sentence; releases differ only where that is not certain."""
    parts: list[str] = []
    for rule in rules:
        lines = rule.lines(releases, role)
        if len(lines) == 1:
            parts.append(lines[0][1])
        else:
            parts += [f"{line} (if it is {title})" for title, line in lines]
    service = rules[0].service
    return f"add to {FILES[service]}: {'; '.join(parts)}"


def _nova(name: str, *, old: str | None = None) -> Rule:
    owner = "rule:admin_or_owner"
    first = (Era(Release.KILO, f"os_compute_api:{old}", owner),) if old else ()
    since = Release.USSURI if old else Release.KILO
    return Rule(
        NOVA,
        (
            *first,
            Era(since, f"os_compute_api:{name}", owner),
            Era(Release.ANTELOPE, f"os_compute_api:{name}", "rule:project_reader_or_admin"),
        ),
    )


def _nova_admin(name: str, own: str) -> Rule:
    return Rule(
        NOVA,
        (
            Era(Release.KILO, f"os_compute_api:{name}", "rule:admin_api"),
            Era(Release.ANTELOPE, f"os_compute_api:{name}", "rule:context_is_admin"),
        ),
        own,
    )


SERVERS: Final = _nova("servers:detail")
SERVER: Final = _nova("servers:show")
ALL_SERVERS: Final = _nova_admin("servers:detail:get_all_tenants", "")
ACTIONS: Final = _nova("os-instance-actions:list", old="os-instance-actions")
ACTION: Final = _nova("os-instance-actions:show", old="os-instance-actions")
EVENTS: Final = _nova_admin("os-instance-actions:events", _OWN)
FLAVOR_SPECS: Final = _nova("os-flavor-extra-specs:index")
EMBEDDED_SPECS: Final = Rule(
    NOVA,
    (
        Era(Release.KILO, "os_compute_api:os-flavor-extra-specs:index", "rule:admin_or_owner"),
        Era(Release.YOGA, "os_compute_api:servers:show:flavor-extra-specs", "rule:admin_or_owner"),
        Era(
            Release.ANTELOPE, "os_compute_api:servers:show:flavor-extra-specs", "rule:project_reader_or_admin"
        ),
    ),
)
USAGE: Final = _nova("os-simple-tenant-usage:show")

_SYSTEM_READER: Final = "rule:admin_required or (role:reader and system_scope:all)"

GET_USER: Final = Rule(
    KEYSTONE,
    (
        Era(Release.KILO, "identity:get_user", "rule:admin_or_owner"),
        Era(
            Release.STEIN,
            "identity:get_user",
            f"{_SYSTEM_READER} or (role:reader and token.domain.id:%(target.user.domain_id)s)"
            " or user_id:%(target.user.id)s",
        ),
    ),
    "",
)
LIST_PROJECTS: Final = Rule(
    KEYSTONE,
    (
        Era(Release.KILO, "identity:list_projects", "rule:admin_required"),
        Era(
            Release.STEIN,
            "identity:list_projects",
            f"{_SYSTEM_READER} or (role:reader and domain_id:%(target.domain_id)s)",
        ),
    ),
    "",
)
GET_PROJECT: Final = Rule(
    KEYSTONE,
    (
        Era(Release.KILO, "identity:get_project", "rule:admin_required or project_id:%(target.project.id)s"),
        Era(
            Release.STEIN,
            "identity:get_project",
            f"{_SYSTEM_READER} or (role:reader and domain_id:%(target.project.domain_id)s)"
            " or project_id:%(target.project.id)s",
        ),
    ),
    "",
)


def _cinder(name: str) -> Rule:
    # Until 2026.1 Cinder did not enforce its new defaults: it accepted the old one as well.
    return Rule(
        CINDER,
        (
            Era(Release.KILO, name, "rule:admin_or_owner"),
            Era(Release.LATER, name, "rule:xena_system_admin_or_project_reader"),
        ),
    )


STORAGE: Final = {
    "volumes": _cinder("volume:get_all"),
    "snapshots": _cinder("volume:get_all_snapshots"),
    "backups": _cinder("backup:get_all"),
}

STORAGE_ROWS: Final = {
    "volumes": _cinder("volume:get"),
    "snapshots": _cinder("volume:get_snapshot"),
    "backups": _cinder("backup:get"),
}

_NEUTRON_READER: Final = "rule:admin_only or (role:reader and project_id:%(project_id)s)"


def _neutron(name: str) -> Rule:
    return Rule(
        NEUTRON,
        (Era(Release.KILO, name, "rule:admin_or_owner"), Era(Release.BOBCAT, name, _NEUTRON_READER)),
    )


FLOATING_IPS: Final = _neutron("get_floatingip")
ROUTERS: Final = _neutron("get_router")
TRUNKS: Final = _neutron("get_trunk")
PORTS: Final = Rule(
    NEUTRON,
    (
        Era(Release.KILO, "get_port", "rule:context_is_advsvc or rule:admin_owner_or_network_owner"),
        Era(
            Release.BOBCAT,
            "get_port",
            f"rule:context_is_advsvc or (role:reader and rule:network_owner) or {_NEUTRON_READER}",
        ),
        Era(
            Release.CARACAL,
            "get_port",
            f"rule:service_api or (role:reader and rule:network_owner) or {_NEUTRON_READER}",
        ),
    ),
)

_SHOWN_TO_ALL: Final = "rule:shared or rule:external or rule:context_is_advsvc"
NETWORKS: Final = Rule(
    NEUTRON,
    (
        Era(Release.KILO, "get_network", f"rule:admin_or_owner or {_SHOWN_TO_ALL}"),
        Era(Release.BOBCAT, "get_network", f"{_NEUTRON_READER} or {_SHOWN_TO_ALL}"),
        Era(Release.CARACAL, "get_network", f"rule:service_api or {_NEUTRON_READER} or {_SHOWN_TO_ALL}"),
    ),
)

_SEEN: Final = (
    "(project_id:%(project_id)s or project_id:%(member_id)s or 'community':%(visibility)s"
    " or 'public':%(visibility)s or 'shared':%(visibility)s)"
)
IMAGES: Final = Rule(
    GLANCE,
    (
        Era(Release.KILO, "get_images", "rule:default"),
        Era(
            Release.ANTELOPE,
            "get_images",
            "rule:context_is_admin or (role:reader and project_id:%(project_id)s)",
        ),
    ),
)
IMAGE: Final = Rule(
    GLANCE,
    (
        Era(Release.KILO, "get_image", "rule:default"),
        Era(Release.ANTELOPE, "get_image", f"rule:context_is_admin or (role:reader and {_SEEN})"),
    ),
    _SEEN,
)

SEARCH_RESOURCES: Final = Rule(
    GNOCCHI, (Era(Release.KILO, "search resource", "rule:admin_or_creator or rule:resource_owner"),), _OWN
)
