"""A scripted history in a real cloud: servers to which everything happens that is accounted for.

`SCRIPT` is the history, a line for each server; what is done to a server between its creation
and its end is a row of `STEPS`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from client import Cloud, Refused, wait_for
from contents import admin, make_flavor, make_image, make_project
from place import Place

HOLD_S = 3.0  # how long a state lasts at least, so that a missed change shows in the seconds
AT_ONCE = 4  # lives that go on side by side: more would slow each step of them down on two cores

# Nova refuses control and format characters (newline, U+202E) and blanks at the ends of a name,
# and takes everything else.
HOSTILE_NAMES = {
    "hostile-separator": "%%\u00a0%% %(x)s ${y} `id` '; DROP TABLE x; -- \\n <b>&amp;</b> Status: completed",
    "hostile-unicode": "übergrößen-сервер-服务器-\u0627\u0644-e\u0301",
    "hostile-long": "ñ" * 255,
}


@dataclass(frozen=True)
class Step:
    """One thing done to a server: the action of Nova's API, its argument, and the status that it leads to."""

    action: str
    status: str
    flavor: str | None = None  # the argument of a resize
    image: str | None = None  # the argument of a rebuild
    reboot: str | None = None


STEPS = {
    "stop": Step("os-stop", "SHUTOFF"),
    "start": Step("os-start", "ACTIVE"),
    "pause": Step("pause", "PAUSED"),
    "unpause": Step("unpause", "ACTIVE"),
    "suspend": Step("suspend", "SUSPENDED"),
    "resume": Step("resume", "ACTIVE"),
    "shelve": Step("shelve", "SHELVED_OFFLOADED"),
    "unshelve": Step("unshelve", "ACTIVE"),
    "resize": Step("resize", "VERIFY_RESIZE", flavor="lab.large"),
    "confirm": Step("confirmResize", "ACTIVE"),
    "revert": Step("revertResize", "ACTIVE"),
    "rebuild": Step("rebuild", "ACTIVE", image="lab-market"),
    "rescue": Step("rescue", "RESCUE"),
    "reboot": Step("reboot", "ACTIVE", reboot="HARD"),
    "restore": Step("restore", "ACTIVE"),
}
# Steps that are methods of History: "delete", "soft-delete", "force-delete", "floating-ip".


@dataclass(frozen=True)
class Life:
    """What happens to one server before the first run, and between the two runs."""

    first: tuple[str, ...] = ()
    second: tuple[str, ...] = ()
    flavor: str = "lab.small"
    fails: bool = False  # to be built
    begins_late: bool = False  # it is created between the two runs
    networks: tuple[str, ...] = ("private",)
    by_colleague: bool = False  # it is the other member's of the project

    @property
    def goes_on(self) -> bool:
        """Say whether anything happens between the runs."""
        return self.begins_late or bool(self.second)


SCRIPT = {
    "running": Life(first=("floating-ip",)),
    "stopped": Life(first=("stop",)),
    "restarted": Life(first=("stop",), second=("start",)),
    "paused": Life(first=("pause",), second=("unpause", "reboot")),
    "suspended": Life(first=("suspend",)),
    "resumed": Life(first=("suspend",), second=("resume",)),
    "shelved": Life(first=("shelve",)),
    "unshelved": Life(first=("shelve",), second=("unshelve",)),
    "resized": Life(second=("resize", "confirm")),
    "resized-unseen": Life(first=("resize", "confirm")),  # nobody looked while it had its first flavor
    "reverted": Life(second=("resize", "revert")),
    "rebuilt": Life(second=("rebuild",)),
    "rescued": Life(second=("rescue",)),
    "deleted-early": Life(first=("delete",)),
    "deleted": Life(second=("delete",)),
    "soft-deleted": Life(second=("soft-delete",)),
    "restored": Life(second=("soft-delete", "restore")),
    "force-deleted": Life(second=("soft-delete", "force-delete")),
    "brief": Life(second=("delete",), begins_late=True),
    "brief-and-suspended": Life(second=("suspend", "resume", "delete"), begins_late=True),
    "on-deleted-flavor": Life(flavor="doomed"),
    "odd-flavor": Life(flavor="lab.odd"),
    "gpu": Life(flavor="lab.gpu"),
    "gpu-resumed": Life(flavor="lab.gpu", first=("suspend",), second=("resume",)),
    "vgpu": Life(flavor="lab.vgpu"),
    "no-host": Life(flavor="lab.impossible", fails=True),
    "failed-build": Life(fails=True),
    "failed-and-deleted": Life(second=("delete",), fails=True),
    **dict.fromkeys(HOSTILE_NAMES, Life()),
}


class History:
    """A project of its own, and its servers. Each act ends when the cloud is at rest.

    Whatever happens, the servers are removed at the end of its `with` block: as many as there are
    allocations, so much longer Nova takes for each further server.
    """

    def __init__(self, place: Place, script: Mapping[str, Life] = SCRIPT) -> None:
        """Make the project, its members, and what its servers are built from."""
        self.script = script
        suffix = secrets.token_hex(3)
        self.project = f"history-{suffix}"
        self.vo = f"{self.project}.example.org"
        self.member = f"{self.project}-user"
        self.admin = admin(place)
        self.colleague = f"{self.project}-colleague"
        members = (self.member, self.colleague)
        self.project_id = make_project(self.admin, self.project, {"VO": self.vo}, users=members)
        self.cloud = Cloud(place.url("keystone", "/v3"), self.member, self.project)
        self.colleagues_cloud = Cloud(place.url("keystone", "/v3"), self.colleague, self.project)
        self.soft = Cloud(place.url("keystone", "/v3"), self.member, self.project)
        self.soft.endpoints["compute"] = place.url("nova-soft", "/v2.1")  # where deletions are soft
        flavors = ("lab.small", "lab.large", "lab.odd", "lab.gpu", "lab.vgpu", "lab.impossible")
        self.flavors = {name: make_flavor(self.admin, name) for name in flavors}
        self.flavors["doomed"] = make_flavor(self.admin, "lab.plain", f"doomed-{suffix}")
        self.images = {name: make_image(self.admin, name, {}) for name in ("lab-plain", "lab-market")}
        networks = self.admin.get("network", "/v2.0/networks")["networks"]
        self.networks = {network["name"]: network["id"] for network in networks}
        self.ids: dict[str, str] = {}  # of the servers, by their role

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.epilogue()

    def first_act(self) -> None:
        """Play what happens before the first run."""
        play(partial(self._begin, role, life) for role, life in self.script.items() if not life.begins_late)
        self.admin.call("DELETE", "compute", f"/flavors/{self.flavors['doomed']}")

    def second_act(self) -> None:
        """Play what happens between the two runs."""
        play(partial(self._go_on, role, life) for role, life in self.script.items() if life.goes_on)

    def epilogue(self) -> None:
        """Remove what is left, for who comes after us."""
        for path in ("/servers", "/servers?changes-since=2000-01-01T00:00:00Z&status=SOFT_DELETED"):
            for server in self.cloud.get("compute", path)["servers"]:
                address = f"/servers/{server['id']}/action"
                self.cloud.call("POST", "compute", address, {"forceDelete": None})

    def _begin(self, role: str, life: Life) -> None:
        self._create(role, life)
        for step in life.first:
            self._do(role, step)

    def _go_on(self, role: str, life: Life) -> None:
        if life.begins_late:
            self._create(role, life)
        for step in life.second:
            self._do(role, step)

    def _create(self, role: str, life: Life) -> None:
        server: dict[str, Any] = {
            "name": HOSTILE_NAMES.get(role, role),
            "flavorRef": self.flavors[life.flavor],
            "imageRef": self.images["lab-plain"],
            "networks": [{"uuid": self.networks[name]} for name in life.networks],
            "metadata": {"usance-lab": "fail-to-build"} if life.fails else {},
        }
        cloud = self.colleagues_cloud if life.by_colleague else self.cloud
        self.ids[role] = cloud.post("compute", "/servers", {"server": server})["server"]["id"]
        self._reach(role, "ERROR" if life.fails else "ACTIVE")

    def _do(self, role: str, name: str) -> None:
        """Do one thing to a server, after its state has lasted a while, and wait for what comes of it."""
        time.sleep(HOLD_S)  # no condition to wait for: a history needs time to pass
        match name:
            case "delete":
                self.cloud.call("DELETE", "compute", f"/servers/{self.ids[role]}")
                self._await_end(role)
            case "force-delete":
                self._act(role, {"forceDelete": None})
                self._await_end(role)
            case "soft-delete":
                self.soft.call("DELETE", "compute", f"/servers/{self.ids[role]}")
                self._reach(role, "SOFT_DELETED")
            case "floating-ip":
                self._associate_floating_ip(role)
            case _:
                self._take(role, STEPS[name])

    def _take(self, role: str, step: Step) -> None:
        argument: dict[str, str] | None = None
        if step.flavor:
            argument = {"flavorRef": self.flavors[step.flavor]}
        elif step.image:
            argument = {"imageRef": self.images[step.image]}
        elif step.reboot:
            argument = {"type": step.reboot}
        self._act(role, {step.action: argument})
        self._reach(role, step.status)

    def _act(self, role: str, body: dict[str, Any]) -> None:
        # Restoring is refused at the other door: there nothing is ever restored.
        self.soft.call("POST", "compute", f"/servers/{self.ids[role]}/action", body)

    def _server(self, role: str) -> dict[str, Any]:
        return dict(self.cloud.get("compute", f"/servers/{self.ids[role]}")["server"])

    def _reach(self, role: str, status: str) -> None:
        def at_rest() -> bool:
            server = self._server(role)
            if server["status"] == "ERROR" != status:
                raise AssertionError(f"{role} failed: {server.get('fault')}")
            return server["status"] == status and server["OS-EXT-STS:task_state"] is None

        wait_for(f"{role} to be {status}", at_rest)

    def _await_end(self, role: str) -> None:
        def gone() -> bool:
            try:
                self._server(role)
            except Refused as refused:
                return refused.status == 404
            return False

        wait_for(f"{role} to be gone", gone)

    def _associate_floating_ip(self, role: str) -> None:
        port = self.cloud.get("network", f"/v2.0/ports?device_id={self.ids[role]}")["ports"][0]["id"]
        address = {"floating_network_id": self.networks["public"], "port_id": port}
        self.cloud.post("network", "/v2.0/floatingips", {"floatingip": address})


def play(lives: Iterable[partial[None]]) -> None:
    """Let several lives go on side by side; the first trouble of any of them is raised at the end."""
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        for life in [pool.submit(life) for life in lives]:
            life.result()
