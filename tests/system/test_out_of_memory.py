"""A machine whose memory is all taken: the taker ends, and the shell answers within seconds."""
from terminal import TerminalTest, command

MEMORY = '32M'


def bomb(kind):
    """The bomb as a job of the shell, which goes on afterwards."""
    return [command(f'/bomb {kind}', r''), command(f'echo after {kind}', rf'^after {kind}$')]


STEPS = [
    *bomb('hog'), *bomb('shared'), *bomb('memfd'), *bomb('swarm'), *bomb('threads'), *bomb('fork'), *bomb('vfork'),
    command('tail /dev/zero; echo status $?', r'^status 137$'),
    command('dd if=/dev/zero of=/tmp/fill bs=64k; rm /tmp/fill; echo filled', r'No space left(?s:.*)^filled$'),
    ('f() { f | f & }; f\r', r'is killed'),
    ('\r', r''),
    command('sleep 1; echo after the bomb', r'^after the bomb$'),
    command('ls / | wc -l; ps | wc -l', r'^\d+$'),
    command('grep -c clean /proc/selene/audit', r'^1$'),
]

TESTS = [TerminalTest(f'out-of-memory-smp-{harts}', STEPS, linux=False, seconds=300,
                      options=['--smp', str(harts), '--mem', MEMORY, '--add', 'build/user/programs/bomb:/bomb'])
         for harts in (1, 4)]
