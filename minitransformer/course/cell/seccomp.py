"""A wall: which system calls are refused, by a filter (seccomp) that Linux runs at each call.

Besides what namespaces and Landlock refuse, the filter refuses: new processes and programs, signals to other processes, access to
their memory, sockets, changes of rights, owners and times, kernel objects that outlive the process, and calls that could bypass the
filter.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from minitransformer.course.cell.kernel import MACHINE, MACHINES, call

REFUSED = """
fork 57 - vfork 58 - execve 59 221 execveat 322 281
tkill 200 130 rt_sigqueueinfo 129 138 rt_tgsigqueueinfo 297 240 pidfd_send_signal 424 424 pidfd_open 434 434 pidfd_getfd 438 438
ptrace 101 117 process_vm_readv 310 270 process_vm_writev 311 271 process_madvise 440 440 kcmp 312 272
socket 41 198 connect 42 203 bind 49 200 listen 50 201 accept 43 202 accept4 288 242 sendmsg 46 211 sendmmsg 307 269
chmod 90 - fchmod 91 52 fchmodat 268 53 fchmodat2 452 452 chown 92 - fchown 93 55 lchown 94 - fchownat 260 54
utime 132 - utimes 235 - futimesat 261 - utimensat 280 88 file_setattr 469 469
setxattr 188 5 lsetxattr 189 6 fsetxattr 190 7 removexattr 197 14 lremovexattr 198 15 fremovexattr 199 16
setxattrat 463 463 removexattrat 466 466
mount 165 40 umount2 166 39 pivot_root 155 41 chroot 161 51 unshare 272 97 setns 308 268 open_tree 428 428 move_mount 429 429
fsopen 430 430 fsconfig 431 431 fsmount 432 432 fspick 433 433 mount_setattr 442 442 open_tree_attr 467 467
name_to_handle_at 303 264 open_by_handle_at 304 265 fanotify_init 300 262
bpf 321 280 perf_event_open 298 241 userfaultfd 323 282 add_key 248 217 request_key 249 218 keyctl 250 219
io_uring_setup 425 425 io_uring_enter 426 426 io_uring_register 427 427 memfd_create 319 279 memfd_secret 447 447
shmget 29 194 shmat 30 196 shmctl 31 195 msgget 68 186 semget 64 190 mq_open 240 180 mq_unlink 241 181
init_module 175 105 finit_module 313 273 delete_module 176 106 kexec_load 246 104 kexec_file_load 320 294
reboot 169 142 swapon 167 224 swapoff 168 225 acct 163 89 quotactl 179 60 syslog 103 116 iopl 172 - ioperm 173 -
settimeofday 164 170 clock_settime 227 112 adjtimex 159 171 clock_adjtime 305 266 sethostname 170 161 setdomainname 171 162
setrlimit 160 164 setpriority 141 140
"""
CHANGES_FILES = """
unlink 87 - unlinkat 263 35 rename 82 - renameat 264 38 renameat2 316 276 rmdir 84 - mkdir 83 - mkdirat 258 34 link 86 -
linkat 265 37 symlink 88 - symlinkat 266 36 truncate 76 45 creat 85 - mknod 133 - mknodat 259 33
"""

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ABI, ARGUMENTS = 0, 4, 16  # offsets in the data of a call that the filter reads
ALLOW, ERROR = 0x7FFF0000, 0x50000
THREAD, DEATH_SIGNAL = 0x10000, 1
TYPE, PASTE = 0x5412, 0x541C  # they put characters into a terminal as if its user had typed them
WRITES = os.O_WRONLY | os.O_RDWR | getattr(os, "O_CREAT", 0) | getattr(os, "O_TRUNC", 0)

Steps = list[tuple[int, int, int, int]]


def filter_calls(files: bool) -> None:
    """From now on the kernel refuses the system calls above.

    Args:
        files: whether it also refuses those that change files.

    Raises:
        OSError: if the kernel has no such filter, or the numbers of this machine's system calls are unknown.
    """
    if MACHINE not in MACHINES:
        raise OSError(errno.ENOSYS, f"no table of system calls for {MACHINE}")
    steps = b"".join(struct.pack("=HBBI", *step) for step in _program(files))
    code = ctypes.create_string_buffer(steps, len(steps))
    program = ctypes.create_string_buffer(
        struct.pack("HxxxxxxQ", len(steps) // 8, ctypes.addressof(code)), 16
    )
    call("prctl", 22, 2, program, 0, 0)  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER


def _program(files: bool) -> Steps:
    steps = [(LOAD, 0, 0, ABI), (EQUAL, 1, 0, MACHINES[MACHINE]), _no(errno.ENOSYS), (LOAD, 0, 0, NUMBER)]
    steps += [
        (AT_LEAST, 0, 1, 1 << 30),
        _no(errno.ENOSYS),
    ]  # x86-64 has a second set of numbers for 32-bit pointers
    for number in _numbers(REFUSED + files * CHANGES_FILES):
        steps += _case(number, [_no()])
    for number, decide in _particular(files):
        steps += _case(number, decide)
    return [*steps, (RETURN, 0, 0, ALLOW)]


def _particular(files: bool) -> list[tuple[int, Steps]]:
    """Calls that are refused or allowed depending on their arguments."""
    clone, kill, tgkill, prctl, ioctl, prlimit, sendto, openat = _numbers(
        "clone 56 220 kill 62 129 tgkill 234 131 prctl 157 167 ioctl 16 29 prlimit64 302 261 sendto 44 206 openat 257 56"
    )
    own = _if(0, (EQUAL, os.getpid()), yes=True)
    cases = [
        (clone, _if(0, (ANY_BIT, THREAD), yes=True)),
        # clone3: a filter cannot read its arguments. After ENOSYS the C library calls clone instead
        (435, [_no(errno.ENOSYS)]),
        (kill, own),
        (tgkill, own),
        (prctl, _if(0, (EQUAL, DEATH_SIGNAL), yes=False)),
        (
            ioctl,
            [
                (LOAD, 0, 0, ARGUMENTS + 8),
                (EQUAL, 1, 0, TYPE),
                (EQUAL, 0, 1, PASTE),
                _no(),
                (RETURN, 0, 0, ALLOW),
            ],
        ),
        (prlimit, _if_null(2)),
        (sendto, _if_null(4)),
    ]
    opened = [(openat, 2), (2, 1)] if MACHINE == "x86_64" else [(openat, 2)]
    return cases + files * [
        (437, [_no(errno.ENOSYS)]),
        *((n, _if(i, (ANY_BIT, WRITES), yes=False)) for n, i in opened),
    ]


def _numbers(table: str) -> list[int]:
    """The numbers of system calls on this machine, from a table of (name, number on x86-64, number on ARM)."""
    words = table.split()
    return [int(n) for n in words[1 + (MACHINE == "aarch64") :: 3] if n != "-"]


def _case(number: int, steps: Steps) -> Steps:
    return [(EQUAL, 0, len(steps), number), *steps]


def _no(error: int = errno.EPERM) -> tuple[int, int, int, int]:
    return RETURN, 0, 0, ERROR | error


def _if(argument: int, test: tuple[int, int], yes: bool) -> Steps:
    """Allow the call if the test of an argument is true; with `yes` False, if it is false."""
    ends = [_no(), (RETURN, 0, 0, ALLOW)]
    return [(LOAD, 0, 0, ARGUMENTS + 8 * argument), (test[0], 1, 0, test[1]), *(ends if yes else ends[::-1])]


def _if_null(argument: int) -> Steps:
    """Allow the call if an argument of 64 bits is 0."""
    low = ARGUMENTS + 8 * argument
    return [
        (LOAD, 0, 0, low),
        (EQUAL, 0, 2, 0),
        (LOAD, 0, 0, low + 4),
        (EQUAL, 1, 0, 0),
        _no(),
        (RETURN, 0, 0, ALLOW),
    ]
