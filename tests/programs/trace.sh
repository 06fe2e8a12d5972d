# packages: strace gdbserver gdb coreutils
# seconds: 300
#~ ^syscall_0x102.*\n => 
#~ .*prlimit64\n => 
#~ si_[us]time=\d+( /\* [0-9.]+ s \*/)? => TIME
#~ 0x[0-9a-f]+ => ADDR
#~  += => =
#~ \d+ => N
#~  +N Killed =>  N Killed
### strace
strace -o out true; cut -d'(' -f 1 out | grep -v -E 'syscall|prlimit' | sort | uniq -c; tail -1 out
strace -e trace=openat,read cat /etc/hostname 2>&1 | tail -5
### strace-fork
strace -f -e trace=execve,exit_group,wait4,clone -o out sh -c 'true; /bin/echo hi; (exit 3)'; sed 's/^[0-9]* *//' out | grep -v -E 'resumed|syscall' | grep -v '+++' | cut -d'(' -f 1 | sort
grep -c '+++ exited' out
### strace-count
strace -c -e trace=openat,read,write,execve -o out ls / >/dev/null; tail -1 out | tr -s ' ' | cut -d' ' -f 5-; grep -c openat out
### strace-attach
sleep 3 & sleep 0.3; strace -o out -p $! & p=$!; sleep 0.7; kill -INT $p; wait $p; grep -c clock_nanosleep out; wait
### strace-signals
strace -e trace='!all' -e signal=all sh -c 'trap "echo hup" HUP; kill -HUP $$; kill -KILL $$' 2>&1
strace -y -e trace=write echo x 2>&1; strace -e inject=write:error=ENOSPC echo x 2>&1 | head -3; strace -k true 2>&1 | head -1 | cut -c 1-6
strace -f -e trace='!all' -e signal=SIGSTOP,SIGCONT,SIGTSTP sh -c 'kill -STOP $$; echo on' 2>&1 & sleep 0.5; pkill -CONT -f 'kill -STOP' 2>/dev/null || for p in /proc/[0-9]*; do grep -qa 'kill -STOP' $p/cmdline 2>/dev/null && kill -CONT ${p#/proc/}; done; wait
### gdb
cat >x.gdb <<'X'
set pagination off
set confirm off
break write
run
bt 1
info registers pc
p $sp != 0
x/i $pc
delete
continue
X
gdb -q -batch -x x.gdb --args /bin/echo hi 2>&1 | grep -v -i 'debuginfo\|warning\|symbols' | tail -9
### gdb-attach
sleep 5 & gdb -q -batch -p $! -ex 'p $pc != 0' -ex 'call (int)getpid() > 1' -ex detach 2>&1 | tail -3; kill $!; wait
### gdbserver
gdbserver --once - /bin/true </dev/null 2>&1 | head -2
gdb -q -batch -ex 'target remote | gdbserver --once - /bin/echo out' -ex 'break exit' -ex c -ex c 2>&1 | tail -4
