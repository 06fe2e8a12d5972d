"""Debian's programs that live off single system calls: attributes, locks, limits, policies, events."""
from harness import Test

SCRIPT = r'''
cd /tmp && mkdir m w && mount -t tmpfs none m && echo x > m/f
setfattr -n user.colour -v red m/f && getfattr --only-values -n user.colour m/f && echo
cp --preserve=xattr m/f m/g && getfattr m/g
(flock -n 9 && echo locked; flock -n m/f echo second || echo busy) 9>m/f
prlimit --nofile=100:200 bash -c 'ulimit -n; ulimit -Hn'
chrt -r 5 bash -c 'chrt -p $$' | sed 's/pid [0-9]*/pid N/'
taskset -c 1 bash -c 'taskset -p $$' | sed 's/pid [0-9]*/pid N/'
ionice -c 2 -n 3 ionice
mkdir m/a m/b && touch m/a/x && mount --bind m/a m/b && ls m/b && umount m/b && ls m/b
timeout 0.3 sleep 5; echo $?
inotifywait -m -e create,modify,move,delete --format '%e %f' w >events 2>log &
until grep -q established log; do sleep 0.1; done
echo x > w/f; mv w/f w/g; rm w/g
until grep -q DELETE events; do sleep 0.1; done
kill %1; wait; cat events
umount m; rm -rf m w events log
'''

OUTPUT = b'''red
# file: m/g
user.colour

locked
busy
100
200
pid N's current scheduling policy: SCHED_RR
pid N's current scheduling priority: 5
pid N's current affinity mask: 2
best-effort: prio 3
x
124
CREATE f
MODIFY f
MOVED_FROM f
MOVED_TO g
DELETE g
'''

PACKAGES = ['bash', 'coreutils', 'grep', 'util-linux', 'attr', 'inotify-tools']

TESTS = [
    Test('debian-calls', ['/bin/bash', '-c', SCRIPT],
         [word for name in PACKAGES for word in ('--package', name)] + ['--smp', '2'], output=OUTPUT),
]
