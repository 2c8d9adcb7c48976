"""The simulated cloud: its histories, clock, faults, tokens and what was asked of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

import msgspec

from usance.demo.clock import Clock
from usance.demo.faults import Faults
from usance.demo.history import History
from usance.demo.index import Index
from usance.demo.rows import Rows
from usance.demo.site import Project, Site
from usance.demo.tokens import Token, Tokens

Microversion = tuple[int, int]

REGION = "RegionOne"


class CloudOptions(msgspec.Struct, frozen=True):
    """How the cloud is set up."""

    page_cap: int = 1000  # Nova's osapi_max_limit, and Glance's and Cinder's
    min_microversion: Microversion = (2, 1)
    max_microversion: Microversion = (2, 96)
    token_ttl_s: float = 3600.0
    row_cache_bytes: int = 192 << 20  # for rendered rows
    flavor_specs_for_all: bool = True  # False: only admins see the properties of flavors
    users_for_readers: bool = False  # True: the policy lets readers of a project list users
    storage_forbidden: frozenset[str] = frozenset()  # of volumes, snapshots, backups: for admins only
    uncatalogued: frozenset[str] = frozenset()  # types of services that the catalog leaves out


class Region:
    """The compute side of one region."""

    def __init__(self, name: str, history: History, options: CloudOptions) -> None:
        self.name = name
        self.history = history
        self.index = Index(history)
        self.rows = Rows(history, options.row_cache_bytes)
        self.down_cells: set[int] = set()  # cells whose database doesn't answer


class DemoCloud:
    """Everything that the server needs; several of them can live in one process.

    *history* is that of the only region, or those of several by name. Identity (projects, users,
    flavors, images) is that of the first.
    """

    def __init__(
        self,
        history: History | Mapping[str, History],
        *,
        clock: Clock | None = None,
        options: CloudOptions | None = None,
        faults: Faults | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.options = options or CloudOptions()
        self.faults = faults or Faults()
        self.tokens = Tokens(self.options.token_ttl_s)
        self.requests: Counter[str] = Counter()
        self.elsewhere: dict[str, str] = {}  # services of the catalog that others serve: their URLs, by type
        # Rules of policy that somebody took away from everybody but administrators, by name.
        self.refused: frozenset[str] = frozenset()
        self.changed: dict[str, Project] = {}  # projects that somebody changed through the API, by id
        self.regions: dict[str, Region] = {}
        self.load(history)

    def load(self, history: History | Mapping[str, History]) -> None:
        """Put other histories in place of the present ones; tokens and the request log start anew."""
        given = history if isinstance(history, Mapping) else {REGION: history}
        self.regions = {name: Region(name, one, self.options) for name, one in given.items()}
        self.tokens.forget()
        self.changed.clear()
        self.requests.clear()

    @property
    def site(self) -> Site:
        """The projects, users, flavors and images."""
        site = next(iter(self.regions.values())).history.site
        if not self.changed:
            return site
        projects = tuple(self.changed.get(one.id, one) for one in site.projects)
        return msgspec.structs.replace(site, projects=projects)

    def may(self, token: Token, rule: str) -> bool:
        """Tell whether the policy as it was set lets a token do what it could do by default."""
        return token.is_admin or rule not in self.refused

    def count(self, method: str, path: str) -> None:
        """Note that something was asked; ids count as one."""
        self.requests[f"{method} {_ID.sub('{id}', path)}"] += 1


_ID = re.compile(r"(?<=/)(?:req-)?[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}(?=/|$)")
