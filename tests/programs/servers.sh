# packages: redis-server redis-tools postgresql-17 coreutils util-linux
# options: --mem 2G
# seconds: 900
# Servers that are reached through AF_UNIX sockets.
### redis
redis-server --port 0 --unixsocket $PWD/sock --dir $PWD --save '' --appendonly yes --daemonize yes --logfile log >/dev/null
for i in $(seq 100); do redis-cli -s sock ping 2>/dev/null && break; sleep 0.1; done
redis() { redis-cli -s sock "$@"; }
redis set key value; redis get key; redis incr n; redis incrby n 41; redis rpush list a b c; redis lrange list 0 -1; redis hset h f 1 g 2; redis hgetall h | sort; redis expire key 100; redis ttl key | cut -c 1-2
seq 1000 | sed 's/.*/set k& &/' | redis-cli -s sock --pipe | tail -1; redis dbsize; (redis blpop queue 5 &) ; sleep 0.3; redis rpush queue item; sleep 0.3; redis eval 'return ARGV[1] * 2' 0 21
redis bgrewriteaof; sleep 1; redis save; redis info persistence | grep -E 'status|aof_enabled' | tr -d '\r'; redis shutdown nosave; sleep 0.5; ls -d appendonlydir dump.rdb; grep -c 'Ready to accept' log
### postgresql
#~ waiting for server.*\n => 
useradd() { grep -q ^postgres: /etc/passwd || { echo 'postgres:x:110:110::/tmp:/bin/sh' >>/etc/passwd; echo 'postgres:x:110:' >>/etc/group; }; }
useradd; chown 110:110 .; export PATH=$PATH:/usr/lib/postgresql/17/bin
as() { setpriv --reuid 110 --regid 110 --clear-groups -- "$@"; }
as initdb -D data -A trust --no-locale -E UTF8 --no-sync 2>&1 | tail -3 | head -1; as pg_ctl -D data -o "-k $PWD -h '' -c fsync=off" -l log -w -t 100 start | tail -1
sql() { as psql -h $PWD -d postgres -At "$@" 2>&1; }
sql -c 'create table t(a serial primary key, b text)' -c "insert into t(b) select 'row' || n from generate_series(1, 5000) n" -c 'select count(*), max(a), min(b) from t' -c 'create index on t(b)' -c 'analyze t' -c "explain (costs off) select * from t where b = 'row7'"
sql -c 'begin' -c 'delete from t where a > 10' -c 'rollback' -c 'select count(*) from t'; sql -c 'select no_such()' | head -1; (sql -c "begin; lock table t; select pg_sleep(1); commit" >/dev/null &); sleep 0.5; sql -c "set lock_timeout = '100ms'; select count(*) from t"
sql -c 'vacuum full t' -c 'checkpoint' -c "select pg_size_pretty(1048576::bigint)"; as pg_dump -h $PWD postgres | grep -c '^[0-9]'; as pg_ctl -D data -m fast -w stop | tail -1
