"""PostgreSQL as Debian packages it: one private cluster for a run of the suite, through crates/testkit, and a database in
it for each node."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from testkit import program

COMMAND_SECONDS_MAX = 120


def tool(name: str) -> str:
    """One of PostgreSQL's own programs."""
    places = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), key=lambda path: int(path.split("/")[4]))
    found = places[-1] if places else shutil.which(name)
    assert found is not None, f"{name} of PostgreSQL is not installed"
    return found


class Databases:
    """A cluster of this run's own."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="conformance-databases-"))
        # The server runs as somebody else where we are root.
        self.folder.chmod(0o711)
        self._log = (self.folder / "server.log").open("wb")
        # It ends when its input does, and so with the suite, however that ends.
        self._process = subprocess.Popen(
            [str(program("database_server")), "--folder", str(self.folder / "cluster"), "--listen", "127.0.0.1:0"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True,
        )
        self.url = self._process.stdout.readline().strip()
        assert self.url.startswith("postgres"), (self.folder / "server.log").read_text()

    @property
    def port(self) -> int:
        """Where it listens."""
        return urlsplit(self.url).port or 5432

    def ask(self, *commands: str) -> str:
        """Runs statements outside of any node's database, and returns what they tell."""
        arguments = [argument for command in commands for argument in ("--command", command)]
        done = subprocess.run(
            [tool("psql"), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1", *arguments,
             self.url],
            capture_output=True, text=True, timeout=COMMAND_SECONDS_MAX,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def make(self, name: str, like: str = "template0") -> Database:
        """A database that is not there yet, with what another has, which nobody may be using."""
        self.ask(f'CREATE DATABASE "{name}" TEMPLATE "{like}" ENCODING \'UTF8\'')
        return Database(self, name)

    def restart(self) -> None:
        """As after a crash of the server: nothing is finished, and all is recovered from its log."""
        self._control("restart", "--mode=immediate")

    def stop(self) -> None:
        """It is away, at once."""
        self._control("stop", "--mode=immediate")

    def start(self) -> None:
        """It is there again, at the same port."""
        self._control("start")

    def _control(self, *words: str) -> None:
        data = self.folder / "cluster" / "data"
        owner = data.stat()
        # Root may not run it.
        who = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        done = subprocess.run(
            [tool("pg_ctl"), *words, "--wait", "--silent", "--pgdata", str(data), "--log", str(data / "log")],
            cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            timeout=COMMAND_SECONDS_MAX, **who,
        )
        assert done.returncode == 0, f"pg_ctl {' '.join(words)} ended with {done.returncode}:\n{(data / 'log').read_text()[-2000:]}"

    def end(self) -> None:
        """Ends the cluster, and all that is in it."""
        self._process.stdin.close()
        self._process.wait(30)
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Database:
    """One database of the cluster."""

    def __init__(self, server: Databases, name: str):
        self.server, self.name = server, name

    def variables(self, port: int | None = None) -> dict[str, str]:
        """The settings of a node that keeps its catalog there; `port`: by another way."""
        parts = urlsplit(self.server.url)
        user = f"{parts.username}:{parts.password}" if parts.password else parts.username
        query = f"?{parts.query}" if parts.query else ""
        url = f"postgres://{user}@{parts.hostname}:{port or parts.port}/{self.name}{query}"
        return {"CAUSEWAY_CATALOG__URL": url}

    def remove(self) -> None:
        """Takes it away, whoever uses it."""
        self.server.ask(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')
