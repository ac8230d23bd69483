"""A database beside the runs: brought to what ``OUT`` holds, whole at any moment, told nothing that the public must not learn."""

import datetime as dt
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support.command import creditscore
from support.postgres import PASSWORD, private_cluster, until
from support.projects import write_project
from support.runs import DAY, PENALTIES, finished_run, seal
from support.seeds import numbers
from support.tasks import BY, PUBLIC, close, hand_in, replace

from creditscore.errors import DataError
from creditscore.inspection.plan import DrawnPlan
from creditscore.language import Words
from creditscore.pipeline.draws import draw_task
from creditscore.pipeline.plans import publish_task
from creditscore.pipeline.score import read_cards
from creditscore.pipeline.sink import Sink, bring_up
from creditscore.pipeline.sink_tables import TABLES, script

pytest.importorskip("adbc_driver_postgresql", reason="adbc is not installed (extra: postgres)")
WRITER, CLERK, VISITOR = "night", "clerk", "visitor"
EARLIER, LATER = dt.date(2024, 3, 31), dt.date(2024, 5, 31)


@pytest.fixture(scope="module")
def cluster():
    with private_cluster() as made:
        for role in (WRITER, CLERK, VISITOR):
            made.sql(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
        yield made


@pytest.fixture
def sink(cluster):
    """An empty schema as the administrator makes it; the writer's connection is no owner's."""
    cluster.sql("DROP SCHEMA IF EXISTS creditscore CASCADE")
    cluster.sql(script())
    cluster.sql(f"GRANT creditscore_writer TO {WRITER}; GRANT creditscore_tiers TO {CLERK}; GRANT creditscore_visits TO {VISITOR}")
    return Sink.of(cluster.uri(WRITER))


def versions(cluster):
    """Every row version of every table."""
    return {table.name: cluster.sql(f"SELECT xmin::text, ctid FROM creditscore.{table.name} ORDER BY 1, 2") for table in TABLES}


def tiers(cluster, columns="as_of, count(*), count(DISTINCT run)"):
    return cluster.sql(f"SELECT {columns} FROM creditscore.current_tiers GROUP BY as_of").strip()


def test_the_views_hold_the_newest_run_cell_by_cell(cluster, sink, project, run):
    finished_run(run.out, project, as_of=EARLIER)
    run.write("scores", run.frame("scores").assign(probability_ppm=1000, reason_1=PENALTIES, reason_2=None))
    seal(run, project=project.about.name)
    brought = bring_up(run.out, sink)
    assert brought.runs == ("2024-03-31-1", "2024-04-30-1")
    names = ["subject_id", "as_of", "industry", "score", "tier", "status", "raw_tier", "previous_tier", "rule"]
    table = pq.read_table(run.file("tiers.parquet")).select(names).to_pylist()
    expected = ["|".join("" if row[name] is None else str(row[name]) for name in names) for row in table]
    assert cluster.sql(f"SELECT {', '.join(names)} FROM creditscore.current_tiers ORDER BY subject_id").splitlines() == expected
    scored = pq.read_table(run.file("scores.parquet")).to_pylist()
    got = cluster.sql(
        "SELECT subject_id, score, scorecard, reason_1, reason_2 FROM creditscore.current_scores ORDER BY 1"
    ).splitlines()
    assert got == [f"{r['subject_id']}|{r['score']}|{r['scorecard']}|{PENALTIES}|" for r in scored]
    (label,) = (one.label for card in read_cards(run.file("scorecards")).values() for one in card.characteristics)
    labels = cluster.sql("SELECT rank, reason, label, count(*) FROM creditscore.current_reasons GROUP BY 1, 2, 3").splitlines()
    assert labels == [f"1|{PENALTIES}|{Words.of('zh').text(label)}|{len(scored)}"]


def test_the_same_again_changes_no_row_version(cluster, sink, project, run, drawn):
    finished_run(run.out, project, as_of=EARLIER)
    assert (bring_up(run.out, sink).unchanged, versions(cluster)["drawn"].count("\n") > 1) == (0, True)
    before = versions(cluster)
    again = bring_up(run.out, sink)
    assert (again.runs, again.tasks, again.unchanged) == ((), (), 3)
    assert versions(cluster) == before


def test_rows_of_an_earlier_attempt_are_replaced_and_never_mixed(cluster, sink, project, run):
    bring_up(run.out, sink)
    finished_run(run.out, project)
    assert bring_up(run.out, sink).runs == ("2024-04-30-2",)
    for table in ("runs", "scores", "tiers", "reasons"):
        assert cluster.sql(f"SELECT DISTINCT run FROM creditscore.{table}").split() == ["2024-04-30-2"]


def test_since_when_a_tier_holds(cluster, sink, project, run):
    """A to D and back: the day of the last change, as far as the database knows it."""
    finished_run(run.out, project, as_of=EARLIER)
    finished_run(run.out, project, as_of=LATER)
    bring_up(run.out, sink)
    ask = "SELECT min(since), max(since) FROM creditscore.current_tiers WHERE subject_id = 'S00000'"
    assert cluster.sql(ask).strip() == f"{EARLIER}|{EARLIER}"
    cluster.sql(f"UPDATE creditscore.tiers SET tier = 'X' WHERE subject_id = 'S00000' AND as_of = '{DAY}'")
    assert cluster.sql(ask).strip() == f"{LATER}|{LATER}"


def test_a_trial_is_marked_shown_in_no_view_and_takes_no_place(cluster, sink, project, run, tmp_path):
    trial = finished_run(tmp_path / "trial", project, trial=True)
    assert bring_up(trial.out, sink).runs == ("2024-04-30-1",)
    assert tiers(cluster) == ""
    assert cluster.sql("SELECT DISTINCT trial FROM creditscore.tiers").strip() == "t"
    bring_up(run.out, sink)
    assert cluster.sql("SELECT DISTINCT trial FROM creditscore.tiers").strip() == "f"
    bring_up(trial.out, sink)
    assert tiers(cluster) == f"{DAY}|40|1"
    assert cluster.sql("SELECT trial, count(*) FROM creditscore.tiers GROUP BY 1 ORDER BY 1").split() == ["f|40", "t|40"]


def test_another_project_is_refused(cluster, sink, run, tmp_path):
    bring_up(run.out, sink)
    before = versions(cluster)
    cluster.sql("UPDATE creditscore.runs SET project = 'another'")
    with pytest.raises(DataError, match="schema creditscore holds the runs of project another"):
        bring_up(finished_run(run.out, write_project(tmp_path / "other"), as_of=LATER).out, sink)
    assert versions(cluster)["tiers"] == before["tiers"]


def waiting(cluster, body):
    """Let the last step of a run's transaction do something; the rows of scores and tiers are written by then."""
    cluster.sql(f"""CREATE FUNCTION creditscore.hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN NEW; END $$;
        CREATE TRIGGER hold BEFORE INSERT ON creditscore.runs FOR EACH ROW EXECUTE FUNCTION creditscore.hold()""")


def blocked(cluster):
    return cluster.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").strip() == "1"


def test_a_kill_during_the_write_leaves_the_run_before_whole_and_two_are_never_at_it(cluster, sink, project, run):
    bring_up(run.out, sink)
    finished_run(run.out, project, as_of=LATER)
    waiting(cluster, "PERFORM pg_advisory_xact_lock(7)")
    words = ["sink", str(run.out), "--to", cluster.uri(WRITER), "--lang", "en"]
    with cluster.session() as holding:
        holding("SELECT pg_advisory_lock(7)")
        command = [sys.executable, "-c", "from creditscore.cli import main; main()", *words]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as killed:
            until(lambda: blocked(cluster))
            second = creditscore(*words)
            killed.kill()
        assert (second.code, second.err.strip()) == (75, "sink: another command is writing to schema creditscore; wait for it")
        assert tiers(cluster) == f"{DAY}|40|1"
    until(lambda: cluster.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").strip() == "0")
    assert tiers(cluster) == f"{DAY}|40|1"
    assert cluster.sql("SELECT DISTINCT as_of FROM creditscore.scores").split() == [str(DAY)]
    assert creditscore(*words).code == 0
    assert tiers(cluster) == f"{LATER}|40|1"


def test_a_server_that_goes_away_half_way_is_caught_up_later(cluster, sink, project, run, task):
    bring_up(run.out, sink)
    publish_task(task, **PUBLIC)
    finished_run(run.out, project, as_of=LATER)
    waiting(cluster, "PERFORM pg_terminate_backend(pg_backend_pid())")
    words = ("--seed", numbers("s"), "--by", BY, "--on", "2024-05-02", "--json", "--lang", "en")
    draw = creditscore("draw", task, *words, "--sink", cluster.uri(WRITER))
    assert draw.code == 4
    assert "the work itself is done and stays" in draw.err
    assert list(draw.json["sink"]) == ["failed"]
    assert draw.json["drawn"] == len(DrawnPlan.from_folder(task).drawn)
    assert tiers(cluster) == f"{DAY}|40|1"
    cluster.sql("DROP FUNCTION creditscore.hold CASCADE")
    caught_up = creditscore("sink", run.out, "--to", cluster.uri(WRITER), "--json")
    assert (caught_up.code, caught_up.json) == (0, {"runs": ["2024-05-31-1"], "tasks": ["hygiene"], "unchanged": 1})
    assert tiers(cluster) == f"{LATER}|40|1"


def test_the_drawn_list_is_that_of_the_draw_until_the_end_is_told(cluster, sink, run, drawn):
    """A replacement changes no row while the task runs: who saw one leave and another come would know that both are of one tier."""
    bring_up(run.out, sink)
    plan = DrawnPlan.from_folder(drawn)
    ask = "SELECT subject_id, standing, coalesce(result, '') FROM creditscore.current_drawn ORDER BY 1"
    listed = cluster.sql(ask).splitlines()
    assert listed == [f"{subject}|drawn|" for subject in sorted(plan.drawn["subject_id"])]
    before = versions(cluster)
    gone = plan.drawn["subject_id"].iloc[0]
    replace(drawn, gone, by="王五", second="赵六", on=dt.date(2024, 5, 10), reason="moved_away", evidence="2024-17")
    assert bring_up(run.out, sink).tasks == ()
    assert versions(cluster) == before
    close(drawn, by="李四", on=dt.date(2024, 7, 1))
    assert bring_up(run.out, sink).tasks == ("hygiene",)
    assert cluster.sql(ask) == ""
    told = cluster.sql("SELECT standing, count(*) FROM creditscore.drawn GROUP BY 1 ORDER BY 1").split()
    assert told == [f"drawn|{len(listed) - 1}", "replaced|1", "replacement|1"]


def test_results_of_visits_come_with_the_list(cluster, sink, run, drawn):
    bring_up(run.out, sink)
    subject = DrawnPlan.from_folder(drawn).drawn["subject_id"].iloc[0]
    hand_in(drawn, {subject: (dt.date(2024, 5, 20), "violation")}, on=dt.date(2024, 5, 21))
    assert bring_up(run.out, sink).tasks == ("hygiene",)
    seen = cluster.sql(f"SELECT inspected_on, result <> '' FROM creditscore.current_drawn WHERE subject_id = '{subject}'")
    assert seen.strip() == "2024-05-20|t"


def test_nothing_of_a_draw_is_told_that_is_not_in_its_list(cluster, sink, run, task, project):
    """Neither a task that is not drawn, nor a key, ticket, stratum or tier of one that is."""
    publish_task(task, **PUBLIC)
    assert bring_up(run.out, sink).tasks == ()
    draw_task(task, seed=numbers("s"), by=BY, on=dt.date(2024, 5, 2))
    bring_up(run.out, sink)
    rows = cluster.sql("SELECT * FROM creditscore.drawn; SELECT * FROM creditscore.tasks")
    sample = DrawnPlan.from_folder(task).sample
    key = (run.out / "keys" / "hygiene").read_text().strip()
    secrets = {key, *sample["ticket"].dropna(), *sample["stratum"]}
    assert not [secret for secret in secrets if secret and secret in rows]
    columns = cluster.sql("SELECT attname FROM pg_attribute WHERE attrelid = 'creditscore.current_drawn'::regclass").split()
    assert not {"tier", "stratum", "ticket", "mode", "inclusion_probability"} & set(columns)


def as_role(cluster, role, statement):
    command = [cluster.binaries / "psql", cluster.uri(role), "-v", "ON_ERROR_STOP=1", "-Atc", statement]
    return subprocess.run(command, text=True, check=False, capture_output=True)


@pytest.mark.parametrize(
    ("role", "statement", "allowed"),
    [
        (CLERK, "SELECT count(*) FROM creditscore.current_tiers", True),
        (CLERK, "SELECT count(*) FROM creditscore.current_reasons", True),
        (CLERK, "SELECT count(*) FROM creditscore.tiers", False),
        (CLERK, "SELECT count(*) FROM creditscore.current_drawn", False),
        (CLERK, "DELETE FROM creditscore.current_scores", False),
        (VISITOR, "SELECT count(*) FROM creditscore.current_drawn", True),
        (VISITOR, "SELECT count(*) FROM creditscore.current_tiers", False),
        (WRITER, "UPDATE creditscore.tiers SET tier = 'A'", False),
        (WRITER, "TRUNCATE creditscore.tiers", False),
        (WRITER, "CREATE TABLE creditscore.more (a int)", False),
    ],
)
def test_each_role_may_do_its_own_and_no_more(cluster, sink, run, drawn, role, statement, allowed):
    bring_up(run.out, sink)
    done = as_role(cluster, role, statement)
    assert (done.returncode == 0) == allowed, done.stderr
    assert allowed or "permission denied" in done.stderr


def test_the_administrators_script_may_run_again_and_keeps_what_is_there(cluster, sink, run):
    bring_up(run.out, sink)
    before = versions(cluster)
    cluster.sql(creditscore("sink", "--sql").out)
    assert versions(cluster) == before
    other = creditscore("sink", "--sql", "--schema", "city_b").out
    cluster.sql(other)
    assert bring_up(run.out, Sink.of(cluster.uri("owner"), "city_b")).runs == ("2024-04-30-1",)
    assert "creditscore" not in other


def test_a_role_that_may_only_read_is_refused(cluster, sink, run):
    """It may not even see whether anything is to be written."""
    said = creditscore("sink", run.out, "--to", cluster.uri(CLERK))
    assert said.code == 2
    assert "SQLSTATE 42501" in said.err


@pytest.mark.parametrize(
    ("place", "schema", "said"),
    [
        ("mysql://u:geheim@h/d", "creditscore", "expected a connection such as postgresql://"),
        ("SINK_DATABASE", "creditscore", "expected a connection postgresql://… in the environment variable SINK_DATABASE"),
        ("postgresql://u:geheim@127.0.0.1:1/d", "creditscore", "expected a database that can be written"),
        ("postgresql://u:geheim@127.0.0.1:1/d", 'a"; DROP TABLE x', "schema: expected a name"),
        ("postgresql://u:geheim@127.0.0.1:1/d", "pg_catalog", "schema: expected a name"),
        (None, "empty_schema", "expected the tables of this version in schema empty_schema"),
    ],
)
def test_what_is_refused_tells_no_password(cluster, sink, run, place, schema, said, monkeypatch):
    monkeypatch.delenv("SINK_DATABASE", raising=False)
    place = cluster.uri(WRITER) if place is None else place
    told = creditscore("sink", run.out, "--to", place, "--schema", schema, "--log-level", "debug", "--lang", "en")
    assert told.code == 2
    assert said in told.err
    assert not [secret for secret in ("geheim", PASSWORD, "127.0.0.1") if secret in told.err + told.out]
    assert "geheim" not in repr(Sink("postgresql://u:geheim@h/d"))


def test_the_connection_may_stand_in_the_environment(cluster, sink, run, monkeypatch):
    monkeypatch.setenv("SINK_DATABASE", cluster.uri(WRITER))
    assert creditscore("sink", run.out, "--to", "SINK_DATABASE").code == 0
    assert creditscore("sink", "--to", "SINK_DATABASE").code == 2


def test_the_page_has_the_script_as_it_is_printed():
    page = Path(__file__).parents[3] / "docs" / "postgresql.md"
    assert f"```sql\n{script()}```" in page.read_text("utf-8")
