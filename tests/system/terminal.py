"""Tests that sit at the guest's terminal: a pseudo-terminal around scripts/run, keys and answers."""
import os
import pty
import re
import select
import signal
import struct
import time
import fcntl
import termios

import harness

PROMPT = 'root@selene:'
ROWS, COLUMNS = 33, 101
STEP_SECONDS = 30
CONTROL_PAUSE = 0.5	# before a control character: a shell needs a moment to hand the terminal over
# Before keys for a running program: a shell that has not made it the foreground yet would get them.
KEY_SECONDS = 0.3
ESCAPES = re.compile(r'\x1b(\[[0-9;?]*[A-Za-z]|[()][AB0]|[=>78])')


class Terminal:
    """scripts/run on a terminal of its own."""

    def __init__(self, words):
        self.text = ''
        self.process, self.fd = pty.fork()
        if self.process == 0:
            os.chdir(harness.TOP)
            os.environ['TERM'] = 'vt100'
            os.execv(words[0], words)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack('HHHH', ROWS, COLUMNS, 0, 0))

    def type(self, keys):
        """Send keys; what came before is forgotten."""
        self.text = ''
        if not keys.endswith('\r'):
            time.sleep(KEY_SECONDS)
        os.write(self.fd, keys.encode())

    def wait(self, pattern):
        """Read until the pattern is there; false when it does not come in time."""
        end = time.monotonic() + STEP_SECONDS
        while not re.search(pattern, self.text, re.M):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                return False
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                return False
            self.text += data.decode(errors='replace').replace('\r', '')
            self.text = ESCAPES.sub('', self.text)
        return True

    def end(self):
        """The status of scripts/run, once it has ended (at most for STEP_SECONDS)."""
        end = time.monotonic() + STEP_SECONDS
        while time.monotonic() < end:
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    os.read(self.fd, 65536)
                except OSError:
                    pass
            done, status = os.waitpid(self.process, os.WNOHANG)
            if done:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
        os.kill(self.process, signal.SIGTERM)
        os.waitpid(self.process, 0)
        os.close(self.fd)
        return None


def command(line, pattern):
    """A step: a command line, what it must print, and the next prompt."""
    return line + '\r', pattern + r'(?s:.*)' + PROMPT


class TerminalTest(harness.Test):
    """Steps of (keys, pattern that must appear); the last step must end the guest with status 0."""

    powers_off = True	# False: a machine whose firmware cannot; the kernel's last word counts

    def __init__(self, name, steps, **more):
        super().__init__(name, **more)
        self.steps = steps

    def run(self, kernel, selene):
        terminal = Terminal(self.command(kernel))
        wrong = []
        if not terminal.wait(re.escape(PROMPT)):
            wrong = ['  a prompt expected; came: ' + harness.shown(terminal.text)]
        for keys, pattern in self.steps:
            if wrong:
                break
            if len(keys) == 1:
                time.sleep(CONTROL_PAUSE)
            terminal.type(keys)
            if not terminal.wait(pattern):
                wrong = [f'  after the keys {keys!r} expected: {pattern!r}',
                         '  came: ' + harness.shown(terminal.text)]
        if not wrong:
            terminal.type('exit\r')
            if self.powers_off:
                status = terminal.end()
                if status != 0:
                    wrong = [f'  status expected: 0; came: {status}']
            elif not terminal.wait(r'power off'):
                wrong = ['  power off expected; came: ' + harness.shown(terminal.text)]
        if wrong or not self.powers_off:
            os.kill(terminal.process, signal.SIGTERM)
            terminal.end()
        return harness.finished(self, kernel, harness.Result(), wrong)
