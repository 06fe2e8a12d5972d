"""Disks that fail while a file system is on them, and file systems that are damaged: who asks hears of it, nobody hangs,
and what was safe stays safe."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import disk_server		# noqa: E402
from test_disk import MEDIUM, MIB, DiskTest, ext4_make, image_is_clean	# noqa: E402

contents = {}	# of served disks, by the folder of their test
TRIGGER = 16 * MIB - 4096	# behind the file system: a write there starts the trouble


def served(kind, verdict):
    """An ext4 file system on a served disk that is too large for it, with trouble from the trigger on."""
    def make(folder):
        path = os.path.join(folder, 'disk.img')
        ext4_make(path, 12 * MIB)
        os.truncate(path, 16 * MIB)
        with open(path, 'rb') as stream:
            data = bytearray(stream.read())
        state = []

        def judge(request, offset, length):
            if request == disk_server.WRITE and offset <= TRIGGER < offset + length:
                state.append('bad')
                return verdict if kind == 'all' else 0
            wanted = kind == 'all' or request == (disk_server.WRITE if kind == 'writes' else disk_server.READ)
            return verdict if state and wanted and request != disk_server.DISCONNECT else None
        contents[folder] = data
        return [disk_server.DiskServer(os.path.join(folder, 'nbd'), data, judge).drive()]
    return make


def served_is_safe(folder):
    """After e2fsck's replay the disk is clean, and what was synced is there."""
    path = os.path.join(folder, 'disk.img')
    with open(path, 'wb') as stream:
        stream.write(contents.pop(folder))
    problem = image_is_clean(folder)
    if problem:
        return problem
    done = subprocess.run(['debugfs', '-R', 'cat safe', path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    expected = b''.join(b'%d\n' % i for i in range(1, 20001))
    return None if done.stdout == expected else f'"safe" has {len(done.stdout)} bytes'


TROUBLE = """mkdir /m && mount -t ext4 /dev/vda /m && seq 20000 >/m/safe && sync && seq 9 >/m/other && exec 5>>/m/open || exit 9
dd if=/dev/zero of=/dev/vda bs=4096 seek=4095 count=1 conv=fsync 2>/dev/null
seq 5000 | dd of=/m/new conv=fsync 2>/dev/null; echo fsync $?
touch /m/late 2>/dev/null; echo touch $?; mkdir /m/dir 2>/dev/null; rm /m/safe 2>/dev/null; echo rm $?
echo more >&5 2>/dev/null; exec 5>&-; grep -o ' /m ext4 r.' /proc/mounts; wc -l </m/safe
umount /m; echo umount $?; mount -t ext4 /dev/vda /m 2>/dev/null; echo mount $?; grep -c /m /proc/mounts
dmesg | grep -q 'read-only from now on' && echo told; echo alive"""
OUTPUT = b'fsync 1\ntouch 1\nrm 1\n /m ext4 ro\n20000\numount 0\nmount 255\n0\ntold\nalive\n'


def damaged(*commands, after=None):
    """An ext4 file system that debugfs, or @after(path), has damaged."""
    def make(folder):
        path, tree = os.path.join(folder, 'disk.img'), os.path.join(folder, 'tree')
        os.makedirs(os.path.join(tree, 'good'))
        os.makedirs(os.path.join(tree, 'bad'))
        for name in ('good/file', 'bad/file', 'lost'):
            with open(os.path.join(tree, name), 'w', encoding='ascii') as stream:
                stream.write(name * 2000)
        ext4_make(path, 16 * MIB, folder=tree)
        subprocess.run(['debugfs', '-w', '-f', '-', path], input='\n'.join(commands), text=True, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if after:
            after(path)
        return [path]
    return make


def overwrite(offset, data):
    def after(path):
        with open(path, 'r+b') as stream:
            stream.seek(offset)
            stream.write(data)
    return after


def mounting(words):
    """The mount fails, and the log says why."""
    return ['/bin/sh', '-c', f"""mkdir /m; mount -t ext4 /dev/vda /m 2>/dev/null || echo refused; umount /m 2>/dev/null
dmesg | grep -q '{words}' && echo told || dmesg | tail -5; rmdir /m; mount -t vfat /dev/vda /tmp 2>/dev/null || echo no FAT"""]


IN_USE = """mkdir /m && mount -t ext4 -o errors=remount-ro /dev/vda /m && cat /m/good/file | md5sum >/tmp/before || exit 9
cat /m/bad/file 2>/dev/null; echo cat $?; grep -o ' /m ext4 r.' /proc/mounts; touch /m/good/new 2>/dev/null; echo touch $?
cat /m/good/file | md5sum | cmp - /tmp/before && echo readable; ls /m/good; rm /tmp/before
dmesg | grep -c 'corrupt: directory'; dmesg | grep -q 'read-only from now on' && echo told
umount /m && echo umount; mount -t ext4 -o ro /dev/vda /m && ls /m/good; umount /m; rmdir /m
dmesg | grep -q 'errors were noted earlier' && echo noted"""
IN_USE_OUTPUT = b"""cat 1
 /m ext4 ro
touch 1
readable
file
1
told
umount
file
noted
"""
CONTINUE = """mkdir /m && mount -t ext4 -o errors=continue /dev/vda /m || exit 9
cat /m/bad/file 2>/dev/null; echo cat $?; touch /m/good/new && echo touch; umount /m; rmdir /m"""
ZAP = 'zap_block -f /bad -p 0x55 0'

TESTS = [
    DiskTest('disk-vanish', ['/bin/sh', '-c', TROUBLE], served('all', disk_server.VANISH), served_is_safe,
             output=OUTPUT, options=MEDIUM, linux=False, audit=False, seconds=60),
    DiskTest('disk-write-errors', ['/bin/sh', '-c', TROUBLE], served('writes', disk_server.EIO), served_is_safe,
             output=OUTPUT, options=MEDIUM, linux=False, audit=False, seconds=60),
    DiskTest('disk-silent', ['/bin/sh', '-c', TROUBLE], served('all', disk_server.LATE), output=OUTPUT,
             options=MEDIUM + ['--append', 'disk-timeout=2'], linux=False, audit=False, seconds=90),
    DiskTest('disk-corrupt', ['/bin/sh', '-c', IN_USE], damaged(ZAP), output=IN_USE_OUTPUT, linux=False),
    DiskTest('disk-corrupt-continue', ['/bin/sh', '-c', CONTINUE], damaged(ZAP), output=b'cat 1\ntouch\n', linux=False),
    DiskTest('disk-corrupt-super', mounting('the super block is wrong: checksum'),
             damaged(after=overwrite(1024 + 0x88, b'/else')), output=b'refused\ntold\nno FAT\n', linux=False),
    DiskTest('disk-truncated', mounting('it is larger than the device'),
             damaged(after=lambda path: os.truncate(path, 8 * MIB)), output=b'refused\ntold\nno FAT\n', linux=False),
    DiskTest('disk-no-file-system', mounting('vda: 16 MiB'), damaged(after=overwrite(0, os.urandom(65536))),
             output=b'refused\ntold\nno FAT\n', linux=False),
]
