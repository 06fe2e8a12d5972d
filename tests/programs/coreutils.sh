# packages: coreutils
# quick
# Each program of coreutils at least once.
### text
printf '%s\n' pear apple fig apple >a; sort a; sort -u a | tac; uniq -c a; sort a | uniq -d
cat -n a; nl a; head -n 2 a; tail -n 2 a; tail -c 4 a; wc a; cut -c 2-3 a; paste a a; paste -sd+ a
tr a-z A-Z <a; expand a; unexpand a; fold -w 2 a; fmt -w 20 a; pr -t a; rev a 2>/dev/null || true
join a a 2>&1; comm a a 2>&1; csplit a 2; ls; split -l 1 a s-; ls s-*; shuf -e x; tsort <<X
a b
b c
X
od -c a; base32 a; base64 a; basenc --base16 a; ptx a | head -3
### sums
echo selene >a; for p in cksum md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum sum; do $p a; done
sha256sum a >c; sha256sum -c c
### numbers
seq 3; seq -w 8 11; factor 360 1000000007; numfmt --to=iec 1048576; expr 6 \* 7; printf '%05d %x\n' 42 255
test 1 -lt 2 && echo yes; [ -d . ] && echo dir; true; echo $?; false; echo $?
### files
#~ d\.\w{4} => d.XXXX
umask 022
mkdir d e; touch d/f; cp -a d g; mv g h; ln d/f d/hard; ln -s f d/soft; readlink d/soft; readlink -f d/soft
realpath d/soft; link d/f d/third; unlink d/third; stat -c '%n %F %a %h %s' d d/*; ls -1F d; ls -lR d | cut -c 1-10
chmod 640 d/f; stat -c %a d/f; chown 3:4 d/f; chgrp 5 d/f; stat -c '%u %g' d/f; install -m 755 d/f bin; stat -c %a bin
truncate -s 100000 t; stat -c %s t; dd if=/dev/zero of=z bs=1k count=3 2>/dev/null; stat -c %s z; cmp t z | cut -c1-40
mkfifo p; test -p p && echo fifo; mknod n c 1 3; stat -c '%F %t %T' n; mktemp -d d.XXXX | wc -c; shred -u z; ls
rmdir e; rm -r d h; ls; dir; vdir | wc -l; sync; pwd; basename /a/b.c .c; dirname /a/b; pathchk -p 'a?b'; du -k t
cp --reflink=auto t t2; cmp t t2; cp --sparse=always t t3; cmp t t3; touch -d @86400 t; stat -c %Y t; date -r t -u
ls -l --time-style=+%s t | cut -d' ' -f 6; install -d x/y/z; rm -rf x; ls -la --color=never | wc -l
### errors
cat missing; ls missing; mkdir /proc/new; rm missing; rmdir /; cp missing x; touch /proc/x; mv a b; ln a b; chmod 1 zz
echo x >/dev/full; cat . ; cat < . ; mkdir a; mkdir a; touch a/b; rmdir a; mv a a/b; cd a; rm -r . ; head -c 1 .
### system
uname -s; uname -m; nproc; nproc --all; hostid | wc -c; id; groups; whoami; logname; users; who; tty; arch
date -u -d @0; date +%Y | cut -c1-2; env -i A=1 env; printenv HOME; nice -n 5 nice; nohup echo hi; timeout 1 sleep 5; echo $?
timeout -s INT 1 sleep 5; echo $?; stdbuf -oL echo x; chroot / /bin/true; echo $?; stty -a 2>&1; pinky 2>&1 | head -1; sleep 0.01
df --output=target /proc; df -a | wc -l | sed 's/[0-9]*/N/'; tee x y <<<hello; cat x y; yes | head -2; kill -l | wc -l; runcon --help | head -1; chcon -t x x 2>&1; dircolors -b | head -1 | cut -c 1-20; dircolors -p | grep -c '^TERM'
echo 'status' $(kill -0 $$ ; echo $?); uptime | sed 's/.*load/load/' | tr -d 0-9
### large
seq 200000 >n; sort -R n | sort -n | cmp - n && echo sorted; sort --parallel=2 -S 1M -n -r n | head -1; wc -l n; md5sum n
split -n 4 n part; cat part* | cmp - n && echo whole; tac n | head -1; shuf n | wc -l; dd if=n bs=7 2>/dev/null | md5sum
### every-program
# What the package has, but for false, test and [, which have no --version where they are called so.
for p in arch b2sum base32 base64 basename basenc cat chcon chgrp chmod chown chroot cksum comm cp csplit cut date dd df dir \
	dircolors dirname du echo env expand expr factor fmt fold groups head hostid id install join link ln logname ls md5sum \
	mkdir mkfifo mknod mktemp mv nice nl nohup nproc numfmt od paste pathchk pinky pr printenv printf ptx pwd readlink realpath \
	rm rmdir runcon seq sha1sum sha224sum sha256sum sha384sum sha512sum shred shuf sleep sort split stat stdbuf stty sum sync \
	tac tail tee timeout touch tr true truncate tsort tty uname unexpand uniq unlink users vdir wc who whoami yes
do
	command env "$p" --version | head -1
done
command env test a = a; echo $?; command env [ a = b ]; echo $?; command env false; echo $?
