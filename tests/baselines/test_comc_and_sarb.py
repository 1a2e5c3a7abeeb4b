"""The rivals that do not learn prompts."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sklearn_tai import ZeroShotClassifier
from sklearn_tai.baselines import CoMCClassifier, SARBClassifier
from sklearn_tai.baselines._sarb import LabelHeads, blend_instances, blend_prototypes
from sklearn_tai.model_selection import mask_labels


def test_standardised_scores(encoder, scenes, image_embeddings):
    plain = ZeroShotClassifier(scenes.label_names, encoder).fit()
    standard = ZeroShotClassifier(scenes.label_names, encoder, standardize=True).fit()
    s = plain.decision_function(image_embeddings)
    by_hand = (s - s.mean(axis=1, keepdims=True)) / s.std(axis=1, keepdims=True)
    np.testing.assert_allclose(standard.decision_function(image_embeddings), by_hand, atol=1e-3)
    proba = standard.predict_proba(image_embeddings)
    np.testing.assert_allclose(proba, 1 / (1 + np.exp(-1.5 * (by_hand - 3))), atol=1e-3)


class TestCoMC:
    def test_is_linear_on_unit_embeddings(self, text_embeddings, corpus):
        X, Y = text_embeddings[:100], np.asarray(corpus[1][:100])
        clf = CoMCClassifier(max_epochs=2, random_state=0).fit(X, Y)
        (layer,) = clf.adapter_.net_.module_
        unit = X / np.linalg.norm(X, axis=1, keepdims=True)
        by_hand = unit * clf.adapter_.net_.module_.input_scale @ layer.weight.detach().numpy().T
        np.testing.assert_allclose(
            clf.decision_function(X), by_hand + layer.bias.detach().numpy(), atol=1e-3
        )
        np.testing.assert_allclose(
            clf.decision_function(7 * X), clf.decision_function(X), atol=1e-3
        )

    def test_learns_from_texts(self, encoder, corpus, scenes, image_embeddings):
        clf = CoMCClassifier(encoder, max_epochs=20, random_state=0).fit(*corpus)
        assert clf.score(image_embeddings, scenes.Y) > 4 * scenes.Y.mean()
        again = pickle.loads(pickle.dumps(clf))
        np.testing.assert_array_equal(
            again.decision_function(image_embeddings), clf.decision_function(image_embeddings)
        )
        np.testing.assert_array_equal(
            clone(clf).fit(*corpus).predict_proba(scenes.images[:2]),
            clf.predict_proba(scenes.images[:2]),
        )

    def test_nothing_to_rank(self):
        with pytest.raises(ValueError, match="nothing to rank"):
            CoMCClassifier().fit(np.eye(4), np.ones((4, 2)))


class TestSARB:
    def test_heads_by_hand(self):
        torch.manual_seed(0)
        heads = LabelHeads(3, 2, 4)
        x = torch.tensor([1.0, -2.0, 0.5])
        projected = heads.project.weight @ x + heads.project.bias
        for k in range(2):
            f = torch.tanh(projected * heads.labels[k])
            expected = (heads.weight[k] * f).sum() + heads.bias[k]
            torch.testing.assert_close(heads(x[None])[0, k], expected)

    def test_blends_by_hand(self):
        f = torch.arange(8.0).reshape(2, 2, 2)  # items, labels, width
        targets = torch.tensor([[-1.0, 0.0], [1.0, -1.0]])
        swap, unknown = torch.tensor([1, 0]), targets < 0
        mixed, soft = blend_instances(f, targets, 0.75, swap, unknown)
        # item 0 takes label 0 from item 1: 0.75 * (0, 1) + 0.25 * (4, 5)
        assert mixed[0, 0].tolist() == [1.0, 2.0]
        assert soft.tolist() == [[0.25, 0.0], [1.0, -1.0]]  # no item shows label 1
        assert torch.equal(mixed[1], f[1])
        assert torch.equal(mixed[0, 1], f[0, 1])
        prototypes = torch.tensor([[8.0, 9.0], [torch.nan, torch.nan]])
        mixed, soft = blend_prototypes(f, targets, 0.5, prototypes, unknown)
        assert mixed[0, 0].tolist() == [4.0, 5.0]
        assert soft.tolist() == [[0.5, 0.0], [1.0, -1.0]]
        assert torch.equal(mixed[1], f[1])

    def test_prototypes_are_means(self):
        clf = SARBClassifier(width=4)
        clf.module_ = LabelHeads(3, 2, 4)
        X, Y = torch.randn(5, 3), torch.tensor([[1, -1], [1, 0], [0, 0], [-1, 0], [1, -1]])
        f = clf.module_.represent(X).detach()
        found = clf._prototypes(X, Y)
        torch.testing.assert_close(found[0], f[[0, 1, 4], 0].mean(dim=0))
        assert found[1].isnan().all()

    def test_learns_from_partial_labels(self, scenes, image_embeddings):
        half = np.arange(400) % 2 == 0
        Y = mask_labels(scenes.Y[half], 0.3, random_state=0)
        clf = SARBClassifier(random_state=0, max_epochs=20).fit(image_embeddings[half], Y)
        assert clf.score(image_embeddings[~half], scenes.Y[~half]) > 2 * scenes.Y.mean()
        again = pickle.loads(pickle.dumps(clf))
        proba = clf.predict_proba(image_embeddings)
        np.testing.assert_array_equal(again.predict_proba(image_embeddings), proba)
        same = clone(clf).fit(image_embeddings[half], Y)
        np.testing.assert_array_equal(same.predict_proba(image_embeddings), proba)

    def test_unknown_labels_without_blending(self, image_embeddings, scenes):
        X, Y = image_embeddings[:60], scenes.Y[:60].astype(float)
        Y[:30] = -1
        params = {"max_epochs": 2, "batch_size": 60, "blend_share": 0.0, "random_state": 0}
        some = SARBClassifier(**params).fit(X, Y)
        assert np.isfinite(some.predict_proba(X)).all()

    def test_nothing_known(self):
        with pytest.raises(ValueError, match="y has no 1 at all"):
            SARBClassifier().fit(np.eye(4), -np.ones((4, 2)))
