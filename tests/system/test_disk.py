"""Disks: virtio over MMIO and PCI, partitions, errors, the root on a disk."""
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))),
                                'scripts', 'lib'))
import newc  # noqa: E402

import disk_server
import partition_tables
from harness import RUN, TOP, Result, Test, audit_errors, counts, shown

DEBUG = os.path.join('build', 'debug', 'Image')
MIB = 1 << 20


def needs_tools():
    missing = [tool for tool in ('mke2fs', 'e2fsck') if not shutil.which(tool, path=os.environ['PATH'] + ':/sbin')]
    return 'no ' + ', '.join(missing) if missing else None


def ext4_make(path, size, label='selene', folder=None, block=0):
    """An image without root rights; @folder becomes its contents."""
    words = ['/sbin/mke2fs', '-q', '-t', 'ext4', '-L', label] + (['-d', folder] if folder else [])
    words += ['-b', str(block)] if block else []
    subprocess.run(words + [path, f'{size // 1024}k'], check=True, stdout=subprocess.DEVNULL)


def ext4_check(path):
    """What e2fsck finds wrong after the journal's replay; None: nothing."""
    subprocess.run(['/sbin/e2fsck', '-p', path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    done = subprocess.run(['/sbin/e2fsck', '-fn', path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return None if done.returncode == 0 else done.stdout


def audit_lines(report):
    """As for other tests, but for a page of small objects: those that live on (names of devices) change their
    places when caches are emptied, and may lie in a few pages more or less."""
    with open(report, encoding='utf-8') as stream:
        after, _, before = stream.read().partition('before the job:\n')
    after, before = counts(after), counts(before)
    same = [name for name in ('slab_objects', 'kernel', 'user', 'object', 'table', 'spaces')
            if after.get(name) == before.get(name)]
    near = all(abs(after.get(name, 0) - before.get(name, 0)) <= 4 for name in ('slab', 'free'))
    if len(same) == 6 and near and after.get('slab_objects'):
        return []
    return audit_errors(report)


class DiskTest(Test):
    """A test with disks that are made for it. @disks(folder) returns words for --drive; @after(folder) what is
    wrong with them afterwards, or None."""

    def __init__(self, name, program, disks, after=None, checked=False, **more):
        more.setdefault('needs', needs_tools)
        more.setdefault('options', ['--smp', '2', '--mem', '128M'])
        super().__init__(name, program, **more)
        self.disks, self.after, self.checked = disks, after, checked

    def run(self, kernel, selene):
        with tempfile.TemporaryDirectory(prefix='selene-disk-') as folder:
            drives = [word for drive in self.disks(folder) for word in ('--drive', drive)]
            report = os.path.join(folder, 'report')
            if self.checked and selene and kernel is None and os.path.exists(os.path.join(TOP, DEBUG)):
                kernel = DEBUG
            options = list(self.options)
            if not selene:	# Linux wants more for itself and its root
                options[options.index('--mem') + 1] = '512M'
            words = [RUN] + options + drives + ['--timeout', str(self.seconds)]
            words += ['--kernel', kernel] if kernel else []
            words += ['--report', report] if selene and self.audit else []
            done = subprocess.run(words + ['--'] + self.program, cwd=TOP, input=b'', stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
            return self.judge(done, report if selene and self.audit else None, folder)

    def judge(self, done, report, folder):
        from harness import difference, lines_count
        result = lines_count(self, done.stdout) if self.each_line else Result()
        wrong = [] if done.returncode == (1 if result.failed else self.status) else [
            f'  status expected: {self.status}, came: {done.returncode}', f'  output: {shown(done.stdout)}',
            f'  errors: {shown(done.stderr)}']
        if not self.each_line:
            wrong += difference('output', self.output, done.stdout)
        if report:
            wrong += audit_lines(report)
        problem = self.after(folder) if self.after else None
        if problem:
            wrong.append('  the disk afterwards: ' + problem[:800])
        if wrong:
            return Result(result.passed, result.failed + 1, 0, [f'not ok {self.name}'] + wrong + result.lines)
        return result if self.each_line else Result(1)


def one_ext4(size=64 * MIB, mark='', block=0):
    def make(folder):
        path = os.path.join(folder, 'disk.img')
        ext4_make(path, size, block=4096 if '4k' in mark else block)
        return [path + mark]
    return make


def image_is_clean(folder):
    return ext4_check(os.path.join(folder, 'disk.img'))


def partitioned(folder):
    """Three disks: GPT, GPT whose first table is damaged, MBR with logical partitions."""
    names = []
    parts = [(64, 100, 'boot', uuid.UUID(int=0x1111)), (2048, 2048, 'root', uuid.UUID(int=0x2222))]
    good = partition_tables.gpt_disk(8192, parts)
    good[64 * 512:64 * 512 + 5] = b'first'
    good[2048 * 512:2048 * 512 + 6] = b'second'
    damaged = bytearray(good)
    damaged[1024 + 40] ^= 0xff
    mbr = partition_tables.mbr_disk(8192, [(64, 64)], [(512, 100), (1024, 200)])
    mbr[1024 * 512:1024 * 512 + 7] = b'logical'
    for name, data in (('good', good), ('damaged', damaged), ('mbr', mbr)):
        names.append(os.path.join(folder, name))
        with open(names[-1], 'wb') as stream:
            stream.write(data)
    return names


# Linux and Selene count the slots of MMIO in the same order, whichever that is: tell disks by their contents.
PARTITIONS = """cd /dev; for d in vda vdb vdc; do
 for p in ${d}?*; do [ -b $p ] && echo $(cat /sys/class/block/$p/partition) $(cat /sys/class/block/$p/size) \
 $(head -c 7 $p | tr -d '\\0'); done; done | sort
grep -c ' vd' /proc/partitions"""
PARTITIONS_OUTPUT = (b'1 100 first\n' * 2 + b'1 64\n' + b'2 2\n' + b'2 2048 second\n' * 2 + b'5 100\n6 200 logical\n')


def server_disk(size, judge, fill=None):
    def make(folder):
        data = bytearray(size)
        if fill:
            fill(data)
        server = disk_server.DiskServer(os.path.join(folder, 'nbd'), data, judge)
        return [server.drive()]
    return make


def bad_sectors(kind, offset, length):
    """Reading sector 2048 fails, and so does writing sector 4096."""
    if kind == disk_server.READ and offset <= 2048 * 512 < offset + length:
        return disk_server.EIO
    if kind == disk_server.WRITE and offset <= 4096 * 512 < offset + length:
        return disk_server.EIO
    return None


def bad_fill(data):
    data[:23] = b'a disk with bad sectors'


def bad_inodes(folder):
    """An ext2 file system whose first inode table cannot be written."""
    path = os.path.join(folder, 'disk.img')
    subprocess.run(['/sbin/mke2fs', '-q', '-t', 'ext2', '-b', '1024', '-L', 'bad-inodes', path, '8M'], check=True,
                   stdout=subprocess.DEVNULL)
    with open(path, 'rb') as stream:
        data = bytearray(stream.read())
    table = struct.unpack_from('<I', data, 2048 + 8)[0] * 1024

    def judge(kind, offset, length):
        hit = kind == disk_server.WRITE and offset < table + 8192 and table < offset + length
        return disk_server.EIO if hit else None
    return [disk_server.DiskServer(os.path.join(folder, 'nbd'), data, judge).drive()]


ERRORS = """dd if=/dev/vda of=/dev/null bs=4096 2>/dev/null; echo read $?
dd if=/dev/vda of=/dev/null bs=4096 count=255 2>/dev/null; echo before $?
dd if=/dev/vda of=/dev/null bs=4096 skip=257 count=200 2>/dev/null; echo behind $?
dd if=/dev/zero of=/dev/vda bs=4096 seek=512 count=1 conv=fsync 2>/dev/null; echo write $?
dd if=/dev/zero of=/dev/vda bs=4096 seek=600 count=1 conv=fsync 2>/dev/null; echo elsewhere $?"""
ERRORS_OUTPUT = b'read 1\nbefore 0\nbehind 0\nwrite 1\nelsewhere 0\n'


def hangs(kind, offset, length):
    return disk_server.LATE if offset >= MIB else None


HANG = """dd if=/dev/vda of=/dev/null bs=64k count=4 2>/dev/null; echo $?
dd if=/dev/vda of=/dev/null bs=64k skip=32 count=4 2>/dev/null; echo $?
dd if=/dev/vda of=/dev/null bs=64k skip=8 count=1 2>/dev/null; echo $?; echo alive"""


def root_disk(*labels):
    """Disks with a root: busybox and one file that says which it is."""
    def make(folder):
        tree = os.path.join(folder, 'tree')
        names = []
        for label in labels:
            shutil.rmtree(tree, ignore_errors=True)
            for name in ('bin', 'dev', 'proc', 'sys', 'sbin', 'tmp'):
                os.makedirs(os.path.join(tree, name))
            shutil.copy(busybox(folder), os.path.join(tree, 'bin', 'busybox'))
            os.symlink('busybox', os.path.join(tree, 'bin', 'sh'))
            with open(os.path.join(tree, 'sbin', 'init'), 'w', encoding='utf-8') as stream:
                stream.write(INIT)
            os.chmod(os.path.join(tree, 'sbin', 'init'), 0o755)
            names.append(os.path.join(folder, f'root-{len(names)}.img'))
            ext4_make(names[-1], 16 * MIB, label, tree)
        return names
    return make


INIT = """#!/bin/sh
busybox mount -t proc proc /proc
echo "this is init on the disk" > /dev/console
busybox grep ' / ' /proc/mounts > /dev/console
echo written > /tmp/file && echo writable > /dev/console
busybox sync
busybox poweroff -f
"""


def busybox(folder):
    """Debian's, as the initramfs has it."""
    with open(os.path.join(TOP, 'build', 'initramfs.cpio'), 'rb') as stream:
        data = newc.read_archive(stream.read()).nodes['usr/bin/busybox'].data
    found = os.path.join(folder, 'busybox')
    with open(found, 'wb') as stream:
        stream.write(data)
    os.chmod(found, 0o755)
    return found


class RootTest(DiskTest):
    """A root on the disk without an initramfs: what the console says."""

    def __init__(self, name, labels, append, console, status=125):
        super().__init__(name, [], root_disk(*labels), status=status, linux=False, audit=False)
        self.append, self.console = append, console

    def run(self, kernel, selene):
        with tempfile.TemporaryDirectory(prefix='selene-disk-') as folder:
            log = os.path.join(folder, 'log')
            words = [RUN, '--initrd', 'none', '--mem', '128M', '--log', log, '--timeout', '30', '--append', self.append]
            words += [word for drive in self.disks(folder) for word in ('--drive', drive)]
            subprocess.run(words + ['--', '/bin/true'], cwd=TOP, input=b'', stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
            with open(log, encoding='utf-8', errors='replace') as stream:
                text = stream.read()
        wrong = [f'  console expected: {line}' for line in self.console if line not in text]
        if wrong:
            return Result(0, 1, 0, [f'not ok {self.name}'] + wrong + ['  | ' + line for line in text.split('\n')[-12:]])
        return Result(1)


PROGRAM = ['/tests/run-all', '-t', '60', '/tests', 'disk-file', 'disk-detail']
ADD = ['--add', 'build/user/tests:/tests']
MEDIUM = ['--smp', '2', '--mem', '128M']
MANY = ['--smp', '4', '--mem', '256M']
# What else is said of files holds on ext4, too, under load and on many harts.
ON_EXT4 = ('mount -t ext4 /dev/vda /tmp && chmod 1777 /tmp || exit 9; /tests/run-all -t 60 /tests file-append file-at '
           'file-attribute file-data file-descriptor file-directory file-flags file-name file-open filestress mmap-file splice xattr '
           'inotify tmpfile exec-script; status=$?; umount /tmp && exit $status')
MEMORY = """mkdir /m; mount -t ext4 /dev/vda /m || exit 1
for i in 1 2 3 4 5 6; do dd if=/dev/zero bs=1M count=24 2>/dev/null | tr '\\0' $i > /m/file-$i || exit 2; done
umount /m; mount -t ext4 /dev/vda /m
for i in 1 2 3 4 5 6; do tr -d $i < /m/file-$i | wc -c; wc -c < /m/file-$i; done
umount /m; rmdir /m; echo done"""

TESTS = [
    DiskTest('disk-files', PROGRAM, one_ext4(), image_is_clean, options=MEDIUM + ADD, each_line=True,
             checked=True, seconds=120),
    DiskTest('disk-files-pci', PROGRAM, one_ext4(), image_is_clean, options=MEDIUM + ADD + ['--drive-pci'],
             each_line=True, seconds=120),
    DiskTest('disk-files-4k', PROGRAM, one_ext4(mark=':4k'), image_is_clean, options=MEDIUM + ADD, each_line=True,
             seconds=120),
    DiskTest('disk-tmp', ['/bin/sh', '-c', ON_EXT4], one_ext4(96 * MIB, block=4096), image_is_clean, options=MANY + ADD, each_line=True,
             checked=True, seconds=200),
    DiskTest('disk-partitions', ['/bin/sh', '-c', PARTITIONS], partitioned, output=PARTITIONS_OUTPUT + b'11\n',
             linux=False),	# which takes the backup of a damaged table only when it is told to
    DiskTest('disk-errors', ['/bin/sh', '-c', ERRORS], server_disk(8 * MIB, bad_sectors), output=ERRORS_OUTPUT),
    DiskTest('disk-error', ['/tests/run-all', '-t', '60', '/tests', 'disk-error'],
             server_disk(8 * MIB, bad_sectors, bad_fill), options=MEDIUM + ADD, each_line=True, checked=True),
    DiskTest('disk-metadata', ['/tests/run-all', '-t', '60', '/tests', 'disk-metadata'], bad_inodes,
             options=MEDIUM + ADD, each_line=True, checked=True,
             linux=False),	# where it depends on which thread met the error first
    DiskTest('disk-hang', ['/bin/sh', '-c', HANG], server_disk(8 * MIB, hangs), output=b'0\n1\n1\nalive\n',
             options=MEDIUM + ['--append', 'disk-timeout=2'], linux=False, seconds=40),
    DiskTest('disk-write-protected', ['/bin/sh', '-c', """mkdir /m; cat /sys/block/vda/ro
mount -t ext4 /dev/vda /m 2>/dev/null; mount | grep -o 'ext4 (r.' ; umount /m 2>/dev/null; mount -t ext4 -o ro /dev/vda /m && ls /m
echo x 2>/dev/null >/m/x || echo refused; (echo x >/dev/vda) 2>/dev/null || echo refused; umount /m; rmdir /m"""],
             one_ext4(mark=':ro'), output=b'1\next4 (ro\nlost+found\nrefused\nrefused\n'),
    DiskTest('disk-small-memory', ['/bin/sh', '-c', MEMORY], one_ext4(224 * MIB), image_is_clean,
             options=['--smp', '2', '--mem', '64M'], seconds=200,
             output=b''.join(b'0\n%d\n' % (24 * MIB) for _ in range(6)) + b'done\n'),
    RootTest('disk-root', ['one', 'two'], 'root=LABEL=two rw', [
        'this is init on the disk', 'writable', 'root: LABEL=two, read-write']),
    RootTest('disk-root-twice', ['same', 'same'], 'root=LABEL=same ro', [
        'LABEL=same names both vda and vdb', 'this is init on the disk', 'root: LABEL=same, read-only']),
    RootTest('disk-root-missing', ['one'], 'root=LABEL=none', [
        'root=LABEL=none: there is no such disk', '/dev/vda  16 MiB', 'LABEL=one']),
]
