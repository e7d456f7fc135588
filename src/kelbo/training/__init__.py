"""The one-screen loop and its hooks. Training knows the protocols only, no concrete model."""

from kelbo.distributed.global_batch import reduce_gradients
from kelbo.training.accumulating import AccumulatingUpdate
from kelbo.training.adversarial import AdversarialUpdate
from kelbo.training.adversary import Adversary, Balance
from kelbo.training.ema import Ema
from kelbo.training.hooks import Checkpoints, Pictures, Scalars, average_weights
from kelbo.training.loggers import TensorBoard
from kelbo.training.loop import Hook, every, fit
from kelbo.training.schedules import Constant, Cosine, Drop, Schedule
from kelbo.training.skipping import Skipping
from kelbo.training.state import TrainState
from kelbo.training.stopping import StopOnSignal
from kelbo.training.update import LossUpdate, Update, Values

__all__ = [
    "AccumulatingUpdate",
    "AdversarialUpdate",
    "Adversary",
    "Balance",
    "Checkpoints",
    "Constant",
    "Cosine",
    "Drop",
    "Ema",
    "Hook",
    "LossUpdate",
    "Pictures",
    "Scalars",
    "Schedule",
    "Skipping",
    "StopOnSignal",
    "TensorBoard",
    "TrainState",
    "Update",
    "Values",
    "average_weights",
    "every",
    "fit",
    "reduce_gradients",
]
