"""One step of several players: an encoder, a decoder and a discriminator, each with its own loss (VAE/GAN and relatives).

With R the rate, D the distance that the loss has for -log p(x | z) and L the discriminator's loss, gradients of

    encoder        objective(R, D)                 the ELBO: R + D
    decoder        γ·objective(R, D) + w·A         A is -L in the saturating game
    discriminator  L (and the gradient penalty)

are taken by `torch.autograd.grad` before anybody moves. D gives no gradient to the discriminator and A none to the encoder
unless `Adversary.encoder` is true. In each loss, images that it does not speak of are constants: D is a function of the
reconstructions, A of the fakes.

Each network sees each input once. The graph is cut at the latents and at the decoder's output: L gives the discriminator's
gradient and that of the fakes, which with its sign changed is the decoder's in the saturating game; D gives the gradient of
the reconstructions, from which one pass back through the decoder has the decoder's own and that of the latents.

Batch normalisation: the encoder sees the batch. The decoder has a pass for the posterior's latents and one for the prior's, so
that no adversarial gradient of samples reaches the encoder. The discriminator's passes are `Adversary.together`'s to say. A
frozen discriminator uses the statistics it was trained with. Running statistics take in every pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from kelbo.bound import Batch, Bound, ErrorBound
from kelbo.distributed.fabric import Fabric
from kelbo.distributed.global_batch import over_processes, reduce_gradients
from kelbo.protocols import Objective, State
from kelbo.training.adversary import Adversary, costs, penalty, require_penalty
from kelbo.training.players import Answers, MadeImages, Players, Readers, played
from kelbo.training.schedules import Schedule, set_learning_rate
from kelbo.training.skipping import Decision, Skipping, step_if
from kelbo.training.state import TrainState
from kelbo.training.update import Values, described

Gradients = dict[str, list[Tensor]]
"""Of each player's parameters, in their order."""
ADAPTIVE_FLOOR, ADAPTIVE_MOST = 1e-4, 1e4
"""of the adaptive weight, as in the release of VQGAN: added to its denominator, and its largest value"""


class AdversarialUpdate:
    """The update of VAE/GAN, of a VAE with a learned distance, and of a GAN. See above for who gets which gradient.

    objective       weighs rate and distance for the encoder; None of a GAN
    adversary       None if the discriminator is frozen, or there is none
    reconstruction  γ, the weight of the objective in the decoder's loss
    clip            the largest norm of each player's gradient
    beside          what the distance has beside the model's own: nats of images and their reconstructions, (B,)

    Its values are `LossUpdate`'s, where the distortion is that of pixels and the loss the encoder's; the distance by the name
    that the model has for it, the discriminator's costs and accuracy, the decoder's adversarial loss, each player's norm, and
    how often who was skipped. A step whose gradients are not finite or too large is skipped by all players, if any is.
    """

    distributed = True
    accumulate = 1

    def __init__(
        self,
        fabric: Fabric,
        objective: Objective | None,
        schedule: Schedule,
        adversary: Adversary | None = None,
        reconstruction: float = 1.0,
        clip: float | None = None,
        skipping: Skipping | None = None,
        beside: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> None:
        from torch._functorch import config  # as of compiled networks, which here go backward more than once

        config.donated_buffer = False
        self.fabric, self.objective, self.schedule, self.adversary = fabric, objective, schedule, adversary
        self.reconstruction, self.clip, self.skipping, self.beside = reconstruction, clip, skipping, beside

    def __call__(self, state: TrainState, batch: Batch) -> Values:
        for optimizer in state.optimizers.values():
            set_learning_rate(optimizer, self.schedule(state.step))
        if self.skipping is not None:
            self.skipping.keep(state.network)
        adversary = self.adversary if self.adversary and state.step >= self.adversary.start else None
        found, said, memory = self.gradients(state, batch, adversary)
        return said | self._apply(state, found, said, memory, adversary)

    def gradients(
        self, state: TrainState, batch: Batch, adversary: Adversary | None
    ) -> tuple[Gradients, dict[str, Tensor], State]:
        """Of this process's batch by each player's loss; what the step says of itself; the objective's memory after it."""
        model = cast(Readers, state.network)
        with self.fabric.autocast():
            answers = played(model, batch, adversary, self.objective is not None)
        moved, said, memory = model.players(), dict[str, Tensor](), dict[str, Tensor]()
        found: Gradients = {}
        own = list(model.likelihood.parameters()) if answers.made else []
        loss = slope = None
        if answers.made is not None:
            loss, slope, of_own, told, memory = self._weighed(state, batch, answers, own)
            said |= told
            found["likelihood"] = of_own
        pulls: dict[str, Tensor] = {}
        if adversary is not None:
            found["discriminator"], pulls, told = self._judged(model, batch, answers, adversary, moved["discriminator"])
            said |= told
            pulls, told = self._weights(model, answers, slope, pulls, adversary)
            said |= told
        networks = [p for p in moved["decoder"] if not any(p is q for q in own)]
        of_decoder, of_latents = self._handed_on(answers, networks, slope, pulls, adversary)
        found["decoder"] = [*of_decoder, *found.pop("likelihood", [])]
        if loss is not None and "encoder" in moved:  # it may be frozen
            encoded = [z for z in answers.latents if z.requires_grad]
            found["encoder"] = _grad([loss, *encoded], moved["encoder"], [None, *of_latents])
        if "loss" not in said:
            said["loss"] = said["loss/discriminator"]
        return found, said, memory

    def _weighed(
        self, state: TrainState, batch: Batch, answers: Answers, own: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor, list[Tensor], dict[str, Tensor], State]:
        """The encoder's loss; its slope by the reconstructions' output; the gradient of the likelihood's own parameters, which
        is of the loss if that has the likelihood, else of the distortion itself; what is said; the objective's memory.
        """
        model, made = cast(Readers, state.network), cast(MadeImages, answers.made)
        with torch.autocast(made.leaf.device.type, enabled=False):
            pixels = -model.likelihood.log_prob(batch.x, made.leaf)
            distance = model.distance(batch.x, made.images, pixels, answers.features)
            if self.beside is not None:
                distance = distance + self.beside(batch.x, made.images)
        objective = cast(Objective, self.objective)
        bound = Bound(cast(Tensor, answers.rate), distance)
        if getattr(objective, "errors", False):
            errors = model.likelihood.errors(batch.x, made.leaf).square().flatten(1).sum(1)
            bound = ErrorBound(*bound, errors)
        bound = over_processes(self.fabric, bound)
        loss, memory = objective(bound, state.objective_state)
        learned = model.tap is not None
        slope, *of_own = _grad([loss], [made.leaf, *([] if learned else own)])
        if learned:
            of_own = _grad([pixels.mean()], own) if own else []
        else:
            of_own = [self.reconstruction * gradient for gradient in of_own]
        said = described(bound._replace(distortion=pixels), loss)
        if distance is not pixels:
            said[getattr(model, "distance_name", "distance")] = distance.detach().mean()
        told = getattr(objective, "told", None)
        said |= {} if told is None else {n: v.clone() for n, v in told(bound, state.objective_state).items()}
        return loss, slope, of_own, {name: value.detach() for name, value in said.items()}, memory

    def _judged(
        self, model: Players, batch: Batch, answers: Answers, adversary: Adversary, moved: list[nn.Parameter]
    ) -> tuple[list[Tensor], dict[str, Tensor], dict[str, Tensor]]:
        """The discriminator's gradient; the decoder's adversarial slope by the output of each kind of fakes; what is said."""
        real, fakes = cast(Tensor, answers.real).float(), {kind: value.float() for kind, value in answers.fakes.items()}
        leaves = {kind: cast(MadeImages, getattr(answers, kind)).leaf for kind in fakes}
        loss = adversary.discriminator_loss(real, fakes)
        slopes = _grad([loss], [*moved, *leaves.values()])
        mine, pulls = slopes[: len(moved)], slopes[len(moved) :]
        wanted = adversary.decoder_loss(fakes)
        pulls = [-pull for pull in pulls] if wanted is None else _grad([wanted], [*leaves.values()])
        said = costs(real, fakes) | {"loss/discriminator": loss.detach()}
        said["loss/adversarial"] = (-loss if wanted is None else wanted).detach()
        if adversary.r1:
            require_penalty(cast(nn.Module, model.judge), self.fabric.world_size)
            x = batch.x.detach().requires_grad_()
            with self.fabric.autocast():
                logits = model.judge.logits(x, model.conditions_of(batch.given))
            steep = penalty(logits, x)
            for gradient, more in zip(mine, _grad([steep], moved), strict=True):
                gradient.add_(more, alpha=adversary.r1)
            said["gradient_penalty"] = steep.detach()
        return mine, dict(zip(leaves, pulls, strict=True)), said

    def _weights(
        self, model: Players, answers: Answers, slope: Tensor | None, pulls: dict[str, Tensor], adversary: Adversary
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The adversarial slopes times their weight, and if it is adaptive what it is."""
        weight: Tensor | float = adversary.weight
        if adversary.adaptive and slope is not None:
            made = cast(MadeImages, answers.made)
            sides = [
                _grad([made.output], [model.last_layer], [self.reconstruction * slope]),
                _grad(
                    [cast(MadeImages, getattr(answers, kind)).output for kind in pulls],
                    [model.last_layer],
                    [*pulls.values()],
                ),
            ]
            mine, other = (self._mean(gradient).norm() for (gradient,) in sides)
            weight = weight * (mine / (other + ADAPTIVE_FLOOR)).clamp(max=ADAPTIVE_MOST)
        told = {"adversarial_weight": weight.detach()} if isinstance(weight, Tensor) else {}
        return {kind: weight * pull for kind, pull in pulls.items()}, told

    def _mean(self, value: Tensor) -> Tensor:
        """Over all processes."""
        if self.fabric.world_size == 1:
            return value
        return torch.as_tensor(self.fabric.all_reduce(value.clone(), reduce_op="mean"))

    def _handed_on(
        self,
        answers: Answers,
        networks: Sequence[Tensor],
        slope: Tensor | None,
        pulls: Mapping[str, Tensor],
        adversary: Adversary | None,
    ) -> tuple[list[Tensor], list[Tensor]]:
        """From slopes by the decoder's outputs to the gradients of its weights and of the posterior's latents."""
        gamma, pull = self.reconstruction, pulls.get("made")
        total = [torch.zeros_like(parameter) for parameter in networks] if slope is None and not pulls else []
        of_latents: list[Tensor] = []
        if answers.made is not None and slope is not None:
            made, count = answers.made, len(networks)
            latents = [z for z in made.latents if z.requires_grad]
            encoder = pull if adversary is not None and adversary.encoder else None
            whole = slope if encoder is None else slope + encoder
            if pull is None or (
                encoder is not None and gamma == 1
            ):  # the two losses' slopes are the same, or in proportion
                found = _grad([made.output], [*networks, *latents], [whole])
                total = [gamma * gradient for gradient in found[:count]] if gamma != 1 else found[:count]
                of_latents = found[count:]
            else:
                total = _grad([made.output], networks, [gamma * slope + pull])
                of_latents = _grad([made.output], latents, [whole])
        if answers.drawn is not None and "drawn" in pulls:
            more = _grad([answers.drawn.output], networks, [pulls["drawn"]])
            total = [a.add_(b) for a, b in zip(total, more, strict=True)] if total else more
        return total, of_latents

    def _apply(
        self,
        state: TrainState,
        found: Gradients,
        said: Mapping[str, Tensor],
        memory: State,
        adversary: Adversary | None,
    ) -> dict[str, Tensor]:
        """Each player's step, after the gradients of all processes are one."""
        moved, told = cast(Players, state.network).players(), dict[str, Tensor]()
        for name, gradients in found.items():
            for parameter, gradient in zip(moved[name], gradients, strict=True):
                parameter.grad = gradient
            reduce_gradients(self.fabric, moved[name])
            told[f"gradient_norm/{name}"] = self._clipped(moved[name])
        norm = torch.stack([*told.values()]).norm()
        applied, scale = torch.ones_like(norm, dtype=torch.bool), torch.ones_like(norm)
        if self.skipping is not None:
            decision = self.skipping.judge(state.skips, norm, said["loss"], None)
            applied, scale, told = decision.applied, decision.scale, told | decision.told
        plays = dict[str, Tensor]()
        if adversary is not None and adversary.balance is not None:
            each = self._mean(torch.stack([said["discriminator/real"], said["discriminator/fake"]]))
            plays = adversary.balance(*each)
            told |= {f"skipped/{name}": (~moves).float() for name, moves in plays.items()}
        for name in found:
            if name in plays or self.skipping is not None:
                step_if(state.optimizers[name], Decision(applied & plays.get(name, applied), scale, {}))
            else:
                state.optimizers[name].step()
        if self.skipping is not None:
            self.skipping.give_back(state.network, applied)
        for name, value in memory.items():  # in place, as every update keeps it
            state.objective_used[name].copy_(state.objective_state[name])
            state.objective_state[name].copy_(torch.where(applied, value, state.objective_state[name]))
        return told | {"gradient_norm": norm}

    def _clipped(self, parameters: Sequence[Tensor]) -> Tensor:
        """The norm of a player's gradient before it is clipped."""
        norm = get_total_norm([p.grad for p in parameters if p.grad is not None])
        if self.clip is not None:
            clip_grads_with_norm_(parameters, self.clip, norm)
        return norm


def _grad(
    outputs: Sequence[Tensor], inputs: Iterable[Tensor], slopes: Sequence[Tensor | None] | None = None
) -> list[Tensor]:
    """Gradients of the outputs, each times its slope; the graph stays, for the other players."""
    inputs = [*inputs]
    if not inputs:
        return []
    return list(torch.autograd.grad(outputs, inputs, slopes, retain_graph=True, materialize_grads=True))
