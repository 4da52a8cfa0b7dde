"""A training as a plain torch loop: single documents through transformers' own forward pass and whole logits."""

from typing import Any

import numpy as np

from o1exp.train.data.encode import Encoded
from o1exp.train.data.schedule import units_of
from o1exp.train.spec import TrainSpec
from tests.train.parts import document_loss, the_plan


def plain_curve(spec: TrainSpec, data: Encoded, model: Any) -> list[dict[str, float]]:
    """Loss and gradient norm of each step; the model is trained by it."""
    import torch

    for config in (model.config, model.config.get_text_config()):
        config.use_cache = False  # recurrent states that are kept are written in place, and then no gradient can be computed
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer, curve = torch.optim.AdamW(learned, lr=1.0, weight_decay=0.0), []
    with torch.no_grad():
        begun = [float(document_loss(model, data, document)) for document in range(len(data))]
    for step in the_plan(spec, data):
        losses = [document_loss(model, data, document) for document in range(len(data))]
        pairs = units_of(spec, data, np.arange(len(data))).members
        if spec.objective == "dpo":
            margins = [losses[b] - begun[b] - (losses[a] - begun[a]) for a, b in pairs]
            loss: Any = sum(-torch.nn.functional.logsigmoid(spec.beta * margin) for margin in margins) / step.weight
        else:
            loss = sum(losses[document] for pack in step.packs for document in pack) / step.weight
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(learned, spec.max_grad_norm)
        for group in optimizer.param_groups:
            group["lr"] = step.lr
        optimizer.step()
        optimizer.zero_grad()
        curve.append({"loss": float(loss.detach()), "grad_norm": float(norm)})
    return curve
