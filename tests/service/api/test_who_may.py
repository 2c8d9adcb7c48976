"""Who gets in, and what she is taken for: keys and tokens, over real HTTP."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import msgspec
import pytest

import plain_http
from looking import auth
from loopback_api import KEY, MINE, OTHER, keystone, serving_api, serving_app, token
from usance.config.settings import ApiSettings, KeystoneSettings, Strategy
from usance.demo.cloud import DemoCloud
from usance.demo.faults import Fault, FaultKind
from usance.demo.server import serving
from usance.ledger.ledger import Ledger

CLOSED = "/docs/as-generated/openapi.json"
"""A route that lets in every caller, and nobody else."""
BOTH = Strategy.PRIVATE_KEY | Strategy.KEYSTONE


@pytest.fixture
def ledger(tmp_path: Any) -> Iterator[Ledger]:
    """Open an empty ledger."""
    with Ledger.open(f"sqlite:///{tmp_path}/ledger.db") as opened:
        yield opened


@pytest.fixture
def cloud() -> DemoCloud:
    """Return a Keystone."""
    return keystone()


@pytest.fixture
def identity(cloud: DemoCloud) -> Iterator[str]:
    """Serve it."""
    with serving(cloud) as url:
        yield url


def by_token(identity: str, **changed: Any) -> ApiSettings:
    """Return settings with which each token validates itself."""
    return msgspec.structs.replace(
        ApiSettings(strategy=Strategy.KEYSTONE, keystone=KeystoneSettings(f"{identity}/identity/v3")),
        **changed,
    )


def get(url: str, path: str, shown: bytes | str | None = None, **more: Any) -> httpx2.Response:
    """Ask, with a token."""
    headers = {} if shown is None else {"X-Auth-Token": shown}
    return plain_http.get(f"{url}{path}", headers=headers, **more)


def validations(cloud: DemoCloud) -> int:
    """Return how often Keystone was asked whose a token is."""
    return cloud.requests["GET /identity/v3/auth/tokens"]


# --- the private key ---------------------------------------------------------------------------


def test_the_key_opens_and_nothing_else_does(ledger: Ledger) -> None:
    with serving_api(ledger, failure_limit=0) as url:
        statuses = [
            get(url, "/metrics-that-are-not", shown).status_code for shown in (KEY, KEY[:-1], KEY + "x")
        ]
        assert statuses == [404, 404, 404]  # what isn't there needs no token

        asked = [get(url, CLOSED, shown).status_code
                 for shown in (KEY, KEY[:-1], KEY + "x", "", None, b"\xff\xfe", "x" * 20_000)]  # fmt: skip

    assert asked == [200, 401, 401, 401, 401, 401, 401]


@pytest.mark.parametrize("spelling", ["utf-8", "latin-1"])
def test_a_key_of_other_letters_is_known_in_both_of_its_spellings(ledger: Ledger, spelling: str) -> None:
    with serving_api(ledger, private_key="clé-privée-de-l'opératrice") as url:
        shown = "clé-privée-de-l'opératrice".encode(spelling)

        assert get(url, CLOSED, shown).status_code == 200


def test_two_tokens_in_one_request_are_none(ledger: Ledger) -> None:
    with serving_api(ledger) as url:
        answer = plain_http.get(f"{url}{CLOSED}", headers=[("X-Auth-Token", KEY), ("X-Auth-Token", KEY)])

    assert answer.status_code == 401


def test_a_refusal_says_what_is_wrong_in_the_shape_of_keystone(ledger: Ledger) -> None:
    with serving_api(ledger) as url:
        answer = get(url, CLOSED, "wrong")

    error = answer.json()["error"]
    assert answer.headers["www-authenticate"].startswith("X-Auth-Token")
    assert error["request_id"] == answer.headers["x-openstack-request-id"]
    assert (error["code"], error["title"], error["message"]) == (
        401, "Unauthorized", "X-Auth-Token is missing or not valid",
    )  # fmt: skip


def test_guesses_make_wait_and_then_even_the_right_one_does(ledger: Ledger) -> None:
    with serving_api(ledger, failure_limit=2) as url:
        statuses = [get(url, CLOSED, f"guess{n}").status_code for n in range(4)]
        right = get(url, CLOSED, KEY)

    assert statuses == [401, 401, 429, 429]
    assert right.status_code == 429
    assert 1 <= int(right.headers["retry-after"]) <= 30


# --- tokens ------------------------------------------------------------------------------------

# Whether she gets in, sees everything, may write.
WHO = {
    "member": (200, False, False),
    "stranger": (200, False, False),
    "auditor": (200, True, False),
    "biller": (200, True, True),
    "chief": (200, True, True),
    "nobody": (403, False, False),
}


@pytest.mark.parametrize("name", WHO)
def test_members_see_and_some_roles_see_everything_or_write(ledger: Ledger, identity: str, name: str) -> None:
    """What a role opens shows at /metrics, which is for who may see everything, and where one writes."""
    status, reads_all, writes = WHO[name]
    shown = token(identity, name)

    with serving_api(ledger, by_token(identity, metrics_from=())) as url:
        seen = get(url, "/metrics", shown)
        written = plain_http.post(
            f"{url}/volume_type", headers={"X-Auth-Token": shown}, json={"type_id": "a", "type_name": "b"}
        )

        assert get(url, CLOSED, shown).status_code == status
    assert seen.status_code == (200 if reads_all else 403)
    assert written.status_code == (201 if writes else 403)
    if not writes:
        assert list(written.json()) == ["error"]


def test_roles_of_the_system_count_and_those_of_a_domain_do_not(ledger: Ledger, identity: str) -> None:
    system = token(identity, "system-reader", scope={"system": {"all": True}})
    domain = token(identity, "domain-admin", scope={"domain": {"id": "default"}})

    with serving_api(ledger, by_token(identity, metrics_from=())) as url:
        assert get(url, "/metrics", system).status_code == 200
        refused = get(url, CLOSED, domain)

    assert refused.status_code == 403
    assert "for no project" in refused.json()["error"]["message"]


def test_the_names_of_roles_are_the_operators(ledger: Ledger, identity: str) -> None:
    roles = {"admin_roles": frozenset({"boss"}), "reader_roles": frozenset({"member"})}

    with serving_api(ledger, by_token(identity, metrics_from=(), **roles)) as url:
        assert get(url, "/metrics", token(identity, "stranger")).status_code == 200
        assert get(url, "/metrics", token(identity, "chief")).status_code == 403


def test_a_token_that_nobody_gave_is_refused_in_every_form(ledger: Ledger, identity: str) -> None:
    forms = ["gAAAAABk", "x" * 16_000, "a b", b"\xc3\xa9", "'; DROP TABLE", "../../v3", "%00", "*"]

    with serving_api(ledger, by_token(identity)) as url:
        statuses = {get(url, CLOSED, one).status_code for one in forms}

    assert statuses == {401}


def test_an_account_of_ours_validates_the_tokens_of_others(
    ledger: Ledger, identity: str, cloud: DemoCloud
) -> None:
    account = auth(identity, "validator", project_id=OTHER, project_name="")
    settings = by_token(identity, keystone=KeystoneSettings(f"{identity}/identity", account))

    with serving_api(ledger, settings) as url:
        good = get(url, CLOSED, token(identity, "member"))
        wrong = get(url, CLOSED, "gAAAA-wrong")
        # Keystone forgets all tokens, ours as well; a new one is fetched for the next question.
        cloud.tokens.forget()
        again = get(url, CLOSED, token(identity, "member"))

    assert (good.status_code, wrong.status_code, again.status_code) == (200, 401, 200)


def test_an_account_that_may_not_validate_is_our_fault_not_the_callers(
    ledger: Ledger, identity: str, caplog: pytest.LogCaptureFixture
) -> None:
    account = auth(identity, "some-reader", project_id=MINE, project_name="")
    settings = by_token(identity, keystone=KeystoneSettings(f"{identity}/identity", account))

    with serving_api(ledger, settings) as url:
        answer = get(url, CLOSED, token(identity, "stranger"))

    assert answer.status_code == 503
    assert "does not let our account validate tokens" in caplog.text


def test_keystone_is_asked_once_however_many_show_one_token(
    ledger: Ledger, identity: str, cloud: DemoCloud
) -> None:
    shown = token(identity, "member")
    cloud.faults.add(Fault(FaultKind.LATENCY, match="auth/tokens", delay_ms=200))

    with serving_api(ledger, by_token(identity)) as url, ThreadPoolExecutor(20) as threads:
        go = threading.Barrier(20)

        def ask(_: int) -> int:
            go.wait()
            return get(url, CLOSED, shown).status_code

        assert set(threads.map(ask, range(20))) == {200}
        assert get(url, CLOSED, shown).status_code == 200

    assert validations(cloud) == 1


def test_a_wrong_token_is_not_asked_about_again_at_once(
    ledger: Ledger, identity: str, cloud: DemoCloud
) -> None:
    with serving_api(ledger, by_token(identity)) as url:
        statuses = [get(url, CLOSED, "gAAAAA").status_code for _ in range(5)]

    assert statuses == [401] * 5
    assert validations(cloud) == 1


def test_without_a_cache_keystone_is_asked_each_time_and_knows_of_revocation(
    ledger: Ledger, identity: str, cloud: DemoCloud
) -> None:
    shown = token(identity, "member")

    with serving_api(ledger, by_token(identity, token_cache_s=0)) as url:
        before = get(url, CLOSED, shown).status_code
        cloud.tokens.forget()
        after = get(url, CLOSED, shown).status_code

    assert (before, after) == (200, 401)


def test_a_token_is_not_known_beyond_its_end(ledger: Ledger) -> None:
    cloud = keystone(token_ttl_s=2.0)
    with serving(cloud) as identity, serving_api(ledger, by_token(identity)) as url:
        shown = token(identity, "member")
        statuses = [get(url, CLOSED, shown).status_code]
        while statuses[-1] == 200 and len(statuses) < 5000:
            statuses.append(get(url, CLOSED, shown).status_code)

    assert statuses[0] == 200
    assert statuses[-1] == 401


def test_a_keystone_that_is_away_is_a_503_and_whom_it_knew_gets_on(ledger: Ledger) -> None:
    with serving(keystone()) as identity:
        known = token(identity, "member")
        settings = by_token(identity, strategy=BOTH, private_key=KEY)
        context = serving_app(ledger, settings)
        url, app = context.__enter__()
        assert get(url, CLOSED, known).status_code == 200

    try:
        answers = [get(url, CLOSED, shown) for shown in (known, KEY, "unknown")]
    finally:
        context.__exit__(None, None, None)

    assert [one.status_code for one in answers] == [200, 200, 503]
    assert answers[2].json()["error"]["message"] == "Keystone can't be asked about tokens at present"
    assert answers[2].headers["retry-after"] == "5"
    assert b'usance_api_tokens_total{how="keystone",result="unknown"} 1.0' in app.metrics.text()


@pytest.mark.parametrize("kind", [FaultKind.DROP, FaultKind.TRUNCATE, FaultKind.CUT])
def test_an_answer_that_is_none_is_a_503(
    ledger: Ledger, identity: str, cloud: DemoCloud, kind: FaultKind
) -> None:
    shown = token(identity, "member")
    cloud.faults.add(Fault(kind, match="GET /identity/v3/auth/tokens"))

    with serving_api(ledger, by_token(identity)) as url:
        assert get(url, CLOSED, shown).status_code == 503


def test_somebody_elses_guesses_do_not_keep_out_whom_keystone_knows(ledger: Ledger, identity: str) -> None:
    shown = token(identity, "member")

    with serving_api(ledger, by_token(identity, failure_limit=2)) as url:
        before = get(url, CLOSED, shown).status_code
        guesses = [get(url, CLOSED, f"guess{n}").status_code for n in range(4)]
        after = get(url, CLOSED, shown).status_code

    assert (before, guesses, after) == (200, [401, 401, 429, 429], 200)


def test_either_a_key_or_a_token_opens_where_both_are_configured(ledger: Ledger, identity: str) -> None:
    settings = by_token(identity, strategy=BOTH, private_key=KEY)

    with serving_api(ledger, settings) as url:
        shown = [KEY, token(identity, "member"), "neither"]

        assert [get(url, CLOSED, one).status_code for one in shown] == [200, 200, 401]


def test_nothing_that_was_shown_is_in_the_log_or_in_the_counters(
    ledger: Ledger, identity: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "usance")
    settings = by_token(identity, strategy=BOTH, private_key=KEY)
    shown = [KEY, token(identity, "member"), "a-wrong-token-of-somebody"]

    with serving_app(ledger, settings) as (url, app):
        for one in shown:
            get(url, f"{CLOSED}?token={one}", one)
        counters = app.metrics.text().decode()

    assert f"GET {CLOSED}" in caplog.text
    for one in shown:
        assert one not in caplog.text
        assert one not in counters
        assert one not in repr(settings)
