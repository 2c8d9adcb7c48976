"""The socket that the API listens on."""

from __future__ import annotations

import socket

from usance.api.server import listen
from usance.config.settings import ApiSettings


def test_the_second_piece_of_an_answer_does_not_wait_for_the_first() -> None:
    with (
        listen(ApiSettings(bind_port=0)) as listening,
        socket.create_connection(listening.getsockname()),
        listening.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
