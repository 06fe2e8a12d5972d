"""The machines that Selene starts on: harts, memory, CPU models, and both QEMUs."""
import os
import re
import shutil

from harness import TOP, Test

SCRIPT = 'grep -c ^processor /proc/cpuinfo; uname -m; ps | grep -c "[i]nit"; echo hello | cat | tr a-z A-Z'
OLD_QEMU = '/usr/bin/qemu-system-riscv64'
NEW_QEMU = os.path.join(TOP, 'build/tools/qemu-10')


def output(harts):
    return re.compile(rf'^{harts}\nriscv64\n[1-9]\d*\nHELLO\n$')


def new_qemu_missing():
    return None if os.path.isdir(NEW_QEMU) else 'no QEMU 10 beside the system\'s'


def old_qemu_missing():
    return None if shutil.which(OLD_QEMU) and os.path.isdir(NEW_QEMU) else 'only one QEMU here'


TESTS = [Test(f'machine-smp-{count}', SCRIPT, ['--smp', str(count)], output=output(count))
         for count in (1, 2, 3, 4, 8)]
TESTS += [Test(f'machine-memory-{size}', SCRIPT, ['--mem', size], output=output(2), linux=False)
          for size in ('24M', '64M', '1G', '8G')]
TESTS += [
    Test('machine-cpu-svade', SCRIPT, ['--cpu', 'rv64,svade=on,svadu=off', '--smp', '4'],
         output=output(4), needs=new_qemu_missing),
    Test('machine-cpu-no-sstc', SCRIPT, ['--cpu', 'rv64,sstc=off', '--smp', '4'], output=output(4)),
    Test('machine-cpu-rva22s64', SCRIPT, ['--cpu', 'rva22s64', '--smp', '4'], output=output(4),
         needs=new_qemu_missing),
    Test('machine-sifive-u', SCRIPT, ['--machine', 'sifive_u', '--smp', '5'], output=output(4), linux=False),
    Test('machine-old-qemu', SCRIPT, ['--qemu', OLD_QEMU, '--smp', '2'], output=output(2),
         needs=old_qemu_missing),
    Test('machine-icount', SCRIPT, ['--icount'], output=output(1)),
]
