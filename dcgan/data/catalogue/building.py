"""The catalogue of a run."""

from __future__ import annotations

from dcgan.config import ResolvedJob
from dcgan.data.catalogue.cache import Cache
from dcgan.data.catalogue.inspection import scan
from dcgan.data.catalogue.lastnight import require_same_reading
from dcgan.data.catalogue.unlabelled import scan_unlabelled
from dcgan.execution.progress import OnProgress
from dcgan.files import storage
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import CatalogueRecord


def build_catalogue(run: Run, job: ResolvedJob, on_progress: OnProgress, *, rehash: bool = False) -> CatalogueRecord:
    """Scan the job's inputs and leave tables and record in the run; when they are there, give the record.

    Args:
        run: where to.
        job: resolved.
        on_progress: called now and then.
        rehash: open every file, also those that have not changed since the job's last run.

    Raises:
        InputError: see `scan` and `scan_unlabelled`; or the job's last run read the source in another way.
    """
    if not run.catalogue.exists():
        table, record = scan(job.data, on_progress, Cache(run.job.scan_cache, rehash))
        require_same_reading(run.job, job.data, table, record, leave_out=run)
        unlabelled = None
        if job.data.unlabelled:
            cache = Cache(run.job.unlabelled_cache, rehash)
            unlabelled, found = scan_unlabelled(job.data, table, on_progress, cache)
            record = record.model_copy(update={"unlabelled": found})
        with storage.whole_folder(run.catalogue) as temporary:
            table.to_parquet(temporary / run.catalogue_table.name, index=False)
            if unlabelled is not None:
                unlabelled.to_parquet(temporary / run.unlabelled_table.name, index=False)
            records.write(temporary / run.catalogue_record.name, record)
    return records.read(run.catalogue_record, CatalogueRecord)
