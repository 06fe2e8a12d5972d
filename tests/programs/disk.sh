# packages: coreutils util-linux mount fdisk e2fsprogs dosfstools diffutils
# disk: 64M
# quick
# What an administrator does to a disk: tables, file systems, mounts, attributes. Each case starts with what it needs.
#~ cases/[0-9]+- => cases/
#~ uuid=[0-9A-F-]+ => uuid=U
#~ (label-id: |identifier: |GUID: |UUID[=:]\s*)"?[0-9A-Fa-f-]+ => \1U
### ioctls
PATH=$PATH:/sbin:/usr/sbin
blockdev --getsize64 --getsz --getss --getpbsz --getro --getiomin --getioopt --getalignoff --getdiscardzeroes /dev/vda
blockdev --setro /dev/vda; blockdev --getro /dev/vda; echo x >/dev/vda; blockdev --setrw /dev/vda; blockdev --getro /dev/vda
blockdev --flushbufs /dev/vda; echo $?; blockdev --rereadpt /dev/vda; echo $?; blockdev --setbsz 1024 /dev/vda; echo $?
dd if=/dev/urandom of=/dev/vda bs=64k count=8 oflag=direct 2>/dev/null; md5sum /dev/vda >one
dd if=/dev/vda bs=64k count=8 iflag=direct 2>/dev/null | cmp -n 524288 - /dev/vda && echo same
blkdiscard -z -o 65536 -l 65536 -v /dev/vda; cmp -n 65536 -i 65536:0 /dev/vda /dev/zero && echo zeros
blkdiscard -o 0 -l 1M -v /dev/vda; blkdiscard -o 100 /dev/vda; echo $?; blkdiscard -o 64M -l 4096 /dev/vda; echo $?
dd if=/dev/zero of=/dev/vda seek=131071 count=2 2>&1 | sed -n 1p; dd if=/dev/zero of=/dev/vda bs=4096 count=9 conv=fsync 2>&1 | head -2
### tables
PATH=$PATH:/sbin:/usr/sbin
printf 'label: gpt\nsize=8M, type=linux, name=one\nsize=8M, type=uefi\n,\n' | sfdisk -q /dev/vda; echo $?
fdisk -l /dev/vda; sfdisk -d /dev/vda; partx -s -o NR,START,END,SECTORS,SIZE,NAME /dev/vda; ls /dev/vda*
lsblk -n -o NAME,MAJ:MIN,SIZE,RO,TYPE,PARTLABEL,MOUNTPOINTS /dev/vda
lsblk -b -P -o NAME,SIZE,LOG-SEC,PHY-SEC,DISC-GRAN,DISC-MAX,RM,START /dev/vda
sfdisk -q --delete /dev/vda 2; ls /dev/vda*; partx -d --nr 3 /dev/vda; ls /dev/vda*; partx -u /dev/vda; ls /dev/vda*
addpart /dev/vda 5 20480 100; echo $?; cat /sys/class/block/vda5/size; addpart /dev/vda 5 20480 100; echo $?; addpart /dev/vda 6 2100 8; echo $?
resizepart /dev/vda 5 200; echo $?; cat /sys/class/block/vda5/size; delpart /dev/vda 5; echo $?; delpart /dev/vda 5; echo $?; ls /dev/vda*
addpart /dev/vda 7 131000 1000; echo $?; exec 5</dev/vda1; delpart /dev/vda 1; echo $?; blockdev --rereadpt /dev/vda; echo $?; exec 5<&-
printf 'label: dos\n8M,8M,c,*\n,16M,E\n,,L\n,8M,L\n,4M,L\n' | sfdisk -q /dev/vda; sfdisk -d /dev/vda | sed 's/0x[0-9a-f]*/X/'; ls /dev/vda*
### ext4
PATH=$PATH:/sbin:/usr/sbin
wipefs -qa /dev/vda >/dev/null 2>&1; blockdev --rereadpt /dev/vda
mkfs.ext4 -q -L first -U 11111111-1111-1111-1111-111111111112 -E hash_seed=11111111-1111-1111-1111-111111111112 /dev/vda 8M
blkid -p -o export /dev/vda; blkid -L first; findfs LABEL=first; e2label /dev/vda
mkdir -p /m; mount /dev/vda /m; stat -f -c '%T %s %b %f %a %c %d %l %i' /m; df -k --output=size,used,avail,pcent /m; df -i --output=itotal,iused /m
mkdir /m/d; cp -a /usr/bin/[a-d]* /m/d 2>/dev/null; (cd /usr/bin; md5sum $(cd /m/d; ls)) >sums; (cd /m/d; md5sum --quiet -c) <sums && echo whole
dd if=/dev/zero of=/m/full bs=64k 2>&1 | head -1; df -k --output=avail /m; (cd /m/d; md5sum --quiet -c) <sums && echo whole; rm /m/full
chmod 777 /m; setpriv --reuid 1000 --clear-groups dd if=/dev/zero of=/m/user bs=64k 2>&1 | head -1; dd if=/dev/zero of=/m/root bs=64k count=2 2>&1 | sed -n 1p; sync; test $(df -k --output=avail /m | tail -1) -lt 64 && echo none for users; rm /m/user /m/root
fstrim /m && echo trimmed; umount /m; e2fsck -fn /dev/vda >/dev/null && echo clean; (mount /dev/vda /m; cd /m/d; md5sum --quiet -c) <sums && echo whole
umount /m; e2fsck -fy /dev/vda >/dev/null; resize2fs /dev/vda 24M 2>&1 | tail -1; tune2fs -l /dev/vda | grep -E 'Block count|Reserved block|features|Filesystem state|Errors'
mount /dev/vda /m; stat -f -c '%b' /m; (cd /m/d; md5sum --quiet -c) <sums && echo whole; umount /m
tune2fs -L second -m 1 -c 7 -e remount-ro /dev/vda; dumpe2fs -h /dev/vda 2>/dev/null | grep -E 'volume|Reserved block c|Maximum|Errors'
e2fsck -n /dev/vda 2>/dev/null | sed 's/(.*)//'; debugfs -R 'ls -p /' /dev/vda 2>/dev/null | cut -d/ -f 3,4,5,6
### mounts
PATH=$PATH:/sbin:/usr/sbin
mkfs.ext4 -q -L first -U 11111111-1111-1111-1111-111111111112 /dev/vda 16M; mkdir -p /m '/a b' /n
echo 'LABEL=first /m ext4 defaults,noatime,errors=remount-ro 0 2' >/etc/fstab
mount -a; grep ' /m ' /proc/mounts; mount -a; mount -t ext4; findmnt -n -o TARGET,SOURCE,FSTYPE,OPTIONS /m; mountpoint /m
mount -o remount,ro /m; touch /m/x; grep ' /m ' /proc/mounts; mount -o remount,rw,commit=30 /m; touch /m/x; grep ' /m ' /proc/mounts
mount --bind /m/lost+found '/a b'; grep 'a.040b' /proc/mounts; grep -o '/lost+found /a.*ext4' /proc/self/mountinfo; umount '/a b'
mount -o bogus /dev/vda /n 2>/dev/null; echo $?; mount -o remount,bogus /m 2>/dev/null; echo $?; mount -t vfat /dev/vda /n 2>/dev/null; echo $?
mount -o nosuid,nodev,noexec,sync /dev/vda /n; grep ' /n ' /proc/mounts; umount /n
(cd /m; umount /m 2>/dev/null; echo $?; umount -l /m; echo $?; ls; touch y; ls); grep -c ' /m ' /proc/mounts; sleep 0.1; mount /m; ls /m; umount /m
(mount /m; cd /m; umount -l /m; mount /dev/vda /n; echo shared >z; cat /n/z; rm z; ls /n; umount /n; echo alone >y; sync); sleep 0.1; mount /m; cat /m/y; rm /m/y; umount /m
mount -o sync /dev/vda /m; grep ' /m ' /proc/mounts; mount -o remount,async /m; grep ' /m ' /proc/mounts; umount /m
mount -o strictatime /dev/vda /m; grep ' /m ' /proc/mounts; echo 1 >/m/t; touch -a -d @1000 /m/t; cat /m/t; test $(stat -c %X /m/t) -gt 1000 && echo moved; umount /m
mount -o ro,noload /dev/vda /m; grep ' /m ' /proc/mounts; umount /m; mount -o noload /dev/vda /m; echo $?; touch /m/unlogged; umount /m
mount -o discard /dev/vda /m; grep ' /m ' /proc/mounts; dd if=/dev/zero of=/m/b bs=1M count=4 2>/dev/null; sync; rm /m/b; sync; umount /m; e2fsck -fn /dev/vda >/dev/null; echo $?
### attributes
PATH=$PATH:/sbin:/usr/sbin
mkfs.ext4 -q /dev/vda 16M; mkdir -p /m; mount /dev/vda /m; cd /m
touch f; lsattr f; chattr +i f; lsattr f; rm f; mv f g; ln f g; echo x >f; chmod 600 f; touch f; truncate -s 1 f; setfattr -n user.a f 2>/dev/null; cat f
chattr -i f; chattr +a f; echo one >f; echo one >>f; echo two >>f; cat f; rm f; mv f g; touch f; touch -d @1 f; truncate -s 0 f; chattr -a f; lsattr -l f
chattr +S f; chattr +A f; chattr +d f; lsattr f; touch -a -d @1 f; cat f >/dev/null; stat -c %X f; stat -c '%A' f; chattr =e f; lsattr f
mkdir d; chattr +a d; touch d/new; rm d/new; mv d/new d/other; chattr -a d; chattr +i d; touch d/more; rm d/new; chattr -i d; chattr +D d; touch d/x; lsattr -d d
chattr +d d; touch d/heir; mkdir d/sub; lsattr -d d/heir d/sub; chattr +j nothing; stat -c %W f | cut -c1-2; cd /; umount /m; mount /dev/vda /m; lsattr -d /m/d; umount /m
### space
PATH=$PATH:/sbin:/usr/sbin
mkfs.ext4 -q -b 4096 /dev/vda 32M; mkdir -p /m; mount /dev/vda /m; cd /m
seq 300000 >a; cp a b; fallocate -p -o 8192 -l 16384 b; cmp a b | head -1; stat -c %s b; dd if=b bs=4096 skip=2 count=4 2>/dev/null | tr -d '\0' | wc -c
fallocate -c -o 4096 -l 8192 b; echo $?; stat -c '%s' b; md5sum b; fallocate -i -o 4096 -l 8192 b; echo $?; stat -c '%s' b; md5sum b
fallocate -z -o 100 -l 10000 b; md5sum b; fallocate -c -o 100 -l 4096 b; fallocate -i -o 1G -l 4096 b; fallocate -c -o 0 -l 1G b
fallocate -l 3M c; stat -c '%s %b' c; fallocate -n -l 4M c; stat -c '%s %b' c; fallocate -d c; stat -c '%s %b' c; truncate -s 10M d; stat -c '%s %b' d
sync; filefrag a c d | sed 's/: .* extents* found/: found/'; fallocate -l 100M e; echo $?; rm e; cp --sparse=always d e; du -k d e; sync; cd /; umount /m
e2fsck -fn /dev/vda >/dev/null; echo $?; mount /dev/vda /m; md5sum /m/*; umount /m
### vfat
PATH=$PATH:/sbin:/usr/sbin
wipefs -qa /dev/vda >/dev/null 2>&1; mkfs.vfat -F 32 -s 1 -n SECOND -i 12345678 /dev/vda; blkid -p -o export /dev/vda; mkdir -p /m; mount -o umask=027,uid=3,gid=4 /dev/vda /m
grep -o '/m vfat.*dmask=[0-9]*' /proc/mounts; cp /usr/bin/cat /m/Long\ Name.bin; cmp /usr/bin/cat '/m/long name.BIN'; stat -c '%a %u %g %s' /m/*; mkdir /m/sub
touch /m/sub/{1..40}.txt; ls /m/sub | wc -l; mv /m/sub /m/Other; ls /m; sync; df -k --output=size,used /m; chmod 400 /m/Long*; stat -c %a /m/Long*; chmod 555 /m/Long*; stat -c %a /m/Long*; ln -s a /m/b; umount /m
mount -o fmask=0111,dmask=0022 /dev/vda /m; stat -c '%a %n' /m /m/*; umount /m; dosfsck -n /dev/vda | tail -1; mount -o bogus /dev/vda /m 2>/dev/null; echo $?
