"""File systems on disks: what Selene writes is judged by e2fsck, fsck.vfat and Linux, and the other way round."""
import os
import random
import subprocess
import tempfile

import harness
from harness import RUN, TOP, Result, Test

WRITE = '''
mkdir /disk && mount -t {type} /dev/vda /disk && cd /disk || exit 9
mkdir a a/b && for i in $(seq 1 300); do echo "line $i" >a/b/file-with-a-long-name-$i; done
seq 1 60000 >a/numbers && cat a/numbers a/numbers >a/twice && mv a/numbers a/b/moved
rm a/b/file-with-a-long-name-1* && echo more >>a/twice
mkdir x && mv a/b x/b && rmdir a/none 2>/dev/null
find . -type f | grep -v sums | sort | xargs md5sum >sums || exit 8
cd / && umount /disk && echo written
'''
READ = '''
mkdir /disk && mount -t {type} -o ro /dev/vda /disk && cd /disk || exit 9
md5sum -c sums >/dev/null && wc -l <sums && cd / && umount /disk && echo read
'''
EXT4_EXTRA = '''
mount -t ext4 /dev/vda /disk && cd /disk || exit 9
ln a/twice second && ln -s a/twice soft && ln -s $(printf %0100d 7) long && rm a/twice
md5sum <second >one && mv second a/twice && md5sum <soft | cmp - one || exit 8
exec 5<>one; rm one; echo held >&5; exec 5>&-
dd if=/dev/zero of=sparse bs=1 count=1 seek=9000000 2>/dev/null && truncate -s 5000 sparse
sync; cd / && umount /disk && echo extra
'''


def tool(*words):
    """0 and nothing, or what the tool said."""
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=TOP)
    return [] if done.returncode == 0 else [f'  {words[0]}: {done.returncode}'] + [
        '  | ' + line for line in done.stdout.splitlines()[-harness.SHOWN_LINES:]]


def judge(kind, image):
    return tool('fsck.vfat', '-n', image) if kind == 'vfat' else tool('e2fsck', '-fn', image)


def make(kind, options, image, size):
    if kind == 'vfat':
        return tool('mkfs.vfat', *options, '-C', image, str(size * 1024))
    return tool('mke2fs', '-q', '-t', kind, *options, image, f'{size}M')


LINUX_MEMORY = '256M'  # with 128M its own modules sometimes find no room


class DiskTest(Test):
    """Guests one after the other with one disk: (kernel, script) each; then the judge."""

    def __init__(self, name, kind, options, steps, size=48, memory='128M', files=(), seconds=120):
        super().__init__('disk-' + name, linux=False, seconds=seconds)
        self.kind, self.format, self.steps, self.size = kind, list(options), steps, size
        self.memory, self.files = memory, list(files)

    def guest(self, image, kernel, script):
        memory = LINUX_MEMORY if kernel == 'linux' else self.memory
        words = [RUN, '--smp', '2', '--mem', memory, '--drive', image]
        for path in self.files:
            words += ['--drive', path + ':ro']
        if kernel:
            words += ['--kernel', kernel]
        done = subprocess.run(words + ['--timeout', str(self.seconds), '--', '/bin/sh', '-c',
                                       script.format(type=self.kind)],
                              cwd=TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=self.seconds + 60)
        if done.returncode == 0:
            return []
        return [f'  status {done.returncode}; again: {" ".join(words)}'] + [
            '  | ' + line for line in (done.stdout + done.stderr).decode(errors='replace')
            .splitlines()[-harness.SHOWN_LINES:]]

    def run(self, kernel, selene):
        with tempfile.TemporaryDirectory(prefix='selene-disk-') as folder:
            image = os.path.join(folder, 'disk.img')
            wrong = make(self.kind, self.format, image, self.size)
            for which, script in self.steps:
                if not wrong:
                    wrong = self.guest(image, which or kernel, script)
                if not wrong:
                    wrong = judge(self.kind, image)
        return harness.finished(self, kernel, Result(), wrong)


TREE = '''
mkdir /disk && mount -t ext4 /dev/vda /disk && cd /disk && tar xf /dev/vdb || exit 9
sync && md5sum -c sums | grep -v OK; test $(md5sum -c sums | grep -c OK) = $(wc -l <sums) || exit 8
rm -rf tree && cd / && umount /disk
'''


class TreeTest(DiskTest):
    """A tree of sources under little memory: unpacked, compared, deleted. TREE_FILES=10000 for all of it."""

    def run(self, kernel, selene):
        count = int(os.environ.get('TREE_FILES', '1500'))
        self.size = 64 + count // 25
        numbers = random.Random(count)
        block = numbers.randbytes(65536)
        with tempfile.TemporaryDirectory(prefix='selene-tree-') as folder:
            top = os.path.join(folder, 'tree')
            for i in range(count):
                where = os.path.join(top, f'd{i // 50}')
                os.makedirs(where, exist_ok=True)
                with open(os.path.join(where, f'file-{i}.c'), 'wb') as stream:
                    start = numbers.randrange(60000)
                    stream.write((block[start:] + block)[:int(numbers.expovariate(1 / 20500))])
            script = 'find tree -type f | sort | xargs md5sum >sums && tar cf tree.tar sums tree'
            subprocess.run(['sh', '-c', script], cwd=folder, check=True)
            tar = os.path.join(folder, 'tree.tar')
            os.truncate(tar, (os.path.getsize(tar) + 4095) // 4096 * 4096)
            self.files = [tar]
            return super().run(kernel, selene)


SELENE = None
TESTS = [
    DiskTest('ext4', 'ext4', ['-b', '4096'], [(SELENE, WRITE), (SELENE, READ),
                                             (SELENE, 'mkdir /disk\n' + EXT4_EXTRA)]),
    DiskTest('ext4-small', 'ext4', ['-b', '1024', '-I', '128', '-O', '^64bit'],
             [(SELENE, WRITE), (SELENE, READ)]),
    DiskTest('ext2', 'ext2', ['-b', '1024'], [(SELENE, WRITE), (SELENE, READ)]),
    DiskTest('vfat', 'vfat', ['-F', '32'], [(SELENE, WRITE), (SELENE, READ)]),
    DiskTest('ext4-of-linux', 'ext4', [], [('linux', WRITE), (SELENE, READ)]),
    DiskTest('ext4-for-linux', 'ext4', [], [(SELENE, WRITE), ('linux', READ)]),
    DiskTest('vfat-of-linux', 'vfat', ['-F', '32'], [('linux', WRITE), (SELENE, READ)]),
    DiskTest('vfat-for-linux', 'vfat', ['-F', '16'], [(SELENE, WRITE), ('linux', READ)]),
    TreeTest('tree', 'ext4', [], [(SELENE, TREE)], memory='64M', seconds=500),
]
