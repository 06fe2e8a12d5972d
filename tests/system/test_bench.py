"""What a benchmark row may cost: not more than tests/bench-baseline.json says, and 5 %."""
import subprocess

import harness
from harness import TOP, Result, Test


class BaselineTest(Test):
    """`scripts/bench --baseline`; a row that is meant to cost more changes the baseline as well."""

    def command(self, kernel, report=None):
        return ['scripts/bench', '--baseline']

    def run(self, kernel, selene):
        try:
            done = subprocess.run(self.command(kernel), cwd=TOP, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  timeout=self.seconds)
        except subprocess.TimeoutExpired:
            return harness.finished(self, kernel, Result(), [f'  the end expected within {self.seconds} s'])
        wrong = []
        if done.returncode:
            wrong = [f'  no row worse than the baseline expected; status {done.returncode}:']
            wrong += ['  | ' + line for line in done.stdout.splitlines()[-harness.SHOWN_LINES:]]
        return harness.finished(self, kernel, Result(), wrong)


TESTS = [BaselineTest('bench-baseline', linux=False, seconds=300)]
