"""Questions over plain HTTP: a client that may speak TLS reads all certificates, 0.05 s each time."""

import ssl
from functools import partial
from typing import Final

import httpx2

TRUSTS_NOBODY: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

request = partial(httpx2.request, verify=TRUSTS_NOBODY)
get = partial(httpx2.get, verify=TRUSTS_NOBODY)
post = partial(httpx2.post, verify=TRUSTS_NOBODY)
