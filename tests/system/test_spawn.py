"""The spawn library under Debian's dynamic programs, preloaded; and what a spawn costs a large parent."""
import re
import subprocess

import harness
from harness import TOP, Result, Test

PRELOAD = ['--package', 'libc6', '--add', 'build/user/libselene-spawn.so:/usr/lib/libselene-spawn.so']
MAKEFILE = 'all: a b\\n\\t@echo all\\na b:\\n\\t@echo $@\\n'
BOUND = r'\S*make \[0\] to (/usr)?/lib/libselene-spawn\.so \[0\]: normal symbol `posix_spawn\''
LARGE_MORE = 1.05	# times the cost of a spawn from a small parent
FORK_SHARE = 0.5	# of fork and exec from a small parent


class SpawnCostTest(Test):
    """Instructions of a spawn from parents of 1 MiB and 1 GiB, and of fork and exec, for a program that only ends."""

    def run(self, kernel, selene):
        done = subprocess.run(self.command(kernel), cwd=TOP, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        cost = [float(value) for value in re.findall(r'^\w+ ([0-9.]+)$', done.stdout, re.M)]
        if len(cost) != 3:
            return harness.finished(self, kernel, Result(),
                                    [f'  three figures expected; came: {harness.shown(done.stdout)}'])
        fork, small, large = cost
        wrong = []
        if large > LARGE_MORE * small:
            wrong = [f'  spawn from a large parent expected: at most {LARGE_MORE * small:.0f}; came: {large:.0f}']
        elif small > FORK_SHARE * fork:
            wrong = [f'  spawn expected: at most {FORK_SHARE * fork:.0f}; came: {small:.0f}']
        return harness.finished(self, kernel, Result(), wrong)


def row(name, mebibytes):
    return f'BENCH_LARGE_MIB={mebibytes} /bench --only {name}'


TESTS = [
    SpawnCostTest('spawn-cost', '; '.join((row('fork_exec_bare_64m', 1), row('spawn_bare_64m', 1),
                                           row('spawn_bare_64m', 1024))), linux=False, seconds=200,
                  options=['--icount', '--mem', '2G', '--add', 'build/user/bench/bench:/bench']),
    Test('spawn-preload-make',
         f"printf '{MAKEFILE}' >/tmp/m; LD_DEBUG=bindings LD_PRELOAD=libselene-spawn.so make -f /tmp/m; rm /tmp/m",
         PRELOAD + ['--package', 'make'], output=b'a\nb\nall\n', errors=re.compile(BOUND), linux=False),
    Test('spawn-preload-cases', 'LD_PRELOAD=libselene-spawn.so /posix-spawn',
         PRELOAD + ['--add', 'build/user/dynamic/posix-spawn:/posix-spawn'],
         output=re.compile(r'^ok posix-spawn simple\n(ok .*\n)+$'), linux=False),
]
