import math

import pytest
import torch

from sklearn_tai.adapters import asymmetric_loss, binary_cross_entropy, ranking_loss


def logit(p):
    return math.log(p / (1 - p))


LOGITS = torch.tensor([[logit(0.8), logit(0.3)], [logit(0.9), logit(0.02)]], dtype=torch.float64)
TARGETS = torch.tensor([[1.0, 0.0], [0.0, 0.0]])


def test_binary_cross_entropy():
    by_hand = -(math.log(0.8) + math.log(0.7) + math.log(0.1) + math.log(0.98)) / 2
    assert binary_cross_entropy(LOGITS, TARGETS).item() == pytest.approx(by_hand)


def test_asymmetric_loss():
    positive = -(0.2**1) * math.log(0.8)
    # 0.02 is below clip, so the shift makes it 0
    negatives = [-(0.25**2) * math.log(0.75), -(0.85**2) * math.log(0.15), 0]
    loss = asymmetric_loss(LOGITS, TARGETS, gamma_neg=2, gamma_pos=1, clip=0.05)
    assert loss.item() == pytest.approx((positive + sum(negatives)) / 2)


def test_asymmetric_loss_without_focus_is_cross_entropy():
    loss = asymmetric_loss(LOGITS, TARGETS, gamma_neg=0, gamma_pos=0, clip=0)
    assert loss.item() == pytest.approx(binary_cross_entropy(LOGITS, TARGETS).item())


def test_ranking_loss():
    scores = torch.tensor([[2.0, 0.5, 1.5], [0.0, 3.0, 1.0]])
    targets = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
    # item 0: 2 is above 0.5 by over 1, above 1.5 by 0.5; item 1: 3 and 1 are above 0 by at least 1
    assert ranking_loss(scores, targets).item() == pytest.approx(0.5 / 2)
    # margin 2: 0.5 + 1.5 and 0 + 1
    assert ranking_loss(scores, targets, margin=2).item() == pytest.approx((2 + 1) / 2)


def test_unknown_entries_are_left_out():
    logits = torch.tensor([[0.3, torch.nan, -1.0]], requires_grad=True)
    targets = torch.tensor([[1.0, -1.0, 0.0]])
    for loss in (binary_cross_entropy, asymmetric_loss):
        value = loss(logits, targets)
        known = loss(logits[:, [0, 2]], targets[:, [0, 2]])
        # mean over the known entries, times the number of labels
        assert value.item() == pytest.approx(known.item() * 3 / 2)
        assert loss(logits, torch.full((1, 3), -1.0)).item() == 0
    known = ranking_loss(logits[:, [0, 2]], targets[:, [0, 2]])
    assert ranking_loss(logits, targets).item() == pytest.approx(known.item())
    assert ranking_loss(logits, torch.tensor([[1.0, -1.0, -1.0]])).item() == 0


@pytest.mark.parametrize("loss", [binary_cross_entropy, asymmetric_loss, ranking_loss])
def test_unknown_entries_have_no_gradient(loss):
    logits = torch.tensor([[0.3, 0.7, 0.1]], requires_grad=True)
    loss(logits, torch.tensor([[1.0, -1.0, 0.0]])).backward()
    assert logits.grad[0, 1] == 0
    assert (logits.grad[0, [0, 2]] != 0).all()


@pytest.mark.parametrize("gamma", [0, 0.5, 1, 4])
@pytest.mark.parametrize("clip", [0, 0.05])
def test_gradients_are_finite_at_the_extremes(gamma, clip):
    logits = torch.tensor([[-200.0, 200.0, -200.0, 200.0]], requires_grad=True)
    targets = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    loss = asymmetric_loss(logits, targets, gamma, gamma, clip)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()
