"""Real boards' device trees through Selene's own discovery code (tests/boards/describe.c), on the host."""
import glob
import os
import subprocess
import sys
import tempfile

import harness
from harness import TOP, Result, Test
from terminal import TerminalTest, command

sys.path.insert(0, os.path.join(TOP, 'scripts', 'lib'))
import firmware  # noqa: E402

FLAGS = ['-std=gnu11', '-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all',
         '-fno-strict-aliasing', '-Wall', '-Wextra', '-Werror', '-Wno-unused-parameter', '-Wno-sign-compare',
         '-Wno-unused-function', '-Iarch/include', '-Ikernel', '-I.', '-Iarch/host/include']
SOURCES = ['tests/boards/describe.c', 'arch/riscv/discover.c', 'kernel/boot/discover.c',
           'kernel/dev/device.c', 'kernel/dev/ns16550.c', 'kernel/dev/sifive_uart.c',
           'kernel/dev/sd/dw_mshc.c', 'kernel/dev/sd/sifive_spi.c', 'kernel/dev/sd/sdhci_cadence.c',
           'kernel/dev/sd/registers.c',
           'kernel/lib/fdt*.c', 'kernel/lib/printf.c', 'kernel/lib/format.c', 'kernel/lib/string.c',
           'kernel/lib/strlcpy.c']

JH7110 = '''\
timebase: 4000000
plic: c000000 lines 136
hart: 1 context 2
hart: 2 context 4
hart: 3 context 6
hart: 4 context 8
isa: acdfim
bank: 40000000-{end}
reserved: 40000000-40300000
serial: serial@10000000 ttyS line 32 shift 2 width 4 console
{emmc}
sd: mmc@16020000 lines 4 up to 100000 kHz
'''
SOLDERED = 'log: mmc@16010000: an eMMC or SDIO device, which Selene does not drive'
SOCKET = 'sd: mmc@16010000 lines 8 up to 100000 kHz'	# for an eMMC module
FU540 = '''\
timebase: 1000000
plic: c000000 lines 53
hart: 1 context 2
hart: 2 context 4
hart: 3 context 6
hart: 4 context 8
isa: acdfim
bank: 80000000-280000000
reserved: 80000000-80300000
serial: serial@10010000 ttySIF line 4 shift 0 width 0 console
serial: serial@10011000 ttySIF line 5 shift 0 width 0
sd: spi@10050000 lines 1 up to 20000 kHz, SPI
'''
# Name: (tree of Debian's Linux, or (U-Boot package, FIT image, part), start of RAM, what must be found).
TREES = {
    'visionfive2-1.3b': ('starfive/jh7110-starfive-visionfive-2-v1.3b.dtb', 0x40000000,
                         'model: StarFive VisionFive 2 v1.3B\n' + JH7110.format(end='140000000', emmc=SOLDERED)),
    'visionfive2-1.2a': ('starfive/jh7110-starfive-visionfive-2-v1.2a.dtb', 0x40000000,
                         'model: StarFive VisionFive 2 v1.2A\n' + JH7110.format(end='140000000', emmc=SOLDERED)),
    'visionfive2-u-boot': (('u-boot-starfive', 'starfive_visionfive2/u-boot.itb', 2), 0x40000000,
                           'model: \n' + JH7110.format(end='240000000', emmc=SOLDERED)),
    'star64': ('starfive/jh7110-pine64-star64.dtb', 0x40000000,
               'model: Pine64 Star64\n' + JH7110.format(end='140000000', emmc=SOCKET)),
    'mars': ('starfive/jh7110-milkv-mars.dtb', 0x40000000,
             'model: Milk-V Mars\n' + JH7110.format(end='140000000', emmc=SOCKET)),
    'visionfive1': ('starfive/jh7100-starfive-visionfive-v1.dtb', 0x80000000, '''\
model: StarFive VisionFive V1
timebase: 6250000
plic: c000000 lines 133
hart: 1 context 3
hart: 0 context 1
isa: acdfim
bank: 80000000-280000000
reserved: 80000000-80300000
reserved: fa000000-fb000000
reserved: 107a000000-107b000000
serial: serial@12440000 ttyS line 73 shift 2 width 4 console
sd: mmc@10000000 lines 4 up to 50000 kHz
log: mmc@10010000: an eMMC or SDIO device, which Selene does not drive
'''),
    'unleashed': ('sifive/hifive-unleashed-a00.dtb', 0x80000000, 'model: SiFive HiFive Unleashed A00\n' + FU540),
    'unleashed-u-boot': (('u-boot-sifive', 'sifive_unleashed/u-boot.itb', 2), 0x80000000,
                         'model: SiFive HiFive Unleashed A00\n' + FU540),
    'icicle': ('microchip/mpfs-icicle-kit.dtb', 0x80000000, '''\
model: Microchip PolarFire-SoC Icicle Kit
timebase: 1000000
plic: c000000 lines 186
hart: 1 context 2
hart: 2 context 4
hart: 3 context 6
hart: 4 context 8
isa: acdfim
bank: 80000000-c0000000
bank: 1040000000-1080000000
reserved: 80000000-80300000
reserved: bfc00000-c0000000
serial: serial@20100000 ttyS line 91 shift 2 width 4 console
serial: serial@20102000 ttyS line 92 shift 2 width 4
serial: serial@20104000 ttyS line 93 shift 2 width 4
serial: serial@20106000 ttyS line 94 shift 2 width 4
sd: mmc@20008000, standard registers
'''),
}


def describe_build(folder):
    program = os.path.join(folder, 'describe')
    sources = [path for pattern in SOURCES for path in sorted(glob.glob(os.path.join(TOP, pattern)))]
    done = subprocess.run([os.environ.get('HOSTCC', 'gcc')] + FLAGS + ['-o', program] + sources, cwd=TOP,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return program, done.stdout if done.returncode else ''


class TreesTest(Test):
    """All boards in one test, so that the program is built once; each board counts."""

    def command(self, kernel, report=None):
        return ['tests/system/run', self.name]

    def run(self, kernel, selene):
        result = Result()
        with tempfile.TemporaryDirectory(prefix='selene-boards-') as folder:
            program, errors = describe_build(folder)
            if errors:
                return Result(0, 1, 0, [f'not ok {self.name}: does not build', errors])
            names = [source for source, _, _ in TREES.values() if isinstance(source, str)]
            trees = firmware.linux_trees(names)
            for name, (source, ram, expected) in TREES.items():
                path = os.path.join(folder, name + '.dtb')
                if isinstance(source, str):
                    with open(path, 'wb') as stream:
                        stream.write(trees[source])
                else:
                    firmware.fit_part(firmware.uboot_file(*source[:2]), source[2], path)
                done = subprocess.run([program, path, '1', hex(ram)], stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True)
                if done.stdout == expected:
                    result.passed += 1
                    continue
                result.failed += 1
                result.lines.append(f'not ok {self.name} {name}')
                came, wanted = done.stdout.splitlines(), expected.splitlines()
                result.lines += [f'  missing: {line}' for line in wanted if line not in came]
                result.lines += [f'  came:    {line}' for line in came if line not in wanted]
        return result


def icicle_command(kernel, root, append=''):
    """QEMU's PolarFire machine with Linux's own tree, which @root, words for QEMU, gives a root."""
    # QEMU gives the RAM above 4 GiB only from 1.5 GiB on, and it lies elsewhere than the tree says.
    tree = os.path.join(TOP, 'build', 'test-cards', 'icicle.dtb')
    os.makedirs(os.path.dirname(tree), exist_ok=True)
    name = 'microchip/mpfs-icicle-kit.dtb'
    with open(tree, 'wb') as stream:
        stream.write(firmware.linux_trees([name])[name])
    subprocess.run(['fdtput', '-r', tree, '/memory@1040000000'], check=True)
    return ['/usr/bin/env', 'qemu-system-riscv64', '-M', 'microchip-icicle-kit', '-m', '2G', '-smp', '5',
            '-display', 'none', '-monitor', 'none', '-nic', 'none', '-serial', 'null', '-serial', 'stdio',
            '-kernel', kernel or os.path.join(TOP, 'build', 'Image'), '-dtb', tree,
            '-append', 'console=ttyS1' + append] + root


class IcicleTest(TerminalTest):
    """Monitor hart, context 2 x hart, UART with reg-shift 2."""

    powers_off = False

    def command(self, kernel, report=None):
        return icicle_command(kernel, ['-initrd', os.path.join(TOP, 'build', 'initramfs.cpio')])


ICICLE = [
    command('grep -c ^processor /proc/cpuinfo', r'^4$'),
    command('cat /proc/consoles', r'^ttyS1 '),
    command('ls /dev/ttyS*', r'/dev/ttyS1'),
]

TESTS = [TreesTest('boards-trees', linux=False, seconds=300),
         IcicleTest('boards-icicle', ICICLE, linux=False, seconds=120)]
