"""Power cuts: QEMU is killed in the middle of it, or what a disk was told is replayed up to anywhere.

    POWER_CUTS=1000 tests/system/run 'disk-power-*'		SEED=n for others

A disk that loses its power keeps what was written before its last flush, and any part of what came after.
"""
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import disk_server	# noqa: E402
import harness		# noqa: E402
from harness import RUN, TOP, Result, Test	# noqa: E402
from test_ext4 import judge, make	# noqa: E402

LINES_OF = 7, 5000	# file n holds the numbers from 1 to n * 7 % 5000
KEPT = 28		# files back from the last one that nobody has removed yet
SECTOR = 512


def seed():
    return int(os.environ.get('SEED', '1'))


def cuts(usual):
    return int(os.environ.get('POWER_CUTS', str(usual)))


def content(number):
    factor, modulus = LINES_OF
    return b''.join(b'%d\n' % i for i in range(1, number * factor % modulus + 1))


def not_whole(image, numbers):
    """Those of the files that are not what was synced."""
    with tempfile.TemporaryDirectory(prefix='selene-kept-') as folder:
        script = ''.join(f'dump f{number} {folder}/f{number}\n' for number in numbers)
        subprocess.run(['debugfs', '-f', '-', image], input=script, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, text=True)
        wrong = []
        for number in numbers:
            try:
                with open(f'{folder}/f{number}', 'rb') as stream:
                    wrong += [] if stream.read() == content(number) else [number]
            except FileNotFoundError:
                wrong.append(number)
        return wrong


def still_there(last):
    return range(max(1, last - KEPT), last + 1)


def replay_and_judge(image):
    """e2fsck replays; then nothing may be wrong."""
    done = subprocess.run(['e2fsck', '-fy', image], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wrong = [] if done.returncode in (0, 1) else [f'  e2fsck -fy: {done.returncode}']
    return wrong + judge('ext4', image)


CUT = '''
mkdir /disk && mount -t ext4 /dev/vda /disk && cd /disk && mkdir d || exit 9
i=0
while :; do
	i=$((i + 1)); seq 1 $((i * 7 % 5000)) | dd of=f$i conv=fsync 2>/dev/null && echo synced $i
	[ $((i % 10)) != 0 ] || { exec 7>held; rm held; seq 3000 >&7; }
	seq $i >new && mv new d/moved; echo more >>log; [ $i -le 60 ] || rm f$((i - 60)); [ $((i % 9)) != 0 ] || truncate -s 99 log
done
'''


class PowerCutTest(Test):
    """QEMU is killed in the middle of it. After e2fsck's replay nothing is wrong, and what was synced is whole."""

    def __init__(self):
        super().__init__('disk-power-cut', linux=False, seconds=60)

    def cut(self, image, kernel, lines, late):
        words = [RUN, '--smp', '2', '--mem', '128M', '--drive', image]
        words += ['--kernel', kernel] if kernel else []
        last = 0
        with subprocess.Popen(words + ['--timeout', '60', '--', '/bin/sh', '-c', CUT], cwd=TOP,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True) as guest:
            for line in guest.stdout:
                if line.startswith('synced '):
                    last = int(line.split()[1])
                    if last >= lines:
                        break
            time.sleep(late)
            guest.send_signal(signal.SIGKILL)
        return last

    def run(self, kernel, selene):
        wrong = []
        numbers = random.Random(seed())
        for _ in range(cuts(3)):
            with tempfile.TemporaryDirectory(prefix='selene-cut-') as folder:
                image = os.path.join(folder, 'disk.img')
                wrong += make('ext4', ['-b', '1024'], image, 24)
                last = self.cut(image, kernel, numbers.randrange(5, 150), numbers.random() / 20)
                time.sleep(0.2)
                wrong += replay_and_judge(image)
                if not last:
                    wrong.append('  nothing was synced')
                wrong += [f'  f{i}, synced before f{last}, is not whole'
                          for i in not_whole(image, still_there(last))]
        return harness.finished(self, kernel, Result(), wrong)

    def command(self, kernel, report=None):
        return [f'SEED={seed()} POWER_CUTS={cuts(3)} tests/system/run', self.name]


class Log:
    """What a disk was told, in order: (offset, data) for a write, None for a flush that has ended."""

    def __init__(self, first):
        self.first, self.entries, self.lock = bytes(first), [], threading.Lock()

    def wrote(self, offset, data):
        with self.lock:
            self.entries.append((offset, data))

    def flushed(self, before):
        with self.lock:
            self.entries.insert(before, None)

    def length(self):
        with self.lock:
            return len(self.entries)

    def disks(self, where, numbers):
        """For each of the sorted places @where in the log, a disk that lost its power there."""
        disk, done = bytearray(self.first), 0
        for place in where:
            safe = max((i for i in range(place) if self.entries[i] is None), default=done)
            for entry in self.entries[done:max(done, safe)]:
                if entry:
                    disk[entry[0]:entry[0] + len(entry[1])] = entry[1]
            done = max(done, safe)
            yield place, self.cut(bytearray(disk), self.entries[done:place], numbers)

    @staticmethod
    def cut(disk, loose, numbers):
        """Any of the writes @loose may be missing, or all but some of their sectors."""
        chance = numbers.choice((0.1, 0.5, 0.9, 1))
        for entry in loose:
            if not entry or numbers.random() > chance:
                continue
            offset, data = entry
            if numbers.random() < 0.1:
                data = data[:numbers.randrange(len(data) // SECTOR + 1) * SECTOR]
            disk[offset:offset + len(data)] = data
        return disk


REPLAY = '''
mkdir /disk; for d in /dev/vd?; do mount -t ext4 $d /disk && umount /disk || echo $d; done; echo replayed
'''


class PowerLogTest(Test):
    """One guest writes to a disk whose every write and flush is recorded; then the power fails anywhere. Half of the disks
    are replayed by e2fsck, the other half by Selene."""

    USUAL, AT_ONCE = 24, 12

    def __init__(self):
        super().__init__('disk-power-log', linux=False, seconds=600)

    def record(self, folder, kernel):
        """The log, and where in it each file was known to be synced."""
        image, synced = os.path.join(folder, 'disk.img'), []
        wrong = make('ext4', ['-b', '1024'], image, 24)
        with open(image, 'rb') as stream:
            data = bytearray(stream.read())
        log = Log(data)
        server = disk_server.DiskServer(os.path.join(folder, 'nbd'), data, log=log)
        words = [RUN, '--smp', '2', '--mem', '128M', '--drive', server.drive()]
        words += ['--kernel', kernel] if kernel else []
        with subprocess.Popen(words + ['--timeout', '60', '--', '/bin/sh', '-c', CUT], cwd=TOP, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as guest:
            end = None
            for line in guest.stdout:
                end = end or time.monotonic() + (4 if cuts(self.USUAL) < 100 else 20)
                if line.startswith('synced '):
                    synced.append((log.length(), int(line.split()[1])))
                if time.monotonic() > end:
                    break
            guest.send_signal(signal.SIGKILL)
        server.close()
        return log, synced, wrong if synced else wrong + ['  nothing was synced']

    @staticmethod
    def replay_here(images, kernel):
        """Selene mounts and unmounts them all."""
        words = [RUN, '--smp', '2', '--mem', '128M', '--drive-pci']
        for image in images:
            words += ['--drive', image]
        words += ['--kernel', kernel] if kernel else []
        done = subprocess.run(words + ['--timeout', '120', '--', '/bin/sh', '-c', REPLAY], cwd=TOP, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return [] if done.stdout == 'replayed\n' else ['  Selene did not replay:', '  | ' + done.stdout[-300:],
                                                     '  | ' + done.stderr[-600:]]

    @staticmethod
    def look(image, place, synced):
        last = max((number for at, number in synced if at <= place), default=0)
        return [f'  f{number}, synced before, is not whole'
                for number in (not_whole(image, still_there(last)) if last else [])]

    def batch(self, batch, folder, kernel, synced, here):
        images, wrong = [], []
        for number, (_, disk) in enumerate(batch):
            images.append(os.path.join(folder, f'cut-{number}.img'))
            with open(images[-1], 'wb') as stream:
                stream.write(disk)
        wrong += self.replay_here(images, kernel) if here else []
        for image, (place, _) in zip(images, batch):
            found = judge('ext4', image) if here else replay_and_judge(image)
            found += self.look(image, place, synced)
            wrong += [f'  cut at {place}, replayed by {"Selene" if here else "e2fsck"}:'] + found if found else []
            os.unlink(image)
        return wrong

    def run(self, kernel, selene):
        numbers = random.Random(seed())
        with tempfile.TemporaryDirectory(prefix='selene-power-') as folder:
            log, synced, wrong = self.record(folder, kernel)
            length = log.length()
            where = sorted(numbers.randrange(1, length) for _ in range(cuts(self.USUAL))) if length > 1 else []
            batch, here = [], True
            for disk in log.disks(where, numbers):
                batch.append(disk)
                if len(batch) == self.AT_ONCE:
                    wrong += self.batch(batch, folder, kernel, synced, here)
                    batch, here = [], not here
            wrong += self.batch(batch, folder, kernel, synced, here) if batch else []
        note = [] if not wrong else [f'  seed {seed()}, {length} writes and flushes, {len(synced)} files']
        return harness.finished(self, kernel, Result(), note + wrong[:40])

    def command(self, kernel, report=None):
        return [f'SEED={seed()} POWER_CUTS={cuts(self.USUAL)} tests/system/run', self.name]


TESTS = [PowerCutTest(), PowerLogTest()]
