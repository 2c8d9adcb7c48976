"""OpenStack itself: setting its databases up, starting and stopping its services."""

from __future__ import annotations

import functools
import grp
import json
import os
import pwd
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from configuration import COMPUTES, write_configuration
from contents import fill, fill_identity
from infrastructure import (
    start_mariadb,
    start_memcached,
    start_rabbitmq,
    stop_rabbitmq,
    wait_for_rabbitmq,
)
from packages import install, lock_digest
from place import HERE, PASSWORD, REGION, Place
from processes import answers, call, running, say, start, stop, wait_until

APIS = ("keystone", "placement", "glance", "neutron", "cinder", "nova", "nova-soft")
VOLUMES = ("cinder-scheduler", "cinder-volume")
WORKERS = ("nova-conductor", "nova-scheduler", *(f"nova-{host}" for host in COMPUTES), *VOLUMES)
# Stopped in this order: who uses something goes before it.
STOP_ORDER = (WORKERS, APIS[1:], ("keystone",), ("rabbitmq",), ("epmd", "memcached", "mariadb"))


def config_files(place: Place, service: str, *files: str) -> list[str]:
    """Return the arguments that name a service's configuration files."""
    return [f"--config-file={place.etc / service / name}" for name in files]


def nova_files(place: Place) -> list[str]:
    """Return the arguments for the parts of Nova that may use its databases."""
    return config_files(place, "nova", "nova.conf", "nova-db.conf")


def set_up_databases(place: Place) -> None:
    """Make every schema, and Keystone's first user. The chains don't touch each other: they run at once."""
    nova = [place.program("nova-manage"), *nova_files(place)]
    keystone = [place.program("keystone-manage"), *config_files(place, "keystone", "keystone.conf")]
    neutron = [place.program("neutron-db-manage"), *config_files(place, "neutron", "neutron.conf")]
    placement = [place.program("placement-manage"), *config_files(place, "placement", "placement.conf")]
    cinder = [place.program("cinder-manage"), *config_files(place, "cinder", "cinder.conf")]
    glance = [place.program("glance-manage"), *config_files(place, "glance", "glance-api.conf")]
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    owner = ["--keystone-user", user, "--keystone-group", group]
    cell0 = ["map_cell0", "--database_connection", place.database("nova_cell0")]
    cell1 = ["create_cell", "--name", "cell1", "--database_connection", place.database("nova")]
    identity = ["--bootstrap-password", PASSWORD, "--bootstrap-region-id", REGION]
    for interface in ("public", "internal", "admin"):
        identity += [f"--bootstrap-{interface}-url", place.url("keystone", "/v3")]
    chains = {
        "nova": [
            [*nova, "api_db", "sync"],
            [*nova, "cell_v2", *cell0],
            [*nova, "db", "sync"],
            [*nova, "cell_v2", *cell1, "--transport-url", place.transport],
        ],
        "keystone": [
            [*keystone, "fernet_setup", *owner],
            [*keystone, "credential_setup", *owner],
            [*keystone, "db_sync"],
            [*keystone, "bootstrap", *identity],
        ],
        "neutron": [[*neutron, "upgrade", "heads"]],
        "placement-and-glance": [
            [*placement, "db", "sync"],
            [*glance, "db", "sync"],
        ],
        "cinder": [[*cinder, "db", "sync"]],
    }
    for keys in ("fernet", "credential"):
        (place.state / "keystone" / keys).mkdir(mode=0o700, parents=True, exist_ok=True)

    def work(name: str) -> None:
        for command in chains[name]:
            call(place, command, log=f"setup-{name}")

    with ThreadPoolExecutor(max_workers=len(chains)) as pool:
        list(pool.map(work, chains))


def snapshot_identity(place: Place) -> dict[str, object]:
    """Return what a snapshot depends on: ports stand in Keystone's catalog and Nova's cells."""
    sources = "".join(
        (HERE / name).read_text(encoding="utf-8") for name in ("services.py", "infrastructure.py")
    )
    return {"versions": lock_digest(), "root": str(place.root), "port_base": place.port_base, "code": sources}


def snapshot_is_usable(place: Place) -> bool:
    """Say whether the snapshot is complete and was made by this code, in this place."""
    try:
        found = json.loads((place.snapshot / "identity.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(found == snapshot_identity(place))


def save_snapshot(place: Place) -> None:
    """Copy the databases, as they are before any service started; the file that says so comes last."""
    stop(place, ["mariadb"], grace_s=30)
    shutil.rmtree(place.snapshot, ignore_errors=True)
    for name in ("mariadb", "keystone"):
        shutil.copytree(place.state / name, place.snapshot / name)
    identity = json.dumps(snapshot_identity(place))
    (place.snapshot / "identity.json").write_text(identity, encoding="utf-8")


def set_up(place: Place) -> Path:
    """Return the file that says that the databases are complete."""
    return place.state / "set-up"


def is_set_up(place: Place) -> bool:
    """Say whether the databases are complete, and those that this code would make."""
    try:
        found = json.loads(set_up(place).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(found == snapshot_identity(place))


def prepare_state(place: Place) -> None:
    """Make the databases, from the snapshot where there is one."""
    if is_set_up(place):
        pass
    elif snapshot_is_usable(place):
        say("databases, from the snapshot")
        for name in ("mariadb", "keystone"):
            shutil.copytree(place.snapshot / name, place.state / name, dirs_exist_ok=True)
    else:
        say("databases, from nothing")
        start_mariadb(place)
        set_up_databases(place)
        save_snapshot(place)
    set_up(place).write_text(json.dumps(snapshot_identity(place)), encoding="utf-8")
    start_mariadb(place)


def start_api(
    place: Place, name: str, module: str, processes: int, extra: dict[str, str], *arguments: str
) -> None:
    """Start one API behind a small WSGI server; *arguments* are those that the service itself reads."""
    serve = [place.program("python"), str(HERE / "serve.py"), module, str(place.port(name)), str(processes)]
    start(place, name, [*serve, *arguments], extra)


def start_apis(place: Place) -> None:
    """Start all APIs: each finds its configuration by a variable of its own."""
    start_api(
        place, "keystone", "keystone.wsgi.api", 2, {"OS_KEYSTONE_CONFIG_DIR": str(place.etc / "keystone")}
    )
    start_api(
        place, "placement", "placement.wsgi.api", 1, {"OS_PLACEMENT_CONFIG_DIR": str(place.etc / "placement")}
    )
    start_api(place, "glance", "glance.wsgi.api", 1, {"OS_GLANCE_CONFIG_DIR": str(place.etc / "glance")})
    neutron = {
        "OS_NEUTRON_CONFIG_DIR": str(place.etc / "neutron"),
        "OS_NEUTRON_CONFIG_FILES": "neutron.conf",
    }
    start_api(place, "neutron", "neutron.wsgi.api", 1, neutron)
    # Cinder knows no variable for its configuration.
    start_api(place, "cinder", "cinder.wsgi.api", 1, {}, *config_files(place, "cinder", "cinder.conf"))
    nova = {
        "OS_NOVA_CONFIG_DIR": str(place.etc / "nova"),
        "OS_NOVA_CONFIG_FILES": "api-paste.ini;nova.conf;nova-db.conf",
    }
    start_api(place, "nova", "nova.wsgi.osapi_compute", 2, nova)
    nova["OS_NOVA_CONFIG_FILES"] += ";nova-soft.conf"
    start_api(place, "nova-soft", "nova.wsgi.osapi_compute", 1, nova)


def start_workers(place: Place) -> None:
    """Start what does the work behind the APIs of Nova and Cinder."""
    for name in VOLUMES:
        start(place, name, [place.program(name), *config_files(place, "cinder", "cinder.conf")])
    for name in ("nova-conductor", "nova-scheduler"):
        start(place, name, [place.program(name), *nova_files(place)])
    for host in COMPUTES:
        files = config_files(place, "nova", "nova.conf", f"{host}.conf")
        start(place, f"nova-{host}", [place.program("nova-compute"), *files])


def up(place: Place) -> None:
    """Install what is missing, and start everything; what runs already is left alone."""
    began = time.monotonic()
    install(place)
    if not is_set_up(place):  # the first time, an interrupted set-up, or that of another lab
        reset(place)
    write_configuration(place)
    start_rabbitmq(place)
    start_memcached(place)
    prepare_state(place)
    wait_for_rabbitmq(place)
    say("services")
    start_apis(place)
    wait_until(place, "keystone", lambda: answers(place.url("keystone", "/v3")))
    fill_identity(place)  # conductor and scheduler end when Keystone doesn't know them
    start_workers(place)
    for name in APIS:
        wait_until(place, name, functools.partial(answers, place.url(name, "/")))
    say(f"services answer after {time.monotonic() - began:.0f} s")
    fill(place)
    say(f"ready after {time.monotonic() - began:.0f} s")


def down(place: Place) -> None:
    """Stop everything that we started."""
    for names in STOP_ORDER:
        if "rabbitmq" in names:
            stop_rabbitmq(place)
        stop(place, names, grace_s=30 if "mariadb" in names else 5)
    say("down")


def reset(place: Place) -> None:
    """Stop everything and throw the state away; the next start begins from the snapshot."""
    down(place)
    for directory in (place.state, place.log, place.etc, place.run):
        shutil.rmtree(directory, ignore_errors=True)
    say("nothing is left but the virtual environment and the snapshot")


def names() -> tuple[str, ...]:
    """Return the names of all processes, in the order in which they start."""
    return tuple(name for group in reversed(STOP_ORDER) for name in group)


def status(place: Place) -> dict[str, int | None]:
    """Return the process id of everything that should run; None where nothing does."""
    return {name: running(place, name) for name in names()}
