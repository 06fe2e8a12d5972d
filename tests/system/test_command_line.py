"""Wrong words for scripts, tests and make: each message names the cause and the remedy."""
import re
import shlex
import subprocess

import harness
from harness import TOP, Result, Test


class CommandTest(Test):
    """A command without a guest: its status, and what it must say; never a traceback."""

    def __init__(self, name, line, expected, status):
        super().__init__('words-' + name, linux=False, status=status)
        self.line, self.expected = line, re.compile(expected, re.S)

    def command(self, kernel, report=None):
        return shlex.split(self.line)

    def run(self, kernel, selene):
        done = subprocess.run(self.command(kernel), cwd=TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=self.seconds)
        wrong = harness.difference('message', self.expected, done.stdout)
        if done.returncode != self.status:
            wrong.append(f'  status expected: {self.status}; came: {done.returncode}')
        if b'Traceback' in done.stdout or b'Errno' in done.stdout:
            wrong.append('  a message for people expected; came: ' + harness.shown(done.stdout))
        return harness.finished(self, kernel, Result(), wrong)


# Words for scripts/run before `-- true`, and what it says.
RUN = [
    ('smp-word', '--smp abc', r"--smp: a whole number is wanted, 1 to 8; came 'abc'\n.*remedy: scripts/run --help"),
    ('smp-many', '--smp 9', r'--smp: .* 1 to 8; came'),
    ('mem-word', '--mem lots', r'--mem: a size is wanted, such as'),
    ('mem-small', '--mem 1K', r'--mem: at least 4M'),
    ('timeout', '--timeout -5', r'--timeout: a time in seconds is wanted'),
    ('kernel-missing', '--kernel /none', r'no kernel at /none; remedy: make kernel'),
    ('kernel-wrong', '--kernel README.md', r'README\.md is no kernel.*remedy: make kernel'),
    ('add-missing', '--add /none:/x', r'--add: there is no file or folder /none'),
    ('add-form', '--add file', r"--add: HOST:GUEST is wanted, .*came 'file'"),
    ('initrd-missing', '--initrd /none', r'--initrd: there is no file /none'),
    ('initrd-folder', '--initrd /', r'--initrd: / is a folder'),
    ('dtb-missing', '--dtb /none', r'--dtb: there is no file /none'),
    ('drive-missing', '--drive /none', r'--drive: no image at /none \(scripts/mkroot'),
    ('sd-folder', '--sd /', r'--sd: / is a folder'),
    ('qemu-missing', '--qemu /none', r'--qemu: there is no program /none'),
    ('cpu', '--cpu none', r"QEMU did not start the machine \(QEMU: 1\); it says:.*CPU model 'none'"),
    ('report-folder', '--report /none/x', r'--report: there is no folder /none; remedy: mkdir -p /none\n$'),
    ('screenshot-alone', '--screenshot x.png', r'--screenshot wants a screen: --display virtio-gpu'),
    ('resolution', '--display ramfb --resolution 10', r'--resolution: a size is wanted, such as 1280x720'),
    ('icount-smp', '--icount --smp 2', r'--icount is for one hart'),
    ('package', '--package no-such-package', r'does not have all of: no-such-package\n.*remedy: '),
    ('option', '--frobnicate', r'unrecognized arguments: --frobnicate\n.*remedy: '),
    ('program', 'true', r'goes after --, as in: scripts/run -- true'),
]
OTHERS = [
    ('mkroot-none', 'scripts/mkroot', r'required: IMAGE', 2),
    ('mkroot-size', 'scripts/mkroot --size much x.img', r'--size: a size is wanted', 2),
    ('mkroot-small', 'scripts/mkroot --size 1M build/x.img', r'1 MiB do not hold .*at least \d+M', 1),
    ('mkroot-label', f'scripts/mkroot --label {"x" * 17} x.img', r'--label: at most 16 bytes', 2),
    ('mkroot-uuid', 'scripts/mkroot --type fat --uuid zz x.img', r'--uuid: fat wants 1234-abcd', 2),
    ('mkroot-folder', 'scripts/mkroot /none/x.img', r'there is no folder /none; remedy: mkdir', 2),
    ('sdcard-board', 'scripts/sdcard none', r"BOARD: invalid choice: 'none' \(choose from 'mars'", 2),
    ('sdcard-size', 'scripts/sdcard --root-size x virt', r'--root-size: a size is wanted', 2),
    ('check-sdcard-board', 'scripts/check-sdcard none x', r"BOARD: invalid choice: 'none'", 2),
    ('check-sdcard-missing', 'scripts/check-sdcard virt /none', r'IMAGE: there is no file /none', 2),
    ('check-sdcard-wrong', 'scripts/check-sdcard virt README.md', r'no GPT; remedy: make sdcard', 1),
    ('run-card-missing', 'scripts/run-card virt /none', r'no card at /none; remedy: make sdcard BOARD=virt', 1),
    ('run-card-wrong', 'scripts/run-card virt README.md', r'no card: it has no GPT; remedy: make sdcard', 1),
    ('run-card-mem', 'scripts/run-card --mem 5x virt', r'--mem: a size is wanted', 2),
    ('bench-row', 'scripts/bench --only none', r"--only: no row 'none'; the rows are .*fork_exit", 2),
    ('bench-update', 'scripts/bench --update', r'--update goes with --baseline', 2),
    ('bench-harts', 'scripts/bench --scale 99', r'--scale: .* 1 to 8', 2),
    ('profile-row', 'scripts/profile none', r"ROW: no row 'none'; the rows are .*fork_exit", 2),
    ('screenshots', 'scripts/screenshots none', r'no picture none; there are panel', 2),
    ('packages-root', 'scripts/packages --root', r'--root wants a directory; usage: ', 2),
    ('setup-task', 'scripts/setup none', r'no task none; there are build run', 2),
    ('font-odd', 'scripts/font build/x.c one.psf', r'fonts come in pairs; usage: ', 1),
    ('initramfs', 'scripts/initramfs /none build/x.cpio', r'/none: No such file or directory; .*make user', 1),
    ('system-pattern', 'tests/system/run none', r'no test is called none; remedy: tests/system/run --list', 1),
    ('system-jobs', 'tests/system/run --jobs 0', r'--jobs: a whole number is wanted, 1 or more', 2),
    ('host-test', 'tests/host/run none', r'no test none; there are test_', 2),
    ('fuzzer', 'tests/fuzz/run none', r'no fuzzer none; there are fuzz_', 2),
    ('programs-group', 'tests/programs/run none', r'no group none; there are .*shells', 2),
    ('programs-case', 'tests/programs/run shells:none', r'no case none in shells; there are bash', 2),
    ('calls-long', 'tests/system/calls-long long', r"a whole number is wanted, came 'long'; usage: ", 2),
    ('make-board', 'make -s sdcard', r'no BOARD=; remedy: make sdcard BOARD=', 2),
    ('make-row', 'make -s profile', r'no ROW=; remedy: make profile ROW=', 2),
    ('make-compiler', 'make -s kernel CROSS_COMPILE=none-', r'no compiler none-gcc; remedy: CROSS_COMPILE=', 2),
    ('make-programs', 'make -s test-programs PROGRAMS=none', r'no group none; there are', 2),
]

TESTS = [CommandTest('run-' + name, f'scripts/run {words} -- true', expected, 125) for name, words, expected in RUN]
TESTS += [CommandTest(*other) for other in OTHERS]
