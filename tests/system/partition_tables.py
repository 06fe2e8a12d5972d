"""Disk images with partition tables, made byte for byte: GPT with its backup, MBR with logical ones."""
import struct
import uuid
import zlib

SECTOR = 512
LINUX = uuid.UUID('0fc63daf-8483-4772-8e79-3d69d8477de4')


def mbr_entry(kind, start, count):
    return struct.pack('<B3sB3sII', 0, b'\0\0\0', kind, b'\0\0\0', start, count)


def mbr_sector(entries, disk_id=0):
    return (bytes(440) + struct.pack('<IH', disk_id, 0) + b''.join(entries)).ljust(510, b'\0') + b'\x55\xaa'


def mbr_disk(sectors, primary, logical=(), disk_id=0x5e1e0001):
    """@primary: (start, count) up to three; @logical: the same inside an extended partition that begins
    one sector before the first of them."""
    data = bytearray(sectors * SECTOR)
    entries = [mbr_entry(0x83, *place) for place in primary]
    if logical:
        extended = logical[0][0] - 1
        entries.append(mbr_entry(0x05, extended, sectors - extended))
        for number, (start, count) in enumerate(logical):
            chain = [mbr_entry(0x83, 1, count)]
            if number + 1 < len(logical):
                following = logical[number + 1][0] - 1
                chain.append(mbr_entry(0x05, following - extended, logical[number + 1][1] + 1))
            at = (start - 1) * SECTOR
            data[at:at + SECTOR] = mbr_sector(chain)
    data[:SECTOR] = mbr_sector(entries, disk_id)
    return data


def gpt_header(sectors, at, other, entries_at, entries_crc, count):
    def pack(crc):
        return struct.pack('<8sIIIIQQQQ16sQIII', b'EFI PART', 0x10000, 92, crc, 0, at, other, 34, sectors - 34,
                           uuid.UUID(int=1).bytes_le, entries_at, count, 128, entries_crc)
    return pack(zlib.crc32(pack(0))).ljust(SECTOR, b'\0')


def gpt_disk(sectors, partitions):
    """@partitions: (start, count, name, uuid)."""
    data = bytearray(sectors * SECTOR)
    entries = b''
    for start, count, name, number in partitions:
        entries += struct.pack('<16s16sQQQ72s', LINUX.bytes_le, number.bytes_le, start, start + count - 1, 0,
                               name.encode('utf-16-le'))
    entries = entries.ljust(128 * 128, b'\0')
    crc = zlib.crc32(entries)
    data[:SECTOR] = mbr_sector([mbr_entry(0xee, 1, sectors - 1)])
    data[SECTOR:2 * SECTOR] = gpt_header(sectors, 1, sectors - 1, 2, crc, 128)
    data[2 * SECTOR:34 * SECTOR] = entries
    data[(sectors - 33) * SECTOR:(sectors - 1) * SECTOR] = entries
    data[(sectors - 1) * SECTOR:] = gpt_header(sectors, sectors - 1, 1, sectors - 33, crc, 128)
    return data
