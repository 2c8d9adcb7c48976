"""The client against real servers on loopback that behave badly."""

import asyncio
import contextlib
import json
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import msgspec
import pytest

from usance.http.client import HttpClient, Tls
from usance.http.errors import MalformedAnswerError, StatusError, UnreachableError
from usance.http.retry import RetryPolicy
from usance.model.errors import ConfigurationError

DOCUMENT = msgspec.json.Decoder(dict[str, int])
GOOD = b'{"n": 1}'
FAST = RetryPolicy(retries=2, backoff_s=0.01, longest_s=0.05)


def answer(body: bytes = GOOD, status: int = 200, *headers: str, length: int | None = None) -> bytes:
    """Return an HTTP answer as bytes; *length* is what it promises."""
    lines = [
        f"HTTP/1.1 {status} X",
        f"Content-Length: {len(body) if length is None else length}",
        "Connection: close",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


Script = Callable[[int, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Answers request number n (from 0) as a script says, and counts."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[bytes] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.under_way = 0
        self.most_under_way = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tasks.add(asyncio.current_task())
        # Cancelled when the test is over; asyncio would report that as an error of the callback.
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
            try:
                await self.script(len(self.requests) - 1, writer)
                await writer.drain()
            finally:
                self.under_way -= 1
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError, asyncio.CancelledError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def serving(script: Script, context: ssl.SSLContext | None = None) -> AsyncIterator[tuple[str, Server]]:
    """Serve the script on loopback; yield its URL."""
    own = Server(script)
    server = await asyncio.start_server(own.handle, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if context else 'http'}://localhost:{port}/v2.1/servers", own
    finally:
        server.close()
        for task in own.tasks:
            task.cancel()
        await asyncio.gather(*own.tasks)


def answers(*several: bytes) -> Script:
    """Give these answers one after the other, and the last one for ever."""

    async def script(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(several[min(number, len(several) - 1)])

    return script


async def ask(script: Script, **options: object) -> tuple[object, Server, HttpClient]:
    """Ask such a server once; return what came of it (the answer, or the error)."""
    async with serving(script) as (url, server), HttpClient(**{"policy": FAST, **options}) as client:
        try:
            return await client.get(url, DOCUMENT, service="Nova"), server, client
        except (StatusError, UnreachableError, MalformedAnswerError) as error:
            return error, server, client


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_asked_for_again(status):
    found, server, client = asyncio.run(ask(answers(answer(b"{}", status), answer())))

    assert found == {"n": 1}
    assert len(server.requests) == client.requests == 2


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 409, 501])
def test_what_does_not_pass_is_asked_for_once(status):
    found, server, _ = asyncio.run(ask(answers(answer(b"{}", status, "Location: http://localhost:1/"))))

    assert isinstance(found, StatusError)
    assert found.status == status
    assert len(server.requests) == 1


def test_retries_have_an_end_and_a_sentence():
    body = json.dumps({"computeFault": {"message": "Unexpected API Error."}}).encode()

    found, server, _ = asyncio.run(ask(answers(answer(body, 500))))

    assert "Nova answered 500 to GET /v2.1/servers: Unexpected API Error." in str(found)
    assert len(server.requests) == 3


def test_retry_after_is_waited_for_within_bounds():
    policy = RetryPolicy(retries=1, backoff_s=0.001, longest_s=0.2)

    async def timed() -> float:
        start = asyncio.get_running_loop().time()
        found, _, _ = await ask(answers(answer(b"{}", 429, "Retry-After: 3600"), answer()), policy=policy)
        assert found == {"n": 1}
        return asyncio.get_running_loop().time() - start

    assert 0.2 <= asyncio.run(timed()) < 5


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(answer(GOOD[:4]), id="truncated JSON"),
        pytest.param(answer(GOOD[:4], length=len(GOOD)), id="connection dropped in the middle"),
        pytest.param(b"", id="connection dropped at once"),
        pytest.param(b"HTTP/1.1 banana\r\n\r\n", id="no HTTP"),
        pytest.param(answer(b"<html>"), id="no JSON"),
    ],
)
def test_broken_answer_is_asked_for_again(bad):
    found, server, _ = asyncio.run(ask(answers(bad, answer())))

    assert found == {"n": 1}
    assert len(server.requests) == 2


def test_answer_of_another_shape_is_not_asked_for_again():
    found, server, _ = asyncio.run(ask(answers(answer(b'{"n": "one"}'))))

    assert isinstance(found, MalformedAnswerError)
    assert "$[...]" in str(found)
    assert len(server.requests) == 1


def test_answer_that_is_too_long_is_cut_off():
    found, _, _ = asyncio.run(ask(answers(answer(b'{"n": 1' + b" " * 100_000 + b"}")), max_bytes=10_000))

    assert "more than 10000 bytes" in str(found)


def test_server_that_never_answers_is_given_up():
    async def silent(_number: int, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(3)

    policy = RetryPolicy(retries=0)
    found, _, _ = asyncio.run(ask(silent, timeout_s=0.2, policy=policy))

    assert "did not answer GET /v2.1/servers within 0.2 s" in str(found)


def test_server_that_drips_is_given_up():
    """Each byte comes in time; the whole answer does not."""

    async def drip(_number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"", length=100))
        for _ in range(100):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)

    found, _, _ = asyncio.run(ask(drip, timeout_s=0.4, policy=RetryPolicy(retries=0)))

    assert isinstance(found, UnreachableError)


def test_endpoint_that_is_down_is_one_sentence():
    async def nobody() -> str:
        async with serving(answers(answer())) as (url, _):
            pass
        async with HttpClient(policy=FAST) as client:
            with pytest.raises(UnreachableError) as caught:
                await client.get(url, DOCUMENT, service="Nova", headers={"X-Auth-Token": "s3cret"})
            assert client.requests == 3
            return str(caught.value)

    sentence = asyncio.run(nobody())

    assert sentence.startswith("Nova can't be reached for GET /v2.1/servers")
    assert "s3cret" not in sentence


def test_no_more_requests_are_under_way_than_allowed():
    async def slow(_number: int, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.02)
        writer.write(answer())

    async def many() -> Server:
        async with serving(slow) as (url, server), HttpClient(concurrency=3) as client:
            await asyncio.gather(*(client.get(url, DOCUMENT, service="Nova") for _ in range(20)))
            return server

    server = asyncio.run(many())

    assert len(server.requests) == 20
    assert server.most_under_way == 3


def test_clock_follows_only_the_services_that_keep_it():
    script = answers(answer(GOOD, 200, "Date: Sun, 22 Nov 2020 01:00:00 GMT"))

    async def both() -> tuple[timedelta, timedelta]:
        async with serving(script) as (url, _), HttpClient() as client:
            await client.get(url, DOCUMENT, service="Glance")
            before = client.clock.offset
            await client.get(url, DOCUMENT, service="Nova", note_clock=True)
            return before, client.clock.offset

    before, after = asyncio.run(both())

    assert before == timedelta()
    assert after < timedelta(days=-365)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Return a certificate for localhost that signed itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return certificate, key


@pytest.mark.parametrize(
    ("options", "good"), [({}, False), ({"insecure": True}, True), ({"cafile": "cert"}, True)]
)
def test_certificate_is_verified_unless_told_otherwise(certificate, options, good):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    tls = Tls(**{key: str(certificate[0]) if value == "cert" else value for key, value in options.items()})

    async def one() -> object:
        async with (
            serving(answers(answer()), context) as (url, _),
            HttpClient(policy=FAST, tls=tls) as client,
        ):
            try:
                return await client.get(url, DOCUMENT, service="Nova")
            except UnreachableError as error:
                assert client.requests == 1  # a certificate does not get better
                return error

    found = asyncio.run(one())

    assert (found == {"n": 1}) is good


@pytest.mark.parametrize("which", ["cafile", "certfile"])
def test_certificate_file_that_is_missing_is_named(which):
    with pytest.raises(ConfigurationError, match=r"/nowhere/x\.pem"):
        Tls(**{which: "/nowhere/x.pem"}).context()


def test_search_is_posted_as_json_and_asked_again():
    async def search() -> tuple[object, list[bytes]]:
        async with (
            serving(answers(answer(b"{}", 503), answer())) as (url, server),
            HttpClient(policy=FAST) as client,
        ):
            found = await client.search(url, b'{"=": {"id": 1}}', DOCUMENT, service="Gnocchi")
            return found, server.requests

    found, requests = asyncio.run(search())

    assert found == {"n": 1}
    assert len(requests) == 2
    assert all(one.startswith(b"POST /v2.1/servers ") for one in requests)
    assert all(b"content-type: application/json\r\n" in one.lower() for one in requests)


@pytest.mark.parametrize(
    "url", ["https://host.example.org::1/v3", "http://host.example.org:99999999/", "http://"]
)
def test_an_address_that_is_none_is_an_error_of_its_service(url):
    async def ask() -> None:
        async with HttpClient(policy=RetryPolicy(retries=0)) as client:
            await client.get(url, DOCUMENT, service="Nova")

    with pytest.raises(UnreachableError, match="Nova can't be reached"):
        asyncio.run(ask())
