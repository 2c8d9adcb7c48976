"""Messages as the receiver takes them: S/MIME, signed with the host certificate, and encrypted.

The receiver takes for the message what stands after the first blank line of the signed text; so
the text has its own MIME header (`Content-Type: text/plain`), as `openssl smime -sign -text` makes it.
"""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.algorithms import AES128, AES256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from usance.model.errors import ConfigurationError
from usance.sending.identity import Identity

# Both in CBC mode: what openssl smime reads.
CIPHERS: Final[dict[str, type[AES128 | AES256]]] = {"aes128": AES128, "aes256": AES256}

_SIGNING: Final = [pkcs7.PKCS7Options.Text, pkcs7.PKCS7Options.DetachedSignature]


class Sealer:
    """Signs, and encrypts where a receiver's certificate is given. Usable from any thread."""

    def __init__(
        self, identity: Identity, receiver: x509.Certificate | None = None, cipher: str = "aes128"
    ) -> None:
        if receiver is not None and not isinstance(receiver.public_key(), rsa.RSAPublicKey):
            raise ConfigurationError(
                "messages can be encrypted for an RSA key only", hint="see server_cert: it is of another kind"
            )
        self._identity = identity
        self._receiver = receiver
        self._cipher = CIPHERS[cipher]

    def seal(self, body: bytes) -> bytes:
        """Return a message, which is ASCII, as it goes over the wire: ASCII, too."""
        identity = self._identity
        signed = (
            pkcs7.PKCS7SignatureBuilder()
            .set_data(body)
            .add_signer(identity.certificate, identity.key, hashes.SHA256())
            .sign(Encoding.SMIME, _SIGNING)
        )
        if self._receiver is None:
            return signed
        return (
            pkcs7.PKCS7EnvelopeBuilder()
            .set_data(signed)
            .add_recipient(self._receiver)
            .set_content_encryption_algorithm(self._cipher)
            .encrypt(Encoding.SMIME, [pkcs7.PKCS7Options.Binary])
        )
