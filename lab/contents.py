"""What a fresh lab contains: service accounts, projects, users, flavors, an image, networks."""

from __future__ import annotations

import json
from typing import Any

from client import Cloud, wait_for
from configuration import COMPUTES, DEFAULT_VOLUME_TYPE
from place import PASSWORD, REGION, Place

ENDPOINTS = {  # name: (type, path, service of place)
    "nova": ("compute", "/v2.1"),
    "placement": ("placement", ""),
    "glance": ("image", ""),
    "neutron": ("network", ""),
    "cinder": ("block-storage", "/v3"),
}
ROLES = ("admin", "service", "member", "reader", "accounting")
# The account of the accounting program: today's way (reader), and that of cASO's 3.x documentation.
READER, DOCUMENTED = "accounting", "accounting-3x"
PROJECTS: dict[str, dict[str, str]] = {
    "lab-atlas": {"VO": "atlas.example.org"},
    "lab-biomed": {"accounting:VO": "biomed.example.org"},
    "lab-ops": {},  # its VO stands in voms.json
}
VOMS = {"ops.example.org": {"projects": ["lab-ops"]}}
HEPSCORE = {"accounting:benchmark_type": "hepscore23", "accounting:benchmark_value": "18.5"}
VOLUME_TYPES = (DEFAULT_VOLUME_TYPE, "lab.fast")
VGPUS = {"total": 1000}
FLAVORS: dict[str, tuple[int, int, int, int, dict[str, str]]] = {
    # name: vcpus, ram in MiB, disk and ephemeral disk in GiB, properties
    "lab.small": (1, 2048, 20, 0, HEPSCORE),
    "lab.large": (4, 8192, 80, 10, HEPSCORE | {"accounting:benchmark_value": "74.25"}),
    "lab.gpu": (
        8,
        32768,
        120,
        0,
        {
            "accounting:benchmark_type": "HEPSPEC06",
            "accounting:benchmark_value": "96.2",
            "Accelerator:Type": "GPU",
            "Accelerator:Vendor": "NVIDIA",
            "Accelerator:Model": "Tesla V100",
            "Accelerator:Number": "2",
        },
    ),
    # Two virtual GPUs, as Placement knows them.
    "lab.vgpu": (2, 4096, 20, 0, {"resources:VGPU": "2"}),
    "lab.plain": (2, 512, 1, 0, {}),
    # Properties that are not numbers, as a person may write them.
    "lab.odd": (
        2,
        1024,
        5,
        0,
        HEPSCORE | {"accounting:benchmark_value": "12,5", "Accelerator:Number": "some"},
    ),
    # No host has what this one asks for.
    "lab.impossible": (1, 512, 1, 0, {"resources:CUSTOM_USANCE_LAB_NOTHING": "1"}),
}

SHARED = {"shared": True}
NETWORKS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    # name: properties, subnets. Two of them are public: one is external, the other one is not.
    "public": (
        {"provider:network_type": "flat", "provider:physical_network": "public", "router:external": True},
        ("172.24.0.0/16", "2001:db8:24::/64"),
    ),
    "provider": (
        {"provider:network_type": "flat", "provider:physical_network": "provider"} | SHARED,
        ("172.25.0.0/16", "2001:db8:25::/64"),
    ),
    "private": (SHARED, ("10.128.0.0/16",)),
}


def admin(place: Place) -> Cloud:
    """Return the cloud as its administrator sees it."""
    return Cloud(place.url("keystone", "/v3"), "admin", "admin")


def find_or_make(cloud: Cloud, kind: str, name: str, **more: Any) -> str:
    """Return the id of something in Keystone, by its name; make it if there is none."""
    found = cloud.get("identity", f"/{kind}s?name={name}")[f"{kind}s"]
    if not found:
        found = [cloud.post("identity", f"/{kind}s", {kind: {"name": name, **more}})[kind]]
    return str(found[0]["id"])


def grant(cloud: Cloud, project_id: str, user_id: str, role_id: str) -> None:
    """Give a user a role in a project."""
    cloud.call("PUT", "identity", f"/projects/{project_id}/users/{user_id}/roles/{role_id}")


def fill_identity(place: Place) -> None:
    """Make the accounts and endpoints that the services need to find each other."""
    cloud = admin(place)
    roles = {name: find_or_make(cloud, "role", name) for name in ROLES}
    project = find_or_make(cloud, "project", "service", domain_id="default")
    for name, (kind, path) in ENDPOINTS.items():
        user = find_or_make(cloud, "user", name, password=PASSWORD, domain_id="default")
        for role in ("admin", "service"):
            grant(cloud, project, user, roles[role])
        service = find_or_make(cloud, "service", name, type=kind)
        have = cloud.get("identity", f"/endpoints?service_id={service}")["endpoints"]
        for interface in {"public", "internal"} - {endpoint["interface"] for endpoint in have}:
            endpoint = {"service_id": service, "interface": interface, "region_id": REGION}
            cloud.post("identity", "/endpoints", {"endpoint": endpoint | {"url": place.url(name, path)}})


def make_project(cloud: Cloud, name: str, properties: dict[str, str], users: tuple[str, ...] = ()) -> str:
    """Make a project with its properties, members and both accounting accounts; return its id."""
    roles = {role: find_or_make(cloud, "role", role) for role in ROLES}
    project = find_or_make(cloud, "project", name, domain_id="default")
    if properties:
        cloud.call("PATCH", "identity", f"/projects/{project}", {"project": properties})
    for user, role in ((READER, "reader"), (DOCUMENTED, "accounting"), *((user, "member") for user in users)):
        user_id = find_or_make(cloud, "user", user, password=PASSWORD, domain_id="default")
        grant(cloud, project, user_id, roles[role])
    return project


def make_flavor(cloud: Cloud, kind: str, name: str | None = None) -> str:
    """Make a flavor of the table above, under its own or another name, unless it is there; return its id."""
    name = name or kind
    for flavor in cloud.get("compute", "/flavors")["flavors"]:
        if flavor["name"] == name:
            return str(flavor["id"])
    vcpus, ram, disk, ephemeral, properties = FLAVORS[kind]
    size = {"vcpus": vcpus, "ram": ram, "disk": disk, "OS-FLV-EXT-DATA:ephemeral": ephemeral}
    made = cloud.post("compute", "/flavors", {"flavor": {"name": name} | size})["flavor"]["id"]
    if properties:
        cloud.post("compute", f"/flavors/{made}/os-extra_specs", {"extra_specs": properties})
    return str(made)


def make_image(cloud: Cloud, name: str, properties: dict[str, str]) -> str:
    """Upload a tiny image, unless it is there; return its id."""
    found = cloud.get("image", f"/v2/images?name={name}")["images"]
    if found:
        return str(found[0]["id"])
    image = {"name": name, "disk_format": "raw", "container_format": "bare", "visibility": "public"}
    made = str(cloud.post("image", "/v2/images", image | properties)["id"])
    cloud.call("PUT", "image", f"/v2/images/{made}/file", bytes(65536))
    return made


def make_volume_types(cloud: Cloud) -> None:
    """Make the types of volumes."""
    have = {kind["name"] for kind in cloud.get("block-storage", "/types?is_public=None")["volume_types"]}
    for name in VOLUME_TYPES:
        if name not in have:
            cloud.post("block-storage", "/types", {"volume_type": {"name": name}})


def find_or_make_network(cloud: Cloud, name: str) -> str:
    """Return the id of a network of the table above; make what is missing of it and its subnets."""
    found = cloud.get("network", f"/v2.0/networks?name={name}")["networks"]
    properties, cidrs = NETWORKS[name]
    if not found:
        found = [cloud.post("network", "/v2.0/networks", {"network": {"name": name} | properties})["network"]]
    network = str(found[0]["id"])
    subnets = cloud.get("network", f"/v2.0/subnets?network_id={network}")["subnets"]
    for cidr in cidrs:
        if cidr not in {one["cidr"] for one in subnets}:
            version = 6 if ":" in cidr else 4
            subnet = {"network_id": network, "ip_version": version, "cidr": cidr, "enable_dhcp": False}
            cloud.post("network", "/v2.0/subnets", {"subnet": subnet})
    return network


def make_networks(cloud: Cloud) -> None:
    """Make the networks, and a router between that of servers and that of floating IPs."""
    networks = {name: find_or_make_network(cloud, name) for name in NETWORKS}
    if cloud.get("network", "/v2.0/routers?name=router")["routers"]:
        return
    gateway = {"external_gateway_info": {"network_id": networks["public"]}}
    router = cloud.post("network", "/v2.0/routers", {"router": {"name": "router"} | gateway})["router"]["id"]
    (subnet,) = cloud.get("network", f"/v2.0/subnets?network_id={networks['private']}")["subnets"]
    cloud.call("PUT", "network", f"/v2.0/routers/{router}/add_router_interface", {"subnet_id": subnet["id"]})


def wait_for_computes(cloud: Cloud) -> None:
    """Wait until every compute reports itself and the scheduler knows its host."""

    def services_are_up() -> bool:
        found = cloud.get("compute", "/os-services")["services"]
        up = [service["binary"] for service in found if service["state"] == "up"]
        return up.count("nova-compute") >= len(COMPUTES) and {"nova-conductor", "nova-scheduler"} <= set(up)

    def volumes_are_up() -> bool:
        found = cloud.get("block-storage", "/os-services")["services"]
        return {"cinder-scheduler", "cinder-volume"} <= {
            one["binary"] for one in found if one["state"] == "up"
        }

    def hosts_are_mapped() -> bool:
        return len(cloud.get("compute", "/os-hypervisors")["hypervisors"]) >= len(COMPUTES)

    def hosts_have_room() -> bool:
        known = resource_providers(cloud)
        return all(host in known and has_inventory(cloud, known[host]) for host in COMPUTES)

    wait_for("Nova's services", services_are_up)
    wait_for("Cinder's services", volumes_are_up)
    wait_for("the computes to be mapped to their cell", hosts_are_mapped)
    wait_for("Placement to know what the computes have", hosts_have_room)


def resource_providers(cloud: Cloud) -> dict[str, str]:
    """Return the ids of what Placement hands out from, by name."""
    found = cloud.get("placement", "/resource_providers")["resource_providers"]
    return {provider["name"]: provider["uuid"] for provider in found}


def has_inventory(cloud: Cloud, provider: str) -> bool:
    """Whether Placement knows what it may hand out there."""
    return bool(cloud.get("placement", f"/resource_providers/{provider}/inventories")["inventories"])


def make_vgpus(cloud: Cloud) -> None:
    """Give the first compute virtual GPUs: Placement hands them out, whatever the host knows of them."""
    host = COMPUTES[0]
    name = f"{host}_vgpu"
    providers = resource_providers(cloud)
    if name in providers:
        return
    made = cloud.post(
        "placement", "/resource_providers", {"name": name, "parent_provider_uuid": providers[host]}
    )
    inventory = {"resource_provider_generation": made["generation"], "inventories": {"VGPU": VGPUS}}
    cloud.call("PUT", "placement", f"/resource_providers/{made['uuid']}/inventories", inventory)


def fill(place: Place) -> None:
    """Make everything that is missing. Can be repeated."""
    cloud = admin(place)
    for number, (name, properties) in enumerate(PROJECTS.items()):
        make_project(cloud, name, properties, users=("alice", "bob") if number == 0 else ("bob",))
    (place.root / "voms.json").write_text(json.dumps(VOMS, indent=2) + "\n", encoding="utf-8")
    for name in FLAVORS:
        make_flavor(cloud, name)
    make_image(cloud, "lab-plain", {})
    make_image(cloud, "lab-market", {"vmcatcher_event_ad_mpuri": "https://appdb.example.org/store/image/1"})
    make_volume_types(cloud)
    make_networks(cloud)
    wait_for_computes(cloud)
    make_vgpus(cloud)
