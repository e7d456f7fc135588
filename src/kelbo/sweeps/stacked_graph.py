"""A step of many lanes as one CUDA graph: recorded once, then launched as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from kelbo.bound import Batch
from kelbo.sweeps.stacked_step import Step
from kelbo.training import Values

WARM_UP = 3
"""steps on a side stream before the recording, in which libraries choose their kernels"""


class Graph:
    """Replaces a step's `compute`. Its first calls are ordinary steps, the next one is recorded, later ones replay it.

    The graph records addresses, so what a step changes must stay at its address: learning rates are tensors here, objectives'
    states lie on the device, each lane's generator is registered with the graph. Results are valid until the next call.
    """

    def __init__(self, step: Step) -> None:
        self.step, self.eager, self.calls = step, step.compute, 0
        self.graph = torch.cuda.CUDAGraph()
        device = step.fabric.device
        for lane in step.lanes:
            for memory in (lane.state.objective_state, lane.state.objective_used):
                memory |= {name: value.to(device) for name, value in memory.items()}
        self.groups = [group for lane in step.lanes for group in lane.state.optimizer.param_groups]
        self.rates = [torch.zeros((), device=device) for _ in self.groups]
        self.filled: list[float | None] = [None] * len(self.groups)

    def __call__(self, batches: Batch) -> list[Values]:
        self.calls += 1
        if self.calls <= WARM_UP:
            return self._aside(batches)
        if self.calls == WARM_UP + 1:
            self._record(batches)
        self.batches.x.copy_(batches.x)
        for name, value in batches.given.items():
            self.batches.given[name].copy_(value)
        self._fill_rates()
        self.graph.replay()
        return self.result

    def _aside(self, batches: Batch) -> list[Values]:
        side, main = torch.cuda.Stream(), torch.cuda.current_stream()
        side.wait_stream(main)
        with torch.cuda.stream(side):
            result = self.eager(batches)
        main.wait_stream(side)
        return result

    def _record(self, batches: Batch) -> None:
        self.batches = Batch(batches.x.clone(), {name: value.clone() for name, value in batches.given.items()})
        for lane in self.step.lanes:
            self.graph.register_generator_state(lane.source.on(self.step.fabric.device))
        with self._rates_as_tensors(), torch.cuda.graph(self.graph):
            self.result = self.eager(self.batches)

    def _fill_rates(self) -> None:
        """Set the learning rates that have changed since the last step."""
        for number, (group, rate) in enumerate(zip(self.groups, self.rates, strict=True)):
            if self.filled[number] != group["lr"]:
                self.filled[number] = group["lr"]
                rate.fill_(group["lr"])

    @contextmanager
    def _rates_as_tensors(self) -> Iterator[None]:
        """Inside the block the optimisers read their learning rates from the device, as a recording must."""
        before = [(group["lr"], group.get("capturable")) for group in self.groups]
        for group, rate in zip(self.groups, self.rates, strict=True):
            group["lr"] = rate
            if "capturable" in group:
                group["capturable"] = True
        yield
        for group, (rate, capturable) in zip(self.groups, before, strict=True):
            group["lr"] = rate
            if "capturable" in group:
                group["capturable"] = capturable
