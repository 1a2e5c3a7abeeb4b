"""Choose the device that models run on."""

from __future__ import annotations

from ..exceptions import wording


def check_device(device: str | None, or_cpu: bool = False) -> str:
    """A device of torch's that works here: the one asked for, else a GPU if there is one.

    With `or_cpu`, the CPU takes the place of one that does not work: what was trained on a
    GPU may be read where there is none.
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
