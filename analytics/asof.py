"""The lake as it was known at an earlier moment: without rows and restatements that landed later.

Days whose files hold such rows are counted again without them, into a temporary folder in the restricted
zone; all other days keep their marts. The views then read only what had landed. So the same moment always
gives the same figures, whatever has come in since, except that findings are judged by today's policy. What
was deleted or replaced since (`retain`, `erase`, `scan --replace`) is gone; weeks whose rows were deleted
keep their figures.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from analytics.counting.build import Build
from analytics.counting.day_marts import make_days
from analytics.counting.people_marts import Counting, count_people_then
from analytics.counting.policy_marts import make_findings
from analytics.counting.state import locked, read_state
from analytics.counting.week_marts import make_coverage, make_names, make_weeks
from analytics.definitions import load_marts
from analytics.lake import LakeUnreadable, open_views
from analytics.publish import publish
from analytics.refresh import complete_manifest
from analytics.scratch import AS_OF, scratch_database


@contextmanager
def views(
    lake: Path,
    *,
    as_of: datetime | None = None,
    restricted: bool = False,
    counting: Counting | None = None,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the published views of `lake`, or to those as of `as_of` (UTC if it has no zone).

    Without `counting` there are no numbers of people over several weeks as of an earlier moment. Raises
    LakeUnreadable; an earlier moment needs write access to the restricted zone.
    """
    moment = as_of.replace(tzinfo=as_of.tzinfo or UTC) if as_of else None
    if moment is None or moment >= datetime.now(UTC):
        with open_views(lake, restricted=restricted) as connection:
            yield connection
        return
    with (
        _counted(lake, moment, counting) as folder,
        open_views(lake, restricted=restricted, folder=folder) as past,
    ):
        yield past


@contextmanager
def _counted(lake: Path, moment: datetime, counting: Counting | None) -> Iterator[Path]:
    """A folder with the views files of the lake as of `moment`; deleted afterwards."""
    restricted = lake / "restricted"
    try:
        folder = restricted / Path(tempfile.mkdtemp(dir=restricted, prefix=AS_OF)).name
    except OSError as error:
        hint = "--as-of counts anew, so it takes write access to the restricted zone"
        raise LakeUnreadable(f"{restricted}: {error.strerror}; {hint}") from error
    try:
        with locked(lake):
            manifest = complete_manifest(lake).as_of(moment)
            state = read_state(lake)
            state.build += 1
            place = f"{folder.relative_to(lake)}/"
            with scratch_database(lake) as connection:
                build = Build(
                    lake, manifest, state, connection, manifest.zone, manifest.k, moment, load_marts(), place
                )
                make_days(build)
                make_weeks(build)
                count_people_then(build, counting)
                make_names(build)
                make_coverage(build)
                make_findings(build)
                publish(
                    lake,
                    manifest,
                    state.files,
                    zone=manifest.zone,
                    connection=connection,
                    folder=folder,
                )
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
