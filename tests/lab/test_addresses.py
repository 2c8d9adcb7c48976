"""Public addresses of a real Neutron: floating IPs, ports and a gateway, of both versions and several users.

The history is a script, and so is what each run has to say of it: how many addresses of each
version each user has at that moment.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from contents import DOCUMENTED, READER
from lab.history import History, Life
from lab.site import Run, Site, policies, stay_within_a_day, system_reader
from place import Place
from usance.records.validate_ip import message_findings

pytestmark = pytest.mark.timeout(3600)

# Whoever is configured for the addresses that lead to no server: somebody of the site.
KEEPER = "bob"
SCRIPT = {
    "front": Life(networks=("private", "provider")),
    "back": Life(by_colleague=True),
    "other": Life(by_colleague=True),
    "dual": Life(by_colleague=True, networks=("provider",), second=("delete",)),
    "late": Life(begins_late=True),
}
# What everybody has, by user and version. In the first run:
#   the member      floating IP of `front`, `front` on the network `provider`; there and on `public`
#   the colleague   floating IPs of `back` and `other`, `dual` on the network `provider`; there
#   the keeper      two floating IPs that lead nowhere, the gateway; the gateway, two ports without a server
FIRST = {
    ("member", 4): 2,
    ("member", 6): 2,
    ("colleague", 4): 3,
    ("colleague", 6): 1,
    ("keeper", 4): 3,
    ("keeper", 6): 3,
}
# Then `dual` is deleted, the floating IP of `other` is released, and one of the two that led nowhere
# leads to `late`, which is new.
SECOND = FIRST | {("member", 4): 3, ("colleague", 4): 1, ("colleague", 6): 0, ("keeper", 4): 2}

MORE = """
[neutron]
public_networks = provider, {network}
router_gateways = true
default_user = {keeper}
"""

Users = Mapping[str, str]


@dataclass
class Addresses:
    """A project's public addresses, and what is done with them."""

    history: History
    floating: dict[str, str] = field(default_factory=dict)  # ids, by where they lead at first
    campus: str = ""  # the name of a network of the project's own

    def first_act(self) -> None:
        """Boot the servers; make an address of each kind."""
        self.history.first_act()
        self.campus = f"{self.history.project}-campus"
        network = self._make("network", name=self.campus, project_id=self.history.project_id)["id"]
        self._make("subnet", network_id=network, ip_version=6, cidr="2001:db8:26::/64", enable_dhcp=False)
        self._make("port", network_id=network, project_id=self.history.project_id)
        public = self.history.networks["public"]
        self._make_floating_ip("front", self._port_of("front"))
        self._make_floating_ip("back", self._port_of("back"))
        self._make_floating_ip("other", self._port_of("other"))
        self._make_floating_ip("nowhere")
        self._make_floating_ip("nowhere-yet")
        self._attach("front", self._external_port())
        self._external_port()
        gateway = {"network_id": public}
        router = self._make(
            "router", name="gateway", external_gateway_info=gateway, project_id=self.history.project_id
        )
        addresses = [one["ip_address"] for one in router["external_gateway_info"]["external_fixed_ips"]]
        assert sorted(":" in one for one in addresses) == [False, True]  # one of each version

    def second_act(self) -> None:
        """Let some go, and one lead to a server."""
        self.history.second_act()
        self.history.cloud.call("DELETE", "network", f"/v2.0/floatingips/{self.floating['other']}")
        address = f"/v2.0/floatingips/{self.floating['nowhere-yet']}"
        self.history.cloud.call("PUT", "network", address, {"floatingip": {"port_id": self._port_of("late")}})

    def epilogue(self) -> None:
        """Remove everything, for who comes after us: addresses of others are counted by nobody."""
        self.history.epilogue()
        project = f"?project_id={self.history.project_id}"
        for kind in ("floatingip", "router"):
            for one in self.history.admin.get("network", f"/v2.0/{kind}s{project}")[f"{kind}s"]:
                self.history.admin.call("DELETE", "network", f"/v2.0/{kind}s/{one['id']}")
        for port in self.history.admin.get("network", f"/v2.0/ports{project}&device_id=")["ports"]:
            self.history.admin.call("DELETE", "network", f"/v2.0/ports/{port['id']}")
        for one in self.history.admin.get("network", f"/v2.0/networks{project}")["networks"]:
            self.history.admin.call("DELETE", "network", f"/v2.0/networks/{one['id']}")

    def _make(self, kind: str, **properties: Any) -> dict[str, Any]:
        """Make something of Neutron's, as its administrator."""
        return dict(self.history.admin.post("network", f"/v2.0/{kind}s", {kind: properties})[kind])

    def _make_floating_ip(self, name: str, port: str | None = None) -> None:
        body = {"floating_network_id": self.history.networks["public"], "port_id": port}
        made = self.history.cloud.post("network", "/v2.0/floatingips", {"floatingip": body})
        self.floating[name] = made["floatingip"]["id"]

    def _port_of(self, role: str) -> str:
        """Return a server's port on the network that the router leads to."""
        query = f"device_id={self.history.ids[role]}&network_id={self.history.networks['private']}"
        return str(self.history.cloud.get("network", f"/v2.0/ports?{query}")["ports"][0]["id"])

    def _external_port(self) -> str:
        """Make a port for the project on the external network, with an IPv6 address alone."""
        public = self.history.networks["public"]
        subnets = self.history.admin.get("network", f"/v2.0/subnets?network_id={public}&ip_version=6")
        fixed = [{"subnet_id": subnets["subnets"][0]["id"]}]
        return str(
            self._make("port", network_id=public, project_id=self.history.project_id, fixed_ips=fixed)["id"]
        )

    def _attach(self, role: str, port: str) -> None:
        """Give a server a port: on an external network that is for administrators."""
        path = f"/servers/{self.history.ids[role]}/os-interface"
        self.history.admin.post("compute", path, {"interfaceAttachment": {"port_id": port}})


@dataclass(frozen=True)
class Story:
    """What three runs of each account said of the addresses."""

    project_id: str
    vo: str
    names: Users  # of the users, by who they are in the script
    ids: Users
    servers: dict[str, str]  # ids, by their role
    runs: dict[str, tuple[Run, Run, Run]]  # by account


@pytest.fixture(scope="module")
def story(lab: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Play the history, with runs of both accounts after each act, and once more."""
    stay_within_a_day()
    directory = tmp_path_factory.mktemp("addresses")
    history = History(lab, SCRIPT)
    addresses = Addresses(history)
    keeper = history.admin.get("identity", f"/users?name={KEEPER}")["users"][0]["id"]
    with ExitStack() as stack:
        stack.callback(addresses.epilogue)
        stack.enter_context(policies("accounting"))
        stack.enter_context(system_reader(history.admin))
        addresses.first_act()
        more = MORE.format(network=addresses.campus, keeper=keeper)
        sites = [
            Site(lab, directory / account, account, history.project_id, extractor="nova, neutron", more=more)
            for account in (READER, DOCUMENTED)
        ]
        first = [site.extract() for site in sites]
        addresses.second_act()
        second = [site.extract() for site in sites]
        third = [site.extract() for site in sites]
        runs = zip(first, second, third, strict=True)
        yield Story(
            project_id=history.project_id,
            vo=history.vo,
            names={"member": history.member, "colleague": history.colleague, "keeper": KEEPER},
            ids={
                "member": history.cloud.user_id,
                "colleague": history.colleagues_cloud.user_id,
                "keeper": keeper,
            },
            servers=history.ids,
            runs={site.account: three for site, three in zip(sites, runs, strict=True)},
        )


@pytest.fixture(params=[READER, DOCUMENTED])
def runs(story: Story, request: pytest.FixtureRequest) -> tuple[Run, Run, Run]:
    """Return the runs of one account: with the role `reader`, and with a role of its own."""
    return story.runs[request.param]


def records(run: Run) -> list[dict[str, Any]]:
    return [one for body in run.others["ip"] for one in json.loads(body)["UsageRecords"]]


def told(story: Story, run: Run) -> dict[tuple[str, int], int]:
    """Return what a run says, by who it is in the script and version. Nobody may be there twice."""
    who = {user: name for name, user in story.ids.items()}
    found = {(who[one["LocalUser"]], one["IPVersion"]): one["IPCount"] for one in records(run)}
    assert len(found) == len(records(run))
    return found


def test_each_user_has_the_addresses_of_the_script(story: Story, runs: tuple[Run, Run, Run]) -> None:
    assert told(story, runs[0]) == FIRST


def test_later_runs_tell_what_changed_and_nothing_else(story: Story, runs: tuple[Run, Run, Run]) -> None:
    """Each change once; who has none any more is said to have none.

    What changed between two looks counts from the end of the second one, and that lies after the
    instant at which its run measures: so it may take one more run until it is told.
    """
    second, third = (told(story, run) for run in runs[1:])

    assert not second.keys() & third.keys()
    assert second | third == {key: value for key, value in SECOND.items() if FIRST[key] != value}


def test_records_say_whose_when_and_where(story: Story, runs: tuple[Run, Run, Run]) -> None:
    names = {story.ids[who]: name for who, name in story.names.items()}

    for run in runs:
        for one in records(run):
            assert one["GlobalUserName"] == names[one["LocalUser"]]
            assert (one["LocalGroup"], one["FQAN"]) == (story.project_id, story.vo)
            assert (one["SiteName"], one["CloudComputeService"]) == ("LAB-Site", "cloud.lab.example.org")
            assert run.began.timestamp() - 1 <= one["MeasurementTime"] <= run.ended.timestamp()


def test_our_own_validator_accepts_every_message(runs: tuple[Run, Run, Run]) -> None:
    bodies = [body for run in runs for body in run.others["ip"]]

    assert bodies
    assert [message_findings(body) for body in bodies] == [[]] * len(bodies)


def test_cloud_records_of_the_same_runs_count_the_floating_ips_of_their_servers(
    story: Story, runs: tuple[Run, Run, Run]
) -> None:
    counts = [
        {
            role
            for role, server in story.servers.items()
            if run.records.get(server, {}).get("PublicIPCount") == "1"
        }
        for run in (runs[0], runs[2])
    ]

    assert counts == [{"front", "back", "other"}, {"front", "back", "late"}]
