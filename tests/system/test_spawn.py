"""The spawn library under Debian's dynamic programs, preloaded; and what a spawn costs a large parent."""
import re
import subprocess

import harness
from harness import TOP, Result, Test

PRELOAD = ['--package', 'libc6', '--add', 'build/user/libselene-spawn.so:/usr/lib/libselene-spawn.so']
MAKEFILE = 'all: a b\\n\\t@echo all\\na b:\\n\\t@echo $@\\n'
BOUND = r'\S*make \[0\] to (/usr)?/lib/libselene-spawn\.so \[0\]: normal symbol `posix_spawn\''
LARGE_MORE = 1.05	# times the cost of a spawn from a small parent
FORK_SHARE = 0.6	# of fork and exec from a small parent, for a program that only ends


class SpawnCostTest(Test):
    """Instructions of a spawn from a small parent and from a large one, and of fork and exec."""

    def run(self, kernel, selene):
        done = subprocess.run(self.command(kernel), cwd=TOP, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        cost = {name: float(value) for name, value in re.findall(r'^(\w+) ([0-9.]+)$', done.stdout, re.M)}
        small, large, bare, fork = (cost.get(name) for name in ROWS)
        wrong = []
        if not small or not large or not bare or not fork:
            wrong = [f'  four figures expected; came: {harness.shown(done.stdout)}']
        elif large > LARGE_MORE * small:
            wrong = [f'  spawn from a large parent expected: at most {LARGE_MORE * small:.0f}; came: {large:.0f}']
        elif bare > FORK_SHARE * fork:
            wrong = [f'  spawn expected: at most {FORK_SHARE * fork:.0f}; came: {bare:.0f}']
        return harness.finished(self, kernel, Result(), wrong)


ROWS = ('spawn', 'spawn_64m', 'spawn_bare', 'fork_exec_bare')

TESTS = [
    SpawnCostTest('spawn-cost', 'BENCH_LARGE_MIB=1024; export BENCH_LARGE_MIB; ' +
                  '; '.join(f'/bench --only {row}' for row in ROWS), linux=False, seconds=200,
                  options=['--icount', '--mem', '2G', '--add', 'build/user/bench/bench:/bench']),
    Test('spawn-preload-make',
         f"printf '{MAKEFILE}' >/tmp/m; LD_DEBUG=bindings LD_PRELOAD=libselene-spawn.so make -f /tmp/m; rm /tmp/m",
         PRELOAD + ['--package', 'make'], output=b'a\nb\nall\n', errors=re.compile(BOUND), linux=False),
    Test('spawn-preload-cases', 'LD_PRELOAD=libselene-spawn.so /posix-spawn',
         PRELOAD + ['--add', 'build/user/dynamic/posix-spawn:/posix-spawn'],
         output=re.compile(r'^ok posix-spawn simple\n(ok .*\n)+$'), linux=False),
]
