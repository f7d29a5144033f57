"""Metrics beside scikit-learn and SciPy, or beside numbers worked out by hand."""

import math

import numpy as np
import pytest

from cellc import Tensor, nn, ops

sklearn = pytest.importorskip("sklearn.metrics")

RNG = np.random.default_rng(3)
SCORES = RNG.random((50, 4))
LABELS = RNG.integers(0, 4, 50)
CHOSEN = SCORES.argmax(axis=1)
ONE_HOT = np.eye(4)[LABELS]
IMAGES = RNG.integers(0, 3, (2, 9, 11))


def in_two_batches(metric, first, second):
    """The metric over the halves of two arrays, the second time as Tensors."""
    metric.clear()
    metric.update(first[:20], second[:20])
    metric.update(Tensor(first[20:].astype(np.float32)), Tensor(second[20:].astype(np.int32)))
    return metric


@pytest.mark.parametrize("labels", [LABELS, ONE_HOT], ids=["numbers", "one-hot"])
def test_class_metrics_beside_scikit_learn(labels):
    expected = sklearn.precision_recall_fscore_support(LABELS, CHOSEN, beta=2.0, zero_division=0)
    np.testing.assert_allclose(in_two_batches(nn.Precision(), SCORES, labels).eval(), expected[0])
    np.testing.assert_allclose(in_two_batches(nn.Recall(), SCORES, labels).eval(), expected[1])
    np.testing.assert_allclose(in_two_batches(nn.Fbeta(2.0), SCORES, labels).eval(), expected[2])
    f1 = sklearn.f1_score(LABELS, CHOSEN, average="macro")
    np.testing.assert_allclose(in_two_batches(nn.F1(), SCORES, labels).eval(True), f1)
    assert in_two_batches(nn.Accuracy(), SCORES, labels).eval() == sklearn.accuracy_score(LABELS, CHOSEN)


def test_multilabel():
    predicted, true = RNG.integers(0, 2, (2, 30, 3))
    assert nn.Accuracy("multilabel")(predicted, true) == sklearn.accuracy_score(true, predicted)
    expected = sklearn.precision_score(true, predicted, average="samples", zero_division=0)
    np.testing.assert_allclose(nn.Precision("multilabel")(predicted, true), _rates(predicted, true, predicted))
    metric = nn.Precision("multilabel")
    metric.update(predicted, true)
    np.testing.assert_allclose(metric.eval(average=True), expected)
    np.testing.assert_allclose(nn.Recall("multilabel")(predicted, true), _rates(predicted, true, true))


def _rates(predicted, true, counted):
    hits, all_of = (predicted * true).sum(axis=1), counted.sum(axis=1)
    return np.divide(hits, all_of, out=np.zeros(len(hits)), where=all_of > 0)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_top_k(k):
    scores, labels = RNG.random((40, 7)), RNG.integers(0, 7, 40)
    expected = sklearn.top_k_accuracy_score(labels, scores, k=k, labels=range(7))
    metric = {1: nn.Top1CategoricalAccuracy, 5: nn.Top5CategoricalAccuracy}.get(
        k, lambda: nn.TopKCategoricalAccuracy(k)
    )
    assert math.isclose(metric()(scores, labels), expected)


@pytest.mark.parametrize(("ours", "theirs"), [("no_norm", None), ("target", "true"), ("prediction", "pred"),
                                              ("all", "all")])  # fmt: skip
def test_confusion_matrix(ours, theirs):
    found = in_two_batches(nn.ConfusionMatrix(5, ours), SCORES, LABELS).eval()
    np.testing.assert_allclose(found, sklearn.confusion_matrix(LABELS, CHOSEN, labels=range(5), normalize=theirs))


def test_confusion_matrix_of_scores_and_a_threshold():
    assert nn.ConfusionMatrix(2, threshold=0.3)(np.array([0.3, 0.2]), np.array([1, 1])).tolist() == [[0, 0], [1, 1]]


def counts(predicted, true):
    return [((predicted == a) & (true == b)).sum() for a, b in ((1, 1), (1, 0), (0, 0), (0, 1))]


@pytest.mark.parametrize(("name", "formula"), [
    ("Hit Rate", lambda tp, fp, tn, fn: tp / (tp + fn)), ("tnr", lambda tp, fp, tn, fn: tn / (tn + fp)),
    ("precision", lambda tp, fp, tn, fn: tp / (tp + fp)), ("npv", lambda tp, fp, tn, fn: tn / (tn + fn)),
    ("miss_rate", lambda tp, fp, tn, fn: fn / (tp + fn)), ("fall_out", lambda tp, fp, tn, fn: fp / (tn + fp)),
    ("fdr", lambda tp, fp, tn, fn: fp / (tp + fp)), ("for", lambda tp, fp, tn, fn: fn / (tn + fn)),
    ("csi", lambda tp, fp, tn, fn: tp / (tp + fp + fn)),
    ("acc", lambda tp, fp, tn, fn: (tp + tn) / (tp + fp + tn + fn)),
    ("ba", lambda tp, fp, tn, fn: tp / (tp + fn) / 2 + tn / (tn + fp) / 2),
    ("f1_score", lambda tp, fp, tn, fn: 2 * tp / (2 * tp + fp + fn)),
    ("mcc", lambda tp, fp, tn, fn: (tp * tn - fp * fn) / ((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)) ** 0.5),
    ("fm", lambda tp, fp, tn, fn: (tp / (tp + fp) * tp / (tp + fn)) ** 0.5),
    ("bm", lambda tp, fp, tn, fn: tp / (tp + fn) + tn / (tn + fp) - 1),
    ("deltap", lambda tp, fp, tn, fn: tp / (tp + fp) + tn / (tn + fn) - 1),
    ("pt", lambda tp, fp, tn, fn: ((fp / (tn + fp) * tp / (tp + fn)) ** 0.5 - fp / (tn + fp))
                                  / (tp / (tp + fn) - fp / (tn + fp))),
])  # fmt: skip
def test_confusion_matrix_metric_from_all_counts(name, formula):
    predicted, true = RNG.integers(0, 2, (2, 6, 3, 8))
    np.testing.assert_allclose(nn.ConfusionMatrixMetric(metric_name=name)(predicted, true),
                               [formula(*map(float, counts(predicted, true)))], rtol=1e-12)  # fmt: skip


def test_confusion_matrix_metric_of_each_sample():
    predicted, true = RNG.integers(0, 2, (2, 4, 3, 5))
    true[0, 0] = 0  # not defined there: no positive
    rates = [[counts(p, t)[0] / t.sum() for p, t in zip(ps, ts, strict=True) if t.sum()]
             for ps, ts in zip(predicted, true, strict=True)]  # fmt: skip
    metric = nn.ConfusionMatrixMetric(True, "recall", calculation_method=True)
    np.testing.assert_allclose(metric(predicted, true), np.mean([np.mean(row) for row in rates]))
    flat = [rate for row in rates for rate in row]
    for decrease, expected in (("none", np.mean(flat)), ("sum", sum(flat))):
        metric = nn.ConfusionMatrixMetric(True, "recall", calculation_method=True, decrease=decrease)
        np.testing.assert_allclose(metric(predicted, true), expected)


def test_roc_and_auc():
    for drop in (False, True):
        scores, positive = RNG.random(60).round(1), RNG.integers(0, 2, 60)
        fpr, tpr, thresholds = nn.ROC(pos_label=1)(scores, positive)
        expected = sklearn.roc_curve(positive, scores, drop_intermediate=False)
        np.testing.assert_allclose(fpr, expected[0])
        np.testing.assert_allclose(tpr, expected[1])
        np.testing.assert_allclose(thresholds[1:], expected[2][1:])
        assert math.isclose(nn.auc(fpr, tpr, reorder=drop), sklearn.roc_auc_score(positive, scores))
    fpr, _, _ = nn.ROC(class_num=4)(SCORES, LABELS)
    np.testing.assert_allclose(fpr[2], sklearn.roc_curve(LABELS == 2, SCORES[:, 2], drop_intermediate=False)[0])
    assert nn.auc(np.array([1.0, 0.0]), np.array([1.0, 1.0])) == 1.0
    assert nn.auc(np.array([1.0, 0.0, 2.0]), np.ones(3), reorder=True) == 2.0


def surface(region):
    """The pixels of a region that have a neighbour outside of it, as a list of places."""
    padded = np.pad(region, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.argwhere(region & ~inner)


LENGTHS = {
    "euclidean": lambda d: np.sqrt((d**2).sum(-1)),
    "chessboard": lambda d: np.abs(d).max(-1),
    "taxicab": lambda d: np.abs(d).sum(-1),
}


@pytest.mark.parametrize("metric", LENGTHS)
def test_surface_distances(metric):
    pytest.importorskip("scipy")
    predicted, true = IMAGES
    a, b = surface(predicted == 1), surface(true == 1)
    lengths = LENGTHS[metric](a[:, None] - b[None])
    there, back = lengths.min(axis=1), lengths.min(axis=0)
    inputs = (Tensor(predicted.astype(np.int32)), true, 1)
    assert math.isclose(nn.HausdorffDistance(metric)(*inputs), max(there.max(), back.max()))
    assert math.isclose(nn.HausdorffDistance(metric, directed=True, crop=False)(*inputs), there.max())
    assert math.isclose(nn.HausdorffDistance(metric, 50.0, directed=True)(*inputs), np.percentile(there, 50))
    assert math.isclose(nn.MeanSurfaceDistance(False, metric)(*inputs), there.mean())
    assert math.isclose(nn.MeanSurfaceDistance(True, metric)(*inputs), (there.mean() + back.mean()) / 2)
    assert math.isclose(nn.RootMeanSquareDistance(False, metric)(*inputs), (there**2).mean())
    both = ((there**2).mean() + (back**2).mean()) / 2
    assert math.isclose(nn.RootMeanSquareDistance(True, metric)(*inputs), both**0.5)


def test_surface_distance_to_nothing_is_infinite():
    pytest.importorskip("scipy")
    one, none = np.array([[1, 1], [0, 0]]), np.zeros((2, 2), int)
    for metric in (nn.HausdorffDistance(), nn.MeanSurfaceDistance(), nn.RootMeanSquareDistance(symmetric=True)):
        assert metric(one, none, 1) == math.inf
        assert metric(none, one, 1) == math.inf


def test_errors_losses_dice_similarity_perplexity():
    y_pred, y = RNG.random((2, 6, 3))
    assert math.isclose(nn.MAE()(y_pred, y), np.abs(y - y_pred).sum() / 6)
    assert math.isclose(nn.MSE()(y_pred, y), np.square(y - y_pred).sum() / 6)
    loss = nn.Loss()
    loss.update(Tensor(np.float32(0.5)))
    loss.update(np.array([1.0, 2.0]))
    assert loss.eval() == 1.0
    expected = 2 * (y * y_pred).sum() / ((y**2).sum() + (y_pred**2).sum() + 1e-5) / 6
    assert math.isclose(nn.Dice()(y_pred, y), expected)
    similar = sklearn.pairwise.cosine_similarity(y)
    np.testing.assert_allclose(nn.CosineSimilarity(zero_diagonal=False)(y), similar)
    np.testing.assert_allclose(nn.CosineSimilarity(reduction="mean")(y), (similar - np.eye(6)).mean(axis=-1))
    np.testing.assert_allclose(nn.CosineSimilarity("dot", "sum", False)(y), (y @ y.T).sum(axis=-1))
    shares = y / y.sum(axis=1, keepdims=True)
    labels = np.array([0, 1, 2, 0, 1, 2])
    expected = np.exp(sklearn.log_loss(labels, shares))
    assert math.isclose(nn.Perplexity()(shares, labels), expected)
    kept = labels != 1
    expected = np.exp(sklearn.log_loss(labels[kept], shares[kept], labels=[0, 1, 2]))
    assert math.isclose(nn.Perplexity(ignore_label=1)(shares, labels), expected)


def test_bleu_by_hand():
    candidate = [["a", "b", "c", "d"]]
    references = [[["a", "b", "x", "d", "e"], ["a", "z"]]]
    penalty = math.exp(1 - 5 / 4)  # the reference of length 5 is nearer than that of length 2
    assert math.isclose(nn.BleuScore(n_gram=2)(candidate, references), penalty * math.sqrt(3 / 4 * 1 / 3))
    assert math.isclose(nn.BleuScore(2, smooth=True)(candidate, references), penalty * math.sqrt(4 / 5 * 2 / 4))
    assert nn.BleuScore(n_gram=3)(candidate, references) == 0


def test_occlusion_sensitivity_of_a_linear_network():
    class Scores(nn.Cell):
        def construct(self, x):
            return ops.reduce_sum(x * 2.0, (1, 2)).reshape((-1, 1))

    image = np.arange(1, 7, dtype=np.float32).reshape(1, 2, 3)
    found = nn.OcclusionSensitivity(margin=[1, 1], n_batch=4)(Scores(), image, 0)
    covered = [[image[0, max(0, i - 1) : i + 1, max(0, j - 1) : j + 1].sum() for j in range(3)] for i in range(2)]
    np.testing.assert_allclose(found, 2 * np.array(covered), rtol=1e-6)
    boxed = nn.OcclusionSensitivity(margin=[1, 1], b_box=[1, -1, 0, 1])(Scores(), image, 0)
    np.testing.assert_allclose(boxed, found[1, :2], rtol=1e-6)


def test_set_indexes_chooses_inputs():
    metric = nn.Accuracy().set_indexes([0, 2])
    assert metric(SCORES, None, LABELS) == nn.Accuracy()(SCORES, LABELS)


def test_names_make_metrics():
    for name in nn.names():
        arguments = {"confusion_matrix": (2,), "topk": (1,)}.get(name, ())
        if name != "auc":
            assert isinstance(nn.get_metric_fn(name, *arguments), nn.Metric)


BAD = [
    (lambda: nn.Accuracy("other"), TypeError, "eval_type"),
    (lambda: nn.Accuracy().set_indexes([0.5]), ValueError, r"'set_indexes', the argument 'indexes' .*: got \[0\.5\]\."),
    (lambda: nn.Accuracy().eval(), RuntimeError, "'update' must be called before"),
    (lambda: nn.Accuracy()(SCORES), ValueError, "2 inputs"),
    (lambda: nn.Accuracy()(SCORES, LABELS[:10]), ValueError, r"\(50,\)"),
    (lambda: nn.Accuracy()(SCORES, "labels"), TypeError, "str"),
    (lambda: in_two_batches(nn.Recall(), SCORES, LABELS).update(SCORES[:, :3], LABELS % 3), ValueError, "4 classes"),
    (lambda: nn.Precision()(SCORES, LABELS + 1), ValueError, "0 to 3"),
    (lambda: nn.Precision("multilabel")(SCORES, ONE_HOT), ValueError, "0 or 1"),
    (lambda: in_two_batches(nn.Recall(), SCORES, LABELS).eval(average=1), TypeError, "average"),
    (lambda: nn.Fbeta(0), ValueError, "beta"),
    (lambda: nn.TopKCategoricalAccuracy(0), ValueError, "'k'"),
    (lambda: nn.MAE()(np.ones(3), np.ones(2)), ValueError, r"\(3,\)"),
    (lambda: nn.Loss()(np.ones((2, 2))), ValueError, "rank"),
    (lambda: nn.Dice(0.0), ValueError, "smooth"),
    (lambda: nn.Dice()(np.ones(3), np.ones(2)), ValueError, r"\(2,\)"),
    (lambda: nn.CosineSimilarity("other"), ValueError, "similarity"),
    (lambda: nn.CosineSimilarity()(np.ones(3)), ValueError, "rank 2"),
    (lambda: nn.Perplexity(1.5), TypeError, "ignore_label"),
    (lambda: nn.Perplexity()(SCORES, LABELS[:3]), RuntimeError, r"\(3,\)"),
    (lambda: nn.Perplexity()(SCORES, LABELS + 1), ValueError, "0 to 3"),
    (lambda: nn.BleuScore(5), ValueError, "n_gram"),
    (lambda: nn.BleuScore()([["a"]], []), ValueError, "1 candidates"),
    (lambda: nn.ConfusionMatrix(2, "rows"), ValueError, "normalize"),
    (lambda: nn.ConfusionMatrix(3)(SCORES, LABELS), ValueError, "0 to 2"),
    (lambda: nn.ConfusionMatrix(4)(SCORES[:3], LABELS), ValueError, r"\(3,\)"),
    (lambda: nn.ConfusionMatrixMetric(metric_name="other"), NotImplementedError, "metric_name"),
    (lambda: nn.ConfusionMatrixMetric()(np.ones(3), np.ones(3)), ValueError, r"\(3,\)"),
    (lambda: nn.ROC(1.5), TypeError, "class_num"),
    (lambda: nn.ROC(3)(SCORES, LABELS), ValueError, "class_num"),
    (lambda: nn.ROC()(SCORES[:, 0], np.ones(50)), ValueError, "others"),
    (lambda: nn.auc([1, 2], [1, 2]), TypeError, "list"),
    (lambda: nn.auc(np.array([0.0, 2.0, 1.0]), np.ones(3)), ValueError, "reorder"),
    (lambda: nn.HausdorffDistance("other"), ValueError, "distance_metric"),
    (lambda: nn.HausdorffDistance(percentile=101.0), ValueError, "percentile"),
    (lambda: nn.MeanSurfaceDistance()(*IMAGES, 7), ValueError, "7"),
    (lambda: nn.MeanSurfaceDistance()(*IMAGES, "1"), TypeError, "str"),
    (lambda: nn.OcclusionSensitivity()(None, np.ones((1, 2)), 0), TypeError, "model"),
    (lambda: nn.OcclusionSensitivity(b_box=[0, 2])(nn.Dense(2, 2), np.ones((1, 2), np.float32), 0), ValueError, "box"),
    (lambda: nn.OcclusionSensitivity()(nn.Dense(2, 2), np.ones((1, 2), np.float32), 5), ValueError, "label 5"),
    (lambda: nn.OcclusionSensitivity(b_box=[0])(nn.Dense(2, 2), np.ones((1, 2)), 0), ValueError, "b_box"),
    (lambda: nn.get_metric_fn("other"), KeyError, "other"),
    (lambda: nn.Top1CategoricalAccuracy()(SCORES, LABELS[:3]), ValueError, r"Top1.*\(3,\)"),
    (lambda: nn.Recall()(SCORES, LABELS - 1), ValueError, "0 to 3, but got -1 to 2"),
    (lambda: nn.Perplexity()(SCORES, LABELS * math.nan), ValueError, "0 to 3, but got nan"),
    (lambda: nn.ConfusionMatrix(4)(SCORES, LABELS * math.nan), ValueError, "0 to 3, but got nan"),
    (lambda: nn.ROC(4)(SCORES[:0], LABELS[:0]), ValueError, r"\(0, 4\)"),
    (lambda: nn.Loss()(np.ones(0)), ValueError, "empty"),
    (lambda: nn.BleuScore()([["a"]], [[]]), ValueError, "reference_corpus"),
    (lambda: nn.Accuracy().set_indexes([0, 2])(SCORES, LABELS), ValueError, r"'indexes' \[0, 2\]"),
]  # fmt: skip


@pytest.mark.parametrize(("metric", "expected"), [
    (nn.Accuracy(), sklearn.accuracy_score(LABELS, CHOSEN)),
    (nn.Top1CategoricalAccuracy(), sklearn.accuracy_score(LABELS, CHOSEN)),
    (nn.MAE(), np.abs(ONE_HOT - SCORES).sum() / 50),
    (nn.MSE(), np.square(ONE_HOT - SCORES).sum() / 50),
    (nn.Dice(), 2 * (ONE_HOT * SCORES).sum() / (50 + np.square(SCORES).sum() + 1e-5) / 50),
], ids=lambda value: type(value).__name__)  # fmt: skip
def test_scalars_are_plain_floats(metric, expected):
    found = metric(SCORES, ONE_HOT)
    assert type(found) is float
    np.testing.assert_allclose(found, expected)


def test_small_dtypes_do_not_overflow():
    ones = np.ones((20, 20), np.uint8)
    np.testing.assert_allclose(nn.Dice()(ones, ones.astype(bool)), 800 / (800 + 1e-5) / 20)
    assert nn.MAE()(3 * ones, 2 * ones) == nn.MAE()(2 * ones, 3 * ones) == 20
    assert nn.MSE()(np.full((1, 300), 300, np.float16), np.zeros((1, 300), np.float16)) == 300 * 300**2
    assert nn.Loss()(np.full(3, 60000, np.float16)) == 60000
    np.testing.assert_allclose(nn.Perplexity()(np.zeros((1, 2), np.float16), np.array([0])), 1e10)
    true = np.array([0, 1, 1, 0, 1])
    np.testing.assert_array_equal(nn.ROC(pos_label=1)(true.astype(np.uint8), true)[1], [0, 1, 1])


@pytest.mark.parametrize(("use", "error", "named"), BAD)
def test_bad_input(use, error, named):
    with pytest.raises(error, match=named):
        use()
