"""`pages`: the mappings of a process with the states of their pages."""
import re

from harness import Test

HEAD = r'^address +size mode +pages +owned shared +cow borrow$'
LINE = r'^[0-9a-f]{12} +\d+ K r-xp \|[oscb]+ *\| +\d+ +\d+ +\d+ +\d+  /init$'

TESTS = [
    Test('pages', ['pages'], output=re.compile(HEAD + r'(?s:.*?)' + LINE + r'(?s:.*)' + r'^ +in all', re.M), linux=False),
    Test('pages-of-another', 'sleep 100 & pages $! | grep -c busybox; kill $!',
         output=re.compile(r'^[2-9]\n$'), linux=False),
    Test('pages-missing', ['pages', '99999'], status=1, errors=re.compile('/proc/99999/smaps'), linux=False),
]
