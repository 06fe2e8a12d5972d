# packages: stress-ng
# options: --smp 4 --mem 1G
# seconds: 400
#~ ^stress-ng: .*(skip|dispatching|successful run|setting|passed|metrics).*\n => 
#~ ^stress-ng: .* failed: 0\n => 
#~ \d+(\.\d+)? => N
### stress-ng
stress-ng --cpu 2 --fork 2 --pipe 2 --mmap 2 --switch 2 --futex 2 --timeout 60 --verify >out 2>&1 && echo success || echo "failed: $?"; grep -i -E 'fail|error|warn' out; grep -q 'successful run completed' out || echo 'did not complete'
### stress-ng-calls
stress-ng --clone 1 --vm 1 --vm-bytes 64M --signal 1 --poll 1 --timer 1 --sem 1 --eventfd 1 --mutex 1 --pthread 1 --timeout 15 --verify >out 2>&1 && echo success || echo "failed: $?"; grep -i -E 'fail|error' out
