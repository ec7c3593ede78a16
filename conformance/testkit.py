"""The programs of crates/testkit that tests start beside a node."""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path

from subjects.causeway import REPOSITORY, binary


#: What some of them are built with.
FEATURES = {"bucket_server": ["--features", "bucket"]}


@functools.cache
def program(name: str) -> Path:
    """The newest one that was built; else it is built."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    places = [binary().parent, target / "release", target / "debug"]
    built = [path for place in places if (path := place / "examples" / name).is_file()]
    if not built:
        build = ["cargo", "build", "--package", "causeway-testkit", "--example", name, *FEATURES.get(name, [])]
        subprocess.run(build, cwd=REPOSITORY, check=True)
        return target / "debug" / "examples" / name
    return max(built, key=lambda path: path.stat().st_mtime)
