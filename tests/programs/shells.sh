# packages: coreutils
# quick
#~ kill: \(\d+\) => kill: (PID)
#~ line 1: +\d+ => line 1: PID
### bash-language
declare -A m=([a]=1 [b]=2); for k in "${!m[@]}"; do echo $k=${m[$k]}; done | sort
x=hello; echo ${x^^} ${x:1:3} ${x/l/L} ${#x} ${x//l/}; [[ $x =~ ^h(.*)o$ ]] && echo ${BASH_REMATCH[1]}
a=(1 2 3); echo ${a[@]:1} ${#a[@]}; printf '%q\n' 'a b'; echo {1..3}{a,b}; ((i=3**2)); echo $i $((0xff & 15))
f() { local y=$1; [ $y -gt 0 ] && { echo $y; f $((y-1)); }; }; f 3; select z in p q; do break; done </dev/null; echo
while read -r l; do echo "<$l>"; done < <(echo one; echo two); cat <<<string; mapfile -t v < <(seq 3); echo ${v[2]}
case abc in a*) echo match;; esac; set -- x y z; shift; echo $# $@; echo $BASH_VERSION; shopt -s extglob; echo ${x##+([a-h])}
trap 'echo bye' EXIT; trap 'echo usr' USR1; kill -USR1 $$; ulimit -n; type -t cd ls; printf -v w %03d 7; echo $w
### bash-jobs
#~ ^\[(\d)\] \d+$ => [\1] PID
set -m; sleep 0.2 & wait $!; echo $?; (exit 3) & wait $!; echo $?; sleep 5 & kill $!; wait $!; echo $?
bash -c 'set -m; sleep 5 & kill -STOP $!; sleep 0.3; jobs; kill -CONT %1; sleep 0.1; jobs; kill %1; wait %1; echo $?' 2>&1 | grep -v Terminated
coproc cat; echo hi >&${COPROC[1]}; read -r l <&${COPROC[0]}; echo $l; exec 3<>/dev/null; ls -l /proc/$$/fd/3 | sed 's/.*->/->/'
### bash-pipes
set -o pipefail; false | true; echo $?; yes | head -n 1; echo ${PIPESTATUS[@]}; seq 100000 | tail -1; exec 5>out; echo x >&5; cat out; echo y | tee >(cat >t) >/dev/null; sleep 0.2; cat t
time -p true 2>/dev/null; { echo a; echo b >&2; } 2>&1 | sort; cat <(echo 1) <(echo 2); echo $(cat < /proc/sys/kernel/ostype); : > empty; [ -s empty ] || echo empty
### bash-traps
bash -c 'kill -9 $$'; echo $?; bash -c 'exit 300'; echo $?; bash -c 'ulimit -c 0; kill -SEGV $$'; echo $?; bash -c nonexistent; echo $?; bash -c /; echo $?; bash -c 'trap "" TERM; kill $$; echo alive'; bash -c 'trap "echo chld" CHLD; true & wait; sleep 0.05'
### dash
dash -c 'x=1; while [ $x -lt 5 ]; do x=$((x+1)); done; echo $x; f() { return 3; }; f; echo $?; echo ${x:-no} ${y:-unset}; eval "echo \$x"; set -e; (false); echo never'; echo $?
dash -c 'trap "echo t" EXIT; sleep 0.1 & wait; echo $?; echo a | { read v; echo got $v; }; printf "%s\n" *; umask; cd /; pwd; times >/dev/null; ulimit -n'
### busybox
busybox ash -c 'for i in 1 2 3; do echo $i; done | busybox tac; echo $((5*5)); x="a b c"; echo ${x% *}'; busybox expr 3 + 4; busybox seq 3 | busybox xargs -n1 echo; busybox awk 'BEGIN { print 6*7 }'; busybox find /proc/self -maxdepth 0; busybox ps | busybox wc -l | busybox sed 's/.*/N/'; echo abc | busybox md5sum; busybox tar c /etc/passwd 2>/dev/null | busybox tar t; busybox gzip -c /etc/passwd | busybox zcat | busybox wc -l; busybox vi --help 2>&1 | head -1; busybox dc -e '2 3 + p'; busybox uname -m; busybox free | head -1; busybox pidof init >/dev/null; busybox stat -c %F /; busybox mount | busybox grep -c proc
