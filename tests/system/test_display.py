"""Screens: the framebuffer's calls, pictures of what programs draw, keys that reach them."""
import harness
from harness import Test

ADD = ['--add', 'build/user/tests:/tests']


def needs_ramfb():
    """QEMU's virt has it since 8.1 or so; 7.2 has not."""
    import os
    own = os.path.join(harness.TOP, 'build/tools/qemu-10')
    return None if os.path.isdir(own) else 'this QEMU has no ramfb'


TESTS = [
    Test('display-framebuffer-ramfb', ['/tests/framebuffer'], needs=needs_ramfb, linux=False,
         options=ADD + ['--display', 'ramfb', '--smp', '4']),
    Test('display-framebuffer-virtio-gpu', ['/tests/framebuffer'], linux=False,
         options=ADD + ['--display', 'virtio-gpu', '--smp', '4']),
    Test('input-evdev', ['/tests/evdev'], linux=False,
         options=ADD + ['--display', 'virtio-gpu', '--smp', '4']),
    Test('display-video-size', 'dmesg | grep -o "fb0 is .*"', linux=False,
         options=['--display', 'virtio-gpu', '--resolution', '1280x720'],
         output=b'fb0 is virtio-gpu, 1280x720, 32 bits\n'),
]
