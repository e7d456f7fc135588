"""Results of the β-VAE study that nobody ran, with a small picture of each kind."""

import numpy as np
from tests.studies.invented import arm, lane

from kelbo.runs import Measurement, Run
from kelbo.studies.beta_vae.models import BETAS, CLASSIFIERS, CONV, MLP

SETS = {"dsprites": "shapes2d", "3dshapes": "shapes3d", "mpi3d": "arm"}
FACTS = {
    **{"classifier": "logistic", "pairs": 64, "pairs_sweep": [16, 64]},
    "sets": {role: {"set": name, "source": "rendered"} for role, name in SETS.items()}
    | {"cifar10": {"set": "cifar10", "source": "files"}},
}
SEEDS = (1, 2)


def scores(b, seed, factors):
    """A score that rises with β by 0.01 and with the seed by 0.1, and other classifiers' and values of L beside it."""
    value = 0.5 + 0.01 * BETAS.index(b) + 0.1 * (seed - 1) + 0.05 * (factors == "four")
    found = {f"score.{factors}": [value, value - 0.02, value + 0.02]}
    for name in CLASSIFIERS:
        found |= {
            f"score.{factors}.{name}.64": value,
            f"score.{factors}.{name}.64.train": 200 if name == "mlp" else 2000,
        }
    return {**found, f"score.{factors}.logistic.16": value - 0.1}


def measures(b):
    return {
        "bound.rate": [10 / b, 9 / b, 11 / b],
        "bound.distortion": [80.0, 79.0, 81.0],
        "distance.reconstruction.frechet": 1.0 + b,
        "distance.sample.frechet": 3.0 + b,
    }


def part(name):
    """Every β with two seeds: scores of a set with factors, distances of CIFAR."""
    factors = ("five", "four") if name in (MLP, CONV) else () if name.startswith("cifar") else ("five",)
    courses = {
        name: [[10, 3.0], [20, 2.0]]
        for name in ("journal.distortion", "follow.rows.reconstruction", "follow.rows.sample")
    }
    lanes = []
    for b in BETAS:
        for seed in SEEDS:
            numbers = measures(b) | {key: v for one in factors for key, v in scores(b, seed, one).items()}
            place = {
                "run": f"{name}/{b:g},{seed}",
                "words": {"distance.sample.frechet.called": "FID"},
                "courses": courses,
            }
            lanes.append(lane(seed, numbers, {"objective.beta": b}, **place))
    return arm(name, *lanes)


def side(value):
    return {"value": value, "low": value - 0.1, "high": value + 0.1}


ROW = {"label": "PCA", "published": side(0.2), "corrected": side(0.75), "difference": side(-0.55), "unit": "accuracy"}
QUIRK = {"title": "Layouts", "what": "Two of them.", "role": "3dshapes", "rows": [ROW], "note": ""}
BUILT = {
    **{"role": "dsprites", "network": "conv", "input": [1, 64, 64], "latents": 10, "optimizer": "adam"},
    **{"learning_rate": 5e-4, "batch_size": 256, "likelihood": "bernoulli", "parameters": 502_005},
    **{"encoder": ["Conv 32×4×4 (stride 2) ×4", "FC 256 ×2", "FC 20", "ReLU"], "decoder": ["FC 256 ×2", "ReLU"]},
}
IDENTITY = {
    **{"betas": [0.1, 1.0], "loss_gap": [1e-7, 0.0], "gradient_gap": [2e-7, 0.0], "trajectory_gap": [1e-4, 0.0]},
    **{"pictured": 0.1, "curves": {"beta": [[0, 3.0], [1, 2.0]], "gaussian": [[0, 3.0], [1, 2.0]]}},
}


def extras():
    made = {
        "quirks": {"entries": [{"name": "few-points", **QUIRK}, {"name": "baseline-layouts", **QUIRK}]},
        "identity": IDENTITY,
        "architectures": {"entries": [BUILT]},
    }
    found = {key: {"arm": "", "lanes": [], "value": value} for key, value in made.items()}
    for role, factors in (("dsprites", ("five", "four")), ("3dshapes", ("five",)), ("mpi3d", ("five",))):
        for seed in SEEDS:
            numbers = {key: v for one in factors for key, v in scores(0.1, seed, one).items()}
            lanes = [lane(seed, numbers, {"kind": kind}) for kind in ("pca", "ica")]
            found[f"linear-{role}-{seed}"] = {"arm": f"{role}-linear", "lanes": lanes, "value": {}}
    return found


def with_pictures(n):
    """Numbers of a folder, with one small measurement of each kind kept in every run."""
    grey, colour = np.zeros((8, 1, 4, 4)), np.zeros((24, 3, 4, 4))
    codes = {"means": np.eye(6, 2), "base": np.zeros(2), "shares": np.array([0.6, 0.4])}
    kept = {
        "strip": ({}, {}, {"images": grey}),
        "layouts": ({}, {}, {"images": colour}),
        "reconstructions": ({}, {}, {name: colour.astype(np.uint8) for name in ("images", "made")}),
        "factor-codes": ({"factors": ["x", "y"]}, {"values": [4, 2]}, codes),
        "traversals-study": (
            {},
            {"latents": [3, 0], "rates": [1.5, 0.2], "span": 3.0},
            {"images": np.zeros((2, 7, 1, 4, 4), np.uint8)},
        ),
    }
    for _, _, one in n.lanes:
        for key, (settings, value, arrays) in kept.items() if one["run"] and "," in one["run"] else ():
            made = Run(n.folder / one["run"]).measurements.keep(Measurement(key, settings, "", value), arrays)
            one["measured"][key] = [key, made.place.stem]
    return n
