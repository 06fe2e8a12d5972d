"""Screens: the framebuffer's calls, pictures of what programs draw, keys that reach them."""
import atexit
import os
import re
import shutil
import subprocess
import tempfile
import time

import harness
import screen_test  # it also finds scripts/lib
import guest
from harness import Test
from screen_test import Failure, ScreenTest

ADD = ['--add', 'build/user/tests:/tests']
PROGRAMS = ['--add', 'build/user/programs:/usr/bin']
DISPLAYS = ('ramfb', 'virtio-gpu')
BLACK = (0, 0, 0)
# The pixels of our own drawing, exactly: whoever changes a picture looks at it and puts its sum here.
SUMS = {
    'fbshare': '3fba2b1c3ead012a',
    'view': '205a6ee9a4cbde2e',
}


def needs_ramfb():
    """QEMU's virt has it since 8.1 or so; 7.2 has not."""
    own = os.path.join(harness.TOP, 'build/tools/qemu-10')
    return None if os.path.isdir(own) else 'this QEMU has no ramfb'


def needs_of(display):
    return needs_ramfb if display == 'ramfb' else None


def expect_sum(guest, name):
    """The screen is exactly what it was when its sum was taken."""
    return guest.expect_picture(lambda picture: picture.sum() == SUMS[name],
                                f'the picture {name} with the sum {SUMS[name]}')


def fbshare(guest):
    guest.wait('^ready$')
    expect_sum(guest, 'fbshare')
    guest.say()


def picture_file(folder):
    """A picture with every colour, twice: PPM and PNG; the picture itself."""
    width, height = 320, 240
    data = bytearray()
    for y in range(height):
        for x in range(width):
            data += bytes((x * 255 // 319, y * 255 // 239, (x ^ y) & 255))
    picture = screen_test.screen.Picture(width, height, bytes(data))
    with open(os.path.join(folder, 'test.ppm'), 'wb') as stream:
        stream.write(b'P6 %d %d 255\n' % (width, height) + data)
    with open(os.path.join(folder, 'test.png'), 'wb') as stream:
        stream.write(picture.to_png())
    return picture


FOLDER = tempfile.mkdtemp(prefix='selene-pictures-')
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
PICTURE = picture_file(FOLDER)
PICTURES = ['--add', f'{FOLDER}:/pictures']


def view(guest):
    for name in ('ppm', 'png'):
        guest.wait(rf'^/pictures/test.{name}$')
        expect_sum(guest, 'view')
        guest.say()


TEXT_JOB = r'''
printf '\033c' >/dev/tty1; printf '\033c' >/dev/tty2
setsid -c env -i TERM=linux PS1='$ ' HISTFILE= sh -i </dev/tty1 >/dev/tty1 2>&1 &
printf '$ echo Hello, World! {~} | tr a-z A-Z\r\nHELLO, WORLD! {~}\r\n$ ' >/dev/tty2
echo started; read line; kill -9 $!; wait'''


def typing(guest):
    """What is typed looks as the same text printed on another console."""
    guest.wait('^started$')
    guest.expect_picture(lambda p: p.pixel(3, 8) != BLACK or p.rows(8, 16).strip(b'\0'), 'a prompt')
    guest.type('clear\n')
    time.sleep(0.5)
    guest.type('echo Hello, Worldx\x7f! {~} | tr a-z A-Z\n')
    time.sleep(0.5)
    typed = guest.picture()
    guest.key('alt', 'f2')
    guest.expect_picture(lambda p: p == typed, 'on tty2 what tty1 shows after the typing')
    guest.key('alt', 'f3')
    empty = guest.expect_picture(lambda p: p != typed, 'an empty tty3')
    guest.key('alt', 'f1')
    guest.expect_picture(lambda p: p == typed, 'tty1 again')
    if empty.colours() > 2:
        raise Failure('  tty3 expected: empty')
    guest.say()


BACK_JOB = r'''
printf '\033cBefore the picture\r\n' >/dev/tty1
echo text; read line
fbshare >/dev/null 2>&1 & pid=$!
sleep 2; echo drawn; read line
kill -9 $pid; killall -9 fbshare; wait
echo killed; read line'''


def text_comes_back(guest):
    """However the last program that draws dies."""
    guest.wait('^text$')
    before = guest.picture()
    guest.say()
    guest.wait('^drawn$')
    guest.expect_picture(lambda p: p.colours() > 100, 'a picture')
    guest.say()
    guest.wait('^killed$')
    guest.expect_picture(lambda p: p == before, 'the text from before')
    guest.say()


SCROLL_JOB = r'''
printf '\033c' >/dev/tty1; seq 1 200 >/dev/tty1; echo text; read line'''


def scroll_back(guest):
    guest.wait('^text$')
    time.sleep(0.3)
    live = guest.picture()
    guest.key('shift', 'pgup')
    guest.expect_picture(lambda p: p != live, 'older lines')
    guest.key('shift', 'pgdn')
    guest.expect_picture(lambda p: p == live, 'the newest lines again')
    guest.say()


EVENTS_JOB = r'''
for n in 0 1 2; do
	timeout 20 dd if=/dev/input/event$n bs=24 count=2 2>/dev/null | hexdump -v -e '12/2 "%d " "\n"' | sed "s/^/event$n /" &
done; echo ready; wait'''


def events(guest):
    guest.wait('^ready$')
    time.sleep(0.5)
    guest.key('a')
    guest.wait(r'^event0 .* 1 30 1 0 ?$')
    guest.machine.events({'type': 'rel', 'data': {'axis': 'x', 'value': 5}})
    guest.wait(r'^event2 .* 2 0 5 0 ?$')
    guest.machine.events({'type': 'abs', 'data': {'axis': 'y', 'value': 16384}})
    guest.wait(r'^event1 .* 3 1 16384 0 ?$')


def framebuffer_tree(format_name, width, height, depth, reserve=True):
    """A change of the device tree: a boot loader's framebuffer, 3 MiB at 0x8c000000."""
    region = '0x0 0x8c000000 0x0 0x300000'

    def change(source):
        nodes = f'''
	framebuffer@8c000000 {{
		compatible = "simple-framebuffer";
		reg = <{region}>;
		width = <{width}>; height = <{height}>; stride = <{width * depth // 8}>;
		format = "{format_name}";
	}};'''
        if reserve:
            nodes += f'''
	reserved-memory {{
		#address-cells = <2>; #size-cells = <2>; ranges;
		screen@8c000000 {{ reg = <{region}>; }};
	}};'''
        at = source.rindex('};')
        return source[:at] + nodes + source[at:]
    return change


class TreeTest(Test):
    """A guest with a boot loader's framebuffer in its device tree."""

    def __init__(self, name, change, program, **more):
        super().__init__(name, program, linux=False, **more)
        self.change = change

    def command(self, kernel, report=None):
        words, environment = guest.qemu_find(None)
        plain, tree = os.path.join(FOLDER, self.name + '.plain'), os.path.join(FOLDER, self.name + '.dtb')
        subprocess.run(words + ['-M', f'virt,dumpdtb={plain}', '-smp', '2', '-m', '256M', '-display', 'none'],
                       env=environment, check=True, stderr=subprocess.DEVNULL)
        source = subprocess.run(['dtc', '-q', '-I', 'dtb', '-O', 'dts', plain], check=True,
                                stdout=subprocess.PIPE, text=True).stdout
        subprocess.run(['dtc', '-q', '-O', 'dtb', '-o', tree], input=self.change(source).encode(), check=True)
        words = super().command(kernel, report)
        return words[:1] + ['--dtb', tree] + words[1:]


FILLS = {}


class FillTest(Test):
    """Instructions of filling the screen; the second is compared with the first."""

    def __init__(self, display):
        super().__init__(f'display-fill-{display}', ['/tests/fbfill'], linux=False, needs=needs_ramfb,
                         options=ADD + ['--display', display, '--icount'])
        self.display = display

    def run(self, kernel, selene):
        wrong = []
        for display in ('ramfb', 'virtio-gpu'):
            words = self.command(kernel)
            words[words.index('--display') + 1] = display
            done = subprocess.run(words, cwd=harness.TOP, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
            found = re.search(rb'^# fill (\d+) ns$', done.stdout, re.M)
            if done.returncode or not found:
                wrong.append(f'  {display}: status {done.returncode}, output ' + harness.shown(done.stdout))
                break
            FILLS[display] = int(found.group(1))
        if not wrong and FILLS['virtio-gpu'] > 1.5 * FILLS['ramfb']:
            wrong = [f'  expected: at most 1.5 times the {FILLS["ramfb"]} instructions of ramfb; '
                     f'came: {FILLS["virtio-gpu"]}']
        return harness.finished(self, kernel, harness.Result(), wrong)


def stress(display, harts, wish=None):
    more = {'program': ['/tests/fbstress']}
    if wish:
        more = {'program': f'FBSTRESS="{wish}" exec /tests/fbstress'}
    name = f'display-stress-{display}-smp-{harts}' + ('-long' if wish else '')
    return Test(name, linux=False, needs=needs_of(display), seconds=180,
                options=ADD + ['--display', display, '--smp', str(harts)], **more)


def fills(screen, picture):
    """Is this the picture, or nearly so, enlarged to the whole screen?"""
    for x, y in ((20, 20), (300, 30), (160, 122), (41, 200), (282, 180)):
        one = screen.pixel(x * screen.width // picture.width + 1, y * screen.height // picture.height + 1)
        if max(abs(a - b) for a, b in zip(one, picture.pixel(x, y))) > 12:
            return False
    return True


def debian_fbi(guest):
    guest.wait('^shown$')
    guest.expect_picture(lambda p: fills(p, PICTURE), 'the picture on the whole screen')
    guest.key('q')
    guest.wait('^over$')
    guest.expect_picture(lambda p: p.colours() <= 16, 'text again')
    guest.say()


FBI_JOB = r'''
setsid -c fbi -noverbose -a /pictures/test.png </dev/tty1 >/dev/tty1 2>/tmp/errors &
sleep 4; echo shown; wait; cat /tmp/errors; rm /tmp/errors; echo over; read line'''
FBSET = re.compile(r'(?s)mode "1024x768.*geometry 1024 768 1024 768 32.*rgba 8/16,8/8,8/0,0/0')

TESTS = [
    Test(f'display-framebuffer-{display}', ['/tests/framebuffer'], linux=False, needs=needs_of(display),
         options=ADD + ['--display', display, '--smp', '4']) for display in DISPLAYS
] + [
    ScreenTest(f'display-fbshare-{display}', fbshare, display, PROGRAMS + ['--smp', '4'],
               program=['/usr/bin/fbshare', '100'], needs=needs_of(display)) for display in DISPLAYS
] + [
    ScreenTest(f'display-view-{display}', view, display, PROGRAMS + PICTURES,
               program=['/usr/bin/view', '/pictures/test.ppm', '/pictures/test.png'],
               needs=needs_of(display)) for display in DISPLAYS
] + [
    Test('display-video-size', 'dmesg | grep -o "fb0 is .*"', linux=False,
         options=['--display', 'virtio-gpu', '--resolution', '1280x720'],
         output=b'fb0 is virtio-gpu, 1280x720, 32 bits\n'),
    TreeTest('display-simple-framebuffer', framebuffer_tree('x8r8g8b8', 1024, 768, 32),
             'dmesg | grep -o "fb0 is.*"; stty size </dev/tty1; /tests/framebuffer | grep -c ^ok', options=ADD,
             output=b'fb0 is simple, 1024x768, 32 bits\n48 128\n9\n'),
    TreeTest('display-simple-framebuffer-16', framebuffer_tree('r5g6b5', 800, 600, 16),
             r"""printf '\033c\033[1;37mA' >/dev/tty1; sleep 0.2; head -c 25600 /dev/fb0 | hexdump -v -e '8/2 "%04x "' |
             grep -q ffff && echo white; /tests/framebuffer | grep -c ^ok""", options=ADD, output=b'white\n9\n'),
    TreeTest('display-simple-framebuffer-unreserved', framebuffer_tree('x8r8g8b8', 1024, 768, 32, reserve=False),
             'dmesg | grep -o "is not reserved"; ls /dev | grep -c fb0', status=1, output=b'is not reserved\n0\n'),
    Test('display-sysfs', 'cd /sys/class; cat graphics/fb0/virtual_size graphics/fb0/dev input/event0/dev '
         'input/input0/name; cat input/input0/capabilities/ev', linux=False, options=['--display', 'virtio-gpu'],
         output=b'1024,768\n29:0\n13:64\nQEMU Virtio Keyboard\n120003\n'),
    Test('display-nonsense-size', 'dmesg | grep -c "makes no sense"; dmesg | grep -o "fb0 is .*"', linux=False,
         options=['--display', 'virtio-gpu', '--size-of-device', '16x16'],
         output=b'1\nfb0 is virtio-gpu, 1024x768, 32 bits\n'),
    FillTest('virtio-gpu'),
    stress('ramfb', 4), stress('virtio-gpu', 4),
    Test('input-evdev', ['/tests/evdev'], linux=False,
         options=ADD + ['--display', 'virtio-gpu', '--smp', '4']),
    Test('display-pci', '/tests/framebuffer && /tests/evdev', linux=False,
         options=ADD + ['--display', 'virtio-gpu-pci', '--smp', '4']),
    Test('console-ioctls', ['/tests/console'], linux=False, options=ADD + ['--display', 'virtio-gpu', '--smp', '4']),
    ScreenTest('input-events', events, program=EVENTS_JOB),
    ScreenTest('console-typing', typing, program=TEXT_JOB, options=['--smp', '4']),
    ScreenTest('console-back', text_comes_back, program=BACK_JOB, options=PROGRAMS + ['--smp', '4']),
    ScreenTest('console-scroll-back', scroll_back, program=SCROLL_JOB),
    Test('display-debian-fbset', ['/usr/bin/fbset', '-i'], linux=False, output=FBSET,
         options=['--display', 'virtio-gpu', '--package', 'fbset']),
    Test('display-debian-fbcat', r"printf '\1\2\3\0' >/dev/fb0; fbcat | head -c 19 | hexdump -C | head -n 2",
         linux=False, options=['--display', 'virtio-gpu', '--package', 'fbcat'],
         output=re.compile(r'P6 1024 768 255.*\n.* 03 02 01')),
    ScreenTest('display-debian-fbi', debian_fbi, options=PICTURES + ['--package', 'fbi', '--mem', '512M'],
               program=FBI_JOB, seconds=120, audit=False), # it leaves caches of fonts
]

# A minute of a hundred processes, with make test-long.
if os.environ.get('LONG'):
    TESTS += [stress(display, harts, '100 60') for display in DISPLAYS for harts in (4, 8)]
