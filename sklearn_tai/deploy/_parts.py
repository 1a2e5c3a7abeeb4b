"""The Parquet files of a bulk prediction, in a folder or an object store."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from ..exceptions import shown
from ..storage import whole_file
from ._stores import file_system, is_url, reached

if TYPE_CHECKING:
    import pyarrow as pa

_MODEL = b"sklearn_tai_model"


@dataclass
class Parts:
    """The parts of one classifier's predictions; each is complete or absent.

    Parameters
    ----------
    output : str or Path
        A folder, or its URL in a store.
    model : str
        Identifies the classifier.
    """

    output: str | Path
    model: str

    def names(self) -> list[str]:
        """Names of the existing parts."""
        fs, root = file_system(self.output)
        with reached(self.output):
            try:
                files = fs.ls(root, detail=False)
            except FileNotFoundError:  # object stores have no empty folders
                files = fs.find(root)  # empty, or an error if there is no bucket
        names = sorted(file.rpartition("/")[2] for file in files)
        return [name for name in names if name.startswith("part-") and name.endswith(".parquet")]

    def __contains__(self, name: str) -> bool:
        fs, root = file_system(self.output)
        return bool(fs.exists(f"{root}/{name}"))

    def read(self, name: str) -> pa.Table:
        """A part; an error if it is damaged or another classifier's."""
        import pyarrow as pa
        from pyarrow import parquet

        fs, root = file_system(self.output)
        with reached(f"{self.output}/{name}"):
            data = fs.cat_file(f"{root}/{name}")
        try:
            table = parquet.read_table(BytesIO(data))
            table["path"]
        except (pa.ArrowException, OSError, KeyError) as error:
            raise ValueError(
                f"'{self.output}/{name}' cannot be read ({shown(error)}). Delete it, and its "
                "pictures are predicted again."
            ) from error
        if (table.schema.metadata or {}).get(_MODEL) != self.model.encode():
            raise ValueError(
                f"output={str(self.output)!r} holds predictions of another classifier ({name}). "
                "Give another folder, or empty it."
            )
        return table

    def write(self, name: str, table: pa.Table) -> None:
        """Add or replace a part."""
        from pyarrow import parquet

        table = table.replace_schema_metadata({_MODEL: self.model})
        if is_url(self.output):
            fs, root = file_system(self.output)
            buffer = BytesIO()
            parquet.write_table(table, buffer)
            with reached(f"{self.output}/{name}"):
                fs.pipe_file(f"{root}/{name}", buffer.getvalue())  # appears only when complete
        else:
            with whole_file(Path(self.output, name)) as draft:
                parquet.write_table(table, draft)
