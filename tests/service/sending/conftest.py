"""A site with a host certificate, and a messaging service that knows its authority."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from certificates import Place
from loopback_ams import serving
from usance.config.settings import PublishSettings, QueueSettings

TOPIC = "eu-egi-cloud-accounting"


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """Certificates for the whole session: making keys takes long."""
    made = Place(tmp_path_factory.mktemp("grid-security"))
    for name in ("host.example.org", "ams.example.org", "receiver.example.org"):
        made.issue(name)
    return made


@pytest.fixture
def ams(place):
    with serving(*_files(place, "ams.example.org"), place.cafile) as service:
        yield service


@pytest.fixture
def queue(tmp_path):
    path = tmp_path / "outgoing" / "openstack"
    path.mkdir(parents=True)
    return path


@pytest.fixture
def settings(place, ams, queue):
    """Send the queue to the service, signed only, with short time-outs."""
    certificate, key = _files(place, "host.example.org")
    return PublishSettings(
        hosts=(f"127.0.0.1:{ams.api_port}",),
        authn_port=ams.authn_port,
        certificate=certificate,
        key=key,
        capath=place.capath,
        cafile=place.cafile,
        queues=(QueueSettings(queue, TOPIC),),
        timeout_s=2,
        retries=1,
    )


@pytest.fixture
def encrypting(place, settings):
    return msgspec.structs.replace(settings, server_cert=place.path / "receiver.example.org.pem")


def _files(place: Place, name: str) -> tuple[Path, Path]:
    return place.path / f"{name}.pem", place.path / f"{name}.key"
