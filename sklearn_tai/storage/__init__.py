"""Safe writing: whole files or none, and one process at a time."""

from ._lines import json_line as json_line
from ._lines import open_locked as open_locked
from ._lock import lock as lock
from ._whole import whole_file as whole_file

__all__: list[str] = []
