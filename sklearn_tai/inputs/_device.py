"""Choose the device that models run on."""

from __future__ import annotations

from ..exceptions import wording


def check_device(device: str | None, or_cpu: bool = False) -> str:
    """A torch device that works here: the requested one, or by default a GPU if there is one.

    With `or_cpu`, the CPU replaces a device that does not work: a model trained on a GPU may
    be loaded on a machine without one.
    """
    import torch  # here, as generating texts does not need it

    if device is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        if or_cpu:
            return "cpu"
        cause = str(error).split("\n")[0]
        remedy = wording("Set device=None or 'cpu'.", "Leave it out, or give cpu.")
        name = wording("device=", "--device ")
        raise ValueError(f"{name}{device!r} cannot be used here ({cause}). {remedy}") from None
    return device
