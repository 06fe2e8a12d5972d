"""Command lines whose errors name the cause and the remedy, in two lines; no list of all options."""
import argparse
import os
import re

SCRIPTS = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
HARTS_MAX = 8
SIZE_UNITS = {'': 0, 'K': 10, 'M': 20, 'G': 30}


class Parser(argparse.ArgumentParser):
    """@status: of the process after a wrong command line."""

    def __init__(self, status=2, **more):
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **more)
        self.status = status

    def error(self, message):
        name = self.prog if self.prog.startswith('tests/') else os.path.basename(self.prog)
        text = re.sub(r'^argument (?:\S*/)?(--\S+|\S+): ', r'\1: ', message)
        remedy = '' if 'remedy: ' in text else f'{name}: remedy: {self.prog} --help\n'
        self.exit(self.status, f'{name}: {text}\n{remedy}')


def cause(error):
    """What an OSError says, without its number: `PATH: No such file or directory`."""
    if isinstance(error, OSError) and error.strerror:
        return f'{error.filename}: {error.strerror}' if error.filename else error.strerror
    return str(error)


def wrong(text):
    return argparse.ArgumentTypeError(text)


def number(low, high=None):
    """A whole number from @low to @high."""
    def parse(text):
        if not re.fullmatch(r'[0-9]{1,9}', text) or int(text) < low or (high and int(text) > high):
            wanted = f'{low} to {high}' if high else f'{low} or more'
            raise wrong(f'a whole number is wanted, {wanted}; came {text!r}')
        return int(text)
    return parse


harts = number(1, HARTS_MAX)


def seconds(text):
    if not re.fullmatch(r'[0-9]*\.?[0-9]+', text) or not float(text):
        raise wrong(f'a time in seconds is wanted, more than 0; came {text!r}')
    return float(text)


def size_bytes(text):
    found = re.fullmatch(r'([0-9]{1,9})([KMG]?)', text.upper())
    if not found:
        raise wrong(f'a size is wanted, such as 24M or 8G; came {text!r}')
    return int(found[1]) << SIZE_UNITS[found[2]]


def memory(text):
    """A size for QEMU, whose firmware takes the first two MiB."""
    if size_bytes(text) < 4 << 20:
        raise wrong(f'at least 4M are wanted, for the firmware alone; came {text!r}')
    return text.upper()


def resolution(text):
    found = re.fullmatch(r'([0-9]{2,4})x([0-9]{2,4})', text)
    if not found:
        raise wrong(f'a size is wanted, such as 1280x720; came {text!r}')
    return tuple(map(int, found.groups()))


def file_there(text):
    if os.path.isdir(text):
        raise wrong(f'{text} is a folder; a file is wanted')
    if not os.path.exists(text):
        raise wrong(f'there is no file {text}')
    return text


def file_to_write(text):
    """The path of a file that will be made: its folder must be there."""
    folder = os.path.dirname(text) or '.'
    if os.path.isdir(text):
        raise wrong(f'{text} is a folder; the name of a file is wanted')
    if not os.path.isdir(folder):
        raise wrong(f'there is no folder {folder}; remedy: mkdir -p {folder}')
    if not os.access(text if os.path.exists(text) else folder, os.W_OK):
        raise wrong(f'{text} may not be written')
    return text


def addition(text):
    """HOST:GUEST, where HOST is there."""
    source, colon, path = text.rpartition(':')
    if not colon or not path.strip('/'):
        raise wrong(f'HOST:GUEST is wanted, such as FILE:/root/FILE; came {text!r}')
    if not os.path.exists(source):
        raise wrong(f'there is no file or folder {source}')
    return text
