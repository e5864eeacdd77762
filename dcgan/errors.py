"""Every error that this project raises on purpose.

    DcganError
    ├── ConfigError       the job file or the command line asks for something that cannot be     (exit 2)
    ├── InputError        the real images, as a whole, cannot serve the job                      (exit 2)
    ├── BusyError         another process is running this job                                    (exit 1)
    ├── StorageError      a file or folder cannot be written or read, or the disk is too full    (exit 1)
    ├── StageError        one class, or one stage, failed; the message names it                  (exit 1)
    │   └── TrainingError training of one class could not be brought to an end
    ├── ServerError      the Prefect server cannot be started, or has stopped answering           (exit 1)
    ├── ReleaseError      a release is missing, incomplete or does not match its checksums       (exit 1)
    └── Interrupted       the user, or the system, stopped the run; it can be resumed            (exit 130)

A message says what was found, what was expected, how to fix it, and where.
"""

from __future__ import annotations


class DcganError(Exception):
    """Base of all errors of this project; `exit_status` is what the command line ends with."""

    exit_status = 1


class ConfigError(DcganError):
    """The job file or the command line asks for something that cannot be."""

    exit_status = 2


class InputError(DcganError):
    """The real images, taken as a whole, cannot serve the job."""

    exit_status = 2


class BusyError(DcganError):
    """Another process is running this job."""


class StorageError(DcganError):
    """A file or folder cannot be written or read, or the disk is too full."""


class StageError(DcganError):
    """One class, or one stage, failed."""


class TrainingError(StageError):
    """Training of one class could not be brought to an end."""


class ServerError(DcganError):
    """The Prefect server cannot be started, or has stopped answering."""


class ReleaseError(DcganError):
    """A release is missing, incomplete, or does not match its checksums."""


class Interrupted(DcganError):
    """The user, or the system, stopped the run. Run the same command again to resume."""

    exit_status = 130
