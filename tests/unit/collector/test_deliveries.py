"""Messages taken out of a stream of AMQP frames, however the stream is cut into pieces."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st
from pika import spec
from pika.frame import Body, Header, Heartbeat, Method

from usance.collector.deliveries import Deliveries

OURS, THEIRS = "usance-0", "another"
_TAGS = st.sampled_from([OURS, THEIRS])


@dataclass
class Broker:
    """What a broker sends, as pika would write it."""

    sent: bytes = b""
    told: list[object] = field(default_factory=list)

    def heartbeat(self) -> Broker:
        return self._frame(Heartbeat())

    def deliver(
        self, number: int, body: bytes, *, tag: str = OURS, channel: int = 1, cut: int = 99
    ) -> Broker:
        """Send a message whose body is cut into frames of so many bytes at most."""
        deliver = spec.Basic.Deliver(tag, number, number % 2 == 0, "nova", "notifications.info")
        header = Header(channel, len(body), spec.BasicProperties(delivery_mode=2))
        bodies = [Body(channel, body[at : at + cut]) for at in range(0, len(body), cut)]
        frames = [Method(channel, deliver), header, *bodies]
        if (tag, channel, len(bodies)) == (OURS, 1, 1):
            self.sent += b"".join(one.marshal() for one in frames)
            self.told.append((number, number % 2 == 0, body))
        else:
            for one in frames:
                self._frame(one)
        return self

    def _frame(self, frame: Method | Header | Body | Heartbeat) -> Broker:
        self.sent += frame.marshal()
        self.told.append(frame.marshal())
        return self


@dataclass
class Reader:
    """What came out of a stream, in order: messages, and frames as bytes."""

    told: list[object] = field(default_factory=list)
    bytes_of_messages: int = 0

    def __post_init__(self) -> None:
        self.deliveries = Deliveries(self.told.append)
        self.deliveries.takers[1, OURS.encode()] = lambda *message: self.told.append(message)

    def read(self, *pieces: bytes) -> Reader:
        for one in pieces:
            self.bytes_of_messages += self.deliveries.read(one)
        return self


def test_plain_messages_go_to_their_taker_and_everything_else_goes_on_as_it_came() -> None:
    """Frames of other channels and consumers, empty messages and long ones are none of our business."""
    broker = Broker().heartbeat().deliver(1, b"one").deliver(2, b"", channel=2).deliver(3, b"")
    broker.deliver(4, b"four", tag=THEIRS).deliver(5, b"in two", cut=4).deliver(6, b"six").heartbeat()

    reader = Reader().read(broker.sent)

    assert reader.told == broker.told
    assert [one for one in reader.told if isinstance(one, tuple)] == [(1, False, b"one"), (6, True, b"six")]


def test_bytes_of_messages_are_counted() -> None:
    """Whoever watches whether the broker lives must hear of what went past pika."""
    broker = Broker().deliver(1, b"one")

    assert Reader().read(Broker().heartbeat().sent, broker.sent).bytes_of_messages == len(broker.sent)


@given(
    st.lists(st.tuples(st.binary(max_size=40), _TAGS, st.integers(1, 2), st.integers(1, 60)), max_size=8),
    st.data(),
)
def test_however_the_stream_is_cut_the_same_comes_out_in_the_same_order(
    said: list[tuple[bytes, str, int, int]], data: st.DataObject
) -> None:
    """A socket gives what it has: half a frame, or many of them."""
    broker = Broker()
    for number, (body, tag, channel, cut) in enumerate(said, start=1):
        broker.deliver(number, body, tag=tag, channel=channel, cut=cut).heartbeat()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(broker.sent)), max_size=12)))
    pieces_sent = [broker.sent[a:b] for a, b in zip([0, *cuts], [*cuts, len(broker.sent)], strict=True)]

    assert Reader().read(*pieces_sent).told == broker.told


def test_frame_between_the_frames_of_a_message_leaves_the_whole_message_to_pika() -> None:
    """A heartbeat may come between the frames of a message, and then pika puts it together."""
    whole = Broker().deliver(1, b"one").sent
    method = Method(1, spec.Basic.Deliver(OURS, 1, False, "nova", "notifications.info")).marshal()
    beat = Broker().heartbeat().sent
    rest = whole[len(method) :]

    reader = Reader().read(method, beat, rest).read(whole)

    assert reader.told[:2] == [method, beat]
    assert b"".join(one for one in reader.told[2:4] if isinstance(one, bytes)) == rest
    assert reader.told[4:] == [(1, False, b"one")]


def test_frame_that_does_not_end_as_it_should_goes_to_pika_which_refuses_it() -> None:
    """What is broken is not guessed at."""
    broken = Broker().deliver(1, b"one").sent[:-1] + b"\0"

    assert all(isinstance(one, bytes) for one in Reader().read(broken).told)


def test_greeting_of_another_protocol_goes_to_pika_at_once() -> None:
    """A server that does not speak this version answers with its own greeting, and closes."""
    assert Reader().read(b"AMQP\x00\x00\x09\x01").told == [b"AMQP\x00\x00\x09\x01"]
