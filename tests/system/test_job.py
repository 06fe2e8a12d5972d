"""scripts/run's promises: status, streams, signals."""
import random
import re

from harness import Test

DATA = random.Random(1).randbytes(100_000_000)
LINES = b''.join(b'line %d\n' % number for number in range(20000))

TESTS = [
    Test('job-status', ['/bin/busybox', 'sh', '-c', 'exit 7'], ['--smp', '4'], output=b'', errors=b'', status=7),
    Test('job-streams', 'cat; echo to the side >&2', input=LINES, output=LINES, errors=b'to the side\n'),
    Test('job-signal', 'kill -9 $$', status=128 + 9),
    Test('job-not-found', ['no-such-program'], errors=re.compile('No such file'), status=127),
    Test('job-not-executable', ['/etc/passwd'], errors=re.compile('Permission denied'), status=126),
    Test('job-time-out', ['sleep', '1000'], seconds=8, status=124, audit=False),
    Test('job-input-left', 'head -n 1', input=LINES, output=b'line 0\n'),
    Test('job-daemon-left', 'sleep 1000 & echo done', output=b'done\n'),
    Test('job-100-megabytes', ['cat'], input=DATA, output=DATA, seconds=120),
    Test('job-arguments', ['/bin/printf', '[%s]', '', 'a b', 'ä$"\'', '--', '-x'],
         output='[][a b][ä$"\'][--][-x]'.encode()),
]
