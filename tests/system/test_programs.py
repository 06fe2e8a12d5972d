"""user/tests in a few boots: many programs share one, as many harts as make a difference."""
import os

from harness import TOP, Test

DEBUG = os.path.join('build', 'debug', 'Image')


class ProgramsTest(Test):
    """All programs of user/tests through their driver, on one machine."""

    def __init__(self, harts, kernel=None):
        name = f'programs-smp-{harts}' + ('-checked' if kernel else '')
        options = ['--smp', str(harts), '--mem', '512M', '--add', 'build/user/tests:/tests']
        super().__init__(name, ['/tests/run-all', '-t', '120'], options, seconds=400,
                         each_line=True, linux=not kernel)
        self.own_kernel = kernel

    def command(self, kernel, report=None):
        return super().command(kernel or self.own_kernel, report)


def debug_missing():
    return None if os.path.exists(os.path.join(TOP, DEBUG)) else 'no build/debug/Image'


TESTS = [ProgramsTest(4, DEBUG)] + [ProgramsTest(harts) for harts in (1, 2, 4, 8)]
TESTS[0].needs = debug_missing
