"""A guest's screen and keyboard, through QEMU's machine protocol (QMP): pictures and keys."""
import hashlib
import json
import os
import socket
import struct
import tempfile
import time
import zlib

CONNECT_SECONDS = 100


class ScreenError(Exception):
    """What QEMU answered instead of a picture; the text is for the user."""


class Machine:
    """A connection to QEMU's QMP socket at a path."""

    def __init__(self, path):
        self.received = b''
        end = time.monotonic() + CONNECT_SECONDS
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(path)
                break
            except OSError as error:
                self.socket.close()
                if time.monotonic() > end:
                    raise ScreenError(f'QEMU does not answer: {error}') from None
                time.sleep(0.05)
        self.message()	# the greeting
        self.command('qmp_capabilities')

    def message(self):
        while b'\n' not in self.received:
            data = self.socket.recv(65536)
            if not data:
                raise ScreenError('QEMU closed the connection')
            self.received += data
        line, self.received = self.received.split(b'\n', 1)
        return json.loads(line)

    def command(self, name, **arguments):
        words = {'execute': name}
        if arguments:
            words['arguments'] = arguments
        self.socket.sendall(json.dumps(words).encode() + b'\n')
        while True:
            message = self.message()
            if 'error' in message:
                raise ScreenError(f'{name}: {message["error"]["desc"]}')
            if 'return' in message:
                return message['return']

    def picture(self, device=None):
        """What the screen shows now."""
        with tempfile.TemporaryDirectory(prefix='selene-screen-') as folder:
            path = os.path.join(folder, 'screen.ppm')
            more = {'device': device} if device else {}
            self.command('screendump', filename=path, **more)
            with open(path, 'rb') as stream:
                return Picture.from_ppm(stream.read())

    def key(self, *names, hold=20):
        """Press QEMU's key names together (https://www.qemu.org: QKeyCode)."""
        self.command('send-key', keys=[{'type': 'qcode', 'data': name} for name in names],
                     **{'hold-time': hold})
        time.sleep(hold / 1000 + 0.02)

    def type(self, text):
        """Type characters of an American keyboard."""
        for character in text:
            self.key(*keys_of(character))

    def events(self, *events):
        self.command('input-send-event', events=list(events))

    def close(self):
        self.socket.close()


PLAIN = {' ': 'spc', '\n': 'ret', '\t': 'tab', '\x1b': 'esc', '\x7f': 'backspace', '-': 'minus',
         '=': 'equal', '[': 'bracket_left', ']': 'bracket_right', ';': 'semicolon',
         "'": 'apostrophe', '`': 'grave_accent', '\\': 'backslash', ',': 'comma', '.': 'dot',
         '/': 'slash'}
SHIFTED = dict(zip('!@#$%^&*()_+{}:"~|<>?', "1234567890-=[];'`\\,./"))


def keys_of(character):
    if character in SHIFTED:
        return ('shift',) + keys_of(SHIFTED[character])
    if character.isupper():
        return ('shift', character.lower())
    if ord(character) < 32 and character not in PLAIN:
        return ('ctrl', chr(ord(character) + 96))
    return (PLAIN.get(character, character),)


class Picture:
    """Rows of red, green and blue bytes."""

    def __init__(self, width, height, data):
        self.width, self.height, self.data = width, height, data

    def __eq__(self, other):
        return (self.width, self.height, self.data) == (other.width, other.height, other.data)

    @classmethod
    def from_ppm(cls, data):
        fields, at = [], 0
        while len(fields) < 4:
            end = at
            while data[end] not in b' \t\n':
                end += 1
            fields.append(data[at:end])
            at = end + 1
        return cls(int(fields[1]), int(fields[2]), data[at:])

    @classmethod
    def from_png(cls, data):
        """Only what to_png() makes."""
        at, packed = 8, b''
        while at < len(data):
            length, kind = struct.unpack_from('>I4s', data, at)
            body = data[at + 8:at + 8 + length]
            if kind == b'IHDR':
                width, height, depth, colour = struct.unpack_from('>IIBB', body)
            elif kind == b'PLTE':
                palette = [body[i:i + 3] for i in range(0, length, 3)]
            elif kind == b'IDAT':
                packed += body
            at += 12 + length
        rows = zlib.decompress(packed)
        if colour == 2:
            stride = 3 * width
            plain = [rows[y * (stride + 1) + 1:(y + 1) * (stride + 1)] for y in range(height)]
            return cls(width, height, b''.join(plain))
        stride = (width * depth + 7) // 8
        out = bytearray()
        for y in range(height):
            row = rows[y * (stride + 1) + 1:(y + 1) * (stride + 1)]
            if depth == 4:
                row = bytes(n for byte in row for n in (byte >> 4, byte & 15))[:width]
            out += b''.join(palette[n] for n in row)
        return cls(width, height, bytes(out))

    def pixel(self, x, y):
        at = 3 * (y * self.width + x)
        return tuple(self.data[at:at + 3])

    def sum(self):
        return hashlib.sha256(self.data).hexdigest()[:16]

    def rows(self, width, height):
        """The upper left part."""
        return b''.join(self.data[3 * y * self.width:3 * (y * self.width + width)]
                        for y in range(height))

    def colours(self):
        return len(set(zip(*[iter(self.data)] * 3)))

    def halved(self):
        """Half the size, each pixel the mean of four."""
        width, height, out = self.width // 2, self.height // 2, bytearray()
        for y in range(height):
            upper = self.data[6 * y * self.width:6 * y * self.width + 6 * width]
            start = (6 * y + 3) * self.width
            lower = self.data[start:start + 6 * width]
            for x in range(0, 6 * width, 6):
                for c in range(x, x + 3):
                    out.append((upper[c] + upper[c + 3] + lower[c] + lower[c + 3] + 2) >> 2)
        return Picture(width, height, bytes(out))

    def to_png(self):
        """With a palette where there are at most 256 colours."""
        pixels = list(zip(*[iter(self.data)] * 3))
        palette = sorted(set(pixels))
        if len(palette) <= 256:
            index = {colour: n for n, colour in enumerate(palette)}
            small = len(palette) <= 16
            rows = []
            for y in range(self.height):
                row = bytes(index[p] for p in pixels[y * self.width:(y + 1) * self.width])
                if small:
                    row += b'\0' * (len(row) % 2)
                    row = bytes(row[i] << 4 | row[i + 1] for i in range(0, len(row), 2))
                rows.append(b'\0' + row)
            head = struct.pack('>IIBBBBB', self.width, self.height, 4 if small else 8, 3, 0, 0, 0)
            chunks = [(b'IHDR', head), (b'PLTE', bytes(c for colour in palette for c in colour))]
        else:
            stride = 3 * self.width
            rows = [b'\0' + self.data[y * stride:(y + 1) * stride] for y in range(self.height)]
            chunks = [(b'IHDR', struct.pack('>IIBBBBB', self.width, self.height, 8, 2, 0, 0, 0))]
        chunks += [(b'IDAT', zlib.compress(b''.join(rows), 9)), (b'IEND', b'')]
        return b'\x89PNG\r\n\x1a\n' + b''.join(
            struct.pack('>I', len(body)) + kind + body
            + struct.pack('>I', zlib.crc32(kind + body)) for kind, body in chunks)
