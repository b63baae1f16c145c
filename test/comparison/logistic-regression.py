"""Writes logistic-regression.json beside this file: what scikit-learn's LogisticRegression gives on the features below.

    python test/comparison/logistic-regression.py
"""

import json
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

rng = np.random.default_rng(7)
cases = []
for classes, rows, features in [(2, 40, 3), (3, 60, 5), (6, 50, 8)]:
    centres = rng.normal(size=(classes, features))
    labels = np.arange(rows) % classes
    x = np.round(centres[labels] + rng.normal(size=(rows, features)), 4)
    asked = np.round(rng.normal(size=(4, features)), 4)
    for strength in [0.01, 1, 100]:
        model = LogisticRegression(C=strength, tol=1e-10, max_iter=10000).fit(x, labels)
        cases.append({
            "strength": strength, "classes": classes, "rows": x.tolist(), "labels": labels.tolist(),
            "asked": asked.tolist(), "probabilities": np.round(model.predict_proba(asked), 8).tolist(),
        })
path = Path(__file__).with_suffix(".json")
path.write_text(json.dumps(cases, separators=(",", ":")) + "\n")
