"""Publishing a queue, beside the bare posting of the same messages, signed.

The limit signs each message, posts it over one connection that is open already, with a token that it
has, and does nothing else: no queue, no locks, no removal, no checks, and one message a request.
Usance does all of that, from reading the certificates to the empty queue. Both post to the same
service on loopback, over TLS, in a process of its own.
"""

from __future__ import annotations

import base64
import contextlib
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key, pkcs7

from bench.figures import Aim, Figure
from bench.place import directory
from usance.config.settings import PublishSettings, QueueSettings
from usance.sending.publishing import publish

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from certificates import Place  # noqa: E402 - the tests' own modules are beside, not installed

TOPIC = "eu-egi-cloud-accounting"
RATIO_AIM = 1.5


def run(*, quick: bool = False) -> list[Figure]:
    """Measure messages a second, of a hundred records each."""
    messages, repetitions = (50, 1) if quick else (400, 5)
    body = _message(100)
    work = directory() / "publish"
    shutil.rmtree(work, ignore_errors=True)
    place = Place(work / "grid-security")
    for name in ("host", "ams", "receiver"):
        place.issue(name)
    with _service(place) as (api, authn):
        settings = PublishSettings(
            hosts=(f"127.0.0.1:{api}",),
            authn_port=authn,
            certificate=place.path / "host.pem",
            key=place.path / "host.key",
            capath=place.capath,
            cafile=place.cafile,
            queues=(QueueSettings(work / "queue", TOPIC),),
        )
        encrypting = msgspec.structs.replace(settings, server_cert=place.path / "receiver.pem")
        pairs = []
        for number in range(repetitions + 1):
            signed = _ours(settings, body, messages)
            least = _bare(place, api, body, messages)
            sealed = _ours(encrypting, body, messages)
            if number:  # the first one is for warmth
                pairs.append((signed, least, sealed))
    shutil.rmtree(work)
    case = f"{messages} messages of 100 records, {len(body) // 1024} KiB"
    return [
        Figure("publish", case, "signed", tuple(messages / one for one, _, _ in pairs), "1/s"),
        Figure("publish", case, "signed and encrypted", tuple(messages / one for _, _, one in pairs), "1/s"),
        Figure("publish", case, "bare signed post", tuple(messages / one for _, one, _ in pairs), "1/s"),
        Figure(
            "publish",
            case,
            "time / bare signed post",
            tuple(mine / least for mine, least, _ in pairs),
            aim=Aim.AT_MOST,
            limit=RATIO_AIM,
        ),
    ]


def _message(records: int) -> bytes:
    lines = (
        "CloudComputeService: cloud.bench.example.org\nCloudType: usance (OpenStack)\nCpuCount: 4\n"
        "CpuDuration: 7257600\nDisk: 40\nFQAN: vo.example.org\nGlobalUserName: user@example.org\n"
        "ImageId: 0b8a5a1e-6f0f-4c4e-8a0e-5f2d3a0f1c11\nLocalGroupId: 0123456789abcdef0123456789abcdef\n"
        "LocalUserId: fedcba9876543210fedcba9876543210\nMachineName: bench\nMemory: 8192\n"
        "PublicIPCount: 1\nRecordCreateTime: 1795302051\nSiteName: BENCH-Site\nStartTime: 1793487651\n"
        "Status: started\nSuspendDuration: 0\nWallDuration: 1814400\n"
    )
    texts = [f"VMUUID: {number:08x}-0000-4000-8000-000000000000\n{lines}" for number in range(records)]
    return ("APEL-cloud-message: v0.4\n" + "%%\n".join(texts)).encode()


@contextlib.contextmanager
def _service(place: Place) -> Iterator[tuple[int, int]]:
    files = (place.path / "ams.pem", place.path / "ams.key", place.cafile)
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.messaging", *map(str, files)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        api, authn = map(int, process.stdout.readline().split())
        yield api, authn
    finally:
        process.communicate(timeout=60)


def _ours(settings: PublishSettings, body: bytes, messages: int) -> float:
    queue = settings.queues[0].path
    shutil.rmtree(queue, ignore_errors=True)
    for number in range(messages):
        minute = queue / f"{number // 60:08x}"
        minute.mkdir(parents=True, exist_ok=True)
        (minute / f"{number:014x}").write_bytes(body)
    begin = time.perf_counter()
    report = publish(settings)
    took = time.perf_counter() - begin
    assert report.exit_status == 0, report
    assert report.queues[0].sent == messages
    return took


def _bare(place: Place, port: int, body: bytes, messages: int) -> float:
    certificate = x509.load_pem_x509_certificate((place.path / "host.pem").read_bytes())
    key = load_pem_private_key((place.path / "host.key").read_bytes(), None)
    options = [pkcs7.PKCS7Options.Text, pkcs7.PKCS7Options.DetachedSignature]
    url = f"https://127.0.0.1:{port}/v1/projects/accounting/topics/{TOPIC}:publish"
    headers = {"x-api-key": "bare"}
    with httpx2.Client(verify=ssl.create_default_context(cafile=place.cafile)) as client:
        client.get(f"https://127.0.0.1:{port}/v1/version")
        begin = time.perf_counter()
        for number in range(messages):
            signed = (
                pkcs7.PKCS7SignatureBuilder()
                .set_data(body)
                .add_signer(certificate, key, SHA256())
                .sign(Encoding.SMIME, options)
            )
            data = base64.b64encode(signed).decode()
            message = {"attributes": {"empaid": str(number)}, "data": data}
            client.post(url, json={"messages": [message]}, headers=headers).raise_for_status()
        return time.perf_counter() - begin
