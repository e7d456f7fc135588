"""Linear baselines: scikit-learn's components from passes over any number of images, and one layout for fit and encode."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.decomposition import PCA, FastICA

from kelbo.data.digits import digits
from kelbo.data.images import ArrayImages
from kelbo.errors import Damaged, DataError
from kelbo.models import linear
from kelbo.models.linear import fit_linear, load_linear, save_linear
from kelbo.models.principal import principal_components, row_moments


def colour_images(count=400, side=4, seed=0):
    """Images (N, 3, side, side) that vary most along a few directions, each less than the one before."""
    rng = np.random.default_rng(seed)
    dims = 3 * side * side
    x = rng.normal(size=(count, dims)) * 0.9 ** np.arange(dims) @ np.linalg.qr(rng.normal(size=(dims, dims)))[0]
    return ArrayImages(np.clip(128 + 25 * x, 0, 255).astype(np.uint8).reshape(count, 3, side, side))


def rows_of(images):
    """By hand: channel by channel, in [0, 1]."""
    return images.take(torch.arange(len(images))).numpy().reshape(len(images), -1) / (images.levels - 1)


def assert_same_up_to_signs(ours, theirs, atol):
    signs = np.sign((ours * theirs).sum(0))
    np.testing.assert_allclose(ours * signs, theirs, atol=atol)


def correlations(a, b):
    return np.abs(np.corrcoef(a.T, b.T)[: a.shape[1], a.shape[1] :])


@pytest.mark.parametrize("latents", [1, 6, 48])
def test_principal_components_are_scikit_learns_whitened_ones(latents):
    images = colour_images()
    encoder = fit_linear("pca", images, latents, tolerance=1e-6)
    theirs = PCA(latents, whiten=True, svd_solver="full").fit(rows_of(images))
    assert_same_up_to_signs(encoder.encode(images), theirs.transform(rows_of(images)), atol=2e-3)
    np.testing.assert_allclose(encoder.fitted["variances"], theirs.explained_variance_, rtol=1e-4)
    np.testing.assert_allclose(encoder.fitted["total_variance"], rows_of(images).var(0, ddof=1).sum(), rtol=1e-6)


def test_whitened_codes_of_real_digits_are_uncorrelated_with_unit_variance():
    images = digits().train
    codes = fit_linear("pca", images, 10).encode(images)
    np.testing.assert_allclose(np.cov(codes.T), np.eye(10), atol=1e-3)
    np.testing.assert_allclose(codes.mean(0), 0, atol=1e-5)


def mixed_images():
    """Images (N, 3, 2, 2) that mix three independent uniform sources, and those sources (N, 3)."""
    rng = np.random.default_rng(0)
    sources = rng.uniform(size=(3000, 3))
    mixed = sources @ rng.dirichlet(np.ones(3), size=12).T * 255
    return ArrayImages(mixed.round().astype(np.uint8).reshape(-1, 3, 2, 2)), sources


def test_independent_components_are_scikit_learns_in_some_order():
    images, _ = mixed_images()
    ours = fit_linear("ica", images, 3, tolerance=1e-6)
    theirs = FastICA(3, whiten="unit-variance", whiten_solver="eigh", random_state=0).fit_transform(rows_of(images))
    match = correlations(ours.encode(images), theirs)
    assert ours.fitted["settled"]
    np.testing.assert_allclose(match.max(0), 1, atol=1e-4)
    assert sorted(match.argmax(0)) == [0, 1, 2]
    np.testing.assert_allclose(np.cov(ours.encode(images).T), np.eye(3), atol=1e-3)


def test_independent_sources_are_found_and_principal_components_mix_them():
    images, sources = mixed_images()
    assert correlations(fit_linear("ica", images, 3).encode(images), sources).max(0).min() > 0.99
    assert correlations(fit_linear("pca", images, 3).encode(images), sources).max(0).min() < 0.95


@pytest.mark.parametrize("kind", ["pca", "ica"])
def test_the_order_of_pixels_changes_nothing(kind):
    images, _ = mixed_images()
    order = np.random.default_rng(1).permutation(12)
    shuffled = ArrayImages(images.pixels.reshape(-1, 12)[:, order].reshape(images.pixels.shape))
    plain, moved = (fit_linear(kind, one, 3, tolerance=1e-5).encode(one) for one in (images, shuffled))
    if kind == "pca":
        assert_same_up_to_signs(moved, plain, atol=1e-3)
    else:  # in some order
        np.testing.assert_allclose(correlations(moved, plain).max(0), 1, atol=1e-4)


def test_codes_do_not_depend_on_the_batches_of_fit_or_encode():
    images = colour_images()
    codes = [fit_linear("pca", images, 4, batch_size=size, tolerance=1e-5) for size in (400, 7)]
    np.testing.assert_allclose(codes[0].encode(images, 400), codes[1].encode(images, 7), atol=1e-3)


def test_levels_of_any_number_are_intensities():
    binary = np.random.default_rng(0).integers(2, size=(50, 1, 4, 4), dtype=np.uint8)
    codes = [fit_linear("pca", ArrayImages(binary * step, 1 + step), 3) for step in (1, 255)]
    np.testing.assert_allclose(*(one.encode(ArrayImages(binary, 2)) for one in codes), atol=1e-5)


def backwards(batch, levels):
    return levels - batch.flatten(1).flip(1).float()


def test_rows_of_another_layout_are_fitted_as_they_are_laid_out():
    images = colour_images()
    encoder = fit_linear("pca", images, 4, rows=backwards, tolerance=1e-6)
    theirs = PCA(4, whiten=True, svd_solver="full").fit(rows_of(images)[:, ::-1] * -255 + 256)
    assert_same_up_to_signs(encoder.encode(images), theirs.transform(rows_of(images)), atol=2e-3)


def test_fewer_examples_are_a_seeded_draw_without_replacement():
    images = colour_images()
    first, again, other = (fit_linear("pca", images, 3, examples=100, seed=seed) for seed in (0, 0, 1))
    assert first.fitted["examples"] == 100
    np.testing.assert_array_equal(first.encode(images), again.encode(images))
    assert np.abs(first.encode(images) - other.encode(images)).max() > 0.1


def test_random_codes_have_unit_variance_on_average():
    images = colour_images()
    codes = np.concatenate([fit_linear("random", images, 48, seed=seed).encode(images) for seed in range(20)], 1)
    np.testing.assert_allclose(codes.var(0).mean(), 1, atol=0.1)
    np.testing.assert_allclose(codes.mean(0), 0, atol=1e-5)


def test_pixels_are_their_own_codes():
    images = colour_images()
    encoder = fit_linear("pixels", images)
    assert encoder.latent_dims == 48
    np.testing.assert_allclose(encoder.encode(images, 7), rows_of(images), rtol=1e-6)


def test_rotations_are_found_on_no_more_images_than_told(monkeypatch):
    images = digits().train
    monkeypatch.setattr(linear, "ICA_EXAMPLES", 700)
    few = fit_linear("ica", images, 4)
    np.testing.assert_allclose(np.cov(few.encode(images).T), np.eye(4), atol=0.1)


def test_a_rotation_that_did_not_settle_is_told():
    assert not fit_linear("ica", digits().train, 8, ica_iterations=2).fitted["settled"]


@pytest.mark.parametrize("kind", linear.KINDS)
def test_encoders_come_back_as_they_were_kept(kind, tmp_path):
    images = colour_images()
    encoder = fit_linear(kind, images, None if kind == "pixels" else 3)
    save_linear(tmp_path / "e.safetensors", encoder)
    back = load_linear(tmp_path / "e.safetensors")
    assert (back.kind, back.shape, back.fitted) == (encoder.kind, encoder.shape, encoder.fitted)
    for ours, kept in ((encoder.offset, back.offset), (encoder.weights, back.weights)):
        assert (ours is kept is None) or torch.equal(ours, kept)
    np.testing.assert_allclose(back.encode(images), encoder.encode(images), atol=1e-5)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"format": 2}, "format 2"),
        ({"encoder": "pixels"}, "do not fit a pixels encoder"),
        ({"encoder": "lda"}, "do not fit a lda encoder"),
        ({"shape": [3, 5, 5]}, "do not fit"),
        ({"shape": [3, 4]}, "not a linear encoder"),
        ({"fitted": 3}, "not a linear encoder"),
        ({"kind": "classifier"}, "should hold a linear encoder"),
    ],
)
def test_a_file_that_tells_something_else_is_refused(tmp_path, changed, told):
    path = tmp_path / "e.safetensors"
    save_linear(path, fit_linear("pca", colour_images(), 3))
    header = {"kind": "linear encoder", "format": 1, "encoder": "pca", "shape": [3, 4, 4], "fitted": {}}
    save_file(load_file(path), path, {"kelbo": json.dumps(header | changed)})
    with pytest.raises(Damaged, match=told):
        load_linear(path)


def test_weights_that_are_not_finite_are_refused(tmp_path):
    encoder = fit_linear("pca", colour_images(), 3)
    encoder.weights[1, 1] = float("nan")
    save_linear(tmp_path / "e.safetensors", encoder)
    with pytest.raises(Damaged, match="do not fit"):
        load_linear(tmp_path / "e.safetensors")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"kind": "lda"}, "^kind .* pca, ica, random, pixels; got 'lda'"),
        ({"latents": 0}, "latents must be 1 to 48, the images' dimensions; got 0"),
        ({"latents": None}, "got None"),
        ({"latents": 49}, "got 49"),
        ({"kind": "pixels", "latents": 3}, "^latents .* 48.* got 3"),
        ({"examples": 401}, "examples must be 1 to 400"),
        ({"examples": 3}, "^latents = 3 .* there are 3"),
    ],
)
def test_what_cannot_be_fitted_is_told(settings, told):
    with pytest.raises(DataError, match=told):
        fit_linear(**({"kind": "pca", "images": colour_images(), "latents": 3} | settings))


def test_images_that_vary_in_too_few_directions_are_told():
    flat = np.full((50, 1, 4, 4), 7, np.uint8)
    with pytest.raises(DataError, match="50 images are all equal"):
        fit_linear("random", ArrayImages(flat), 2)
    flat[:25, 0, 0, 0], flat[::2, 0, 1, 1] = 200, 100
    with pytest.raises(DataError, match="vary in 2 directions"):
        fit_linear("pca", ArrayImages(flat), 3)
    assert fit_linear("pca", ArrayImages(flat), 2).encode(ArrayImages(flat)).std(0) == pytest.approx([1, 1], abs=0.02)


def test_images_of_another_shape_are_not_encoded():
    encoder = fit_linear("pca", colour_images(), 3)
    with pytest.raises(DataError, match=r"fitted to images \(3, 4, 4\); these are \(3, 5, 5\)"):
        encoder.encode(colour_images(side=5))


def table(count=300, dims=120, decay=0.99, seed=0):
    """Rows whose variances fall slowly: many passes are needed."""
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(count, dims, generator=rng) * decay ** torch.arange(dims) + 100


def test_moments_are_exact_far_from_zero():
    x = table()
    known = row_moments(lambda: x.split(64), torch.device("cpu"))
    np.testing.assert_allclose(known.mean, x.double().mean(0), rtol=1e-7)
    np.testing.assert_allclose(known.total_variance, x.double().var(0).sum(), rtol=1e-6)


def test_passes_are_bounded_and_the_residual_says_what_they_were_worth():
    x = table()
    covariance = torch.cov(x.double().T)
    passes = 0

    def chunks():
        nonlocal passes
        passes += 1
        return x.split(64)

    known = row_moments(chunks, torch.device("cpu"))
    for most in (1, 3):
        passes = 0
        found = principal_components(chunks, known, 5, most_passes=most, tolerance=1e-9)
        assert (found.passes, passes) == (most, most)
        claimed = found.directions @ covariance - found.variances[:, None] * found.directions
        worst = float((claimed.norm(dim=1) / found.variances).max())
        np.testing.assert_allclose(found.residual, worst, rtol=1e-2)
        assert worst > 1e-3
    enough = principal_components(chunks, known, 5, most_passes=50)
    assert enough.passes < 50
    assert enough.residual < 2e-3
    np.testing.assert_allclose(enough.variances, torch.linalg.eigvalsh(covariance).flip(0)[:5], rtol=1e-5)


def test_directions_are_orthonormal_and_their_signs_told_by_their_largest_entry():
    x = table(dims=20)
    found = principal_components(lambda: [x], row_moments(lambda: [x], torch.device("cpu")), 20)
    np.testing.assert_allclose(found.directions @ found.directions.T, np.eye(20), atol=1e-10)
    assert (found.directions.gather(1, found.directions.abs().argmax(1, keepdim=True)) > 0).all()
