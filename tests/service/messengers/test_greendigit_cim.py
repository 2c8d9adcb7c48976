"""Delivery of energy records to a CIM that is served on loopback."""

import logging
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from cim import ACCOUNT, make_certificate, serving_cim
from usance.config.settings import MessengerSettings
from usance.ledger.values import Message, MessageState
from usance.messengers.greendigit_cim import GreenDigitCim
from usance.messengers.messenger import RefusedError
from usance.model.errors import ConfigurationError, DeliveryError

BODY = b'[{"ExecUnitID": "a", "EnergyWh": 0.5}, {"ExecUnitID": "b", "EnergyWh": 2}]'


def message(body=BODY):
    now = datetime(2026, 10, 15, tzinfo=UTC)
    return Message(1, "p", "c", "greendigit_cim", "energy", "energy-cim", body, 2, now, MessageState.PENDING)


@contextmanager
def messenger(cim, **options):
    given = {"base_url": cim.url, "email": ACCOUNT[0], "password": ACCOUNT[1], "retries": "1", **options}
    found = GreenDigitCim(MessengerSettings("greendigit_cim", given), backoff_s=0.01)
    try:
        yield found
    finally:
        found.close()


def test_messages_arrive_with_one_token_for_all():
    with serving_cim() as cim, messenger(cim) as one:
        one.send(message())
        one.send(message())

        assert [record["EnergyWh"] for record in cim.records] == [0.5, 2, 0.5, 2]
        assert (cim.tokens, cim.posts) == (1, 2)


def test_a_token_that_is_refused_is_asked_for_once_more():
    with serving_cim() as cim, messenger(cim) as one:
        one.send(message())
        cim.valid.clear()
        one.send(message())

        assert (len(cim.records), cim.tokens, cim.posts) == (4, 2, 3)


def test_an_account_that_is_refused_holds_the_message():
    with serving_cim() as cim, messenger(cim, password="wrong horse") as one:
        with pytest.raises(DeliveryError) as caught:
            one.send(message())

        assert not isinstance(caught.value, RefusedError)
        assert "see email and password" in str(caught.value)
        assert cim.posts == 0


def test_a_fresh_token_that_is_refused_holds_the_message():
    with serving_cim() as cim, messenger(cim) as one:
        cim.give_token = lambda _: (200, {"access_token": "worthless"})
        with pytest.raises(DeliveryError, match="401"):
            one.send(message())

        assert cim.posts == 1


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_what_the_cim_never_takes_is_refused(status):
    with serving_cim() as cim, messenger(cim) as one:
        cim.answers = [status]
        with pytest.raises(RefusedError, match=f"{status}.*no {status}"):
            one.send(message())
        one.send(message())

        assert len(cim.records) == 2


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_what_may_pass_holds_the_message(status):
    with serving_cim() as cim, messenger(cim, retries="0") as one:
        cim.answers = [status]
        with pytest.raises(DeliveryError) as caught:
            one.send(message())

        assert not isinstance(caught.value, RefusedError)
        one.send(message())
        assert len(cim.records) == 2


def test_a_failure_that_passes_is_tried_again():
    with serving_cim() as cim, messenger(cim) as one:
        cim.answers = [503]
        one.send(message())

        assert (len(cim.records), cim.posts) == (2, 2)


@pytest.mark.parametrize("status", [201, 202, 204])
def test_every_way_to_say_that_it_was_taken_counts(status):
    with serving_cim() as cim, messenger(cim) as one:
        cim.taken_status = status
        one.send(message())

        assert cim.posts == 1


def test_nobody_there_holds_the_message():
    with serving_cim() as cim:
        pass
    with messenger(cim, retries="0") as one, pytest.raises(DeliveryError, match="can't be reached"):
        one.send(message())


def test_the_certificate_is_verified(tmp_path):
    certificate = make_certificate(tmp_path / "cim.pem")
    with serving_cim(certificate) as cim:
        with messenger(cim) as one, pytest.raises(DeliveryError, match="CERTIFICATE_VERIFY_FAILED"):
            one.send(message())
        assert cim.tokens == 0
        with messenger(cim, cafile=str(certificate)) as one:
            one.send(message())
        with messenger(cim, verify_ssl="false") as one:
            one.send(message())

        assert len(cim.records) == 4


def test_the_password_is_in_no_error_and_no_log(caplog):
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # as every command does
    caplog.set_level(logging.DEBUG)
    with serving_cim() as cim:
        with messenger(cim) as one:
            one.send(message())
            assert "horse" not in repr(one)
        with messenger(cim, password="wrong horse") as one, pytest.raises(DeliveryError) as refused:
            one.send(message())
    with messenger(cim, retries="0") as one, pytest.raises(DeliveryError) as nobody:
        one.send(message())

    for error in (refused.value, nobody.value):
        chain = [error, error.__cause__]
        assert all("horse" not in str(part) for part in chain)
        assert error.__suppress_context__
    assert all("horse" not in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"password": "x"}, "has no account"),
        ({"email": "x"}, "has no account"),
        ({"email": "x", "password": "y", "base_url": "cim.example.org"}, "is not a URL"),
        ({"email": "x", "password": "y", "base_url": "http://cim.example.org"}, "unencrypted"),
    ],
)
def test_options_that_make_no_sense_are_one_sentence(options, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        GreenDigitCim(MessengerSettings("greendigit_cim", options))
