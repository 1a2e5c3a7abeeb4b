import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from sklearn_tai import MLPAdapter, RandomPerturbation
from sklearn_tai.adapters import KnownBCEWithLogitsLoss, MLPModule, TrainingData
from sklearn_tai.adapters._batches import TensorBatches


def train(X, Y, **params):
    """The network of an adapter trained without noise."""
    defaults = {"dropout": 0.0, "max_lr": 1e-2, "device": "cpu", "random_state": 0}
    data = TrainingData(X, Y, np.zeros(len(X), dtype=bool))
    return MLPAdapter(**(defaults | params)).fit(data, RandomPerturbation(0).fit(X)).net_


class Data:
    X = np.arange(10, dtype=np.float32).reshape(10, 1)
    y = X * 2


def test_parameters():
    # Table 4 of the paper: 34.18M for inference, including 23.53M of RN50's image tower
    count = sum(p.numel() for p in MLPModule(1024, 20).parameters())
    assert count == 1024 * 2048 + 2 * 2048**2 + 2048 * 20 + 3 * 2048 + 20
    assert sum(p.numel() for p in MLPModule(7, 3, hidden_layer_sizes=()).parameters()) == 7 * 3 + 3


def test_layers():
    names = [type(layer).__name__ for layer in MLPModule(4, 2, (8, 8), dropout=0.3)]
    assert names == ["Linear", "ReLU", "Dropout"] * 2 + ["Linear"]


def test_batches_cover_all_rows():
    batches = TensorBatches(Data, 4, shuffle=True)
    pairs = list(batches)
    assert [len(x) for x, _ in pairs] == [4, 4, 2]
    assert len(batches) == 3
    x, y = (torch.cat(part) for part in zip(*pairs))
    assert torch.equal(y, 2 * x)
    assert sorted(x.flatten().tolist()) == list(range(10))


class AddOne:
    def perturb(self, X):
        return X + 1


def test_batches_are_perturbed():
    x, y = next(iter(TensorBatches(Data, 10, perturbation=AddOne())))
    assert torch.equal(2 * (x - 1), y)


def test_training():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 8)).astype(np.float32)
    Y = (X[:, :3] > 0).astype(np.float32)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    net = train(X, Y, hidden_layer_sizes=(32,), max_epochs=20)
    assert torch.equal(torch.rand(1), expected)  # the user's random state is unchanged
    assert ((net.predict_proba(X) > 0.5) == Y).mean() > 0.95
    losses = net.history[:, "train_loss"]
    assert len(losses) == 20
    assert losses[-1] < losses[0]
    # one cycle: up to the maximum, then down to almost 0
    rates = [lr for epoch in net.history[:, "batches", :, "event_lr"] for lr in epoch]
    assert len(rates) == 20 * 5
    assert np.isclose(max(rates), 1e-2)
    assert rates[-1] < 1e-6


def draws(**params):
    data = Data()
    is_image = torch.tensor([False] * 8 + [True] * 2)
    batches = TensorBatches(data, 4, shuffle=True, is_image=is_image, **params)
    rows = [torch.cat([x for x, _ in batches]).flatten().int().tolist() for _ in range(2)]
    assert sum(len(x) for x, _ in batches) == batches.n_rows
    assert len(list(batches)) == len(batches)
    return rows


@pytest.mark.parametrize(("share", "n_images"), [(None, 2), (0.0, 0), (0.2, 2), (0.5, 8)])
def test_share_of_images(share, n_images):
    for epoch in draws(image_share=share):
        assert sorted(epoch)[:8] == list(range(8))  # every text once
        counts = [epoch.count(8), epoch.count(9)]
        assert sum(counts) == n_images
        assert abs(counts[0] - counts[1]) <= 1


def test_share_without_texts_or_images():
    everything = torch.ones(10, dtype=torch.bool)
    assert TensorBatches(Data, 4, is_image=everything, image_share=0.5).n_rows == 10
    assert TensorBatches(Data, 4, is_image=~everything, image_share=0.5).n_rows == 10
    assert TensorBatches(Data, 4, image_share=0.5).n_rows == 10


def test_perturbation_sees_the_modality():
    class Recorder:
        def perturb(self, X, is_image=None):
            return torch.where(is_image[:, None], X, -X)

    is_image = torch.tensor([False] * 5 + [True] * 5)
    batches = TensorBatches(Data, 3, shuffle=True, perturbation=Recorder(), is_image=is_image)
    for x, y in batches:
        assert torch.equal(x, torch.where(y / 2 < 5, -y / 2, y / 2))


def test_loss_over_known_entries():
    logits, loss = torch.tensor([[0.3, -2.0], [1.0, 5.0]]), KnownBCEWithLogitsLoss()
    target = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert torch.allclose(loss(logits, target), torch.nn.BCEWithLogitsLoss()(logits, target))
    partly = torch.tensor([[1.0, -1.0], [-1.0, -1.0]])
    assert torch.allclose(loss(logits, partly), torch.log1p(torch.exp(-logits[0, 0])))
    nothing = loss(logits.requires_grad_(), torch.full((2, 2), -1.0))
    nothing.backward()
    assert nothing == 0
    assert torch.equal(logits.grad, torch.zeros(2, 2))


def test_ctrl_c_does_not_count_as_fitted():
    class Press(Callback):
        def on_batch_end(self, net, **kwargs):
            raise KeyboardInterrupt

    class Enough(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise KeyboardInterrupt  # like skorch's EarlyStopping

    X = np.ones((20, 3), dtype=np.float32)
    params = {"hidden_layer_sizes": (), "max_epochs": 5, "batch_size": 8}
    with pytest.raises(KeyboardInterrupt):
        train(X, X[:, :1], callbacks=[Press()], **params)
    net = train(X, X[:, :1], callbacks=[Enough()], **params)
    assert len(net.history) == 1


def test_unknown_device():
    X = np.ones((20, 3), dtype=np.float32)
    params = {"hidden_layer_sizes": (), "max_epochs": 1}
    assert train(X, X[:, :1], device="cpu", **params).device == "cpu"
    with pytest.raises(ValueError, match=r"device='gpu' cannot be used here"):
        train(X, X[:, :1], device="gpu", **params)


def test_norm_of_the_embeddings_does_not_matter():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 8)).astype(np.float32)
    Y = (X[:, :2] > 0).astype(np.float32)
    nets = [train(s * X, Y, hidden_layer_sizes=(32,), max_epochs=5) for s in (1, 0.01)]
    assert nets[0].module_.input_scale == pytest.approx(nets[1].module_.input_scale / 100)
    probabilities = [net.predict_proba(s * X) for net, s in zip(nets, (1, 0.01))]
    np.testing.assert_allclose(*probabilities, atol=1e-4)


def test_cosine_head():
    torch.manual_seed(0)
    head = MLPModule(4, 3, (), head="cosine")[-1]
    X = torch.randn(5, 4)
    cosines = torch.nn.functional.cosine_similarity(X[:, None], head.weight[None], dim=2)
    torch.testing.assert_close(head(X), 10 * cosines)  # the bias starts at 0
    torch.testing.assert_close(head(3 * X), head(X))
    assert type(MLPModule(4, 3, (8,), head="cosine")[-1]) is type(head)
