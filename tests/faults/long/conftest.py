"""What long tests share."""

from tests.faults.long.house import peace

__all__ = ["peace"]
