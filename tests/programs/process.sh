# packages: procps psmisc coreutils util-linux util-linux-extra bsdutils bsdextrautils
# quick
### ps
ps aux | head -1; ps -ef | head -1; sleep 5 & ps -o comm,stat,nice,ppid= -p $! | sed "s/ *$$/ SHELL/"; ps -o args= -p $!; ps -C sleep -o comm=; ps -eo pid,comm | awk '$1 == 1' 2>/dev/null | wc -l; ps --ppid $$ -o comm= | grep -c sleep; ps -o rss= -p $! | tr -d '0-9 '; ps -o tty=,pgid= -p $! | sed 's/ *[0-9]\+/ N/'; ps -L -o comm= -p $!; ps axjf | head -1; ps -o lstart= -p $! | wc -w; ps -o etimes= -p $! | wc -w; kill $!
### ps-formats
#~ \d+ => N
#~ [ ]+ =>  
sleep 5 & ps -o pid,ppid,pgid,sid,tty,tpgid,stat,uid,gid,wchan,pri,ni,psr,cls,nlwp,flags,addr,etime,time,pcpu,pmem,vsz,rss,sz,comm,ruser,euser,group,pending,blocked,ignored,caught -p $! | sed 's/hrtime[a-z_]*/-/;s/S sleep/S/'; kill $!
### top
#~ \d+[.:]\d+([.:]\d+)* => N
#~ \d+ => N
#~ N(\.N)*[gm]? +=> N
top -b -n 1 | head -6 | sed 's/[0-9.]\+/N/g; s/  */ /g; s/ [0-9]* running/ R running/'| grep -v '^top' | sed 's/load.*//; s/root [RSID]W*/root S/' | cut -d, -f 1 | cut -c 1-12
top -b -n 1 | grep -c 'PID USER'
### tools
pgrep -x init | head -1; sleep 7 & pgrep -f 'sleep 7' | wc -l; pidof sleep | wc -w; pkill -x sleep; wait; echo $?; free | head -1; free -h | wc -l; vmstat | head -1; vmstat | tail -1 | wc -w; vmstat -s | wc -l | sed 's/[0-9]*/N/'; w -h; uptime -p | cut -c 1-2; pmap $$ | head -1 | sed 's/^[0-9]*/PID/'; pmap -x $$ | tail -1 | wc -w; pwdx $$ | sed 's/^[0-9]*/PID/'; sysctl -n kernel.ostype kernel.pid_max; slabtop --version >/dev/null; tload -V >/dev/null; skill -l | wc -w; snice --version >/dev/null; watch --version | cut -c1-5; kill -l 9; uptime -s | wc -c
### psmisc
#~ .*Killed +sleep.*\n => 
sleep 9 & pstree -A $$ | head -2 | sed 's/pstree.*//'; killall sleep; wait; echo $?; sleep 3 >held & sleep 0.1; fuser held 2>/dev/null | wc -w; fuser -k held >/dev/null 2>&1; wait; echo $?; prtstat $$ | head -1 | sed 's/[0-9]\+/N/g;s/\t.*//' ; peekfd -V 2>&1 | head -1 | cut -c1-6; pslog -V 2>&1 | head -1 | cut -c 1-5
### proc-files
cd /proc/self; for f in stat statm status cmdline environ limits io wchan comm oom_score oom_score_adj auxv maps smaps smaps_rollup mounts mountinfo mountstats schedstat syscall timerslack_ns personality loginuid cgroup mem; do [ -e $f ] && echo $f; done
ls -d fd fdinfo task root cwd exe net 2>&1
### proc-status-fields
cut -d: -f 1 /proc/self/status
### proc-smaps-fields
sed -n 2,40p /proc/self/smaps | grep -v '^[0-9a-f]*-' | cut -d: -f 1 | sort -u | grep -v -E '^(Owned|Shared_Pages|Cow|Borrowed)$'
cut -d: -f1 /proc/self/smaps_rollup | grep -v -E '^(Owned|Shared_Pages|Cow|Borrowed)$' | sed 's/^[0-9a-f].*rollup/HEAD/;s/^[0-9a-f][0-9a-f]*-.*/HEAD/'
### proc-stat-fields
wc -w </proc/self/stat; wc -w </proc/self/statm; cut -d' ' -f 1 /proc/stat | sort -u | grep -v 'cpu[0-9]'; grep ^cpu /proc/stat | awk '{print NF}' 2>/dev/null | sort -u; for f in MemTotal MemFree MemAvailable Buffers Cached SwapCached Active Inactive 'Active(anon)' 'Inactive(file)' Unevictable Mlocked SwapTotal SwapFree Dirty Writeback AnonPages Mapped Shmem KReclaimable Slab SReclaimable SUnreclaim KernelStack PageTables CommitLimit Committed_AS VmallocTotal Percpu; do grep -c "^$f: *[0-9]* kB" /proc/meminfo; done; cut -d' ' -f1 /proc/self/io; cut -c 1-26 /proc/self/limits; wc -w < /proc/loadavg; wc -w </proc/uptime
### proc-system
readlink /proc/self /proc/thread-self | wc -l; cat /proc/filesystems | grep -c nodev | sed 's/.*/N/'; head -c 5 /proc/version; echo; head -1 /proc/interrupts | cut -c 1-4; cat /proc/sys/kernel/pid_max /proc/sys/kernel/ostype /proc/sys/fs/pipe-max-size /proc/sys/vm/overcommit_memory /proc/sys/kernel/threads-max | wc -l; cat /proc/swaps | wc -l; ls -d /proc/sys/fs /proc/sys/kernel /proc/sys/net /proc/sys/vm; [ -s /proc/devices ] && echo devices; cat /proc/cmdline | wc -l; ls /proc/self/task | wc -l; cat /proc/sys/fs/nr_open /proc/sys/vm/max_map_count /proc/sys/kernel/cap_last_cap /proc/sys/kernel/ngroups_max /proc/sys/vm/swappiness /proc/sys/kernel/randomize_va_space /proc/sys/kernel/core_pattern /proc/sys/fs/inotify/max_user_watches /proc/sys/kernel/random/poolsize
### util-linux
#~ \d{3}-util => NNN-util
lscpu | grep -v Vulnerab | tr -s ' '; lscpu -p | tail -1; ionice; chrt -p $$ | sed 's/[0-9]\+/N/' | grep -v runtime; taskset -p $$ | sed 's/pid [0-9]*/pid N/'; taskset 1 nproc; setsid -w sh -c 'ps -o sid= -p $$ | wc -w'; flock f echo locked; (flock -n 9 && flock -n f true; echo $?) 9>f; getopt -o ab: -- -a -b x y; mountpoint /proc; mountpoint /tmp; mount | grep -c ^proc; findmnt -n -o FSTYPE /proc; hexdump -C /etc/hostname; rev <<<abc; column -t <<<'a b'; look --version | cut -c1-4; mcookie | wc -c; uuidgen 2>/dev/null | wc -c; prlimit --nofile --raw -o SOFT -p $$; renice -n 1 $$ | sed 's/^[0-9]*/PID/'; script -qc 'tty | cut -c 1-9' /dev/null; namei /proc/self/../version | tail -1; whereis -b ls | cut -c 1-3; nsenter --version | cut -c 1-4; unshare --version | cut -c1-4; lsmem --version | cut -c1-5; fallocate -l 10000 x; stat -c %s x; dmesg | head -1 | wc -l; logger -s hi 2>&1 | sed 's/.*: //' ; cal 1 2000 2>/dev/null | head -1; ipcs | grep -c key; lsipc | wc -l; waitpid --version | cut -c 1-7; choom -p $$ | head -1 | sed 's/[0-9]\+/N/g' ; lslocks -n | wc -l; rename a b zz 2>&1; setpriv --dump | head -3; swapon; losetup -a; blkid; wdctl --version | cut -c 1-5; zramctl; tailf x 2>/dev/null; isosize --version | cut -c 1-7; hardlink --version | cut -c1-8; lsns -n -t mnt 2>/dev/null | wc -l | sed 's/[0-9]/N/'
