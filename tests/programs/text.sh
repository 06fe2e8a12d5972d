# packages: findutils grep sed gawk diffutils coreutils tar gzip bzip2 xz-utils zstd
# quick
### grep
printf 'one\ntwo\nthree\n' >f; grep -n o f; grep -c e f; grep -vE '^t' f; grep -P '\w{5}' f; grep -r two .; grep -q zzz f; echo $?; grep x missing; echo $?; grep -o . f | sort | uniq -c | sort -rn | head -2; fgrep two f 2>/dev/null; grep -z two f | tr '\0' 'N'
### sed
seq 5 | sed -n '2,4p'; echo abc | sed 's/b/[&]/;y/c/C/'; seq 3 | sed '2i\x' ; seq 3 >f; sed -i 's/2/two/' f; cat f; sed -e '$!d' f; seq 6 | sed 'N;s/\n/-/'; sed --posix -E 's/(.)/\1\1/' f; sed -n '$=' f; sed 'w g' f >/dev/null; cat g
### awk
seq 10 | gawk '{ s += $1 } END { print s, s/NR }'; gawk 'BEGIN { printf "%5.2f|%-5s|%c\n", 3.14159, "ab", 65; print length("hello"), substr("hello", 2, 3), toupper("x"), index("abc", "c") }'
echo 'a:b:c' | gawk -F: '{ print $3, NF }'; gawk 'BEGIN { "echo sub" | getline x; print x; print "q" | "cat"; close("cat"); system("echo sys"); a["x"]=1; for (k in a) print k; print strtonum("0x1f"), int(-3.7), 2^10; exit 3 }'; echo $?
gawk 'BEGIN { while (("seq 3" | getline l) > 0) t = t l; print t; print gensub(/(b)/, "<\\1>", "g", "abcb"); print systime() > 0; n = split("a b c", p); print n, p[3] }'
### find
mkdir -p a/b/c; touch a/1 a/b/2 a/b/c/3; find a | sort; find a -type f -name '[12]' | sort; find a -mindepth 2 -exec echo {} + | tr ' ' '\n' | sort; find a -empty | sort; touch -d @86400 a/1; find . -newer a/1 -type d | wc -l; find a -type f -print0 | xargs -0 ls | sort; find a -delete; ls; seq 10 | xargs -n 3 echo; seq 4 | xargs -P 2 -n 1 sh -c 'exit 0'; echo $?; echo x | xargs -I{} echo '{}-{}'; xargs -a /dev/null echo none; find /proc/self/fd -maxdepth 1 -type l | wc -l
### diff
seq 5 >a; seq 2 6 >b; diff a b; diff -u a b | tail -n +3; diff -y -W 30 a b; cmp a b; sdiff -s a b; diff3 a b a | head -3; mkdir c d; echo x >c/f; diff -r c d; diff -q a a; echo $?
### archives
mkdir d; seq 10000 >d/n; ln -s n d/l; ln d/n d/h; chmod 600 d/n; head -c 300000 /dev/zero >d/z; for z in '' -z -j -J --zstd; do tar $z -cf t d; mkdir x; tar -xf t -C x; diff -r d x/d && stat -c '%a %h' x/d/n; readlink x/d/l; rm -r x t; done
tar -cf - d | tar -tvf - | cut -c 1-10 | sort; tar -cSf t d; ls t; gzip -k d/n; gzip -l d/n.gz | tail -1; gunzip -c d/n.gz | cmp - d/n; bzip2 -k d/z; bzcat d/z.bz2 | cmp - d/z; xz -T2 -k d/z; xz -dc d/z.xz | cmp - d/z; zstd -q d/z; zstd -dqc d/z.zst | cmp - d/z; xz -t d/z.xz; echo $?; echo garbage | gzip -d; echo $?; zgrep -c 1 d/n.gz; xzcat d/z.xz | wc -c
