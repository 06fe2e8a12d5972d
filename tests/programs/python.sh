# packages: python3 coreutils
# options: --mem 1G
# seconds: 400
### modules
python3 -c 'import os,sys,json,re,subprocess,threading,socket,mmap,select,signal,tempfile,hashlib,sqlite3,zlib,ctypes; print(sys.version_info[:2], sys.platform, os.name)'
### subprocess
python3 -c 'import subprocess as s; print(s.run(["echo","x"],capture_output=True)); print(s.run("exit 3",shell=True).returncode); p=s.Popen(["cat"],stdin=-1,stdout=-1); print(p.communicate(b"hello"*10000)[0][-5:]); print(s.run(["sleep","9"],timeout=0.2) if 0 else "t"); 
try: s.run(["sleep","9"],timeout=0.2)
except s.TimeoutExpired as e: print(e)
print(s.check_output("kill -9 $$; true",shell=True) if 0 else s.call("kill -9 $$",shell=True))'
### threading
python3 -c 'import threading as t,queue; q=queue.Queue(); c=t.Condition(); r=[]
def w():
    while (x:=q.get()) is not None: r.append(x*x)
ts=[t.Thread(target=w) for _ in range(4)]; [x.start() for x in ts]; [q.put(i) for i in range(1000)]; [q.put(None) for _ in ts]; [x.join() for x in ts]; print(sum(r)); b=t.Barrier(3); n=[]
def z(): b.wait(); n.append(1)
ts=[t.Thread(target=z) for _ in range(3)]; [x.start() for x in ts]; [x.join() for x in ts]; print(len(n)); e=t.Event(); print(e.wait(0.1))'
### asyncio
python3 -c '
import asyncio
async def tick(n):
    await asyncio.sleep(n/100); return n
async def main():
    print(await asyncio.gather(*(tick(i) for i in (3,1,2))))
    p=await asyncio.create_subprocess_exec("echo","sub",stdout=-1); print((await p.communicate())[0], p.returncode)
    s=await asyncio.start_unix_server(lambda r,w: handle(r,w),"sock")
    async def handle(r,w): w.write((await r.readline()).upper()); await w.drain(); w.close()
    globals()["handle"]=handle
    r,w=await asyncio.open_unix_connection("sock"); w.write(b"abc\n"); print(await r.readline()); w.close(); s.close()
    try: await asyncio.wait_for(asyncio.sleep(5),0.1)
    except asyncio.TimeoutError: print("timeout")
asyncio.run(main())'
### multiprocessing
cat >m.py <<'X'
import multiprocessing as m, os
def f(x): return x*x
def g(q, v, l):
    with l: v.value += 1
    q.put(os.getpid() > 0)
if __name__ == '__main__':
    for how in ('fork', 'spawn', 'forkserver'):
        c = m.get_context(how)
        with c.Pool(2) as p: print(how, p.map(f, range(5)))
        q, v, l = c.Queue(), c.Value('i', 0), c.Lock()
        ps = [c.Process(target=g, args=(q, v, l)) for _ in range(3)]
        [p.start() for p in ps]; print([q.get() for _ in ps]); [p.join() for p in ps]; print(v.value, [p.exitcode for p in ps])
    from multiprocessing import shared_memory
    s = shared_memory.SharedMemory(create=True, size=100); s.buf[0] = 7; t = shared_memory.SharedMemory(s.name); print(t.buf[0]); t.close(); s.close(); s.unlink()
X
python3 m.py
### os
python3 -c 'import os,mmap,fcntl,signal,select,time,resource; r,w=os.pipe(); os.write(w,b"x"); print(select.select([r],[],[],0)[0]==[r]); m=mmap.mmap(-1,8192); m[0:3]=b"abc"; pid=os.fork()
if pid==0: m[3:4]=b"d"; os._exit(5)
print(os.waitstatus_to_exitcode(os.waitpid(pid,0)[1]), m[:4]); f=open("l","w"); fcntl.flock(f,fcntl.LOCK_EX); fcntl.lockf(f,fcntl.LOCK_UN); signal.signal(signal.SIGALRM,lambda *a: print("alarm")); signal.setitimer(signal.ITIMER_REAL,0.1); signal.pause(); ep=select.epoll(); ep.register(r,select.EPOLLIN); print(len(ep.poll(0))); print(os.cpu_count()>0, resource.getrlimit(resource.RLIMIT_NOFILE)[0], os.getloadavg()[0]>=0); print(sorted(os.listdir("/proc/self/fd"))[:3]); os.posix_spawn("/bin/echo",["echo","spawned"],{}); os.wait(); print(os.sched_getaffinity(0)!=set(), os.statvfs("/").f_namemax, os.getxattr if 0 else ""); os.sendfile(w,os.open("/etc/hostname",0),0,3); print(os.read(r,9)); t=os.memfd_create("x"); os.truncate(t,10); print(os.stat(t).st_size); print(os.pidfd_open(os.getpid())>0); print(os.eventfd_read(os.eventfd(3))); os.copy_file_range(os.open("/etc/hostname",0),os.open("c",os.O_CREAT|os.O_RDWR),4); print(os.stat("c").st_size); print(os.getpriority(0,0))'
### socket
python3 -c 'import socket as s,array,os,threading; a,b=s.socketpair(); b.send(b"hi"); print(a.recv(9)); s.send_fds(a,[b"m"],[1]); m,f,_,_=s.recv_fds(b,9,1); print(m,len(f)); os.write(f[0],b"via\n"); l=s.socket(s.AF_UNIX); l.bind("\0abs"); l.listen(); c=s.socket(s.AF_UNIX); c.connect("\0abs"); d,_=l.accept(); d.sendall(b"z"*300000) if 0 else d.sendall(b"z"*1000); print(len(c.recv(5000,s.MSG_WAITALL) if 0 else c.recv(5000))); u,v=s.socketpair(s.AF_UNIX,s.SOCK_DGRAM); u.send(b"one"); u.send(b"two"); print(v.recv(1),v.recv(9)); v.settimeout(0.1)
try: v.recv(1)
except TimeoutError as e: print(e)
q,w=s.socketpair(s.AF_UNIX,s.SOCK_SEQPACKET); q.send(b"p1"); q.send(b"p2"); print(w.recv(9)); print(a.getsockopt(s.SOL_SOCKET,s.SO_TYPE))
try: s.socket(s.AF_UNIX).connect("/none")
except OSError as e: print(e)'
### curses-pty
python3 -c 'import pty,os; p,f=pty.fork()
if p==0: os.execlp("sh","sh","-c","tty | cut -c 1-9; stty size; exit 4")
o=b""
try:
    while (x:=os.read(f,999)): o+=x
except OSError as e: print(e.errno)
print(o, os.waitstatus_to_exitcode(os.waitpid(p,0)[1]))'
