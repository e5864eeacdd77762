"""The report: one self-contained HTML page that says whether to train on a run's images, and on what evidence."""

from dcgan.report.page import write_report

__all__ = ["write_report"]
