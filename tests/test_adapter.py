import numpy as np
import torch

from sklearn_tai.adapter import Adapter, TensorBatches, train_adapter


class Data:
    X = np.arange(10, dtype=np.float32).reshape(10, 1)
    y = X * 2


def test_parameters():
    # Table 4 of the paper: 34.18M for inference, of which RN50's image tower has 23.53M
    count = sum(p.numel() for p in Adapter(1024, 20).parameters())
    assert count == 1024 * 2048 + 2 * 2048**2 + 2048 * 20 + 3 * 2048 + 20
    assert sum(p.numel() for p in Adapter(7, 3, hidden_sizes=()).parameters()) == 7 * 3 + 3


def test_layers():
    names = [type(layer).__name__ for layer in Adapter(4, 2, (8, 8), dropout=0.3)]
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
    params = {
        "hidden_sizes": (32,), "dropout": 0.0, "max_epochs": 20, "batch_size": 64, "max_lr": 1e-2,
        "device": "cpu", "seed": 0, "verbose": 0,
    }  # fmt: skip
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    net = train_adapter(X, Y, None, **params)
    assert torch.equal(torch.rand(1), expected)  # the user's random state is left alone
    assert ((net.predict_proba(X) > 0.5) == Y).mean() > 0.95
    losses = net.history[:, "train_loss"]
    assert len(losses) == 20
    assert losses[-1] < losses[0]
    # one cycle: up to the largest rate, then down to almost nothing
    rates = [lr for epoch in net.history[:, "batches", :, "event_lr"] for lr in epoch]
    assert len(rates) == 20 * 5
    assert np.isclose(max(rates), 1e-2)
    assert rates[-1] < 1e-6
