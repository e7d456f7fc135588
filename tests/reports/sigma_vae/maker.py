"""Invented results of the σ-VAE study in the format of its results.json. Tests only: nothing here was measured.

By default they are what the paper claims, with little noise, so that a test bends one number and sees what comes of it.
"""

import math

BETAS = (0.001, 0.01, 0.1, 1.0, 10.0)
DECODERS = (
    *("mse_vae", "shared_gaussian", "optimal_gaussian", "per_image_gaussian", "per_pixel_gaussian"),
    *("bernoulli", "student_t", "categorical", "bitwise_categorical", "logistic_mixture"),
)
ANALYTIC = ("optimal_gaussian", "per_image_gaussian")
MASSES = ("bernoulli", "categorical", "bitwise_categorical", "logistic_mixture")
SEEDS = (0, 1, 2)
SHAPES = {"mnist": [1, 28, 28], "svhn": [3, 28, 28], "cifar10": [3, 32, 32], "celeba": [3, 32, 32]}
PAPER_STEPS = 4_690

# by β: reconstructions' error, rate, distance of samples
GRID = {
    "mnist": dict(
        zip(BETAS, [(0.055, 95, 48), (0.07, 62, 35), (0.13, 25, 44), (0.2, 6, 59.9), (0.25, 0.5, 90)], strict=True)
    ),
    "svhn": dict(
        zip(
            BETAS,
            [(0.05, 110, 44.5), (0.062, 45, 27.9), (0.09, 20, 40), (0.11, 9, 112.5), (0.13, 0.5, 219)],
            strict=True,
        )
    ),
}
SIGMA = {"mnist": (0.07, 66), "svhn": (0.0568, 62)}
"""Of the σ-VAE: σ, which is its reconstructions' error, and rate."""
DISTANCES = {
    "mse_vae": 300.0, "shared_gaussian": 32.1, "optimal_gaussian": 32.3, "per_image_gaussian": 32.5,
    "per_pixel_gaussian": 132.5, "student_t": 70.0, "categorical": 46.0, "bitwise_categorical": 40.0, "logistic_mixture": 43.0,
}  # fmt: skip
BITS = {"categorical": 1.5, "bitwise_categorical": 1.7, "logistic_mixture": 1.4}
NATS = {"bernoulli": 75.0, "categorical": 900.0, "bitwise_categorical": 1_000.0, "logistic_mixture": 800.0}


def asked(only=None, decoders=None, betas=None):
    """What one command asks for; everything by default."""
    return {"only": only, "decoders": decoders, "betas": betas}


def study_results(
    *, role="mnist", decoders=DECODERS, betas=BETAS, seeds=SEEDS, few=None, share=1.0, mode="corrected", noise=1.0
):
    """decoders: other than the grid's. few: seeds of all decoders but the σ-VAE's two, by default all of `seeds`. share: of
    the paper's steps. noise: 1 for differences between seeds of under a percent."""
    few = seeds if few is None else few
    made = _Maker(role, seeds, share, mode, noise)
    by_decoder = {key: list(seeds if key in ("shared_gaussian", "optimal_gaussian") else few) for key in decoders}
    return {
        "study": "sigma-vae",
        "format": 2,
        "budget": "hours",
        "mode": mode,
        "asked": [asked()],
        "seeds": None,
        "settings": [],
        "features": None,
        "data": role,
        "machine": {"processor": "Some Processor", "threads": 2, "accelerators": [], "torch": "2.13.0"},
        "begun": "2026-11-20T10:00:00+00:00",
        "finished": "2026-11-20T14:00:00+00:00",
        "seconds": {"estimated": 14_000.0, "training": 12_000.0, "measuring": 1_500.0, "lanes": 11_000.0},
        "plan": made.plan(list(decoders), list(betas), by_decoder | {"beta": list(seeds)}),
        "lanes": [
            *(made.grid_lane(beta, seed) for beta in betas for seed in seeds),
            *(made.decoder_lane(key, seed) for key, known in by_decoder.items() for seed in known),
        ],
        "flattery": [
            made.flattery(key, seed) for key, known in by_decoder.items() for seed in known if key in ANALYTIC
        ],
    }


def density_nats(dims, error, sigma):
    """−ln of a Gaussian density of that σ where the mean squared error is error²."""
    return dims * (math.log(sigma) + math.log(2 * math.pi) / 2 + error**2 / (2 * sigma**2))


class _Maker:
    def __init__(self, role, seeds, share, mode, noise):
        self.role, self.seeds, self.share, self.mode, self.noise = role, list(seeds), share, mode, noise
        self.shape, self.split = SHAPES[role], "train" if mode == "as-published" else "test"
        self.dims, self.steps = math.prod(self.shape), max(1, round(share * PAPER_STEPS))
        self.scale = "mnist" if role == "mnist" else "svhn"

    def plan(self, decoders, betas, seeds):
        return {
            "set": self.role,
            "role": self.role,
            "note": "invented images",
            "shape": self.shape,
            "levels": 256,
            "images": 60_000,
            "test_images": 10_000,
            "network": "rybkin",
            "latents": 20,
            "optimizer": "adam",
            "learning_rate": 1e-3,
            "precision": "32-true",
            "batch_size": 128,
            "steps": self.steps,
            "paper_steps": PAPER_STEPS,
            "epochs": 10 * self.share,
            "paper_epochs": 10,
            "decoders": ["fixed_gaussian", *decoders],
            "betas": betas,
            "seeds": seeds,
            "left_out": [{"what": "celeba", "why": "its files are not in data; give --data-root"}],
            "measures": {
                "split": self.split,
                "images": 10_000,
                "clouds": 10_000,
                "features": f"{self.role}-classifier",
                "latents_images": 10_000,
                "calibration_images": 2_000,
            },
        }

    def jitter(self, seed):
        """A factor near 1, another a seed."""
        return 1 + 0.002 * self.noise * (self.seeds.index(seed) - (len(self.seeds) - 1) / 2)

    def grid_lane(self, beta, seed):
        error, rate, distance = GRID[self.scale][beta]
        error, rate, jitter = error * self.jitter(seed), rate * self.jitter(seed), self.jitter(seed)
        lane = self.lane(
            "fixed_gaussian", beta, seed, f"betas/lanes/beta={beta:g},seed={seed}", error, math.sqrt(beta), rate
        )
        own = density_nats(self.dims, error, math.sqrt(beta))
        unit = density_nats(self.dims, error, 1.0)
        fitted = density_nats(self.dims, error, error) + rate
        return lane | {
            "bound": self.bound(own, rate),
            "unit_bound": self.bound(unit, rate),
            "fitted": {"sigma": error, "elbo": _mean(-fitted, 1.0)},
            "distances": self.distances(distance * jitter),
            "curve": self.curve(own, rate, lambda _: 1.0, 8.0, error),
        }

    def decoder_lane(self, key, seed):
        sigma, rate = SIGMA[self.scale]
        jitter = self.jitter(seed)
        error, rate = {"mse_vae": (0.26, 0.01), "per_pixel_gaussian": (1.3 * sigma, rate)}.get(key, (sigma, rate))
        error, rate = error * jitter, rate * jitter
        told = 3.0 if key == "mse_vae" else error
        sweep = "analytic" if self.mode == "as-published" and key in ANALYTIC else "decoders"
        lane = self.lane(key, 1.0, seed, f"{sweep}/lanes/kind={key},seed={seed}", error, told, rate)
        nats = density_nats(self.dims, error, told)
        nats = (4.0 if key == "per_pixel_gaussian" else 1.0) * nats if nats < 0 else nats
        nats = nats - 100 if key == "student_t" else nats
        if key in MASSES:
            nats = NATS[key] * self.dims / 784 * jitter
        distance = DISTANCES.get(key, 32.2) * jitter * (0.7 if self.scale == "svhn" and key not in MASSES else 1)
        slowness = {"optimal_gaussian": 25.0, "per_image_gaussian": 25.0}.get(key, 6.0)
        curve = self.curve(nats, rate, lambda t: error + (1 - error) * math.exp(-slowness * t), slowness, error)
        return lane | {
            "bound": self.bound(nats, rate),
            "kind": "mass" if key in MASSES else "density",
            "bits": self.bits(key, seed),
            "distances": self.distances(distance),
            "curve": curve,
        }

    def lane(self, decoder, beta, seed, run, error, sigma, rate):
        return {
            "decoder": decoder,
            "beta": beta,
            "seed": seed,
            "run": run,
            "state": "done",
            "error": None,
            "steps": self.steps,
            "as_published": self.mode == "as-published" and decoder in ANALYTIC,
            "constant": False,
            "bound": None,
            "unit_bound": None,
            "fitted": None,
            "kind": "density",
            "bits": {"value": 2.0 * self.jitter(seed), "standard_error": 0.01, "dequantized": True},
            "rmse": error,
            "sigma": sigma,
            "equivalent_sigma": sigma,
            "equivalent_beta": sigma**2,
            "distances": None,
            "latents": self.latents(rate),
            "calibration": self.calibration(sigma, error),
            "curve": [],
        }

    def bound(self, distortion, rate):
        return {
            "split": self.split,
            "images": 10_000,
            "distortion": _mean(distortion, 1.0),
            "rate": _mean(rate, 0.05),
            "elbo": _mean(-distortion - rate, 1.0),
        }

    def bits(self, key, seed):
        if key == "bernoulli":  # of intensities, not of their levels
            return None
        value = BITS.get(key, 1.9) * self.jitter(seed)
        return {"value": value, "standard_error": 0.005, "dequantized": key not in MASSES}

    def distances(self, sample):
        features = f"{self.role}-classifier"
        called = f"Fréchet distance over {features}"
        entries = {
            name: {"called": called, "value": value, "low": value - 0.5, "high": value + 0.5}
            for name, value in (("reconstruction", sample / 2), ("sample", sample))
        }
        return {"features": features, "images": 10_000, "split": self.split, **entries}

    def latents(self, rate):
        information = 9.0 * math.tanh(rate / 30)  # below the logarithm of the images
        entries = {
            "index_code_mutual_information": information,
            "marginal_kl": rate - information,
            "total_correlation": 0.6 * (rate - information),
            "dimension_wise_kl": 0.4 * (rate - information),
        }
        told = {key: {"value": value, "low": value - 0.02, "high": value + 0.02} for key, value in entries.items()}
        told["index_code_mutual_information"]["cap"] = math.log(10_000)
        return {"rate": {"value": rate}, **told, "active_units": {"value": min(20, round(rate)), "of": 20}}

    def calibration(self, sigma, error):
        ratio = (error / sigma) ** 2
        hump = [1 + (1 - min(ratio, 1)) * (1 - abs(k - 9.5) / 5) for k in range(20)]
        total = sum(hump)
        shares = [share / total for share in hump]
        area = abs(1 - min(ratio, 1)) / 4 + 0.01
        return {
            "images": 2_000,
            "pixels": 1_024_000,
            "histogram": shares,
            "total_variation": sum(abs(share - 0.05) for share in shares) / 2,
            "chance": 0.0017,
            "kolmogorov_smirnov": area,
            "wasserstein": area / 2,
            "miscalibration_area": area,
            "coverage": {
                f"{level:g}": {"share": min(1.0, level + (1 - level) * area), "standard_error": 0.002}
                for level in (0.5, 0.8, 0.9, 0.95)
            },
            "by_variance": {
                "counts": [1_024_000],
                "predicted": [sigma**2],
                "observed": [error**2],
                "ratio": [ratio],
                "standard_error": [0.01],
            },
        }

    def curve(self, distortion, rate, sigma_at, slowness, error):
        """Journal rows whose −ELBO and σ near their last value at the speed of `slowness`."""
        rows = []
        for k in range(1, 21):
            excess = math.exp(-slowness * k / 20)
            nats = distortion + excess * abs(distortion)
            row = {"distortion": nats, "rate": rate, "elbo": -nats - rate}
            sigma = sigma_at(k / 20)
            rows.append({"step": max(1, self.steps * k // 20), **row, "sigma": sigma, "rmse": error * (1 + excess)})
        return rows

    def flattery(self, decoder, seed):
        sigma, rate = SIGMA[self.scale]
        honest = (-density_nats(self.dims, sigma, sigma) - rate) * self.jitter(seed)
        rows = []
        for split, better in (("test", 0), ("train", 10)):
            for how, gain in (("running", 0), ("batch", 4), ("batch, soft-clipped", -15)):
                name = f"σ: {how}, {'test' if split == 'test' else 'training'} images"
                rows.append({"name": name, "split": split, "sigma": how, "elbo": _mean(honest + better + gain, 1.0)})
        return {"decoder": decoder, "seed": seed, "rows": rows}


def _mean(value, error):
    return {"mean": value, "standard_error": error}
