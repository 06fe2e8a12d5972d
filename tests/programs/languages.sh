# packages: perl lua5.4 jq bc file sqlite3 m4 bison flex openssl coreutils
# options: --smp 2
### perl
perl -e 'print join(",", map { $_*2 } grep { $_ % 2 } 1..9), "\n"; my %h=(a=>1,b=>2); print "$_=$h{$_}\n" for sort keys %h; $_="foo bar"; s/(\w+)/<$1>/g; print "$_\n"; printf "%.3f\n", atan2(1,1)*4'
perl -e 'pipe(R,W); if (!fork) { print W "child\n"; exit 3 } close W; print <R>; wait; print $?>>8, "\n"; $SIG{ALRM}=sub{print "alarm\n"}; alarm 1; sleep 5; print `echo sub`; print -e "/proc/self/exe" ? "y":"n", "\n"; local $/; open F,"</proc/self/cmdline"; print length(<F>)>0, "\n"'
perl -MIO::Socket::UNIX -MIO::Select -e 'unlink "s"; my $l=IO::Socket::UNIX->new(Local=>"s",Listen=>1) or die $!; if(!fork){my $c=IO::Socket::UNIX->new(Peer=>"s"); print $c "hello\n"; exit} my $c=$l->accept; print <$c>; wait'
perl -MPOSIX -e 'print POSIX::strftime("%Y-%m-%d",gmtime(0)),"\n"; my @u=POSIX::uname; print "$u[0]\n"; print floor(-1.5),"\n"; my $p=fork; if(!$p){POSIX::pause();exit} sleep 1; kill "TERM",$p; waitpid $p,0; print $?&127,"\n"; print POSIX::sysconf(&POSIX::_SC_PAGESIZE),"\n"; printf "%d\n", (POSIX::times())[0]>0'
perl -MTime::HiRes=sleep,time -e '$t=time; sleep 0.1; print time-$t >= 0.1 ? "slept\n" : "no\n"'; perl -MFile::Temp=tempfile -MFile::Copy -e '($f,$n)=tempfile(); print $f "x"x1000; close $f; copy($n,"c"); print -s "c","\n"; unlink $n'; perl -e 'use threads; my @t = map { threads->create(sub { $_[0]**2 }, $_) } 1..4; print join(" ", map { $_->join } @t), "\n"'
### lua
lua5.4 -e 'local t={} for i=1,5 do t[#t+1]=i*i end print(table.concat(t," ")) print(string.format("%q",("x"):rep(3))) local co=coroutine.wrap(function() for i=1,3 do coroutine.yield(i) end end) print(co(),co(),co()) print(os.getenv("HOME"), io.popen("echo p"):read()) print(math.pi, 7//2, 2^0.5, os.execute("exit 3"))'
### jq
echo '{"a":[1,2,{"b":null}],"c":"x"}' | jq -c '.a[2], (.a|length), keys, (.a[:2]|add)'; echo '[3,1,2]' | jq -c 'sort, map(.*2), max'; echo bad | jq .; echo $?; jq -n '[range(5)]|@csv' -r
### bc
echo 'scale=20; 4*a(1); 2^100; sqrt(2); define f(n) { if (n<2) return 1; return n*f(n-1); } f(20)' | bc -l; echo 'obase=16; 255' | bc; echo '2 3 ^ p' | dc 2>/dev/null || true
### file
printf '#!/bin/sh\n' >a; file a /bin/ls /etc/passwd /dev/null /proc . | sed 's/BuildID.*,//'; printf '\x89PNG\r\n\x1a\n' >p; file -b p; gzip -c a >a.gz; file -bi a.gz
### sqlite
sqlite3 db "create table t(a integer primary key, b text); begin; insert into t(b) values('x'),('y'),('z'); commit; select * from t order by b desc; select count(*), sum(a) from t; pragma integrity_check; create index i on t(b); explain query plan select * from t where b='y'; pragma journal_mode=wal; insert into t(b) values('w'); select max(a) from t; vacuum; pragma wal_checkpoint(truncate);"
sqlite3 db "with recursive c(n) as (select 1 union all select n+1 from c where n<20000) insert into t(b) select 'row'||n from c; select count(*), min(length(b)) from t; delete from t where a%2; select count(*) from t; pragma integrity_check;"; sqlite3 db .dump | md5sum; ls; sqlite3 db "begin exclusive; select 1;" ".shell touch locked; while [ -e locked ]; do sleep 0.1; done" & until [ -e locked ]; do sleep 0.1; done; sqlite3 db "insert into t(b) values('q')"; rm locked; wait; sqlite3 -json db "select a from t limit 1"; sqlite3 :memory: "select sqlite_version() > '3', json_extract('{\"a\":5}','$.a'), printf('%.2f', 2.5)"
### m4-bison-flex
printf 'define(`x'"'"', `y$1'"'"')x(3)\neval(2+3*4) syscmd(`echo sys'"'"')len(abc)\n' | m4; cat >g.y <<'X'
%{
int yylex(void); void yyerror(const char *s);
%}
%token N
%%
s: N '+' N;
X
bison -d g.y && ls g.tab.*; wc -l g.tab.c; printf '%%%%\n[0-9]+ return 1;\n%%%%\n' >l.l; flex l.l && wc -l lex.yy.c
### openssl
echo -n selene | openssl dgst -sha256; echo -n x | openssl enc -aes-256-cbc -pbkdf2 -pass pass:p -S 0102030405060708 | openssl enc -d -aes-256-cbc -pbkdf2 -pass pass:p -S 0102030405060708; echo; openssl rand -hex 8 | wc -c; openssl genrsa 1024 2>/dev/null | openssl rsa -check -noout 2>&1; openssl prime 97; head -c 1000000 /dev/zero | openssl sha512; openssl ecparam -genkey -name prime256v1 -noout | openssl ec -text -noout 2>/dev/null | wc -l; openssl speed -seconds 1 -bytes 1024 sha256 2>/dev/null | tail -1 | cut -d' ' -f 1
