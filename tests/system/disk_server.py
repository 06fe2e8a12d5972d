"""A disk that misbehaves as a test wants: a server of network block devices (NBD) for QEMU.

The protocol is github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md: the fixed newstyle
handshake with NBD_OPT_GO, and simple replies.
"""
import os
import socket
import struct
import threading
import time

READ, WRITE, DISCONNECT, FLUSH, TRIM = range(5)
OPTION_ABORT, OPTION_GO = 2, 7
REPLY_ACK, REPLY_INFO, REPLY_UNSUPPORTED = 1, 3, 0x80000001
FLAGS = 1 | 4 | 8 | 32		# has flags, flush, FUA, trim
EIO = 5
LATE = 'late'
LATE_SECONDS = 6
VANISH = 'vanish'


class DiskServer:
    """Serves @data (a bytearray) at the socket @path; @judge(kind, offset, length) says what becomes of a
    request: None or 0, an errno, LATE (answered after a while) or VANISH (the connection ends)."""

    def __init__(self, path, data, judge=None, log=None):
        self.path, self.data, self.judge = path, data, judge or (lambda *request: None)
        self.log = log		# hears wrote(offset, data), length(), flushed(length at the flush's start)
        self.flushes = 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(4)
        threading.Thread(target=self.accept, daemon=True).start()

    def drive(self):
        """The words for --drive."""
        return ('json:{"driver":"raw","file":{"driver":"nbd","server":{"type":"unix","path":"%s"}}}'
                % self.path)

    def close(self):
        self.listener.close()
        os.unlink(self.path)

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.client, args=(client,), daemon=True).start()

    def client(self, client):
        try:
            if self.handshake(client):
                while self.request(client):
                    pass
        except (OSError, EOFError):
            pass
        client.close()

    @staticmethod
    def receive(client, size):
        data = b''
        while len(data) < size:
            part = client.recv(size - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def handshake(self, client):
        client.sendall(b'NBDMAGIC' + b'IHAVEOPT' + struct.pack('>H', 3))
        self.receive(client, 4)
        while True:
            _, option, size = struct.unpack('>8sII', self.receive(client, 16))
            self.receive(client, size)
            if option == OPTION_GO:
                info = struct.pack('>HQH', 0, len(self.data), FLAGS)
                self.reply_option(client, option, REPLY_INFO, info)
                self.reply_option(client, option, REPLY_ACK)
                return True
            self.reply_option(client, option,
                              REPLY_ACK if option == OPTION_ABORT else REPLY_UNSUPPORTED)
            if option == OPTION_ABORT:
                return False

    @staticmethod
    def reply_option(client, option, kind, data=b''):
        client.sendall(struct.pack('>QIII', 0x3e889045565a9, option, kind, len(data)) + data)

    def request(self, client):
        _, _, kind, handle, offset, size = struct.unpack('>IHH8sQI', self.receive(client, 28))
        data = self.receive(client, size) if kind == WRITE else b''
        begun = self.log.length() if self.log else 0
        if kind == DISCONNECT:
            return False
        verdict = self.judge(kind, offset, size)
        if verdict == LATE:
            time.sleep(LATE_SECONDS)
            verdict = 0
        if verdict == VANISH:
            return False
        answer = b''
        if not verdict:
            if kind == WRITE:
                self.data[offset:offset + size] = data
                if self.log:
                    self.log.wrote(offset, data)
            elif kind == READ:
                answer = bytes(self.data[offset:offset + size])
            elif kind == FLUSH:
                self.flushes += 1
                if self.log:
                    self.log.flushed(begun)
        client.sendall(struct.pack('>II8s', 0x67446698, verdict or 0, handle) + answer)
        return True
