# packages: gcc libc6-dev make git coreutils diffutils
# options: --mem 3G
# seconds: 600
### gcc-1000-lines
for i in $(seq 200); do printf 'static long f%d(long x)\n{\n\tlong y = x * %d + 1;\n\treturn y %% 7 ? y ^ (x >> 3) : y - 5;\n}\n' $i $i; done >big.c
{ echo '#include <stdio.h>'; cat big.c; echo 'int main(void) { long v = 1;'; for i in $(seq 200); do echo "v = f$i(v);"; done; echo 'printf("%ld\n", v); return 0; }'; } >all.c
wc -l all.c; gcc -O2 -Wall -o all all.c && ./all; gcc -O0 -g -static -o all0 all.c && ./all0; size all | wc -l; nm all | grep -c ' t f' ; objdump -d all | grep -c 'Disassembly'; strip all; ./all; gcc -S all.c && md5sum all.s | cut -c 1-32
### gcc-errors
echo 'int main(void) { return x; }' >e.c; gcc e.c; echo $?; echo '#error no' | gcc -E - ; echo $?; gcc missing.c 2>&1 | head -1
### gcc-threads
cat >t.c <<'X'
#include <pthread.h>
#include <stdio.h>
static long n; static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static void *run(void *p) { for (int i = 0; i < 100000; i++) { pthread_mutex_lock(&m); n++; pthread_mutex_unlock(&m); } return p; }
int main(void) { pthread_t t[4]; for (int i = 0; i < 4; i++) pthread_create(&t[i], 0, run, 0); for (int i = 0; i < 4; i++) pthread_join(t[i], 0); printf("%ld\n", n); return 0; }
X
gcc -pthread t.c -o t && ./t
### make
for i in $(seq 12); do echo "int f$i(void) { return $i; }" >f$i.c; done
{ echo 'int printf(const char *, ...);'; for i in $(seq 12); do echo "int f$i(void);"; done; echo 'int main(void) { int s = 0;'; for i in $(seq 12); do echo "s += f$i();"; done; echo 'printf("%d\n", s); return 0; }'; } >main.c
printf 'OBJECTS := $(patsubst %%.c,%%.o,$(sort $(wildcard *.c)))\nprog: $(OBJECTS)\n\t@gcc -o $@ $^ && echo linked\n%%.o: %%.c\n\t@gcc -c -o $@ $<\nclean:\n\trm -f *.o prog\nfail:\n\texit 3\n' >Makefile
make -j4 && ./prog; make; touch f3.c; make -j4; make -n clean; make fail; echo $?; make -j4 --output-sync clean | wc -l
### git
#~ [0-9a-f]{7,40} => HASH
#~ \d+\.\d+ [KM]iB/s => RATE
export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'
git config --global user.name S; git config --global user.email s@e; git config --global init.defaultBranch main; git init r; cd r; seq 100 >a; git add a; git commit -qm one; echo x >>a; git diff --stat; git commit -qam two; git log --oneline --stat; git checkout -q -b side HEAD~1; echo y >b; git add b; git commit -qm side; git merge -q main -m merge; git log --graph --format=%s; git fsck --full; git gc -q; git count-objects; git status -s; git tag v1; git describe; git stash list; cd ..; git clone -q r c; git -C c log --oneline | wc -l; git -C c blame a | tail -1 | cut -c 1-8; git -C r rev-parse HEAD; git -C c pull; git -C r grep -n 99; git -C r rebase main 2>&1 | tail -1; git -C r archive HEAD | tar t; git -C r bisect start; git -C r show --stat | tail -1; git bundle create x 2>&1 | head -1
### git-many
#~ [0-9a-f]{40} => HASH
git init -q m; cd m; for d in $(seq 20); do mkdir d$d; for f in $(seq 20); do echo $d $f >d$d/f$f; done; done; git add .; git -c user.name=x -c user.email=y commit -qm all; git ls-files | wc -l; rm -r d1; git status -s | wc -l; git checkout -q .; git status -s | wc -l; git fsck; git repack -adq; git verify-pack -v .git/objects/pack/*.idx | tail -1
