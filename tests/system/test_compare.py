"""Debian's programs beside Linux: the quick groups of tests/programs."""
import os
import re
import subprocess

from harness import TOP, Result, Test


class CompareTest(Test):
    """All quick groups; each case counts as one test."""

    def __init__(self):
        super().__init__('programs-of-debian', linux=False, seconds=600)

    def run(self, kernel, selene):
        words = [os.path.join(TOP, 'tests/programs/run'), '--quick'] + (['--kernel', kernel] if kernel else [])
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors='backslashreplace')
        counts = re.search(r'^(\d+) passed, (\d+) failed$', done.stdout, re.M)
        lines = [line for line in done.stdout.split('\n')
                 if line and not line.startswith('ok ') and line != (counts and counts.group())]
        if not counts:
            return Result(0, 1, 0, lines + ['not ok programs-of-debian: no result'])
        return Result(int(counts[1]), int(counts[2]), 0, lines if int(counts[2]) else [])


TESTS = [CompareTest()]
