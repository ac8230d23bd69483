"""Where a subject is registered changes nothing: regions may be renamed at will."""

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


def test_permuting_region_codes_changes_no_score(city):
    path = city.data / "subjects.parquet"
    table = pq.read_table(path)
    codes = sorted(set(table["region"].to_pylist()) - {None})
    moved = dict(zip(codes, codes[1:] + codes[:1], strict=True))
    assert len(codes) > 5
    regions = pa.array([moved.get(code) for code in table["region"].to_pylist()], pa.string())
    pq.write_table(table.set_column(table.schema.get_field_index("region"), "region", regions), path)
    out = city.root / "moved"
    said = city.night("--train", out=out)  # the cards must come out the same, too
    assert said.code == 0, said.err
    one, two = (pq.read_table(run / "scores.parquet") for run in (city.run, out / "2024-04-30"))
    assert pc.all(pc.equal(one["score"], two["score"])).as_py()
    assert one.equals(two)
