"""What Selene may cost: the size of its image, and instructions from its entry to init's first."""
import os
import re
import subprocess
import tempfile

import harness
from harness import TOP, Result, Test

IMAGE_BYTES_MAX = 768 << 10
INSTRUCTIONS_MAX = 30_000_000
EXIT_PAGE_MAX = 60	# instructions for a page of its own that a process gives back at its end


class ImageSizeTest(Test):
    """build/Image is small."""

    def run(self, kernel, selene):
        size = os.path.getsize(os.path.join(TOP, kernel or 'build/Image'))
        wrong = [] if size <= IMAGE_BYTES_MAX else [
            f'  Image expected: at most {IMAGE_BYTES_MAX} bytes; came: {size}']
        return harness.finished(self, kernel, Result(), wrong)


class BootCostTest(Test):
    """Under --icount a nanosecond is an instruction: the time of init's first system call tells."""

    def run(self, kernel, selene):
        with tempfile.TemporaryDirectory() as folder:
            log = os.path.join(folder, 'log')
            words = self.command(kernel)
            words[1:1] = ['--log', log]
            subprocess.run(words, cwd=TOP, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
            with open(log, errors='replace') as stream:
                found = re.search(r'^\[ *(\d+)\.(\d{6})\] init\[1\] ', stream.read(), re.M)
        if not found:
            wrong = ['  a system call of init expected in the trace; none came']
        else:
            count = (int(found.group(1)) * 1_000_000 + int(found.group(2))) * 1000
            wrong = [] if count <= INSTRUCTIONS_MAX else [
                f'  instructions to init expected: at most {INSTRUCTIONS_MAX}; came: {count}']
        return harness.finished(self, kernel, Result(), wrong)


class ExitCostTest(Test):
    """A page that only its process has costs no shared counter at the end, and few instructions."""

    def run(self, kernel, selene):
        done = subprocess.run(self.command(kernel), cwd=TOP, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        found = re.search(r'^exit_owned ([0-9.]+)$', done.stdout, re.M)
        wrong = [] if found and float(found.group(1)) <= EXIT_PAGE_MAX else [
            f'  instructions per page expected: at most {EXIT_PAGE_MAX}; came: {harness.shown(done.stdout)}']
        return harness.finished(self, kernel, Result(), wrong)


TESTS = [
    ImageSizeTest('budget-image', linux=False),
    ExitCostTest('budget-exit', ['/bench', '--only', 'exit_owned'], linux=False,
                 options=['--icount', '--mem', '512M', '--add', 'build/user/bench/bench:/bench']),
    BootCostTest('budget-boot', ['true'], ['--icount', '--append', 'trace=syscalls debug'], linux=False),
]
