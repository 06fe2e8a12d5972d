"""The rows of the benchmark (user/bench), out of the tables in its source."""
import argparse
import glob
import os
import re

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def rows_read():
    """{name: operations in one measurement}"""
    rows = {}
    for path in sorted(glob.glob(os.path.join(TOP, 'user', 'bench', '*.c'))):
        with open(path, encoding='utf-8') as stream:
            for name, operations in re.findall(r'\{ "(\w+)", [^,]+, (\d+),', stream.read()):
                rows[name] = int(operations)
    return rows


def row_name(text):
    rows = rows_read()
    if text not in rows:
        raise argparse.ArgumentTypeError(f'no row {text!r}; the rows are {" ".join(sorted(rows))}')
    return text
