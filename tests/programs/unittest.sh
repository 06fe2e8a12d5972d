# packages: python3 libpython3.13-testsuite coreutils
# options: --mem 3G
# seconds: 1500
# CPython's own tests of what an operating system does: the same counts, and the same failures, as on Linux.
# Left out by name: those that want network sockets, namespaces and F_NOTIFY, which Selene does not have.
### os
python3 -m test -v --timeout 110 test_os >out 2>&1; grep -E '^(Ran [0-9]+ test|OK|FAILED|FAIL: |ERROR: )' out | sed 's/ in [0-9.]*s//' | sort
### posix
python3 -m test -v --timeout 110 -i test_unshare_setns test_posix test_posixpath >out 2>&1; grep -E '^(Ran [0-9]+ test|OK|FAILED|FAIL: |ERROR: )' out | sed 's/ in [0-9.]*s//' | sort
### subprocess
python3 -m test -v --timeout 110 test_subprocess >out 2>&1; grep -E '^(Ran [0-9]+ test|OK|FAILED|FAIL: |ERROR: )' out | sed 's/ in [0-9.]*s//' | sort
### threading
python3 -m test -v --timeout 110 test_thread test_threading >out 2>&1; grep -E '^(Ran [0-9]+ test|OK|FAILED|FAIL: |ERROR: )' out | sed 's/ in [0-9.]*s//' | sort
### signal
python3 -m test -v --timeout 110 -i test_invalid_socket -i test_set_wakeup_fd_socket_result test_signal >out 2>&1; grep -E '^(Ran [0-9]+ test|OK|FAILED|FAIL: |ERROR: )' out | sed 's/ in [0-9.]*s//' | sort
### mmap
python3 -m test -v --timeout 110 test_mmap >out 2>&1; grep -E '^(Ran [0-9]+ test|OK|FAILED|FAIL: |ERROR: )' out | sed 's/ in [0-9.]*s//' | sort
### select
python3 -m test -v --timeout 110 test_select test_poll test_selectors >out 2>&1; grep -E '^(Ran [0-9]+ test|OK|FAILED|FAIL: |ERROR: )' out | sed 's/ in [0-9.]*s//' | sort
### files
python3 -m test -v --timeout 110 test_file test_fileio test_tempfile test_shutil test_glob test_stat >out 2>&1; grep -E '^(Ran [0-9]+ test|OK|FAILED|FAIL: |ERROR: )' out | sed 's/ in [0-9.]*s//' | sort
### pathlib
python3 -m test -v --timeout 110 test_pathlib >out 2>&1; grep -E '^(Ran [0-9]+ test|OK|FAILED|FAIL: |ERROR: )' out | sed 's/ in [0-9.]*s//' | sort
### fcntl
python3 -m test -v --timeout 110 -i test_fcntl_64_bit test_fcntl test_resource test_ioctl >out 2>&1; grep -E '^(Ran [0-9]+ test|OK|FAILED|FAIL: |ERROR: )' out | sed 's/ in [0-9.]*s//' | sort
### pty
python3 -m test -v --timeout 110 test_pty test_tty test_openpty >out 2>&1; grep -E '^(Ran [0-9]+ test|OK|FAILED|FAIL: |ERROR: )' out | sed 's/ in [0-9.]*s//' | sort
### time
python3 -m test -v --timeout 110 test_time test_sched test_timeout >out 2>&1; grep -E '^(Ran [0-9]+ test|OK|FAILED|FAIL: |ERROR: )' out | sed 's/ in [0-9.]*s//' | sort
### wait
python3 -m test -v --timeout 110 test_wait3 test_wait4 test_fork1 test_popen test_eintr >out 2>&1; grep -E '^(Ran [0-9]+ test|OK|FAILED|FAIL: |ERROR: )' out | sed 's/ in [0-9.]*s//' | sort
### io
python3 -m test -v --timeout 110 test_io test_bufio >out 2>&1; grep -E '^(Ran [0-9]+ test|OK|FAILED|FAIL: |ERROR: )' out | sed 's/ in [0-9.]*s//' | sort
### sqlite
python3 -m test -v --timeout 110 test_sqlite3 >out 2>&1; grep -E '^(Ran [0-9]+ test|OK|FAILED|FAIL: |ERROR: )' out | sed 's/ in [0-9.]*s//' | sort
### queue
python3 -m test -v --timeout 110 test_queue test_contextlib test_concurrent_futures.test_thread_pool >out 2>&1; grep -E '^(Ran [0-9]+ test|OK|FAILED|FAIL: |ERROR: )' out | sed 's/ in [0-9.]*s//' | sort
### shelve
python3 -m test -v --timeout 110 test_shelve test_dbm_dumb >out 2>&1; grep -E '^(Ran [0-9]+ test|OK|FAILED|FAIL: |ERROR: )' out | sed 's/ in [0-9.]*s//' | sort
