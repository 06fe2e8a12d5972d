"""The host's end of the job channel: frames to and from user/init (see user/init/init.h)."""
import os
import select
import struct
import time

STDIN, STDIN_END = 1, 2
STDOUT, STDERR, EXIT, REPORT, HELLO, FAILURE = 17, 18, 19, 20, 21, 22
PAYLOAD_MAX = 65536
HEADER = struct.Struct('<B3xI')


class TimeOut(Exception):
    """The time limit of the job, or that for the first sign of life, is over."""


class OutputClosed(Exception):
    """Nobody reads our standard output any more."""


class Channel:
    """Carries one job: feeds standard input, writes the outputs, keeps status and report."""

    def __init__(self, socket):
        self.socket = socket
        self.received = bytearray()
        self.outgoing = b''
        self.input_open = True
        self.release = None	# of the kernel, from its hello
        self.status = None
        self.report = None
        self.failure = None
        self.broken = None

    def run(self, boot_deadline, deadline, grace):
        """Until the guest's end is closed, or `grace` seconds after the job's exit status."""
        self.socket.setblocking(False)
        finished = None
        while True:
            limit = deadline if self.release is not None else min(boot_deadline, deadline)
            if self.status is not None:
                finished = finished or time.monotonic() + grace
                limit = finished
            wait = limit - time.monotonic()
            if wait <= 0:
                if self.status is not None:
                    return
                raise TimeOut
            if not self.step(wait) or self.broken:
                return

    def step(self, wait):
        """One round of poll(); false at the end of the channel."""
        poll = select.poll()
        socket = self.socket.fileno()
        poll.register(socket, select.POLLIN | (select.POLLOUT if self.outgoing else 0))
        if self.wants_input():
            poll.register(0, select.POLLIN)
        for fd, events in poll.poll(min(wait, 3600) * 1000):
            if fd == 0:
                self.input_read(events)
            elif events & select.POLLOUT and not self.send():
                return False
            elif events & ~select.POLLOUT and not self.receive():
                return False
        return True

    def wants_input(self):
        return (self.input_open and not self.outgoing and self.release is not None
                and self.status is None)

    def input_read(self, events):
        try:
            data = b'' if events & select.POLLNVAL else os.read(0, PAYLOAD_MAX)
        except OSError:
            data = b''
        self.input_open = bool(data)
        self.outgoing = HEADER.pack(STDIN if data else STDIN_END, len(data)) + data

    def send(self):
        try:
            self.outgoing = self.outgoing[self.socket.send(self.outgoing):]
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True

    def receive(self):
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.received += data
        self.frames_take()
        return bool(data)

    def frames_take(self):
        offset = 0
        while len(self.received) - offset >= HEADER.size and not self.broken:
            kind, length = HEADER.unpack_from(self.received, offset)
            if length > PAYLOAD_MAX or kind not in (STDOUT, STDERR, EXIT, REPORT, HELLO, FAILURE):
                self.broken = f'not a frame: {bytes(self.received[offset:offset + 16])!r}'
                return
            end = offset + HEADER.size + length
            if end > len(self.received):
                break
            self.frame(kind, bytes(self.received[offset + HEADER.size:end]))
            offset = end
        del self.received[:offset]

    def frame(self, kind, payload):
        if kind == STDOUT:
            write_all(1, payload)
        elif kind == STDERR:
            write_all(2, payload)
        elif kind == EXIT:
            self.status = int.from_bytes(payload[:4], 'little')
        elif kind == REPORT:
            self.report = payload.decode(errors='replace')
        elif kind == HELLO:
            self.release = payload.decode(errors='replace')
        else:
            self.failure = payload.decode(errors='replace')


def write_all(fd, data):
    while data:
        try:
            data = data[os.write(fd, data):]
        except BlockingIOError:
            select.select([], [fd], [])
        except OSError:
            raise OutputClosed from None
