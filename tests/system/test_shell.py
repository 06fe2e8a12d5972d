"""A person at the prompt: line editing, job control, a full-screen program."""
from terminal import COLUMNS, PROMPT, ROWS, TerminalTest, command

SHELL = [
    command('stty size', rf'^{ROWS} {COLUMNS}$'),
    command('ls -l / | wc -l', r'^1\d$'),
    command('ps', r'^ +1 .*init'),
    command('top -n1 | head -n 3', r'^Mem: '),
    command('sleep 100 &', ''),
    command('jobs', r'\[1\]\+ +Running +sleep 100'),
    ('fg\r', r'^sleep 100$'),
    ('\x1a', r'\[1\]\+ +Stopped +sleep 100(?s:.*)' + PROMPT),
    command('bg; kill %1; wait; echo waited', r'^waited$'),
    ('echo begun; sleep 100\r', r'^begun$'),
    ('\x03', PROMPT),
    command('echo status $?', r'^status 130$'),
    ('echo begun; cat\r', r'^begun$'),
    ('ab\x7fc\r', r'^ac$'),
    ('\x04', PROMPT),
    ('vi /tmp/note\r', r'/tmp/note.*1/1'),
    ('ihello from vi\x1b', r'hello from vi'),
    (':wq\r', PROMPT),
    command('cat /tmp/note', r'^hello from vi$'),
    command('yes | head -n 1000 | sort | uniq -c | tr -d " "', r'^1000y$'),
    command('for i in 1 2 3; do echo $((i * i)); done | tail -n 1', r'^9$'),
    command('printf "#!/bin/sh\\necho script \\$1\\n" >/tmp/s; chmod +x /tmp/s; /tmp/s runs', r'^script runs$'),
]

TESTS = [TerminalTest(f'shell-smp-{harts}', SHELL, options=['--smp', str(harts)], seconds=200)
         for harts in (1, 4)]
