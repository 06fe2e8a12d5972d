"""The kernel's own tracer: each call decoded, per process."""
import re

from harness import Test

TESTS = [
    Test('trace-process', 'echo $$ >/proc/selene/trace; cd /proc; echo -$$ >/proc/selene/trace; cat /proc/selene/trace;'
         ' echo clear >/proc/selene/trace; wc -c </proc/selene/trace', linux=False,
         output=re.compile(r'^sh\[\d+\] chdir\("/proc"\) = 0\n(.*\n)*0\n$', re.M)),
    Test('trace-errors', 'for p in x 99999 5x; do echo $p >/proc/selene/trace; done 2>&1; true', linux=False,
         output=re.compile(r'Invalid argument\n.*No such process\n.*Invalid argument\n$')),
]
