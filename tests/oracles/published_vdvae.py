"""A plain transcription of what the release of the very deep VAE (Child, 2021) computes, on weights by the release's names.

From its description; beside its parity with kelbo's model, the model's speed is measured against it.
"""

import math

import torch
import torch.nn.functional as F


def block(w, name, x, residual=False):
    y = x
    for part in ("c1", "c2", "c3", "c4"):
        kernel = w[f"{name}.{part}.weight"]
        y = F.conv2d(F.gelu(y), kernel, w[f"{name}.{part}.bias"], padding=kernel.shape[-1] // 2)
    return x + y if residual else y


def kl(mean, log_scale, prior_mean, prior_log_scale):
    quotient = (log_scale.exp() ** 2 + (mean - prior_mean) ** 2) / prior_log_scale.exp() ** 2
    return -0.5 + prior_log_scale - log_scale + 0.5 * quotient


def mixture(x, output, low_bit):
    """Nats of pixels x (B, 3, H, W) on [-1, 1] under the parameters (B, 10·M, H, W), each (B, H, W)."""
    half, width = (1 / 31, 15.5) if low_bit else (1 / 255, 127.5)
    m = output.shape[1] // 10
    logits, rest = output[:, :m], output[:, m:].unflatten(1, (3, 3 * m))
    means, scales, raw = rest.split(m, 2)
    scales, raw = scales.clamp(min=-7), raw.tanh()
    red, green, blue = x.unsqueeze(2).unbind(1)
    del blue
    means = torch.stack(
        [means[:, 0], means[:, 1] + raw[:, 0] * red, means[:, 2] + raw[:, 1] * red + raw[:, 2] * green], 1
    )
    centred, x = x.unsqueeze(2) - means, x.unsqueeze(2)
    upper, lower = ((centred + sign * half) * (-scales).exp() for sign in (1, -1))
    middle = centred * (-scales).exp()
    mass = upper.sigmoid() - lower.sigmoid()
    inside = torch.where(
        mass > 1e-5, mass.clamp(min=1e-12).log(), middle - scales - 2 * F.softplus(middle) - math.log(width)
    )
    inside = torch.where(x > 0.999, -F.softplus(lower), inside)
    inside = torch.where(x < -0.999, upper - F.softplus(upper), inside)
    return -torch.logsumexp(inside.sum(1) + logits.log_softmax(1), 1)


def release(w, encoder, decoder, whitened, scored, noises, low_bit=False):
    """Rate and distortion of each image, nats, and the rate of each layer."""
    x = F.conv2d(whitened, w["encoder.in_conv.weight"], w["encoder.in_conv.bias"], padding=1)
    acts = {x.shape[2]: x}
    for number, (_, down) in enumerate(encoder):
        x = block(w, f"encoder.enc_blocks.{number}", x, residual=True)
        x = x if down is None else F.avg_pool2d(x, down)
        acts[x.shape[2]] = x
    maps = (value for name, value in w.items() if name.startswith("decoder.bias_xs."))
    xs = {value.shape[2]: value.expand(len(x), -1, -1, -1) for value in maps}
    rates = []
    for number, (side, source) in enumerate(decoder):
        name = f"decoder.dec_blocks.{number}"
        x = xs.get(side, torch.zeros_like(acts[side]))
        if source is not None:
            x = x + F.interpolate(xs[source], scale_factor=side // source)
        mean, log_scale = block(w, f"{name}.enc", torch.cat([x, acts[side]], 1)).chunk(2, 1)
        z = noises[number].shape[1]
        prior_mean, prior_log_scale, features = block(w, f"{name}.prior", x).split([z, z, x.shape[1]], 1)
        rates.append(kl(mean, log_scale, prior_mean, prior_log_scale).sum((1, 2, 3)))
        draw = log_scale.exp() * noises[number] + mean
        x = x + features
        x = x + F.conv2d(draw, w[f"{name}.z_proj.weight"], w[f"{name}.z_proj.bias"])
        xs[side] = block(w, f"{name}.resnet", x, residual=True)
    x = xs[whitened.shape[2]] * w["decoder.gain"] + w["decoder.bias"]
    output = F.conv2d(x, w["decoder.out_net.out_conv.weight"], w["decoder.out_net.out_conv.bias"])
    return torch.stack(rates, 1), mixture(scored, output, low_bit).sum((1, 2))
