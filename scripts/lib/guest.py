"""What a guest starts from: kernel, root archive and QEMU command, for scripts/run."""
import os
import shutil
import subprocess
import sys

import command_line
import newc

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
SCRIPTS = os.path.join(TOP, 'scripts')
BUILD = os.path.join(TOP, 'build')
QEMU_10 = os.path.join(BUILD, 'tools', 'qemu-10')
MEBIBYTE = 1 << 20
MEMORY_DEFAULT = 256 * MEBIBYTE
MACHINES_WITHOUT_VIRTIO = ('sifive_u',)
ELF_MAGIC, IMAGE_MAGIC = b'\x7fELF', b'RSC\x05'


class GuestError(Exception):
    """What keeps a guest from starting; the text is for the user."""


def built(name):
    """The path of a product of the build, made now when it is not there yet."""
    path = os.path.join(BUILD, name)
    if not os.path.exists(path):
        environment = {key: value for key, value in os.environ.items() if key != 'MAKEFLAGS'}
        if subprocess.run(['make', '-s', '-C', TOP, 'build/' + name], stdout=2,
                          env=environment).returncode != 0:
            raise GuestError(f'build/{name} is missing and make cannot make it')
    return path


def kernel_find(name):
    """The kernel image to boot: Selene's own, Debian's Linux (`linux`), or a path."""
    if name is None:
        return built('Image')
    if name == 'linux' and not os.path.exists(name):
        done = subprocess.run([os.path.join(SCRIPTS, 'linux')], stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise GuestError('Debian\'s Linux kernel is not to be had (above)')
        return done.stdout.strip()
    if not os.path.isfile(name):
        raise GuestError(f'no kernel at {name}; {kernel_remedy(name)}')
    with open(name, 'rb') as stream:
        head = stream.read(64)
    if head[:4] != ELF_MAGIC and head[56:60] != IMAGE_MAGIC:
        raise GuestError(f'{name} is no kernel, neither an ELF file nor an Image; {kernel_remedy(name)}')
    return name


def kernel_remedy(name):
    path = os.path.relpath(os.path.realpath(name), os.path.realpath(BUILD))
    if path == 'debug/Image':
        return 'remedy: make DEBUG=1 kernel'
    return 'remedy: make kernel' if path == 'Image' else 'remedy: make kernel makes build/Image, which is the default'


def packages_find(names):
    done = subprocess.run([os.path.join(SCRIPTS, 'packages')] + names, stdout=subprocess.PIPE,
                          text=True)
    if done.returncode != 0:
        raise GuestError(f'cannot get the packages {" ".join(names)} (above)')
    return done.stdout.split('\n')[:-1]


def additions_apply(root, packages, additions):
    if packages:
        for archive in packages_find(packages):
            root.add_package(archive)
    for addition in additions:
        source, _, path = addition.rpartition(':')
        try:
            root.add_host(source, path)
        except OSError as error:
            raise GuestError(f'--add {addition}: {command_line.cause(error)}') from None


def strings_join(strings):
    return b''.join(os.fsencode(text) + b'\0' for text in strings)


def drive_parts(text):
    """The file of a --drive, and what is said of it."""
    marks = set()
    while text.endswith((':ro', ':4k')):
        text, _, mark = text.rpartition(':')
        marks.add(mark)
    return text, marks


def drive_error(option, text):
    """Why a --drive or --sd cannot be, or None. What starts with `blkdebug:` or `json:` is QEMU's to judge."""
    path, _ = drive_parts(text)
    if path.startswith(('blkdebug:', 'json:')):
        return None
    if not os.path.exists(path):
        return f'{option}: no image at {path} (scripts/mkroot {path} makes one)'
    return f'{option}: {path} is a folder; the image of a disk is wanted' if os.path.isdir(path) else None


def drive_words(options):
    """Each --drive as a virtio disk."""
    words = []
    for number, text in enumerate(options.drive):
        path, marks = drive_parts(text)
        drive = f'if=none,id=drive{number},discard=unmap,file={qemu_escape(path)}'
        if not path.startswith('json:'):
            drive += ',format=' + ('qcow2' if path.endswith('.qcow2') else 'raw')
        device = f'virtio-blk-{"pci" if options.drive_pci else "device"},drive=drive{number}'
        if 'ro' in marks:
            drive += ',readonly=on'
        if '4k' in marks:
            device += ',logical_block_size=4096,physical_block_size=4096'
        words += ['-drive', drive, '-device', device]
    if options.drive and not options.drive_pci:
        words += ['-global', 'virtio-mmio.force-legacy=false']
    for number, text in enumerate(options.sd):
        words += ['-device', 'sdhci-pci', '-device', f'sd-card,drive=sd{number}', '-drive',
                  f'if=none,id=sd{number},format=raw,file={qemu_escape(text)}']
    return words


def job_archive(kernel, argv, environment, serial, winsize, disks=False):
    """The small archive after the root: what init shall do."""
    root = newc.Root()
    root.directory('.job', 0o700)
    root.file('.job/env', strings_join(environment))
    if argv:
        root.file('.job/argv', strings_join(argv))
        root.file('.job/cwd', b'/')
        root.file('.job/channel', b'serial' if serial else b'virtio')
    if winsize:
        root.file('.job/winsize', b'%d %d\n' % winsize)
    names = []
    for modules in [kernel + '.modules'] + ([kernel + '.disk-modules'] if disks else []):
        for name in sorted(os.listdir(modules)) if os.path.isdir(modules) else ():
            with open(os.path.join(modules, name), 'rb') as stream:
                root.file('.job/' + name, stream.read())
            names.append(name)
    if names:
        root.file('.job/modules', ''.join(f'/.job/{name}\n' for name in names).encode())
    return root.archive()


def initrd_make(options, job):
    """The bytes of the whole root; None when the user wants none."""
    if options.initrd == 'none':
        return None
    try:
        with open(options.initrd or built('initramfs.cpio'), 'rb') as stream:
            base = stream.read()
    except OSError as error:
        raise GuestError(f'--initrd: {command_line.cause(error)}') from None
    if options.package or options.add:
        root = newc.Root() if options.initrd else newc.read_archive(base)
        additions_apply(root, options.package, options.add)
        base = (padded(base) if options.initrd else b'') + root.archive()
    return padded(base) + job


def padded(data):
    """An archive may follow another at a multiple of four."""
    return data + bytes(-len(data) % 4)


def qemu_find(path):
    """The command words of QEMU and the environment that it needs."""
    environment = dict(os.environ)
    if not path:
        own = os.path.join(QEMU_10, 'usr/bin/qemu-system-riscv64')
        path = own if os.path.exists(own) else shutil.which('qemu-system-riscv64')
    if not path:
        if subprocess.run([os.path.join(SCRIPTS, 'setup'), 'run']).returncode != 0:
            raise GuestError('no qemu-system-riscv64 (above)')
        return qemu_find(None) if shutil.which('qemu-system-riscv64') else ([], environment)
    if not shutil.which(path):
        raise GuestError(f'--qemu: there is no program {path}; without --qemu the system\'s is taken')
    prefix = os.path.dirname(os.path.dirname(os.path.abspath(path)))
    data = os.path.join(prefix, 'share', 'qemu')
    if '/' not in path or prefix == '/usr' or not os.path.isdir(data):
        return [path], environment
    for name in os.listdir(os.path.join(prefix, 'lib')):
        modules = os.path.join(prefix, 'lib', name, 'qemu')
        if os.path.isdir(modules):
            environment['QEMU_MODULE_DIR'] = modules
    return [path, '-L', data], environment


def memory_size(options, initrd):
    """--mem, else enough for the root twice over."""
    if options.mem:
        return options.mem
    needed = 4 * len(initrd or b'')
    return f'{max(MEMORY_DEFAULT, -(-needed // MEBIBYTE) * MEBIBYTE) // MEBIBYTE}M'


def without_virtio(machine):
    return machine.split(',')[0] in MACHINES_WITHOUT_VIRTIO


def qemu_escape(path):
    return path.replace(',', ',,')


def words_for_kernel(options):
    """The kernel's command line. What is not Selene's own is also told to be quiet and to give up."""
    words = []
    if options.kernel is not None:
        words += ['panic=-1'] + ([] if options.log else ['quiet'])
    return ' '.join(words + options.append)


def display_words(options, windowed):
    """The screen, its keyboard, mouse and tablet, and how people see them."""
    if options.display == 'none':
        return ['-display', 'none']
    bus = 'pci' if options.display.endswith('-pci') else 'device'
    adapter = 'ramfb' if options.display == 'ramfb' else f'virtio-gpu-{bus}'
    if adapter != 'ramfb':
        adapter += ',xres=%d,yres=%d' % (options.size_of_device or options.resolution or (1024, 768))
    words = ['-device', adapter, '-global', 'virtio-mmio.force-legacy=false']
    for kind in ('keyboard', 'tablet', 'mouse'):
        words += ['-device', f'virtio-{kind}-{bus}']
    if not windowed:
        return words + ['-display', 'none']
    if os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY'):
        return words + ['-display', 'gtk']
    print('There is no desktop here: the screen is at VNC 127.0.0.1:5900 (display :0). From another machine:\n'
          '    ssh -L 5900:127.0.0.1:5900 THIS-MACHINE, then a VNC viewer to localhost:0.',
          file=sys.stderr, flush=True)
    return words + ['-display', 'vnc=127.0.0.1:0']


def qemu_arguments(options, kernel, initrd, initrd_path, console, channel, qmp=None):
    """QEMU's arguments; @console: a chardev's words, @channel: a socket's descriptor or None,
    @qmp: the path of a socket or None."""
    cpus = options.smp or (5 if options.machine.startswith('sifive_u') else 2)
    words = ['-M', options.machine, '-smp', '1' if options.icount else str(cpus),
             '-m', memory_size(options, initrd), '-kernel', kernel,
             '-nic', 'none', '-no-reboot',
             '-chardev', console, '-serial', 'chardev:console']
    if 'stdio' in console:
        words += ['-mon', 'chardev=console']
    else:
        words += ['-monitor', 'none']
    # A job's screen is for someone at a terminal; a test looks at it through QMP.
    watched = 'stdio' in console or (sys.stdout.isatty() and not qmp)
    words += display_words(options, windowed=watched and not options.screenshot)
    if qmp:
        words += ['-chardev', f'socket,id=qmp,path={qemu_escape(qmp)},server=on,wait=off',
                  '-mon', 'chardev=qmp,mode=control']
    if options.screenshot:
        words.append('-no-shutdown')
    if options.cpu:
        words += ['-cpu', options.cpu]
    if initrd is not None:
        words += ['-initrd', initrd_path]
    if options.dtb:
        words += ['-dtb', options.dtb]
    line = words_for_kernel(options)
    if line:
        words += ['-append', line]
    words += drive_words(options)
    if options.icount:
        words += ['-icount', 'shift=0,sleep=off']
    if options.debug:
        words += ['-s', '-S']
    if channel is not None:
        words += ['-chardev', f'socket,id=job,fd={channel}']
        if without_virtio(options.machine):
            words += ['-serial', 'chardev:job']
        else:
            words += ['-global', 'virtio-mmio.force-legacy=false',
                      '-device', 'virtio-serial-device',
                      '-device', 'virtserialport,chardev=job,name=selene.job']
    return words
