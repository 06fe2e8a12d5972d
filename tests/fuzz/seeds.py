"""Inputs to begin with, made by rules rather than kept: real files that the build has, and odd ones."""
import glob
import gzip
import os
import struct
import subprocess
import sys
import uuid
import zlib

sys.path.insert(0, 'scripts/lib')

ET_EXEC, ET_DYN, RISCV = 2, 3, 243
PT_LOAD, PT_INTERP, PT_STACK = 1, 3, 0x6474e551
R, W, X = 4, 2, 1
PROGRAM, INTERPRETER = 0x10000, 0x4000000


def elf(segments, kind=ET_EXEC, entry=None, size=0):
    """An ELF file: segments are (type, rights, offset, address, data, memory size, align)."""
    heads, content = b'', bytearray(64 + 56 * len(segments))
    for what, rights, offset, address, data, memory, align in segments:
        end = offset + len(data)
        content.extend(bytes(max(0, end - len(content))))
        content[offset:end] = data
        heads += struct.pack('<IIQQQQQQ', what, rights, offset, address, address, len(data), max(memory, len(data)),
                             align)
    first = segments[0][3] if segments else 0
    head = struct.pack('<4sBBBBQHHIQQQIHHHHHH', b'\x7fELF', 2, 1, 1, 0, 0, kind, RISCV, 1,
                       first if entry is None else entry, 64, 0, 5, 64, 56, len(segments), 64, 0, 0)
    content[:64 + len(heads)] = head + heads
    content.extend(bytes(max(0, size - len(content))))
    return bytes(content)


def load(rights, offset, address, data, memory=0, align=4096):
    return PT_LOAD, rights, offset, address, data, memory, align


def elf_files():
    text = bytes(range(1, 200))
    interp = (PT_INTERP, R, 0x300, 0, b'/lib/ld.so\0', 0, 1)
    long_interp = (PT_INTERP, R, 0x300, 0, b'/' * 4094 + b'\0', 0, 1)
    return [
        elf([load(R | X, 0, PROGRAM, b'')]),
        elf([load(R | X, 0x200, PROGRAM + 0x200, text)]),
        # The file part and its zeros in one page; across two pages.
        elf([load(R | W, 0x250, 0x50250, text, 0x300)]),
        elf([load(R | W, 0xf50, 0x50f50, text, 0x200)]),
        # Two segments in one page with different rights.
        elf([load(R | X, 0x200, PROGRAM + 0x200, text), load(R | W, 0x600, PROGRAM + 0x600, text, 0x2000)]),
        elf([load(R, 0x200, 0x201000 + 0x200, text), load(R | W, 0x400, 0x1fe000, text)]),
        # Offsets out of step with addresses; huge alignment; none.
        elf([load(R | X, 0x201, PROGRAM, text)]),
        elf([load(R | X, 0x200, 0x200, text, 0, 1 << 21)], ET_DYN),
        elf([load(R | X, 0x200, 0x200, text, 0, 3)], ET_DYN),
        elf([load(R | X, 0x200, 0x200, text), load(R | W, 0x1300, 0x2300, text, 0x5000)], ET_DYN),
        elf([load(R | X, 0x200, 0x200, text), interp, (PT_STACK, R | W | X, 0, 0, b'', 0, 16)], ET_DYN),
        elf([long_interp, load(R | X, 0x2000, PROGRAM, text)]),
        elf([load(R | W, 0x1000 * (i % 8), PROGRAM + 0x1000 * i + i, text[:i]) for i in range(1, 60)]),
        # Nothing in the file, all in memory; the end of the address space; more than the file has.
        elf([load(R | W, 0, 0x100000, b'', 1 << 30)]),
        elf([load(R | W, 0x200, 0x3ffffff000, text, 0x1000)]),
        elf([load(R | W, 0x200, 0x3ffffff000, text, 0x1001)]),
        elf([load(R, 0x200, PROGRAM, text, 1 << 63)]),
    ]


def fuzz_elf():
    found = elf_files()
    library = elf([load(R | X, 0x200, 0x200, b'ld.so')], ET_DYN)
    made = []
    for switches in (0, 1, 3, 5, 11, 0x13, 0x33, 0x73):
        for data in found:
            made.append(struct.pack('<BH', switches, min(len(data), 0xffff)) + data + library)
    for path in glob.glob('build/vdso.so'):
        with open(path, 'rb') as stream:
            data = stream.read()
        made.append(struct.pack('<BH', 3, min(len(data), 0xffff)) + data)
    return made


def fuzz_arguments():
    heads = [b'#!/bin/sh\n', b'#! /bin/sh -e\n', b'#!/usr/bin/env  python3 -u \n', b'#!\n', b'#!/x', b'#!' + b' ' * 260,
             b'#!' + b'/' * 253 + b'\n', b'#!' + b'/' * 254, b'#!/a\t\tb\0c\n', b'']
    made = []
    for head in heads:
        for argc, envc in ((0, 0), (1, 0), (2, 3), (40, 20)):
            offsets = b''.join(struct.pack('<H', 7 * i % 600) for i in range(argc + envc))
            made.append(bytes([0, argc, envc]) + offsets + head + b'one\0two\0three=3\0' + b'x' * 500 + b'\0')
    return made


def fuzz_cpio():
    import newc
    root = newc.Root()
    root.directory('dev')
    root.file('init', b'#!/bin/sh\n', 0o755)
    root.file('etc/passwd', b'root:x:0:0::/:/bin/sh\n')
    archive = root.archive()
    made = [struct.pack('<H', piece) + archive for piece in (0, 1, 7, 110)]
    try:
        done = subprocess.run(['cpio', '-o', '-H', 'newc', '--quiet'], input=b'LICENSE\n', stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)
        made += [b'\5\0' + done.stdout, b'\5\0' + archive + bytes(512) + done.stdout]
    except FileNotFoundError:
        pass
    return made + [b'\0\0' + archive[:300]]


def fuzz_fdt():
    made = []
    for path in sorted(glob.glob('dts/**/*.dts', recursive=True) + glob.glob('tests/**/*.dts', recursive=True)):
        try:
            done = subprocess.run(['dtc', '-q', '-O', 'dtb', path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        except FileNotFoundError:
            break
        if done.returncode == 0 and len(done.stdout) < 16384:
            made.append(done.stdout)
    source = b'''/dts-v1/; /memreserve/ 0x80000000 0x1000; / { #address-cells = <2>; #size-cells = <2>;
        compatible = "a,b"; memory@80000000 { device_type = "memory"; reg = <0 0x80000000 0 0x8000000>; };
        chosen { linux,initrd-start = <0x84000000>; linux,initrd-end = <0x84001000>; stdout-path = "serial0:1"; };
        aliases { serial0 = "/soc/serial@10000000"; };
        reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges; a@86000000 { reg = <0 0x86000000 0 0x2000>;
        no-map; }; };
        soc { #address-cells = <1>; #size-cells = <1>; ranges = <0x10000000 0 0x10000000 0x1000>;
        interrupt-parent = <&plic>; serial@10000000 { reg = <0x10000000 0x100>; interrupts = <10 4>; };
        plic: plic@c { interrupt-controller; #interrupt-cells = <2>; interrupts-extended = <&plic 1 2>, <&plic 3 4>; };
        }; };'''
    try:
        made.append(subprocess.run(['dtc', '-q', '-O', 'dtb'], input=source, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL).stdout)
    except FileNotFoundError:
        pass
    return made


def fuzz_disks():
    """Each image as it is, and with a byte of its superblock or of a block near the start changed."""
    changed = [bytes([image]) + place.to_bytes(4, 'little') + b'\xff' for image in range(5)
               for place in (11, 1024 + 4, 1024 + 32, 2048 + 8, 5 * 1024)]
    return [bytes([image]) for image in range(5)] + changed


def fuzz_partitions():
    """Tables of both kinds, as they are and to be mended; the entries of a GPT are as few as fit."""
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), 'system'))
    import partition_tables as tables
    parts = [(64, 100, 'boot', uuid.UUID(int=1)), (200, 100, 'root', uuid.UUID(int=2))]
    gpt = bytes(tables.gpt_disk(512, parts)[:2560]) + bytes(tables.gpt_disk(512, parts)[-512:])
    mbr = bytes(tables.mbr_disk(512, [(8, 4)], [(12, 4), (20, 4)])[:16384])
    return [bytes([how]) + data for data in (gpt, mbr, mbr[:512]) for how in (0, 1, 4, 7, 8 + 1)]


def fuzz_inflate():
    texts = [b'', b'a', b'abc' * 400, bytes(range(256)) * 8, os.path.basename(__file__).encode() * 50]
    made = [gzip.compress(text, level, mtime=0) for text in texts for level in (0, 1, 9)]
    for text in texts:
        squeeze = zlib.compressobj(6, zlib.DEFLATED, -15)
        made.append(squeeze.compress(text) + squeeze.flush())
    return made


def made(name):
    """The seeds of a fuzzer; none when this file has none for it."""
    return globals().get(name, list)()
