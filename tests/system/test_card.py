"""SD cards: each board's image against what its firmware wants, and the whole chain where QEMU has the board."""
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

import harness
import test_boards
from harness import TOP, Result, Test
from terminal import TerminalTest, command

sys.path.insert(0, os.path.join(TOP, 'scripts', 'lib'))
import boards  # noqa: E402

CARDS = os.path.join(TOP, 'build', 'test-cards')


def card_path(board):
    return os.path.join(CARDS, f'{board}.img')


def card_make(board):
    """Make the card once for all tests of a run; what makes it says what is wrong."""
    os.makedirs(CARDS, exist_ok=True)
    done = subprocess.run(['scripts/sdcard', board, '--output', card_path(board)],
                          cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout.splitlines()[-harness.SHOWN_LINES:] if done.returncode else []


class CardTest(Test):
    """The image of one board, made and then verified by scripts/check-sdcard."""

    def __init__(self, board):
        super().__init__('card-' + board, linux=False, seconds=300)
        self.board = board

    def command(self, kernel, report=None):
        return ['scripts/check-sdcard', self.board, card_path(self.board)]

    def run(self, kernel, selene):
        wrong = card_make(self.board)
        if not wrong:
            done = subprocess.run(self.command(kernel), cwd=TOP, stdout=subprocess.PIPE, text=True)
            wrong = [line for line in done.stdout.splitlines() if not line.startswith('ok ')][:-1]
            if done.returncode and not wrong:
                wrong = [f'status {done.returncode}']
        return harness.finished(self, kernel, Result(), ['  ' + line for line in wrong])


class DamagedCardTest(Test):
    """scripts/check-sdcard sees each kind of damage (a check that cannot fail is none)."""

    def __init__(self, name, board, damage, expected):
        super().__init__('card-damaged-' + name, linux=False, seconds=300)
        self.board, self.damage, self.expected = board, damage, expected

    def command(self, kernel, report=None):
        return ['scripts/check-sdcard', self.board, 'DAMAGED']

    def run(self, kernel, selene):
        wrong = [] if os.path.exists(card_path(self.board)) else card_make(self.board)
        if not wrong:
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, 'card.img')
                with open(card_path(self.board), 'rb') as source, open(path, 'wb') as target:
                    target.write(self.damage(bytearray(source.read())))
                done = subprocess.run(['scripts/check-sdcard', self.board, path], cwd=TOP,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if not done.returncode or self.expected not in done.stdout:
                wrong = [f'  expected: {self.expected}', '  came: ' + harness.shown(done.stdout)]
        return harness.finished(self, kernel, Result(), wrong)


def overwritten(offset, data):
    def damage(image):
        image[offset:offset + len(data)] = data
        return image
    return damage


class ChainTest(TerminalTest):
    """From the firmware to the shell, as on the board: U-Boot's menu, kernel, root on the card's ext4."""

    def __init__(self, machine):
        super().__init__('card-boot-' + machine, [
            command('uname -m', r'^riscv64$'),
            command('cat /proc/cmdline', r'^console=tty'),
            command('dmesg | grep -c "Selene 0"', r'^1$'),
            command('grep -c " / ext4 rw" /proc/mounts', r'^1$'),
            command('ls -l /dev | grep -c "^b"', r'^[1-9]'),
            command('echo from the card >/root/note; sync; cat /root/note', r'^from the card$'),
        ], linux=False, seconds=200, needs=self.missing)
        self.machine = machine
        self.card = card_path(machine)
        self.powers_off = machine == 'virt'

    def missing(self):
        done = subprocess.run(['scripts/run-card', '--firmware-only', self.machine], cwd=TOP,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.stdout.strip() if done.returncode else None

    def command(self, kernel, report=None):
        return [os.path.join(TOP, 'scripts/run-card'), self.machine, card_path(self.machine)]

    def run(self, kernel, selene):
        wrong = [] if os.path.exists(card_path(self.machine)) else card_make(self.machine)
        if wrong:
            return harness.finished(self, kernel, Result(), wrong)
        result = super().run(kernel, selene)
        # On a busy host U-Boot's SPI may miss an answer of QEMU's card; then it takes its second entry.
        if result.failed and self.machine == 'sifive_u':
            result = super().run(kernel, selene)
        return result if result.failed else harness.finished(self, kernel, Result(), self.root_wrong())

    def root_wrong(self):
        """The root as e2fsck leaves it after the journal's replay: it must hold what was synced."""
        board = boards.BOARDS[self.machine]
        first = board.boot_first + boards.BOOT_BYTES // boards.SECTOR
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'root')
            with open(self.card, 'rb') as card, open(path, 'wb') as root:
                card.seek(first * boards.SECTOR)
                root.write(card.read())
            checks = [subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                      for words in (['e2fsck', '-fy', path], ['e2fsck', '-fn', path],
                                    ['debugfs', '-R', 'cat /root/note', path])]
        wrong = []
        if checks[0].returncode > 1 or checks[1].returncode:
            wrong += ['  a clean root expected; e2fsck said:', harness.shown(checks[0].stdout + checks[1].stdout)]
        if 'from the card' not in checks[2].stdout:
            wrong += ['  /root/note expected; debugfs said: ' + harness.shown(checks[2].stdout)]
        return wrong


class IcicleCardTest(ChainTest):
    """PolarFire's machine, without firmware of its own, finds its root on virt's card behind Cadence's host."""

    def __init__(self):
        super().__init__('virt')
        self.name, self.card = 'card-boot-icicle', card_path('icicle')
        self.powers_off, self.needs = False, None

    def command(self, kernel, report=None):
        shutil.copy(card_path(self.machine), self.card)
        return test_boards.icicle_command(kernel, ['-drive', f'if=sd,file={self.card},format=raw'],
                                          ' root=/dev/mmcblk0p2 rootwait rw')


class SdTest(Test):
    """A program's work on an SD card behind sdhci-pci; @after looks at the image."""

    def __init__(self, name, program, after=None, **more):
        super().__init__('card-sd-' + name, program, linux=False, seconds=120, **more)
        self.after = after
        self.image = os.path.join(CARDS, f'sd-{name}.img')

    def command(self, kernel, report=None):
        self.options = ['--sd', self.image]
        return super().command(kernel, report)

    def run(self, kernel, selene):
        os.makedirs(CARDS, exist_ok=True)
        with open(self.image, 'wb') as stream:
            stream.write(SD_DATA)
        result = harness.test_run(self, kernel, selene)
        if self.after and not result.failed:
            with open(self.image, 'rb') as stream:
                wrong = self.after(stream)
            result = harness.finished(self, kernel, Result(), wrong)
        return result


SD_BLOCKS = 8192	# 4 MiB: a card whose addresses are in bytes
SD_DATA = b''.join(block.to_bytes(8, 'little') * 64 for block in range(SD_BLOCKS))


def zeros_written(stream):
    expected = SD_DATA[:1 << 20] + bytes(1 << 20) + SD_DATA[2 << 20:]
    return [] if stream.read() == expected else ['  1 MiB of zeros expected at 1 MiB, and nothing else changed']


SPL = boards.BOARDS['visionfive2'].firmware[0].first * boards.SECTOR
BOOT = boards.BOARDS['virt'].boot_first * boards.SECTOR

TESTS = [CardTest(board) for board in sorted(boards.BOARDS)] + [
    DamagedCardTest('table', 'virt', overwritten(512 + 40, b'\xff'), 'partition table'),
    DamagedCardTest('spl', 'visionfive2', overwritten(SPL + 0x1000, b'selene'), 'checksum'),
    DamagedCardTest('boot', 'virt', overwritten(BOOT, bytes(512)), 'not ok card kernel'),
    SdTest('read', 'md5sum /dev/mmcblk0 | cut -c1-32', output=hashlib.md5(SD_DATA).hexdigest().encode() + b'\n'),
    SdTest('write', 'dd if=/dev/zero of=/dev/mmcblk0 bs=64k seek=16 count=16 conv=notrunc,fsync 2>/dev/null; '
           'dd if=/dev/mmcblk0 bs=1M skip=1 count=1 2>/dev/null | md5sum | cut -c1-32',
           output=hashlib.md5(bytes(1 << 20)).hexdigest().encode() + b'\n', after=zeros_written),
    ChainTest('virt'),
    ChainTest('sifive_u'),
    IcicleCardTest(),
]
