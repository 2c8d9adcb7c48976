"""Who asks, and what she may see and do."""

from __future__ import annotations

import msgspec


class Caller(msgspec.Struct, frozen=True):
    """Whoever made a request, once it is known."""

    how: str  # "private key" or "keystone"
    key: str  # which caller this is, for limits and the log; no secret
    user_id: str | None = None  # of Keystone
    project_id: str | None = None  # of the token's scope; None: it has another one
    roles: frozenset[str] = frozenset()
    may_read_all: bool = False  # the projects of all clouds, and what belongs to no project
    may_write: bool = False
    is_admin: bool = False

    def may_read(self, project_id: str) -> bool:
        """Say whether the caller may see what a project uses."""
        return self.may_read_all or (bool(project_id) and project_id == self.project_id)

    @property
    def projects(self) -> frozenset[str] | None:
        """The ids of the projects that the caller may see; None: all of them."""
        if self.may_read_all:
            return None
        return frozenset({self.project_id}) if self.project_id else frozenset()
