"""Reference values of scikit-learn for tests/all/figures.rs. Run: python make.py (scikit-learn 1.7)."""
import json
import numpy as np
from sklearn import metrics

rng = np.random.default_rng(7)
cases = []
for n, share, steps in [(60, 0.3, 0), (200, 0.17, 0), (150, 0.5, 8)]:
    truth = rng.random(n) < share
    score = 1 / (1 + np.exp(-(rng.normal(size=n) + 1.5 * truth - 1)))
    if steps:  # ties
        score = np.round(score * steps) / steps * 0.98 + 0.01
    score = np.round(score, 6)
    said = score >= 0.5
    fpr, tpr, _ = metrics.roc_curve(truth, score, drop_intermediate=False)
    cases.append({
        "score": score.tolist(), "truth": truth.tolist(),
        "auroc": metrics.roc_auc_score(truth, score),
        "average_precision": metrics.average_precision_score(truth, score),
        "accuracy": metrics.accuracy_score(truth, said),
        "precision": metrics.precision_score(truth, said),
        "recall": metrics.recall_score(truth, said),
        "f1": metrics.f1_score(truth, said),
        "loss": metrics.log_loss(truth, score),
        "sensitivity_at_85": float(max(tpr[fpr <= 0.15])),
        "sensitivity_at_95": float(max(tpr[fpr <= 0.05])),
        "specificity_at_85": float(1 - min(fpr[tpr >= 0.85])),
    })
labels = rng.integers(0, 3, 180)
z = rng.normal(size=(180, 3)) + 1.2 * np.eye(3)[labels]
p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
said = p.argmax(1)
many = {
    "labels": labels.tolist(), "probabilities": p.tolist(),
    "macro_auroc": metrics.roc_auc_score(labels, p, multi_class="ovr", average="macro"),
    "loss": metrics.log_loss(labels, p),
    "accuracy": metrics.accuracy_score(labels, said),
    "precision": metrics.precision_score(labels, said, average="macro"),
    "recall": metrics.recall_score(labels, said, average="macro"),
    "f1": metrics.f1_score(labels, said, average="macro"),
    "confusion": metrics.confusion_matrix(labels, said).tolist(),
}
json.dump({"two": cases, "many": many}, open("reference.json", "w"))
