"""What the boot firmware of each board wants to find on a card: partitions, files, console.

Sources: U-Boot's documentation of each board (visionfive2.rst, unleashed.rst), its default environments,
and Debian's u-boot-starfive and u-boot-sifive packages. docs/boards.md tells people how to use them.
"""
import dataclasses

SECTOR = 512
MEBIBYTE = 1 << 20
BOOT_BYTES = 64 * MEBIBYTE

GUID_DATA = 'EBD0A0A2-B9E5-4433-87C0-68B6B72699C7'		# a FAT partition
GUID_LINUX = '0FC63DAF-8483-4772-8E79-3D69D8477DE4'
GUID_HIFIVE_FSBL = '5B193300-FC78-40CD-8002-E86C45580B47'
GUID_HIFIVE_BBL = '2E54B353-1271-4842-806F-E436D6AF6985'	# the JH7110's SPL as well
GUID_UBOOT_ENVIRONMENT = 'BC13C2FF-59E6-4262-A352-B275FD6F7172'


@dataclasses.dataclass(frozen=True)
class Firmware:
    """A partition that holds a part of the firmware as it is."""
    name: str
    package: str	# Debian's
    file: str		# in /usr/lib/u-boot/
    guid: str
    first: int		# sector
    last: int


@dataclasses.dataclass(frozen=True)
class Board:
    title: str
    console: str	# for console=
    boot_first: int	# sector of the boot partition
    trees: tuple = ()	# of Debian's Linux package, the board's own first
    firmware: tuple = ()
    files: tuple = ()	# (path, text) more on the boot partition
    device: str = 'mmcblk0'	# what Selene calls the card


def jh7110(title, *trees):
    """The JH7110's SPL takes U-Boot from partition 2; U-Boot looks for a bootable partition 3."""
    own = 'starfive/' + trees[0]
    environment = (
        'boot2=load mmc 1:3 ${kernel_addr_r} /selene.img; load mmc 1:3 ${ramdisk_addr_r} /initrd.img; '
        f'setenv initrd_size ${{filesize}}; load mmc 1:3 ${{fdt_addr_r}} /dtbs/{own}; '
        'run chipa_set_linux; booti ${kernel_addr_r} ${ramdisk_addr_r}:${initrd_size} ${fdt_addr_r}\n')
    folder = 'starfive_visionfive2/'
    return Board(
        title, 'ttyS0', 16384, tuple('starfive/' + name for name in trees),
        (Firmware('spl', 'u-boot-starfive', folder + 'u-boot-spl.bin.normal.out', GUID_HIFIVE_BBL, 4096, 8191),
         Firmware('uboot', 'u-boot-starfive', folder + 'u-boot.itb', GUID_UBOOT_ENVIRONMENT, 8192, 16383)),
        (('vf2_uEnv.txt', environment),))


VISIONFIVE_1 = '''\
kernel_addr_r=0x84000000
fdt_addr_r=0x88000000
scriptaddr=0x88100000
pxefile_addr_r=0x88200000
ramdisk_addr_r=0x88300000
fdt_high=0xffffffffffffffff
initrd_high=0xffffffffffffffff
boot_targets=mmc0 dhcp
'''

BOARDS = {
    'visionfive2': jh7110('StarFive VisionFive 2', 'jh7110-starfive-visionfive-2-v1.3b.dtb',
                          'jh7110-starfive-visionfive-2-v1.2a.dtb'),
    'star64': jh7110('Pine64 Star64', 'jh7110-pine64-star64.dtb'),
    'mars': jh7110('Milk-V Mars', 'jh7110-milkv-mars.dtb'),
    'visionfive1': Board('StarFive VisionFive 1', 'ttyS0', 2048,
                         ('starfive/jh7100-starfive-visionfive-v1.dtb',),
                         files=(('uEnv.txt', VISIONFIVE_1),)),
    'virt': Board('QEMU virt with U-Boot', 'ttyS0', 2048, device='vda'),
    'sifive_u': Board(
        'SiFive HiFive Unleashed, and QEMU sifive_u', 'ttySIF0', 16384,
        ('sifive/hifive-unleashed-a00.dtb',),
        (Firmware('spl', 'u-boot-sifive', 'sifive_unleashed/u-boot-spl.bin', GUID_HIFIVE_FSBL, 34, 2081),
         Firmware('uboot', 'u-boot-sifive', 'sifive_unleashed/u-boot.itb', GUID_HIFIVE_BBL, 2082, 10273))),
}
