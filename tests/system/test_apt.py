"""scripts/lib/apt.sh with an apt-get that stands for a mirror: what is whole there, under which name of the suite."""
import os
import pathlib
import subprocess
import tempfile

import harness
from harness import TOP, Result, Test

# `update` succeeds for the suites in $WHOLE; `indextargets` says which code name they have: $CODENAME.
APT_GET = '''#!/bin/sh
suite=$(sed 's/.*] [^ ]* \\([^ ]*\\) .*/\\1/' "$(dirname "$APT_CONFIG")/sources.list")
case $* in
*update*) case " $WHOLE " in *" $suite "*) exit 0 ;; esac; echo "E: size of $suite" >&2; exit 100 ;;
*indextargets*) echo $CODENAME ;;
esac
'''
LINE = '. "$1"; apt_private trixie riscv64 "trixie main" && sed "s/.*] //" build/apt/trixie-riscv64/sources.list'
MIRROR = 'http://mirror.invalid/debian'
REMEDY = 'apt: the mirror has no whole lists of trixie main; remedy: try again later, or another DEBIAN_MIRROR=\n'


class AptTest(Test):
    def __init__(self, name, whole, codename, expected, kept=False):
        super().__init__('apt-' + name, linux=False)
        self.whole, self.codename, self.expected, self.kept = whole, codename, expected, kept

    def command(self, kernel, report=None):
        return ['sh', '-c', LINE, 'sh', os.path.join(TOP, 'scripts/lib/apt.sh')]

    def run(self, kernel, selene):
        with tempfile.TemporaryDirectory() as folder:
            program = pathlib.Path(folder, 'apt-get')
            program.write_text(APT_GET)
            program.chmod(0o755)
            if self.kept:
                stamp = pathlib.Path(folder, 'build/apt/trixie-riscv64/updated')
                stamp.parent.mkdir(parents=True)
                stamp.touch()
                os.utime(stamp, (0, 0))
            environment = {**os.environ, 'PATH': folder + ':' + os.environ['PATH'], 'WHOLE': self.whole,
                           'CODENAME': self.codename, 'DEBIAN_MIRROR': MIRROR}
            done = subprocess.run(self.command(kernel), cwd=folder, env=environment, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, timeout=self.seconds)
        wrong = [] if done.stdout.endswith(self.expected) else [
            f'  expected at the end: {self.expected!r}; came: {done.stdout!r}']
        if (done.returncode == 0) != self.expected.startswith(MIRROR):
            wrong.append(f'  status came: {done.returncode}')
        return harness.finished(self, kernel, Result(), wrong)


TESTS = [
    AptTest('whole', 'trixie stable', 'trixie', f'{MIRROR} trixie main\n'),
    AptTest('other-name', 'stable', 'trixie', f'{MIRROR} stable main\n'),
    AptTest('older-name', 'oldstable', 'trixie', f'{MIRROR} oldstable main\n'),
    AptTest('another-release', 'stable oldstable', 'forky', REMEDY),
    AptTest('none', '', 'trixie', REMEDY),
    AptTest('kept', '', 'trixie', f'{MIRROR} trixie main\n', kept=True),
]
