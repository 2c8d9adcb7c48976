"""Where a check looks: a project of a cloud, with the token and the roles that the account has there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

from usance.cloud.access import Cloud
from usance.cloud.catalog import NoEndpointError
from usance.cloud.plugins import TokenScope
from usance.cloud.projects import Project
from usance.config.settings import Settings
from usance.doctor.check import Check, Verdict, failed
from usance.doctor.policies import OUR_ROLE, USUAL_ROLES, Rule, remedy
from usance.doctor.releases import Release
from usance.http.errors import StatusError, one_line
from usance.model.errors import AccessError, CloudError

BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Place(msgspec.Struct, frozen=True):
    """A project, and how it is looked at."""

    cloud: Cloud
    settings: Settings
    project: Project
    scope: TokenScope
    outside: bool  # an administrator's look at a project in which the account has no role
    roles: frozenset[str]
    releases: tuple[Release, ...]

    @property
    def label(self) -> str:
        """The scope of its checks."""
        return f"{self.settings.cloud.cloud_id}/{one_line(self.project.name)}"

    @property
    def role(self) -> str:
        """The role that a line of policy should name."""
        return role_to_name(self.roles)


def role_to_name(roles: frozenset[str]) -> str:
    """Return the role by which a policy best lets the account in: one of its own, else reader."""
    own = sorted(roles - USUAL_ROLES)
    if own:
        return own[0]
    return "reader" if "reader" in roles else next(iter(sorted(roles)), OUR_ROLE)


def refused(
    name: str, place: Place, error: CloudError, rules: tuple[Rule, ...], *, matters: bool = True
) -> Check:
    """Return what it means that a service did not answer a question.

    *rules* are what it takes to be answered; where it does not *matter* the records are whole without.
    """
    lacking = Verdict.MISSING if matters else Verdict.WARNING
    if isinstance(error, StatusError) and error.status == 403:
        return Check(name, place.label, lacking, error.message, remedy(rules, place.releases, place.role))
    if isinstance(error, AccessError | NoEndpointError):
        return failed(name, place.label, error, lacking)
    if isinstance(error, StatusError) and error.status == 404:
        return Check(
            name,
            place.label,
            lacking,
            error.message,
            "the endpoint in the catalog leads somewhere else, or the service does not have this",
        )
    return failed(name, place.label, error)
