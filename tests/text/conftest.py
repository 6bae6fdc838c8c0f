import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.fixture
def mirror(no_hub, tmp_path, monkeypatch):
    """A function that writes one file of a mirror; what is not written cannot be had."""

    def write(dataset_id, config, split, columns):
        path = tmp_path / dataset_id / config / f"{split}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        table = columns if isinstance(columns, pa.Table) else pa.table(columns)
        pq.write_table(table, path)

    monkeypatch.setenv("ISOMORPH_MIRROR", str(tmp_path))
    return write
