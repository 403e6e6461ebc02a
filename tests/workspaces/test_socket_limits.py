from __future__ import annotations

from isflow.workspaces.socket_limits import (
    MAX_DEAF_SECONDS,
    MAX_MESSAGE_BYTES,
    MAX_SOCKETS_PER_USER,
    MAX_UNREAD_BYTES,
    MAX_UNREAD_FRAMES,
    IncomingMeter,
    OutgoingWindow,
    SocketCounter,
)


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_twenty_messages_a_second_are_enough():
    clock = Clock()
    meter = IncomingMeter(clock)
    assert all(meter.accepts(1) for _ in range(20))
    assert not meter.accepts(1)
    clock.now += 1
    assert meter.accepts(1)


def test_a_message_has_a_size():
    assert IncomingMeter().accepts(MAX_MESSAGE_BYTES)
    assert not IncomingMeter().accepts(MAX_MESSAGE_BYTES + 1)


def test_frames_beyond_the_window_are_dropped_and_their_streams_named():
    window = OutgoingWindow()
    assert all(window.takes("inbox", 10) for _ in range(MAX_UNREAD_FRAMES))
    assert not window.takes("thread:1", 10)
    assert not window.takes("thread:1", 10)
    assert window.acknowledge(100) == {"thread:1"}
    assert window.takes("thread:1", 10)
    assert window.acknowledge(200) == set()


def test_big_frames_fill_the_window_too():
    window = OutgoingWindow()
    assert window.takes("inbox", MAX_UNREAD_BYTES)
    assert not window.takes("inbox", 1)
    assert window.acknowledge(1) == {"inbox"}
    assert window.takes("inbox", 1)


def test_nonsense_acknowledgements_do_no_harm():
    window = OutgoingWindow()
    window.takes("inbox", 1)
    assert window.acknowledge(-5) == set()
    assert window.acknowledge(10**12) == set()
    assert window.takes("inbox", MAX_UNREAD_BYTES)


def test_a_full_window_makes_deaf_in_time():
    clock = Clock()
    window = OutgoingWindow(clock)
    window.takes("inbox", MAX_UNREAD_BYTES)
    window.takes("inbox", 1)
    assert not window.is_deaf
    clock.now += MAX_DEAF_SECONDS + 1
    assert window.is_deaf
    window.acknowledge(1)
    assert not window.is_deaf


def test_sockets_are_counted_per_person():
    counter = SocketCounter()
    assert all(counter.enter(1) for _ in range(MAX_SOCKETS_PER_USER))
    assert not counter.enter(1)
    assert counter.enter(2)
    counter.leave(1)
    assert counter.enter(1)
    assert counter.total == MAX_SOCKETS_PER_USER + 1
