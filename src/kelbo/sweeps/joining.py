"""Join a Ray cluster in bounded time and without noise, and ask its machines whether they can serve a sweep."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, NamedTuple

from kelbo.container import processors
from kelbo.errors import KelboError, RecipeError, RunError
from kelbo.sweeps.ray_machine import Machine, look, version

CONNECT, JOIN, ANSWER = 5.0, 30.0, 60.0
"""seconds that a connection, joining and a machine's answer may take"""

LOCAL_STORE = 128 * 2**20
"""bytes of the object store of a Ray on this machine alone: it carries recipes, no data"""

MODE = "RAY_AUTH_MODE"
"""whether a cluster asks for a token: a Ray on this machine alone does, so that only its own processes can join"""

PROBE = "import sys, ray; ray.init(sys.argv[1], log_to_driver=False, logging_level='CRITICAL')"


class Demand(NamedTuple):
    """What one job takes of a machine; fractions of a processor or an accelerator are allowed."""

    cpus: float = 1
    gpus: float = 0

    def __str__(self) -> str:
        return f"{self.cpus:g} CPU" + (f" and {self.gpus:g} GPU" if self.gpus else "")


class Node(NamedTuple):
    """A machine of the cluster: its identity in Ray, and its name with its address."""

    identity: str
    name: str


@contextmanager
def joined(address: str | None) -> Iterator[Any]:
    """Inside the block this process is a driver of the cluster at `address` (see `work_off_on_ray`); yields the module ray.

    RecipeError if Ray is not installed, or the address is invalid. KelboError if nothing answers there in time, the cluster
    cannot be joined, or the connection to it is lost.
    """
    ray = _ray()
    if ray.is_initialized():
        yield ray
        return
    own = address in (None, "local")
    if address is not None and not own:
        require_reachable(address)
    before, mode = signal.getsignal(signal.SIGTERM), os.environ.get(MODE)  # Ray replaces the one and sets the other
    with _quiet():
        try:
            _init(ray, None if own else address)
            yield ray
        except (ray.exceptions.RayError, ConnectionError) as error:
            raise KelboError(
                f"The connection to the Ray cluster at {address or 'local'} was lost: {_first_line(error)}"
            ) from error
        finally:
            ray.shutdown()
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, before)
            if mode is None:
                os.environ.pop(MODE, None)


def _init(ray: Any, address: str | None) -> None:
    size: dict[str, Any] = {"num_cpus": processors(), "object_store_memory": LOCAL_STORE, "include_dashboard": False}
    try:
        ray.init(address or "local", log_to_driver=False, logging_level=logging.CRITICAL, **({} if address else size))
    except Exception as error:  # of many kinds
        what = f"joined at {address}" if address else "started on this machine"
        raise KelboError(f"Ray could not be {what}: {_first_line(error)}") from error


def _ray() -> Any:
    if importlib.util.find_spec("ray") is None:
        raise RecipeError(
            "Sweeps on several machines need Ray: pip install 'kelbo[ray]', or use this machine.", remedy=("on",)
        )
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else it reports every start to its makers
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else it warns about jobs without an accelerator
    return importlib.import_module("ray")


@contextmanager
def _quiet() -> Iterator[None]:
    """Inside the block Ray does not print about dead workers to standard output, as it does whatever log_to_driver says."""
    inside, switch = importlib.import_module("ray._private.worker"), "_worker_logs_enabled"
    before = getattr(inside, switch, True)
    setattr(inside, switch, False)
    try:
        yield
    finally:
        setattr(inside, switch, before)


def require_open(address: str | None) -> None:
    """A quick `require_reachable`: RecipeError without Ray, KelboError if nothing listens at `address`."""
    _ray()
    if address not in (None, "local", "auto"):
        _require_open(address)


def require_reachable(address: str, patience: float = JOIN) -> None:
    """KelboError if no Ray answers at `address` within `patience` seconds. RecipeError if the address is invalid.

    Ray itself tries for two minutes and then ends the program, so another process tries first, with less time.
    """
    if address != "auto":
        _require_open(address)
    probe = [sys.executable, "-c", PROBE, address]
    try:
        done = subprocess.run(
            probe, capture_output=True, encoding="utf-8", errors="replace", timeout=patience, check=False
        )
    except subprocess.TimeoutExpired:
        raise KelboError(_no_cluster(address, f"no Ray answered within {patience:g} s")) from None
    if done.returncode:
        asks = "InvalidAuthToken" in done.stderr
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1].rstrip(".")
        raise KelboError(_no_cluster(address, _TOKEN if asks else reason))


_TOKEN = (
    "it asks for a token; copy its ~/.ray/auth_token to this machine, and set RAY_AUTH_MODE=token in the environment"
)


def _no_cluster(address: str, reason: str) -> str:
    return (
        f"No Ray cluster can be joined at {address}: {reason}. Start one with `ray start --head` and give its HOST:PORT "
        "on a machine of the cluster, ray://HOST:10001 elsewhere; or give no address to use this machine alone."
    )


def _require_open(address: str) -> None:
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise RecipeError(f"A Ray cluster's address is HOST:PORT, ray://HOST:PORT, auto or local; got {address!r}.")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT).close()
    except OSError as error:
        raise KelboError(_no_cluster(address, error.strerror or str(error))) from error


def has_accelerators(ray: Any) -> bool:
    return any(node["Alive"] and node["Resources"].get("GPU", 0) for node in ray.nodes())


def require_room(ray: Any, demand: Demand) -> list[Node]:
    """The machines on which a job fits. RecipeError if it fits on none: Ray would wait for one forever."""
    alive = [node for node in ray.nodes() if node["Alive"]]
    fitting = [
        Node(node["NodeID"], f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})")
        for node in alive
        if node["Resources"].get("CPU", 0) >= demand.cpus and node["Resources"].get("GPU", 0) >= demand.gpus
    ]
    if not fitting:
        most = {kind: max((node["Resources"].get(kind, 0) for node in alive), default=0) for kind in ("CPU", "GPU")}
        raise RecipeError(
            f"A job takes {demand} and no machine of the Ray cluster has that: of its {len(alive)}, the largest has "
            f"{most['CPU']:g} CPU and {most['GPU']:g} GPU. Ask for less per job.",
            remedy=("cpus", "gpus"),
        )
    return fitting


def require_ready(ray: Any, nodes: Sequence[Node], folder: Path | None) -> None:
    """RunError if a machine has another kelbo, or does not see a new file in `folder`."""
    if folder is None:
        answers = _ask(ray, nodes, None)
    else:
        with NamedTemporaryFile(dir=folder.absolute(), prefix=".seen-", suffix=".partial") as mark:
            answers = _ask(ray, nodes, Path(mark.name))
    own, said = version(), [(name, a if isinstance(a, str) else f"has {a.kelbo}") for name, a in answers]
    wrong = [f"{name} {words}" for name, words in said if words != f"has {own}"]
    if wrong:
        raise RunError(f"Every machine of the Ray cluster must have kelbo {own}: {'; '.join(wrong)}.")
    if blind := [name for name, answer in answers if not isinstance(answer, str) and not answer.sees]:
        raise RunError(
            f"{folder and folder.absolute()} is not visible, or not writable, on {', '.join(blind)}. The folder of a sweep on "
            "several machines must lie on a file system that all of them mount at the same path. Choose such a folder.",
            remedy=("out",),
        )


def here(ray: Any) -> Any:
    """Schedules an actor on this machine, so that it lives as long as this driver."""
    return _on(ray.get_runtime_context().get_node_id())


def _on(node: str) -> Any:
    there = importlib.import_module("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
    return there(node, soft=False)


def _ask(ray: Any, nodes: Sequence[Node], mark: Path | None) -> list[tuple[str, Machine | str]]:
    """Each machine's name and its answer, or why it has none, in words."""
    ask = ray.remote(look)
    answers = [
        ask.options(num_cpus=0, max_retries=0, scheduling_strategy=_on(node.identity)).remote(mark) for node in nodes
    ]
    ray.wait(answers, num_returns=len(answers), timeout=ANSWER)
    return [(node.name, _answer(ray, ref)) for node, ref in zip(nodes, answers, strict=True)]


def _answer(ray: Any, ref: Any) -> Machine | str:
    try:
        return ray.get(ref, timeout=0)
    except ray.exceptions.RayTaskError as error:
        return f"cannot load it ({type(error.cause).__name__}: {_first_line(error.cause)})"
    except ray.exceptions.GetTimeoutError:
        return f"did not answer in {ANSWER:g} s"
    except ray.exceptions.RayError as error:
        return f"did not answer ({_first_line(error)})"


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
