"""Debian's dynamic programs."""
import re

from harness import Test

TESTS = [
    Test('debian-bash', ['/bin/bash', '-c', 'ls -l /proc/self/exe; echo $BASH_VERSION; echo {1..3} | tr " " ,'],
         ['--package', 'bash', '--package', 'coreutils'],
         output=re.compile(r'^lrwx.* /proc/self/exe -> /usr/bin/ls\n5\.2[^\n]*\n1,2,3\n$')),
]
