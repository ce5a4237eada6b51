"""Reference values by scikit-learn: reads a JSON list of cases from standard input, writes one of results."""
import json
import sys

import numpy as np
from sklearn.metrics import confusion_matrix, roc_auc_score, roc_curve


def reference(case):
    score = np.array(case["score"], dtype=np.float64)
    live = np.array(case["live"])
    species = np.array(case["species"])
    fpr, tpr, thresholds = roc_curve(live, score, drop_intermediate=False)
    fnr = 1 - tpr
    after = int(np.argmax(fpr >= fnr))
    crossing = np.interp(0.0, (fpr - fnr)[after - 1 : after + 1], [0.0, 1.0])
    youden = int(np.argmax(np.round(tpr - fpr, 12)))
    fixed = case["threshold"]
    tn, fp, fn, tp = confusion_matrix(live, score >= fixed, labels=[0, 1]).ravel()
    apcer = {s: float(np.mean(score[(live == 0) & (species == s)] >= fixed)) for s in sorted(set(species[live == 0]))}
    return {
        "auc": roc_auc_score(live, score),
        "eer": float(fpr[after - 1] + crossing * (fpr[after] - fpr[after - 1])),
        "youden_hter": float(1 - tpr[youden] + fpr[youden]) / 2,
        "youden_threshold": float(thresholds[youden]) if np.isfinite(thresholds[youden]) else None,
        "far": fp / (fp + tn),
        "frr": fn / (fn + tp),
        "apcer": apcer,
        "bpcer_at_apcer": [float(np.min(fnr[fpr <= limit])) for limit in (0.01, 0.05, 0.1)],
    }


print(json.dumps([reference(case) for case in json.load(sys.stdin)]))
