"""Sending messages where APEL receives them: signed, encrypted, by AMS or STOMP, from any queue.

It needs the library `cryptography`, which the extra `send` brings.
"""

from importlib.util import find_spec

from usance.model.errors import ConfigurationError

if find_spec("cryptography") is None:
    raise ConfigurationError(
        "signing messages needs the library cryptography", hint="pip install 'usance[send]'"
    )
