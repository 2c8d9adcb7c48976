"""Certificates and keys: what is refused, in which words, and what is only warned of."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from certificates import Place
from usance.model.errors import ConfigurationError
from usance.sending.identity import ends_soon, load_certificate, load_identity
from usance.sending.sender import Sender
from usance.sending.trust import Authorities

NOW = datetime(2026, 11, 22, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """Another authority of the same name, with another key."""
    return Place(tmp_path_factory.mktemp("stranger"))


def with_certificate(settings, files):
    return msgspec.structs.replace(settings, certificate=files[0], key=files[1])


def test_the_subject_is_written_as_the_receivers_list_has_it(place):
    identity = load_identity(place.path / "host.example.org.pem", place.path / "host.example.org.key")

    assert identity.subject == "/DC=org/DC=example/CN=host.example.org"


def test_a_key_of_another_certificate_is_refused(place, settings):
    key = place.path / "ams.example.org.key"

    with pytest.raises(ConfigurationError, match="does not belong to the certificate"):
        Sender(msgspec.structs.replace(settings, key=key))


@pytest.mark.parametrize(
    ("content", "said"), [(b"nonsense", "holds no certificate"), (None, "can't be read: No such file")]
)
def test_a_file_that_is_no_certificate_is_named(tmp_path, content, said):
    path = tmp_path / "hostcert.pem"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigurationError, match=said):
        load_certificate(path)


def test_a_key_with_a_password_is_told_so(place, tmp_path):
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - for this test alone
        BestAvailableEncryption,
        Encoding,
        PrivateFormat,
    )

    locked = tmp_path / "key.pem"
    secret = BestAvailableEncryption(b"secret")
    locked.write_bytes(place.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secret))

    with pytest.raises(ConfigurationError, match="has a password"):
        load_identity(place.path / "host.example.org.pem", locked)


def test_a_certificate_that_has_ended_sends_nothing(place, settings):
    files = place.issue("ended.example.org", begin=-10 * DAY, end=-DAY)

    with pytest.raises(ConfigurationError, match="ended on"):
        Sender(with_certificate(settings, files))


def test_a_certificate_that_is_not_yet_valid_points_to_the_clock(place, settings):
    files = place.issue("future.example.org", begin=DAY, end=10 * DAY)

    with pytest.raises(ConfigurationError, match="clock is right"):
        Sender(with_certificate(settings, files))


def test_what_ends_soon_is_warned_of_and_still_sends(place, settings):
    """SSM refuses to send in the last 24 hours of a certificate."""
    files = place.issue("soon.example.org", end=timedelta(hours=20))
    receiver, _ = place.issue("receiver-soon.example.org", end=10 * DAY)

    found = Sender(msgspec.structs.replace(with_certificate(settings, files), server_cert=receiver)).warnings

    assert len(found) == 2
    assert "soon.example.org.pem ends on" in found[0]
    assert "hours" in found[0]
    assert "receiver-soon.example.org.pem ends on" in found[1]
    assert "in 9 days" in found[1]


def test_nothing_is_warned_of_while_all_is_well(encrypting):
    assert Sender(encrypting).warnings == []


def test_the_days_before_the_end_are_configured():
    assert ends_soon("it", NOW + 31 * DAY, NOW, 30) == []
    assert ends_soon("it", NOW + 29 * DAY, NOW, 30) == ["it ends on 2026-12-21 UTC, in 29 days"]
    assert ends_soon("it", NOW, NOW, 0) == ["it ended on 2026-11-22 00:00 UTC"]


def test_a_receivers_certificate_of_an_unknown_authority_is_refused_unless_told_otherwise(settings, stranger):
    receiver, _ = stranger.issue("evil.example.org")
    trusting = msgspec.structs.replace(settings, server_cert=receiver)

    with pytest.raises(ConfigurationError, match="is not verified by the authorities"):
        Sender(trusting)
    Sender(msgspec.structs.replace(trusting, verify_server_cert=False))


def test_ones_own_certificate_is_not_the_receivers(settings):
    with pytest.raises(ConfigurationError, match="the host's own certificate"):
        Sender(msgspec.structs.replace(settings, server_cert=settings.certificate))


def test_a_receiver_with_a_key_that_can_t_be_encrypted_for_is_told(place, settings):
    receiver, _ = place.issue("curve.example.org", curve=True)

    with pytest.raises(ConfigurationError, match="RSA key only"):
        Sender(msgspec.structs.replace(settings, server_cert=receiver))


def test_a_revoked_receiver_is_refused_where_revocations_are_checked(tmp_path, settings):
    place = Place(tmp_path / "ca")
    receiver, _ = place.issue("receiver")
    checking = msgspec.structs.replace(settings, server_cert=receiver, capath=place.capath, check_crls=True)

    with pytest.raises(ConfigurationError, match="no current revocation list"):
        Sender(checking)
    place.revoke()
    Sender(checking)
    place.revoke(receiver)
    with pytest.raises(ConfigurationError, match="is revoked"):
        Sender(checking)
    place.revoke(next_update=-DAY)
    with pytest.raises(ConfigurationError, match="no current revocation list"):
        Sender(checking)


def test_a_revocation_list_that_has_ended_is_warned_of(tmp_path, settings):
    place = Place(tmp_path / "ca")
    place.revoke(next_update=-DAY)
    receiver, _ = place.issue("receiver")

    found = Sender(msgspec.structs.replace(settings, server_cert=receiver, capath=place.capath)).warnings

    assert [line for line in found if "revocation list of /DC=org/DC=example/CN=Test CA ended" in line]


def test_a_certificate_signed_by_no_authority_is_not_verified(tmp_path, place):
    """A host's certificate must not vouch for another one, though its authority is known."""
    leaf, key = place.issue("leaf.example.org")
    fake = Place(tmp_path / "fake")
    fake.authority = load_certificate(leaf)
    fake.key = load_identity(leaf, key).key
    child, _ = fake.issue("child.example.org")
    (tmp_path / "both").mkdir()
    (tmp_path / "both" / "ca.pem").write_bytes(place.cafile.read_bytes() + leaf.read_bytes())

    with pytest.raises(ConfigurationError, match="is not verified"):
        Authorities(tmp_path / "both").verify(
            load_certificate(child), child, datetime.now(UTC), check_crls=False
        )


def test_a_directory_without_authorities_is_named(tmp_path, encrypting):
    with pytest.raises(ConfigurationError, match="holds no certificates of authorities"):
        Sender(msgspec.structs.replace(encrypting, capath=tmp_path))


def test_broken_files_among_the_authorities_do_no_harm(tmp_path, place):
    for file in place.capath.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "aaaaaaaa.0").write_bytes(b"\xff not PEM")
    (tmp_path / "aaaaaaaa.r0").write_bytes(b"-----BEGIN X509 CRL-----\nnonsense")

    assert len(Authorities(tmp_path).certificates) == 1
