"""The configuration files of the services: tables of sections and options, written as INI."""

from __future__ import annotations

from pathlib import Path

from place import HERE, PASSWORD, REGION, Place

Options = dict[str, str | int]
Sections = dict[str, Options]

COMPUTES = ("compute1", "compute2")  # two, so that a resize can go from one host to another
DEFAULT_VOLUME_TYPE = "lab.standard"
TOPIC = "almanach"  # what the collector listens to; the other one is that of our own captures
POOL: Options = {"max_pool_size": 10, "max_overflow": 20}


def account(place: Place, user: str) -> Options:
    """Return how one service proves to another who it is."""
    return {
        "auth_type": "password",
        "auth_url": place.url("keystone"),
        "username": user,
        "password": PASSWORD,
        "project_name": "service",
        "user_domain_id": "default",
        "project_domain_id": "default",
    }


def token_check(place: Place, user: str) -> Options:
    """Return how a service checks the tokens that it is given."""
    return account(place, user) | {
        "www_authenticate_uri": place.url("keystone"),
        "memcached_servers": f"127.0.0.1:{place.port('memcached')}",
        "service_token_roles": "service",
        "service_token_roles_required": "true",
    }


def every_service(place: Place, name: str) -> Sections:
    """Return what all services that send notifications have in common."""
    policy = place.etc / name / "policy.yaml"
    return {
        "DEFAULT": {"transport_url": place.transport, "use_stderr": "true"},
        "oslo_messaging_notifications": {"driver": "messagingv2", "topics": f"notifications,{TOPIC}"},
        "oslo_messaging_rabbit": {"rabbit_quorum_queue": "false", "use_queue_manager": "false"},
        "oslo_concurrency": {"lock_path": str(place.state / name / "lock")},
        "oslo_policy": {"policy_file": str(policy)},
    }


def merged(*parts: Sections) -> Sections:
    """Return the sections of all parts; of two equal options the later one counts."""
    result: Sections = {}
    for part in parts:
        for section, options in part.items():
            result[section] = result.get(section, {}) | options
    return result


def keystone(place: Place) -> Sections:
    """Return keystone.conf."""
    own: Sections = {
        "DEFAULT": {"notification_format": "basic"},
        "database": POOL | {"connection": place.database("keystone")},
        "token": {"provider": "fernet", "expiration": 28800},
        "fernet_tokens": {"key_repository": str(place.state / "keystone/fernet")},
        "credential": {"key_repository": str(place.state / "keystone/credential")},
        "cache": {
            "enabled": "true",
            "backend": "dogpile.cache.memcached",
            "memcache_servers": f"127.0.0.1:{place.port('memcached')}",
        },
    }
    return merged(every_service(place, "keystone"), own)


def placement(place: Place) -> Sections:
    """Return placement.conf."""
    return {
        "DEFAULT": {"use_stderr": "true"},
        "api": {"auth_strategy": "keystone"},
        "placement_database": POOL | {"connection": place.database("placement")},
        "keystone_authtoken": token_check(place, "placement"),
    }


def glance(place: Place) -> Sections:
    """Return glance-api.conf: images are files."""
    stores = {name: place.state / "glance" / name for name in ("images", "staging", "tasks")}
    own: Sections = {
        "DEFAULT": {"enabled_backends": "file:file", "worker_self_reference_url": place.url("glance")},
        "glance_store": {"default_backend": "file"},
        "file": {"filesystem_store_datadir": str(stores["images"])},
        "os_glance_staging_store": {"filesystem_store_datadir": str(stores["staging"])},
        "os_glance_tasks_store": {"filesystem_store_datadir": str(stores["tasks"])},
        "database": POOL | {"connection": place.database("glance")},
        "keystone_authtoken": token_check(place, "glance"),
        "paste_deploy": {
            "flavor": "keystone",
            "config_file": str(place.virtualenv / "etc/glance/glance-api-paste.ini"),
        },
    }
    return merged(every_service(place, "glance"), own)


def neutron(place: Place) -> Sections:
    """Return neutron.conf: networks, ports, routers and floating IPs, and no agents."""
    unlimited = ("network", "subnet", "port", "router", "floatingip", "security_group", "security_group_rule")
    own: Sections = {
        "DEFAULT": {
            "auth_strategy": "keystone",
            "core_plugin": "ml2",
            "service_plugins": "router",
            "state_path": str(place.state / "neutron"),
            "api_paste_config": str(place.virtualenv / "etc/neutron/api-paste.ini"),
            "dhcp_agent_notification": "false",
            "network_auto_schedule": "false",
            "router_auto_schedule": "false",
            "notify_nova_on_port_status_changes": "false",
            "notify_nova_on_port_data_changes": "false",
            "rpc_workers": 0,
            "rpc_state_report_workers": 0,
        },
        "ml2": {
            "type_drivers": "flat,vxlan",
            "tenant_network_types": "vxlan",
            "mechanism_drivers": "usancelab",
            "extension_drivers": "port_security",
        },
        "ml2_type_flat": {"flat_networks": "*"},
        "ml2_type_vxlan": {"vni_ranges": "1:60000"},
        "quotas": {f"quota_{name}": -1 for name in unlimited},
        "database": POOL | {"connection": place.database("neutron")},
        "keystone_authtoken": token_check(place, "neutron"),
        "nova": account(place, "nova"),
    }
    return merged(every_service(place, "neutron"), own)


def cinder(place: Place) -> Sections:
    """Return cinder.conf: volumes that exist in the database only, of the driver of Cinder's own tests."""
    state, installed = place.state / "cinder", place.virtualenv / "etc/cinder"
    own: Sections = {
        "DEFAULT": {
            "auth_strategy": "keystone",
            "my_ip": "127.0.0.1",
            "host": "lab",
            "state_path": str(state),
            "enabled_backends": "fake",
            "default_volume_type": DEFAULT_VOLUME_TYPE,
            "glance_api_servers": place.url("glance"),
            "allowed_direct_url_schemes": "",
            "api_paste_config": str(installed / "api-paste.ini"),
            "resource_query_filters_file": str(installed / "resource_filters.json"),
            "rootwrap_config": str(installed / "rootwrap.conf"),
            "osapi_volume_workers": 1,
            **dict.fromkeys(("quota_volumes", "quota_snapshots", "quota_gigabytes"), -1),
        },
        "fake": {"volume_driver": "usancelab.volumes.LabVolumeDriver", "volume_backend_name": "fake"},
        "database": POOL | {"connection": place.database("cinder")},
        "keystone_authtoken": token_check(place, "cinder"),
        "service_user": account(place, "cinder") | {"send_service_user_token": "true"},
        "nova": account(place, "cinder") | {"interface": "public"},
        "coordination": {"backend_url": f"file://{state / 'coordination'}"},
    }
    return merged(every_service(place, "cinder"), own)


def nova(place: Place) -> Sections:
    """Return nova.conf, less the databases: nova-compute refuses to start when it sees them."""
    own: Sections = {
        "DEFAULT": {
            "my_ip": "127.0.0.1",
            "host": "lab",
            "state_path": str(place.state / "nova"),
            "compute_driver": "usancelab.LabDriver",
            "resume_guests_state_on_host_boot": "true",
            "instance_usage_audit": "true",
            "instance_usage_audit_period": "hour",
            # By default Nova cleans up every five minutes, and tells each end again: in the midst of a test.
            "instance_delete_interval": 3600,
            "allow_resize_to_same_host": "true",
            "cpu_allocation_ratio": 100,
            "ram_allocation_ratio": 100,
            "disk_allocation_ratio": 100,
        },
        # All that the bus can tell: the truth of our tests is made from it.
        "notifications": {
            "notification_format": "both",
            "notify_on_state_change": "vm_and_task_state",
            "versioned_notifications_topics": f"versioned_notifications,{TOPIC}",
        },
        "keystone_authtoken": token_check(place, "nova"),
        "service_user": account(place, "nova") | {"send_service_user_token": "true"},
        "placement": account(place, "placement") | {"region_name": REGION},
        "glance": {"endpoint_override": place.url("glance")},
        "neutron": account(place, "neutron") | {"region_name": REGION, "default_floating_pool": "public"},
        "cinder": account(place, "cinder") | {"os_region_name": REGION},
        "scheduler": {"workers": 1, "discover_hosts_in_cells_interval": 5},
        "conductor": {"workers": 1},
        "quota": dict.fromkeys(("instances", "cores", "ram", "server_groups", "metadata_items"), -1),
        "vnc": {"enabled": "false"},
    }
    return merged(every_service(place, "nova"), own)


def nova_databases(place: Place) -> Sections:
    """Return nova-db.conf, for all of Nova but its computes."""
    return {
        "api_database": POOL | {"connection": place.database("nova_api")},
        "database": POOL | {"connection": place.database("nova")},
    }


def nova_compute(place: Place, host: str) -> Sections:
    """Return what one compute has of its own: it keeps the identity of its node in its state_path."""
    state = place.state / "nova" / host
    return {
        "DEFAULT": {"host": host, "state_path": str(state)},
        "oslo_concurrency": {"lock_path": str(state / "lock")},
    }


# Deletions through this second door to Nova are soft: the server can be restored for an hour.
NOVA_SOFT: Sections = {"DEFAULT": {"reclaim_instance_interval": 3600}}


def write_ini(path: Path, sections: Sections) -> None:
    """Write one configuration file."""
    lines: list[str] = []
    for section, options in sections.items():
        lines += [f"[{section}]", *(f"{name} = {value}" for name, value in options.items()), ""]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8")


def write_rabbitmq(place: Place) -> None:
    """Write what RabbitMQ reads."""
    lines = (
        "default_user = lab",
        f"default_pass = {PASSWORD}",
        f"listeners.tcp.1 = 127.0.0.1:{place.port('rabbitmq')}",
        "log.file.level = warning",
        "vm_memory_high_watermark.relative = 0.2",
        "disk_free_limit.absolute = 200MB",
    )
    directory = place.etc / "rabbitmq"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "rabbitmq.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (directory / "enabled_plugins").write_text("[].\n", encoding="utf-8")
    (directory / "environment").write_text("", encoding="utf-8")


def write_policies(place: Place, variant: str | None) -> None:
    """Give the services the policy files of a variant; without one they keep their defaults."""
    for service in ("keystone", "nova", "neutron", "glance", "cinder"):
        source = HERE / "policies" / variant / f"{service}.yaml" if variant else None
        text = source.read_text(encoding="utf-8") if source and source.exists() else "{}\n"
        target = place.etc / service / "policy.yaml"
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")


def write_configuration(place: Place) -> None:
    """Write every file, and make the directories that they name."""
    for directory in (place.run, place.log, place.state):
        directory.mkdir(parents=True, exist_ok=True)
    for name in ("keystone", "glance", "neutron", "nova", "cinder"):
        (place.state / name / "lock").mkdir(parents=True, exist_ok=True)
    for name in ("images", "staging", "tasks"):
        (place.state / "glance" / name).mkdir(parents=True, exist_ok=True)
    write_ini(place.etc / "keystone/keystone.conf", keystone(place))
    write_ini(place.etc / "placement/placement.conf", placement(place))
    write_ini(place.etc / "glance/glance-api.conf", glance(place))
    write_ini(place.etc / "neutron/neutron.conf", neutron(place))
    write_ini(place.etc / "cinder/cinder.conf", cinder(place))
    write_ini(place.etc / "nova/nova.conf", nova(place))
    write_ini(place.etc / "nova/nova-db.conf", nova_databases(place))
    write_ini(place.etc / "nova/nova-soft.conf", NOVA_SOFT)
    paste = place.etc / "nova/api-paste.ini"
    if not paste.is_symlink():
        paste.symlink_to(place.virtualenv / "etc/nova/api-paste.ini")
    for host in COMPUTES:
        (place.state / "nova" / host / "lock").mkdir(parents=True, exist_ok=True)
        write_ini(place.etc / "nova" / f"{host}.conf", nova_compute(place, host))
    write_rabbitmq(place)
    write_policies(place, None)
