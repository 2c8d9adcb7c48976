"""What a floating IP leads to, where Neutron does not say it at once."""

from usance.cloud.addresses import (
    FixedIp,
    FloatingIp,
    Forwarding,
    Port,
    PortDetails,
    _is_of,
    _needs_ports,
    _with_details,
)

PORTS = [
    Port("p1", device_id="web", device_owner="compute:nova", fixed_ips=[FixedIp("10.0.0.1")]),
    Port("p2", device_id="db", device_owner="compute:nova", fixed_ips=[FixedIp("10.0.0.2"), FixedIp(None)]),
    Port("p3", fixed_ips=None),
]


def test_ports_are_needed_only_where_something_leads_to_one_that_is_not_told():
    told = FloatingIp("f", port_id="p1", port_details=PortDetails("web", "compute:nova"))

    assert not _needs_ports(told)
    assert not _needs_ports(FloatingIp("f"))
    assert not _needs_ports(FloatingIp("f", port_forwardings=[]))
    assert _needs_ports(FloatingIp("f", port_id="p1"))
    assert _needs_ports(FloatingIp("f", port_forwardings=[Forwarding()]))


def test_device_of_an_old_neutron_is_that_of_the_port():
    assert _with_details(FloatingIp("f", port_id="p2"), PORTS).port_details == PortDetails(
        "db", "compute:nova"
    )
    assert _with_details(FloatingIp("f", port_id="gone"), PORTS).port_details is None


def test_forwarded_ports_lead_to_the_server_behind_the_lowest_one_that_is_known():
    def forwarding(*several: Forwarding) -> PortDetails | None:
        return _with_details(FloatingIp("f", port_forwardings=list(several)), PORTS).port_details

    by_address = Forwarding(internal_ip_address="10.0.0.2", external_port=443)
    by_port = Forwarding(internal_port_id="p1", internal_ip_address="10.0.0.2", external_port=22)
    unknown = Forwarding(internal_ip_address="10.9.9.9", external_port=1)

    assert forwarding(by_address) == PortDetails("db", "compute:nova")
    assert forwarding(by_address, by_port) == PortDetails("web", "compute:nova")
    assert forwarding(unknown, by_address) == PortDetails("db", "compute:nova")
    assert forwarding(unknown) is None
    assert forwarding(Forwarding()) is None


def test_row_of_another_project_is_not_mixed_in():
    assert _is_of(Port("p", project_id="a"), "a")
    assert _is_of(Port("p", tenant_id="a"), "a")
    assert not _is_of(Port("p", project_id="b", tenant_id="a"), "a")
