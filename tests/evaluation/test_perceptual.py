"""A distance over a trained network's features: what it is called, what it computes, and what it refuses."""

import pytest
import torch

from kelbo.errors import DataCorrupt, DataMissing, ScoreError
from kelbo.evaluation import perceptual
from kelbo.evaluation.classifier import ImageClassifier, TrainedClassifier, save_classifier
from kelbo.evaluation.perceptual import PerceptualDistance, open_perceptual
from kelbo.evaluation.vgg import TAPPED, Vgg16

CPU = torch.device("cpu")
SHAPE = (1, 16, 16)


def pictures(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def classifier(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "digits.safetensors"
    save_classifier(path, TrainedClassifier(ImageClassifier(SHAPE, 3, width=4), {"set": "digits"}))
    return path


def test_it_is_the_weighed_squared_difference_of_normed_features_averaged_over_positions():
    x, y = pictures(2, 2, 3, 4, 4)
    heads = (torch.tensor([1.0, 2.0, 3.0]),)
    found = PerceptualDistance("made", lambda z: [z], "", heads)(x, y)
    for example in range(2):
        expected = 0.0
        for row in range(4):
            for column in range(4):
                one, other = (z[example, :, row, column] / z[example, :, row, column].norm() for z in (x, y))
                expected += float((heads[0] * (one - other) ** 2).sum()) / 16
        assert float(found[example]) == pytest.approx(expected, rel=1e-5)


def test_equal_pictures_have_none_and_its_gradient_is_finite_where_all_features_are_0():
    distance = PerceptualDistance("made", lambda z: [torch.relu(z - 0.5)], "")
    x = pictures(2, 3, 4, 4)
    dark = torch.zeros_like(x).requires_grad_()
    assert distance(x, x).tolist() == [0, 0]
    (slope,) = torch.autograd.grad(distance(x, dark).sum(), dark)
    assert slope.isfinite().all()


def test_a_classifier_of_the_images_is_a_trunk_and_is_called_so(classifier):
    distance = open_perceptual(str(classifier), SHAPE, CPU)
    x, y = pictures(2, 2, *SHAPE)
    y.requires_grad_()
    found = distance(x, y)
    assert found.shape == (2,)
    assert torch.autograd.grad(found.sum(), y)[0].any()
    assert "digits" in distance.name
    assert "LPIPS" not in distance.name
    assert len(distance.fingerprint["weights"]) == 64
    with pytest.raises(ScoreError, match="trained on"):
        open_perceptual(str(classifier), (1, 8, 8), CPU)


def test_a_file_that_is_absent_or_another_is_refused(classifier, tmp_path):
    with pytest.raises(DataMissing):
        open_perceptual(str(tmp_path / "none.pth"), SHAPE, CPU)
    with pytest.raises(DataCorrupt, match="sha256"):
        open_perceptual(str(classifier), SHAPE, CPU, sha256="0" * 64)
    (tmp_path / "other.pth").write_bytes(b"no tensors")
    with pytest.raises(DataCorrupt):
        open_perceptual(str(tmp_path / "other.pth"), SHAPE, CPU)
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "small.pth")
    with pytest.raises(DataCorrupt, match="VGG16"):
        open_perceptual(str(tmp_path / "small.pth"), SHAPE, CPU)
    with pytest.raises(ScoreError, match="heads"):
        open_perceptual(str(classifier), SHAPE, CPU, heads=True)


def test_vgg16_has_torchvisions_names_shapes_and_number_of_convolutional_parameters():
    with torch.device("meta"):
        network = Vgg16()
    names = [name for name in network.state_dict() if name.endswith("weight")]
    assert names == [f"features.{place}.weight" for place in (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)]
    assert sum(p.numel() for p in network.parameters()) == 14_714_688
    assert all(isinstance(network.features[place], torch.nn.ReLU) for place in TAPPED)


@pytest.mark.slow
def test_it_is_lpips_only_with_the_published_network_and_heads(tmp_path, monkeypatch):
    torch.manual_seed(0)
    path = tmp_path / "vgg16.pth"
    torch.save({**Vgg16().state_dict(), "classifier.0.bias": torch.zeros(3)}, path)
    plain, headed = (open_perceptual(str(path), SHAPE, CPU, heads=heads) for heads in (False, True))
    assert "LPIPS (" not in headed.name
    assert "VGG16" in plain.name
    x, y = pictures(2, 1, 1, 32, 32)
    assert float(headed(x, y)) != float(plain(x, y)) > 0
    monkeypatch.setattr(perceptual, "PUBLISHED_TRUNK", headed.weights[:8])
    assert open_perceptual(str(path), SHAPE, CPU, heads=True).name == "LPIPS (VGG16)"
    assert "LPIPS" not in open_perceptual(str(path), SHAPE, CPU).name
