"""What a wrong command line, root or device tree must lead to: a message with the cause, and a failure."""
import os
import re
import subprocess
import sys

from harness import TOP, Test

sys.path.insert(0, os.path.join(TOP, 'scripts/lib'))
import guest  # noqa: E402
import newc  # noqa: E402

FOLDER = 'build/test-files'


def file_make(name, data):
    path = os.path.join(FOLDER, name)
    os.makedirs(os.path.join(TOP, FOLDER), exist_ok=True)
    with open(os.path.join(TOP, path), 'wb') as stream:
        stream.write(data)
    return path


def root_make(change):
    root = newc.Root()
    root.directory('dev')
    change(root)
    return root.archive()


def failure(cause):
    return re.compile(r'QEMU: [1-9](?s:.*)(' + cause + ')', re.I)


def bad(name, options, cause):
    """The kernel must give up: scripts/run says 125 and shows the console."""
    return Test('bad-' + name, ['true'], options, errors=failure(cause), status=125, seconds=40,
                audit=False, linux=False)


def tree_make(name, change):
    """QEMU's device tree for `virt`, its source changed by a function: the path of the new blob."""
    words, environment = guest.qemu_find(None)
    plain = os.path.join(TOP, file_make('virt.dtb', b''))
    subprocess.run(words + ['-M', f'virt,dumpdtb={plain}', '-smp', '2', '-m', '256M', '-display', 'none'],
                   env=environment, check=True, stderr=subprocess.DEVNULL)
    source = subprocess.run(['dtc', '-q', '-I', 'dtb', '-O', 'dts', plain], check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    blob = subprocess.run(['dtc', '-q', '-O', 'dtb'], input=change(source).encode(), check=True,
                          stdout=subprocess.PIPE).stdout
    return file_make(name, blob)


class TreeTest(Test):
    """A guest with a changed device tree, made when the test runs."""

    def __init__(self, name, change, cause):
        super().__init__('bad-tree-' + name, ['true'], errors=failure(cause), status=125, seconds=40,
                         audit=False, linux=False)
        self.change = change

    def command(self, kernel, report=None):
        words = super().command(kernel, report)
        return words[:1] + ['--dtb', tree_make(self.name + '.dtb', self.change)] + words[1:]


def without_memory(source):
    return re.sub(r'\tmemory@80000000 \{.*?\n\t\};', '', source, flags=re.S)


def with_cut_memory(source):
    return re.sub(r'(memory@80000000 \{.*?reg = )<[^>]*>', r'\1<0x0 0x80000000 0x0>', source, flags=re.S)


NO_INIT = root_make(lambda root: root.file('readme', b'no init here\n'))
NOT_EXECUTABLE = root_make(lambda root: root.file('init', b'\x7fELF', 0o644))
NOT_A_PROGRAM = root_make(lambda root: root.file('init', b'\x7fELF' + bytes(100), 0o755))
CUT = root_make(lambda root: root.file('init', b'x' * 5000, 0o755))[:3000]
# Its backtrace has names: the table of the second link is the one that is read.
CRASH = Test('panic-backtrace', ['/bin/busybox', 'sh', '-c', 'echo c >/proc/sysrq-trigger'], status=125,
             errors=re.compile(r'panic: sysrq(?s:.*)proc_store_sysrq\+0x(?s:.*)sys_write\+0x(?s:.*)trap_entry\+0x'),
             seconds=40, audit=False, linux=False)

TESTS = [
    CRASH,
    bad('no-initrd', ['--initrd', 'none'], 'initramfs|initrd'),
    bad('init-missing', ['--initrd', file_make('no-init', NO_INIT)], '/init'),
    bad('init-not-executable', ['--initrd', file_make('no-x', NOT_EXECUTABLE)], '/init'),
    bad('init-no-program', ['--initrd', file_make('no-elf', NOT_A_PROGRAM)], '/init'),
    bad('initrd-garbage', ['--initrd', file_make('garbage', b'this is no archive\n' * 500)], 'initramfs|cpio'),
    bad('initrd-cut', ['--initrd', file_make('cut', CUT)], 'initramfs|cpio'),
    bad('initrd-gzip', ['--initrd', file_make('gzip', b'\x1f\x8b\x08' + b'\xff' * 500)], 'initramfs|gzip'),
    bad('word-unknown', ['--append', 'frobnicate=yes'], 'frobnicate'),
    bad('word-value', ['--append', 'maxcpus=many'], 'maxcpus'),
    TreeTest('no-memory', without_memory, 'memory'),
    TreeTest('cut-memory', with_cut_memory, 'memory'),
    bad('memory', ['--mem', '6M'], 'memory|ROM|kernel'),
]
