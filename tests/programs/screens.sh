# packages: tmux vim-tiny less nano htop procps bash-completion coreutils ncurses-base bsdutils libc-bin
# seconds: 800
# Full-screen programs by keystrokes: tmux is the terminal, and what it shows is compared.
### *
# A terminal of 80 by 24 that runs a command; keys into it; wait until it has come to rest; its screen.
export TERM=screen LC_ALL=C.UTF-8
tmux() { command tmux -L test -f /dev/null "$@"; }
start() { tmux new-session -d -x 80 -y 24 "$@"; tmux set -g status off; tmux resize-window -x 80 -y 24 2>/dev/null; rest; }
keys() { tmux send-keys "$@"; rest; }
picture() { tmux capture-pane -p "$@"; }
rest() {
	local now before='' same=0 tries=0
	while [ $same -lt 3 ] && [ $((tries++)) -lt 100 ]; do
		sleep 0.1
		now=$(tmux capture-pane -p -e 2>/dev/null; tmux display -p '#{cursor_x} #{cursor_y}' 2>/dev/null)
		if [ "$now" = "$before" ]; then same=$((same + 1)); else same=0; fi
		before=$now
	done
}
# Until the screen shows $1; with a key $2 that is pressed again, as programs throw away what is typed too early.
await() {
	for i in $(seq 50); do
		picture 2>/dev/null | grep -q -e "$1" && break
		[ -z "$2" ] || [ $((i % 10)) -ne 1 ] || tmux send-keys "$2"
		sleep 0.2
	done
	rest
}
# Until the program has ended.
quit() { for i in $(seq 20); do tmux has-session 2>/dev/null || break; tmux send-keys "$1"; sleep 0.5; done; }
finish() { tmux kill-server 2>/dev/null; sleep 0.2; }
### vim
seq -f 'line %g of the file' 60 >text
start vim.tiny -u NONE -N --cmd 'set ttimeout ttimeoutlen=10' text; picture
keys 20G dd ihello Space Escape; picture | head -24
keys /40 Enter cw FORTY Escape; keys :s/file/FILE/ Enter; keys yy 3p; picture
keys :wq Enter; finish
sed -n '18,23p;38,46p' text; wc -l text
### vim-split-undo
printf 'a\nb\nc\n' >text
start vim.tiny -u NONE -N --cmd 'set ttimeout ttimeoutlen=10' text; keys dd u; keys :split Enter; keys Gox Escape; picture
keys :q! Enter; keys :q Enter; picture | tail -2; keys :q! Enter; finish; cat text
### less
seq -f 'number %g' 500 >text
start less text; picture; keys Space; picture | head -3; keys /number Space 300 Enter; picture | head -3
keys n G; picture | tail -3; keys 100g; picture | head -2; keys -l -- -N; keys Enter; picture | head -2; keys h; picture | head -4; keys q q; finish
printf '\033[31mred\033[0m plain\n' >colour; start less -R colour; picture -e | grep plain; keys q; finish
seq 100 | less | tail -1
### nano
printf 'first\nsecond\n' >text
start nano -I text; picture; keys Down End x y z Enter new Enter; picture | head -6
keys C-w first Enter; keys C-k; keys C-u C-u; picture | head -8; keys C-x; picture | tail -4; keys y; picture | tail -4; keys Enter; finish; cat text
### htop
#~ \s*\d+ => N
sleep 1000 & sleeper=$!
start htop -d 40; await F10Quit; picture | tail -1; await 'CPU usage bar' F1; picture | head -4 | cut -c 1-20; await F10Quit Escape
keys F4; keys -l 'sleep 1000'; keys Enter; await 'sleep 1000'; picture | grep -c 'sleep 1000'; picture | grep -E -o 'PID|USER|PRI|NI|VIRT|RES|SHR|CPU%|MEM%|TIME\+|Command' | sort -u
keys F9; await SIGKILL; picture | grep -E -o 'SIGTERM|SIGKILL' | sort -u; keys 9 Enter; wait $sleeper 2>/dev/null; echo $?; quit q; finish
### top
start top -d 1; picture | sed -n 7p | tr -s ' '; await 'Help for' h; picture | head -1 | cut -c 1-30; await PID q; keys 1; await %Cpu1; picture | grep -c '^%Cpu[01]'; quit q
tmux has-session 2>/dev/null; echo $?; finish
### bash-completion-history
mkdir -p d/alpha d/beta; : >d/alphabet
cat >rc <<'X'
PS1='$ '; HISTFILE=$PWD/history; . /usr/share/bash-completion/bash_completion
X
start bash --rcfile rc -i; keys 'echo one' Enter; keys 'ls d/al' Tab; picture | grep -v '^$'; keys Tab; picture | grep -v '^$'; keys p C-u
keys 'ls d/b' Tab Enter; keys Up Up; picture | grep -v '^$' | tail -1; keys C-c; keys C-r on; picture | grep -v '^$' | tail -1; keys Enter
keys 'echo abc' C-a C-k C-y C-w; keys two Enter; picture | grep -v '^$' | tail -3; keys '!echo' Enter; picture | grep -v '^$' | tail -3
keys 'kill -' Tab Tab; keys C-c; keys 'exit' Enter; sleep 0.3; finish; cat history | grep -v kill
### bash-jobs
#~ \d{2,} => N
start bash --norc -i; keys "PS1='> '" Enter clear Enter; keys 'sleep 100' Enter; keys C-z; keys 'jobs' Enter; keys 'bg' Enter; keys 'sleep 200 &' Enter; keys 'jobs' Enter; picture | grep -v '^$'
keys clear Enter; keys 'fg %1' Enter; keys C-c; keys 'kill %2; sleep 0.5' Enter; sleep 0.5; rest; keys 'cat | tr a-z A-Z' Enter; keys hello Enter C-d; keys 'stty size; tty | cut -c 1-9' Enter; picture | grep -v '^$'; finish
### tmux-panes
start bash --norc -i; keys "PS1='> '" Enter clear Enter; keys 'echo left' Enter; tmux split-window -h bash --norc -i; rest; keys "PS1='< '" Enter clear Enter; keys 'echo right; stty size' Enter; picture | head -4
tmux split-window -v 'seq 5; sleep 100'; rest; picture | head -6; tmux list-panes -F '#{pane_index} #{pane_width}x#{pane_height} #{pane_active}'; tmux select-pane -t 0; picture | head -2
tmux resize-pane -R 10; rest; tmux list-panes -F '#{pane_width}x#{pane_height}'; tmux new-window -n second 'cat'; rest; keys 'typed' Enter; picture | head -2; tmux list-windows -F '#{window_index} #{window_name} #{window_panes}'; tmux kill-pane -t :0.1; tmux list-panes -t :0 | wc -l
tmux detach-client 2>&1; finish; command tmux -L test ls 2>&1 | sed 's/(.*//'
### script
#~ \r => 
script -qc 'stty size; tty | cut -c 1-9; echo $TERM' out </dev/null; tail -n +2 out | head -3
### watch
start watch -t -n 1 'echo watched'; picture | head -1; keys C-c; finish
