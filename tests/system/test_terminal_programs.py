"""Debian's programs that live on pseudo-terminals and AF_UNIX sockets; the same output as on Linux."""
import re

from harness import Test

TMUX = r'''
export TERM=xterm HOME=/root LC_ALL=C.UTF-8
tmux -f /dev/null new-session -d -s one -x 80 -y 24 'sh -c "echo hello-from-pane; exec sh"' || exit 1
screen() {	# until the text is on the screen, at most 20 s
	for i in $(seq 200); do
		tmux capture-pane -p -t "$1" | grep -q "$2" && return
		sleep 0.1
	done
	echo "not on the screen: $2"
}
screen one hello-from-pane
tmux send-keys -t one 'echo $((6*7))-answer; tty; stty size' Enter
screen one '^24 80'
tmux capture-pane -p -t one | grep -E '^42-answer|^/dev/pts/|^24 80'
tmux send-keys -t one 'sleep 1000' Enter
screen one 'sleep 1000'
sleep 0.5
tmux send-keys -t one C-c
tmux send-keys -t one 'echo interrupted' Enter
screen one '^interrupted'
tmux split-window -t one 'sh -c "stty size; exec cat"'
tmux list-panes -t one -F '#{pane_index} #{pane_width}x#{pane_height}'
tmux kill-server
echo "end $?"
rm -r /tmp/tmux-*	# the audit counts what lies about
'''

SCRIPT = r'''
script -qec 'tty; echo in-script; exit 5' /tmp/typescript </dev/null | tr -d '\r'
script -qec 'exit 5' /dev/null </dev/null
echo "status $?"
grep -c in-script /tmp/typescript
rm /tmp/typescript
'''

TESTS = [
    Test('tmux', TMUX, ['--smp', '2', '--package', 'tmux', '--package', 'libc-bin'],
         output=b'42-answer\n/dev/pts/0\n24 80\n0 80x12\n1 80x11\nend 0\n'),
    Test('script', SCRIPT, ['--package', 'bsdutils'],
         output=re.compile(r'^/dev/pts/0\nin-script\nstatus 5\n\d\n$')),
]
