"""Whole-system tests: what a test is, and how one is run through scripts/run."""
import os
import re
import shlex
import subprocess
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
RUN = 'scripts/run'
SECONDS = 60
SHOWN = 600		# characters of an output that a failure shows
SHOWN_LINES = 60		# lines of an error output
FAILURE_LINES = 8	# lines that a driver's program may show
CLEAN = 'audit: clean'
# What the audit counts and must be exactly as before the job; it has emptied all caches before.
# Page tables of kernel stacks stay (stack_tables): they are set against both `table` and `free`. As many
# objects as before may lie in other slabs, so that pages of slabs count as free ones.
COUNTED = ('free', 'kernel', 'table', 'user', 'object', 'slab_objects', 'spaces')


class Test:
    """One guest with one job, and what must come out of it.

    name      unique; what the report and the command line of tests/system/run call it
    options   words for scripts/run before `--`
    program   the job: words after `--`; a string is a script for /bin/sh; none for a shell
    input     bytes for standard input, or None (nothing to read)
    output    bytes that must come out, a compiled pattern to be found in it, or None (anything)
    errors    the same for standard error
    status    the exit status of scripts/run
    seconds   the time limit
    audit     the kernel's audit must be clean, and no page lost
    linux     also right on Debian's Linux
    each_line the output is `ok NAME`, `not ok NAME` and `skip NAME` lines, counted one by one
    """

    def __init__(self, name, program=None, options=(), input=None, output=None, errors=None,
                 status=0, seconds=SECONDS, audit=True, linux=True, each_line=False, needs=None):
        self.name, self.options, self.input = name, list(options), input
        self.program = ['/bin/sh', '-c', program] if isinstance(program, str) else program
        self.output, self.errors, self.status = output, errors, status
        self.seconds, self.audit, self.linux, self.each_line = seconds, audit, linux, each_line
        self.needs = needs

    def command(self, kernel, report=None):
        words = [RUN] + self.options + ['--timeout', str(self.seconds)]
        if kernel:
            words += ['--kernel', kernel]
        if report:
            words += ['--report', report]
        return words + (['--'] + list(self.program) if self.program else [])


class Result:
    """What came of a test: counts, and lines to show for what failed."""

    def __init__(self, passed=0, failed=0, skipped=0, lines=()):
        self.passed, self.failed, self.skipped, self.lines = passed, failed, skipped, list(lines)


def shown(data):
    text = data.decode(errors='backslashreplace') if isinstance(data, bytes) else str(data)
    return repr(text if len(text) <= SHOWN else text[:SHOWN // 2] + ' … ' + text[-SHOWN // 2:])


def difference(what, expected, came):
    """None when what came is as expected; else lines that say so."""
    if expected is None:
        return []
    if isinstance(expected, re.Pattern):
        if expected.search(came.decode(errors='replace')):
            return []
        return [f'  {what} expected: something like {expected.pattern!r}', f'  {what} came:     {shown(came)}']
    if came == expected:
        return []
    lines = [f'  {what} expected: {shown(expected)}', f'  {what} came:     {shown(came)}']
    if len(expected) > SHOWN or len(came) > SHOWN:
        place = next((at for at, pair in enumerate(zip(expected, came)) if pair[0] != pair[1]),
                     min(len(expected), len(came)))
        lines.append(f'  {what}: {len(expected)} bytes expected, {len(came)} came, '
                     f'different from byte {place}')
    return lines


def counts(text):
    """The audit's counts, and of each cache its live objects."""
    found = {name: int(value) for name, value in re.findall(r'^(.+) (\d+)$', text, re.M)}
    kept = found.pop('stack_tables', 0)
    found['free'] = found.get('free', 0) + kept + found.get('slab', 0)
    found['table'] = found.get('table', 0) - kept
    return found


def audit_errors(path):
    """What is wrong with the audit after the job."""
    try:
        with open(path, encoding='utf-8') as stream:
            text = stream.read()
    except OSError:
        text = ''
    if not text.startswith(CLEAN):
        return ['  audit expected: clean; came:'] + ['  | ' + line for line in text.split('\n')[:20]]
    after, _, before = text.partition('before the job:\n')
    after, before = counts(after), counts(before)
    lines = [f'  {name} expected: {before.get(name)}, as before the job; came: {after.get(name)}'
             for name in COUNTED if after.get(name) != before.get(name)]
    if lines:
        lines += [f'  objects {name[5:]}: {before.get(name, 0)} before, {after[name]} after'
                  for name in sorted(after) if name.startswith('slab:') and after[name] != before.get(name, 0)]
    problem = re.search(r'^qemu: .*', text, re.M)
    return lines + ([f'  power-off expected: exit 0; came: {problem.group()}'] if problem else [])


def lines_count(test, output):
    """The counts of a driver's `ok`, `not ok` and `skip` lines, with each failure's own lines."""
    text = output.decode(errors='replace')
    result, showing = Result(), 0
    for line in text.split('\n'):
        if line.startswith('ok '):
            result.passed += 1
        elif line.startswith('not ok '):
            result.failed += 1
            result.lines.append(f'not ok {test.name}: {line[7:]}')
        elif line.startswith('skip '):
            result.skipped += 1
        elif line.startswith('  ') and 'not ok' in line and showing:
            result.lines.append(line)
            showing -= 1
        if line.startswith('not ok '):
            showing = FAILURE_LINES
    if not re.search(r'^# \d+ passed, \d+ failed$', text, re.M):
        result.failed += 1
        result.lines.append(f'not ok {test.name}: the driver did not come to its end; its last lines:')
        result.lines += ['  | ' + line for line in text.split('\n')[-8:]]
    return result


def test_run(test, kernel, selene):
    """Run one test on a kernel (None: build/Image)."""
    with tempfile.TemporaryDirectory(prefix='selene-test-') as folder:
        report = os.path.join(folder, 'report') if selene and test.audit else None
        try:
            done = subprocess.run(test.command(kernel, report), cwd=TOP, input=test.input or b'',
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  timeout=test.seconds + 60)
        except subprocess.TimeoutExpired:
            return Result(0, 1, 0, [f'not ok {test.name}: {RUN} did not end'])
        wrong = []
        result = lines_count(test, done.stdout) if test.each_line else Result()
        status = 1 if result.failed else test.status
        if done.returncode != status:
            wrong.append(f'  status expected: {status}; came: {done.returncode}')
        if not test.each_line:
            wrong += difference('output', test.output, done.stdout)
        wrong += difference('errors', test.errors, done.stderr)
        if report and done.returncode not in (124, 125):
            wrong += audit_errors(report)
        if wrong and done.stderr and test.errors is None:
            wrong += ['  standard error:'] + ['  | ' + line for line in
                      done.stderr.decode(errors='replace').split('\n')[-SHOWN_LINES:] if line]
    return finished(test, kernel, result, wrong)


def finished(test, kernel, result, wrong):
    if wrong:
        result.failed += 1
        result.lines += [f'not ok {test.name}'] + wrong
    elif not test.each_line:
        result.passed += 1
    if result.failed:
        result.lines.append('  again: ' + shlex.join(test.command(kernel)))
        if test.input and len(test.input) > 200:
            result.lines.append(f'  (with {len(test.input)} bytes of input)')
    return result
