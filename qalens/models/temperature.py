"""The same model with all its logits divided by a temperature: above 1 its probabilities are flatter, below 1 sharper.

Start, end and null logits of everything that goes through the model shrink alike, in readings, explanations and the logit lens,
and the fingerprint tells the two models apart.
"""

from __future__ import annotations

import math

from qalens.checks import is_number
from qalens.errors import InputError, shown
from qalens.models.model import QAModel


def tempered_model(model: QAModel, temperature: float) -> QAModel:
    """A model whose logits are those of `model` divided by `temperature`; it shares the module and all weights.

    It works for every module, also compiled and quantized ones.

    Parameters
    ----------
    model : QAModel
        The model.
    temperature : float
        A number above 0.

    Returns
    -------
    QAModel

    Raises
    ------
    InputError
        For a temperature that is not a number above 0.

    References
    ----------
    Guo et al. 2017, On Calibration of Modern Neural Networks.

    Examples
    --------
    >>> from qalens.testing import toy_model
    >>> model = QAModel(toy_model())
    >>> tempered_model(model, 2.0).fingerprint == model.fingerprint
    False
    """
    if not is_number(temperature) or not 0 < temperature < math.inf:
        raise InputError(f"temperature has to be a number above 0, but is {shown(temperature)}.")
    total = model.temperature * float(temperature)
    return QAModel(model.module, name=model.name, note=f"temperature {total:g}", temperature=total)
