"""The same model with all its logits divided by a temperature, so that probabilities say what they mean.

The temperature is folded into the head: start, end and null logits of everything that goes through the model shrink
alike, in readings, explanations and lenses, and the fingerprint tells the two models apart.
"""

from __future__ import annotations

import copy
import math

from qalens.errors import InputError, ModelError
from qalens.model import QAModel


def tempered_model(model: QAModel, temperature: float) -> QAModel:
    """A model whose logits are those of `model` divided by `temperature`; all weights but the head's are shared.

    Raises `InputError` for a temperature that is no number above 0, `ModelError` for a model whose last layer is not one
    linear `qa_outputs`, as that of every question-answering model of transformers is.

    Source: Guo et al. 2017.

    >>> from qalens.testing import toy_model
    >>> model = QAModel(toy_model())
    >>> tempered_model(model, 2.0).fingerprint == model.fingerprint
    False
    """
    if (
        isinstance(temperature, bool)
        or not isinstance(temperature, int | float)
        or not 0 < temperature < math.inf
    ):
        raise InputError(f"temperature has to be a number above 0, but is {temperature!r}.")
    head = getattr(model.module, "qa_outputs", None)
    if head is None or not hasattr(head, "weight"):
        raise ModelError(
            f"{model.name} has no linear layer qa_outputs at its end, so no temperature can be folded into it; divide the "
            "logits by the temperature inside your own module."
        )
    warm = copy.deepcopy(head)
    for weight in warm.parameters():
        weight.data.div_(temperature)
    # The copy has its own table of parts, and shares every part but the head.
    module = copy.copy(model.module)
    module.__dict__["_modules"] = {**model.module._modules, "qa_outputs": warm}
    return QAModel(module, name=model.name, note=f"temperature {temperature:g}")
