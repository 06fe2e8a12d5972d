"""Tests that look at the guest's screen and type on its keyboard: scripts/run with a machine socket."""
import os
import re
import select
import subprocess
import sys
import tempfile
import time

import harness

sys.path.insert(0, os.path.join(harness.TOP, 'scripts/lib'))
import screen  # noqa: E402

STEP_SECONDS = 40


class Failure(Exception):
    """What was expected and what came, as lines."""


class Guest:
    """A guest with a screen, its job's output as it comes, and its keyboard."""

    def __init__(self, words, folder):
        self.text = ''
        socket = os.path.join(folder, 'qmp')
        split = words.index('--') if '--' in words else len(words)
        words = words[:split] + ['--qmp', socket] + words[split:]
        self.process = subprocess.Popen(words, cwd=harness.TOP, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            self.machine = screen.Machine(socket)
        except screen.ScreenError:
            self.kill()
            raise

    def wait(self, pattern):
        """Read the job's output up to a line like this; the match."""
        end = time.monotonic() + STEP_SECONDS
        while True:
            found = re.search(pattern, self.text, re.M)
            if found:
                self.text = self.text[found.end():]
                return found
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise Failure(f'  output expected: {pattern!r}; came: {harness.shown(self.text)}')
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                raise Failure(f'  output expected: {pattern!r}; came, to its end: '
                              f'{harness.shown(self.text)}')
            self.text += data.decode(errors='replace')

    def say(self, line=''):
        """A line for the job's standard input."""
        self.process.stdin.write(line.encode() + b'\n')
        self.process.stdin.flush()

    def type(self, text):
        self.machine.type(text)

    def key(self, *names):
        self.machine.key(*names)

    def picture(self, settle=True):
        """What the screen shows, once it stays the same for a moment."""
        before = self.machine.picture()
        end = time.monotonic() + STEP_SECONDS / 4
        while settle and time.monotonic() < end:
            time.sleep(0.12)
            now = self.machine.picture()
            if now == before:
                break
            before = now
        return before

    def expect_picture(self, check, what):
        """Wait until the screen is such; what it showed last, kept as a file, when it never is."""
        end = time.monotonic() + STEP_SECONDS / 2
        while True:
            picture = self.machine.picture()
            if check(picture):
                return picture
            if time.monotonic() > end:
                path = os.path.join(tempfile.gettempdir(), f'selene-screen-{picture.sum()}.png')
                with open(path, 'wb') as stream:
                    stream.write(picture.to_png())
                raise Failure(f'  the screen expected: {what}; it has the sum {picture.sum()} and is in {path}')
            time.sleep(0.1)

    def end(self):
        try:
            self.process.stdin.close()
            self.process.wait(STEP_SECONDS)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        return self.process.returncode

    def kill(self):
        self.process.terminate()
        self.process.wait()


class ScreenTest(harness.Test):
    """A script: a function of the guest, which raises Failure (or asserts) when something is wrong."""

    def __init__(self, name, script, display='virtio-gpu', options=(), **more):
        options = ['--display', display] + list(options)
        more.setdefault('linux', False)
        super().__init__(name, options=options, **more)
        self.script = script

    def run(self, kernel, selene):
        wrong = []
        with tempfile.TemporaryDirectory(prefix='selene-test-') as folder:
            report = os.path.join(folder, 'report')
            guest = None
            try:
                guest = Guest(self.command(kernel, report), folder)
                self.script(guest)
                status = guest.end()
                if status != self.status:
                    wrong.append(f'  status expected: {self.status}; came: {status}')
                    wrong.append('  output: ' + harness.shown(guest.text))
                elif self.audit:
                    wrong += harness.audit_errors(report)
            except (Failure, screen.ScreenError, OSError) as failure:
                wrong.append(str(failure))
                if guest:
                    wrong.append('  output: ' + harness.shown(guest.text))
                    guest.kill()
        return harness.finished(self, kernel, harness.Result(), wrong)
