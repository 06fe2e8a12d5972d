"""What a wrong command line, root or device tree must lead to: a message with the cause, and a failure."""
import atexit
import os
import re
import shutil
import sys
import tempfile

from harness import TOP, Test

sys.path.insert(0, os.path.join(TOP, 'scripts/lib'))
import newc  # noqa: E402

FOLDER = tempfile.mkdtemp(prefix='selene-bad-')
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)


def file_make(name, data):
    path = os.path.join(FOLDER, name)
    with open(path, 'wb') as stream:
        stream.write(data)
    return path


def root_make(change):
    root = newc.Root()
    root.directory('dev')
    change(root)
    return root.archive()


def bad(name, options, cause):
    """The kernel must give up: scripts/run says 125 and shows the console."""
    return Test('bad-' + name, ['true'], options, errors=re.compile(cause, re.I), status=125, seconds=40,
                audit=False, linux=False)


NO_INIT = root_make(lambda root: root.file('readme', b'no init here\n'))
NOT_EXECUTABLE = root_make(lambda root: root.file('init', b'\x7fELF', 0o644))
NOT_A_PROGRAM = root_make(lambda root: root.file('init', b'\x7fELF' + bytes(100), 0o755))
CUT = root_make(lambda root: root.file('init', b'x' * 5000, 0o755))[:3000]

TESTS = [
    bad('no-initrd', ['--initrd', 'none'], 'initramfs|initrd'),
    bad('init-missing', ['--initrd', file_make('no-init', NO_INIT)], '/init'),
    bad('init-not-executable', ['--initrd', file_make('no-x', NOT_EXECUTABLE)], '/init'),
    bad('init-no-program', ['--initrd', file_make('no-elf', NOT_A_PROGRAM)], '/init'),
    bad('initrd-garbage', ['--initrd', file_make('garbage', b'this is no archive\n' * 500)], 'initramfs|cpio'),
    bad('initrd-cut', ['--initrd', file_make('cut', CUT)], 'initramfs|cpio'),
    bad('initrd-gzip', ['--initrd', file_make('gzip', b'\x1f\x8b\x08' + b'\xff' * 500)], 'initramfs|gzip'),
    bad('word-unknown', ['--append', 'frobnicate=yes'], 'frobnicate'),
    bad('word-value', ['--append', 'maxcpus=many'], 'maxcpus'),
    bad('memory', ['--mem', '6M'], 'memory|ROM|kernel'),
]
