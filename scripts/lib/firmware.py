"""What comes out of Debian's packages for a board: device trees of Linux, and U-Boot with its own."""
import os
import re
import subprocess

import guest
import newc


def package_file(name):
    """The .deb of a riscv64 package, without its dependencies."""
    done = subprocess.run([os.path.join(guest.SCRIPTS, 'packages'), '--alone', name],
                          stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise guest.GuestError(f'cannot get the package {name} (above)')
    return done.stdout.split()[-1]


def package_root(name):
    root = newc.Root()
    root.add_package(package_file(name))
    return root


def linux_trees(names):
    """{name: bytes} of device trees that the Linux package brings."""
    depends = subprocess.run(['dpkg-deb', '-f', package_file('linux-image-riscv64'), 'Depends'], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
    package = re.search(r'linux-image-\S+', depends)[0]
    root = package_root(package)
    return {name: root.nodes[f'usr/lib/{package}/{name}'].data for name in names}


def uboot_file(package, name):
    """The path of one of U-Boot's files, kept under build/firmware/."""
    folder = os.path.join(guest.BUILD, 'firmware', package)
    path = os.path.join(folder, name.replace('/', '-'))
    if not os.path.exists(path):
        data = package_root(package).nodes['usr/lib/u-boot/' + name].data
        os.makedirs(folder, exist_ok=True)
        with open(path + '.new', 'wb') as stream:
            stream.write(data)
        os.rename(path + '.new', path)
    return path


def fit_part(path, number, output):
    """Part @number of a FIT image (u-boot.itb) into a file."""
    subprocess.run(['dumpimage', '-T', 'flat_dt', '-p', str(number), '-o', output, path], check=True,
                   stdout=subprocess.DEVNULL)
