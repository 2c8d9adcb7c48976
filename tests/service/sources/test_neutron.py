"""Public addresses, as the simulated Neutron tells them."""

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from looking import Notebook, look, opened, selected
from usance.cloud.projects import Project
from usance.config.settings import NeutronSettings, ProjectSettings
from usance.demo.addresses import FLOATING_IP, PORT, PUBLIC, ROUTER, Network, Trunk, scripted_holder
from usance.demo.clock import Clock
from usance.demo.cloud import CloudOptions, DemoCloud
from usance.demo.faults import Fault, FaultKind
from usance.demo.history import WrittenHistory
from usance.demo.script import scripted
from usance.demo.server import serving
from usance.demo.site import standard_site, uuid_id
from usance.model.errors import CloudError
from usance.model.resource import ADDRESSES, PORT_ID, SERVER_ID
from usance.model.span import LIFE
from usance.sources.neutron import FloatingIpSource, PortSource, RouterGatewaySource
from usance.sources.neutron_addresses import NeutronAddresses

SITE = standard_site(5, projects=2)
WEB = scripted(SITE, "web", "2026-09-01 00:00:00 +5 create m1.small")
SERVERS = {"web": WEB.id}
PROVIDER = Network(uuid_id("provider"), "provider")
HIDDEN = Network(uuid_id("hidden"), "hidden", external=True, projects=("nobody's",))
EXTERNAL = uuid_id(PUBLIC)
CREATE = "2026-09-20 08:00:00 create"
LEAD = "2026-09-20 08:00:01 lead web"
FIRST = datetime(2026, 10, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def holder(kind, name, script, *, project=0, network=EXTERNAL, **more):
    return scripted_holder(
        kind,
        name,
        script,
        one_id=uuid_id(kind, name),
        project_id=SITE.projects[project].id,
        network_id=network,
        servers=SERVERS,
        **more,
    )


def cloud_of(*holders, trunks=(), page_cap=1000, **options) -> DemoCloud:
    site = msgspec.structs.replace(
        SITE,
        holders=holders,
        trunks=trunks,
        floating_ips=(),
        networks=(*SITE.networks, PROVIDER, HIDDEN),
    )
    options = CloudOptions(page_cap=page_cap, **options)
    return DemoCloud(WrittenHistory(site, [WEB]), clock=Clock(FIRST), options=options)


def looks(demo, source, *instants, user="reader", notebook=None, settings=None, only=None, **cloud):
    """Look at the given instants, and return what is known then."""
    notebook = notebook or Notebook()

    async def do() -> None:
        for instant in instants:
            demo.clock.set(at(instant))
            async with opened(url, user, **cloud) as opened_cloud:
                projects = await selected(opened_cloud, only or ProjectSettings())
                await look(source(opened_cloud, settings or NeutronSettings()), projects, notebook)

    with serving(demo) as url:
        asyncio.run(do())
    return notebook


def known(notebook, kind, name):
    """Return the spans of one resource: since when, which addresses, which server."""
    spans = notebook.timelines()[uuid_id(kind, name)].spans
    return [
        (f"{one.start:%m-%d %H:%M}", one.values[ADDRESSES], "web" if one.values[SERVER_ID] else "")
        for one in spans
    ]


def test_floating_ip_is_known_from_its_creation_and_its_changes_from_the_look_that_saw_them():
    demo = cloud_of(
        holder(FLOATING_IP, "a", "2026-09-20 08:00:00 create 192.0.2.7\n2026-10-02 03:00:00 lead web")
    )

    notebook = looks(demo, FloatingIpSource, "2026-10-01 00:00", "2026-10-02 12:00", "2026-10-03 12:00")

    assert known(notebook, FLOATING_IP, "a") == [
        ("09-20 08:00", "192.0.2.7", ""),
        ("10-02 12:00", "192.0.2.7", "web"),
    ]
    assert [len(one) for one in notebook.observations.values()] == [2]
    timeline = notebook.timelines()[uuid_id(FLOATING_IP, "a")]
    assert timeline.begin_exact
    assert timeline.spans[0].values[PORT_ID] == ""
    assert timeline.spans[1].values[PORT_ID]


def test_what_is_gone_ended_at_the_first_look_without_it():
    demo = cloud_of(
        holder(FLOATING_IP, "a", "2026-09-20 08:00:00 create 192.0.2.7\n2026-10-02 03:00:00 delete")
    )

    notebook = looks(demo, FloatingIpSource, "2026-10-01 00:00", "2026-10-02 12:00", "2026-10-03 00:00")

    timeline = notebook.timelines()[uuid_id(FLOATING_IP, "a")]
    assert f"{timeline.end:%m-%d %H}" == "10-02 12"
    assert not timeline.end_exact
    assert [one.attribute for one in timeline.doubts if one.end == timeline.end] == [LIFE]


def test_ports_on_external_and_configured_networks_count_with_all_their_addresses():
    demo = cloud_of(
        holder(PORT, "both", f"{CREATE} 2001:DB8::0:7 192.0.2.7 192.0.2.7\n{LEAD}"),
        holder(PORT, "none", "2026-09-20 08:00:00 create"),
        holder(PORT, "own", "2026-09-20 08:00:00 create 198.51.100.9", network=PROVIDER.id),
        holder(PORT, "private", "2026-09-20 08:00:00 create 10.0.0.9", network=uuid_id("network")),
        holder(
            PORT, "dhcp", f"{CREATE} 192.0.2.8\n{LEAD}", owner="network:dhcp"
        ),
    )  # fmt: skip

    external = looks(demo, PortSource, "2026-10-01 00:00")
    configured = looks(
        demo, PortSource, "2026-10-01 00:00", settings=NeutronSettings(public_networks=("provider",))
    )

    assert known(external, PORT, "both") == [("09-20 08:00", "192.0.2.7 2001:db8::7", "web")]
    assert known(external, PORT, "none") == [("09-20 08:00", "", "")]
    assert set(external.observations) == {uuid_id(PORT, name) for name in ("both", "none")}
    assert set(configured.observations) == {uuid_id(PORT, name) for name in ("both", "none", "own")}


def test_external_network_that_members_do_not_see_counts_once_its_id_is_configured(caplog):
    demo = cloud_of(holder(PORT, "a", "2026-09-20 08:00:00 create 192.0.2.7", network=HIDDEN.id))

    unseen = looks(
        demo, PortSource, "2026-10-01 00:00", settings=NeutronSettings(public_networks=("hidden",))
    )
    said = [one.getMessage() for one in caplog.records if "public_networks" in one.getMessage()]
    seen = looks(demo, PortSource, "2026-10-01 00:00", settings=NeutronSettings(public_networks=(HIDDEN.id,)))

    assert unseen.observations == {}
    assert len(said) == 1
    assert "write its id" in said[0]
    assert known(seen, PORT, "a") == [("09-20 08:00", "192.0.2.7", "")]


def test_network_that_is_public_no_longer_takes_its_ports_along():
    demo = cloud_of(holder(PORT, "a", "2026-09-20 08:00:00 create 192.0.2.7", network=PROVIDER.id))
    notebook = looks(
        demo, PortSource, "2026-10-01 00:00", settings=NeutronSettings(public_networks=("provider",))
    )

    looks(demo, PortSource, "2026-10-02 00:00", notebook=notebook)

    assert f"{notebook.timelines()[uuid_id(PORT, 'a')].end:%m-%d %H:%M}" == "10-02 00:00"


def test_subport_belongs_to_the_server_whose_port_carries_it():
    parent = uuid_id(WEB.id, "port")
    trunk = Trunk(uuid_id("trunk"), SITE.projects[0].id, parent)
    sub = holder(PORT, "sub", "2026-09-20 08:00:00 create 192.0.2.7")
    moment = msgspec.structs.replace(sub.moments[0], device_id=trunk.id, device_owner="trunk:subport")
    sub = msgspec.structs.replace(sub, moments=(moment,))

    with_trunk = looks(cloud_of(sub, trunks=(trunk,)), PortSource, "2026-10-01 00:00")
    without = looks(cloud_of(sub), PortSource, "2026-10-01 00:00")

    assert known(with_trunk, PORT, "sub") == [("09-20 08:00", "192.0.2.7", "web")]
    assert known(without, PORT, "sub") == [("09-20 08:00", "192.0.2.7", "")]


def test_router_gateways_count_only_if_they_are_to_and_from_when_they_have_addresses():
    demo = cloud_of(
        holder(
            ROUTER,
            "r",
            "2026-09-20 08:00:00 create\n2026-10-02 08:00:00 have 192.0.2.9\n2026-10-04 00:00:00 have",
        )
    )
    instants = ("2026-10-01 00:00", "2026-10-02 12:00", "2026-10-05 00:00")

    unasked = looks(demo, RouterGatewaySource, *instants)
    asked = looks(demo, RouterGatewaySource, *instants, settings=NeutronSettings(router_gateways=True))

    assert unasked.observations == {}
    assert len(unasked.looks) == 2 * len(instants)
    assert known(asked, ROUTER, "r") == [
        ("09-20 08:00", "", ""),
        ("10-02 12:00", "192.0.2.9", ""),
        ("10-05 00:00", "", ""),
    ]


@pytest.mark.parametrize("user", ["reader", "admin"])
def test_every_project_has_its_own_addresses_whoever_asks(user):
    """An administrator's token shows the whole cloud: so each listing names its project."""
    demo = cloud_of(
        *(
            holder(
                FLOATING_IP,
                f"f{number}",
                f"2026-09-20 08:00:00 create 192.0.2.{number + 1}",
                project=number % 2,
            )
            for number in range(25)
        ),
        page_cap=4,
    )

    notebook = looks(demo, FloatingIpSource, "2026-10-01 00:00", user=user)

    owners = {key: one[0].resource.project_id for key, one in notebook.observations.items()}
    assert owners == {
        uuid_id(FLOATING_IP, f"f{number}"): SITE.projects[number % 2].id for number in range(25)
    }
    assert all(len(one) == 1 for one in notebook.observations.values())


def test_listing_that_leaves_something_out_is_no_proof_that_it_is_gone():
    demo = cloud_of(
        *(holder(FLOATING_IP, f"f{n}", f"2026-09-20 08:00:00 create 192.0.2.{n + 1}") for n in range(6))
    )
    notebook = looks(demo, FloatingIpSource, "2026-10-01 00:00")
    demo.faults.add(Fault(FaultKind.SHORT_PAGE, match="GET .*/floatingips", count=1))
    before = len(notebook.looks)

    looks(demo, FloatingIpSource, "2026-10-02 00:00", notebook=notebook)

    assert all(one.end is None for one in notebook.timelines().values())
    assert len(notebook.looks) == before + 2


def test_project_without_neutron_has_no_addresses_unless_it_had_some(caplog):
    demo = cloud_of(
        holder(FLOATING_IP, "a", "2026-09-20 08:00:00 create 192.0.2.7"),
    )
    missing = msgspec.structs.replace(demo.options, uncatalogued=frozenset({"network"}))
    bare = DemoCloud(next(iter(demo.regions.values())).history, clock=Clock(FIRST), options=missing)

    nothing = looks(bare, FloatingIpSource, "2026-10-01 00:00")
    said = [one.getMessage() for one in caplog.records if "public addresses" in one.getMessage()]
    notebook = looks(demo, FloatingIpSource, "2026-10-01 00:00")
    with pytest.raises(CloudError, match="no public endpoint"):
        looks(bare, FloatingIpSource, "2026-10-02 00:00", notebook=notebook)

    assert nothing.observations == {}
    assert len(nothing.looks) == 2
    assert len(said) == 1


def test_who_may_not_read_sees_nothing_and_neutron_does_not_say_so():
    """Neutron's policy empties lists instead of refusing them: `usance doctor` has to tell."""
    demo = cloud_of(holder(FLOATING_IP, "a", "2026-09-20 08:00:00 create 192.0.2.7"))
    roles = {one.id: ("accounting",) for one in SITE.projects}
    site = demo.site
    users = tuple(
        msgspec.structs.replace(one, roles=roles) if one.name == "reader" else one for one in site.users
    )
    history = WrittenHistory(msgspec.structs.replace(site, users=users), [WEB])

    notebook = looks(DemoCloud(history, clock=Clock(FIRST)), FloatingIpSource, "2026-10-01 00:00")

    assert notebook.observations == {}
    assert len(notebook.looks) == 2


def test_floating_ips_that_were_listed_are_not_asked_for_again():
    demo = cloud_of(
        holder(FLOATING_IP, "a", "2026-09-20 08:00:00 create 192.0.2.7\n2026-09-20 08:00:01 lead web")
    )
    notebook = Notebook()

    async def do(url: str) -> None:
        async with opened(url, "reader") as cloud:
            projects: tuple[Project, ...] = await selected(cloud)
            for source in (FloatingIpSource(cloud, NeutronSettings()), NeutronAddresses(cloud)):
                await look(source, projects, notebook)

    with serving(demo) as url:
        asyncio.run(do(url))

    asked = [count for path, count in demo.requests.items() if path.endswith("/floatingips")]
    assert asked == [2]
    assert [one[-1].described for key, one in notebook.observations.items() if key == WEB.id] == [
        {"public_ip_count": 1}
    ]


def test_creation_in_the_future_is_dated_to_when_it_was_seen():
    """Neutron's clock may be ahead of that of Nova and Keystone."""
    demo = cloud_of(holder(FLOATING_IP, "a", "2026-09-20 08:00:00 create 192.0.2.7"))
    notebook = looks(demo, FloatingIpSource, "2026-09-20 08:00:00")

    assert notebook.timelines()[uuid_id(FLOATING_IP, "a")].begin <= at("2026-09-20 08:00:00") + timedelta(
        minutes=1
    )
