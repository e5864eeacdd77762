"""Becomes another program, which the system kills when its parent ends, however that ends.

A process that is stopped, or busy in native code, cannot look at whether its parent is alive, so the system has to.
Linux only; elsewhere `child` starts programs without it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # of <linux/prctl.h>; kept over `exec`

if __name__ == "__main__":
    parent, program, *arguments = sys.argv[1:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):  # it ended before the system was asked
        sys.exit(1)
    os.execv(program, [program, *arguments])  # noqa: S606 (named by the parent, which starts it without a shell too)
