"""Forgeries by an insider who has the key and hashes everything anew: each is found, or named as what cannot be found."""

import datetime as dt
import gzip
import shutil
from pathlib import Path

import pandas as pd
import pytest
from support.forger import Forger
from support.plans import a_policy, a_task, a_tiers, rules
from support.seeds import numbers
from support.tasks import drawn, join

from creditscore.inspection import verify_draw
from creditscore.inspection.export_parts import compressed, parts_of
from creditscore.inspection.plan import plan_inspections
from creditscore.inspection.tickets import tickets

SEED, ANOTHER = numbers("lottery"), numbers("another draw")


@pytest.fixture
def folder(drawn_out, tmp_path):
    """The task's folder in a copy of the folder of runs."""
    out = Path(shutil.copytree(drawn_out, tmp_path / "out"))
    return out / "tasks" / "2024Q2-food"


def forged(folder, change):
    """Change what the files say, and hash everything anew."""
    forger = Forger.of(folder)
    change(forger)
    forger.seal()


def codes(folder, **known):
    return {finding.code for finding in verify_draw.verify(folder, **known).findings}


# Sample


def a_smaller_ticket(told):
    told.waiting()["ticket"] = "0" * 64


def a_friend_spared(told):
    friend = told.drawn()
    other = told.waiting(friend["stratum"])
    friend["drawn"], friend["mode"], other["drawn"], other["mode"] = "0", "", "1", friend["mode"]


def a_visit_that_becomes_a_letter(told):
    told.drawn()["mode"] = "off_site" if told.drawn()["mode"] == "on_site" else "on_site"


def a_friend_in_a_stratum_of_others(told):
    row, other = told.waiting(), next(one for one in told.plan if one["stratum"] != told.waiting()["stratum"])
    told.stratum(row["stratum"])["population"] = str(int(told.stratum(row["stratum"])["population"]) - 1)
    other["population"], row["stratum"] = str(int(other["population"]) + 1), other["stratum"]


def a_friend_in_another_trade(told):
    told.waiting("2024Q2-food|D|food")["industry"] = "retail"


def an_exemption_nobody_knows(told):
    _exempt(told, told.waiting(), "friend")


def an_exemption_of_one_who_was_drawn(told):
    _exempt(told, told.drawn(), "repeat")


def _exempt(told, row, reason):
    stratum = told.stratum(row["stratum"])
    row |= {"exempt_reason": reason, "ticket": "", "drawn": "0", "mode": "", "inclusion_probability": "0.0"}
    stratum |= {"population": str(int(stratum["population"]) - 1), "exempt": str(int(stratum["exempt"]) + 1)}
    _true_chances(told, stratum)


def _true_chances(told, stratum):
    """n/N of a stratum whose numbers were changed, in its row and in those of its subjects."""
    chance = repr(int(stratum["target"]) / int(stratum["population"]))
    for row in (stratum, *(one for one in told.sample if _stays_in(one, stratum))):
        row["inclusion_probability"] = chance


def _stays_in(row, stratum):
    return row["stratum"] == stratum["stratum"] and not row["exempt_reason"]


def another_probability(told):
    told.drawn()["inclusion_probability"] = "0.5"


def a_subject_in_it_twice(told):
    told.sample.append(dict(told.waiting()))


def a_drawn_subject_left_out(told):
    told.sample.remove(told.drawn())


# Plan


def more_to_draw(told):
    row = told.stratum(told.waiting()["stratum"])
    row["target"] = str(int(row["target"]) + 1)
    _true_chances(told, row)


def an_enemy_drawn_for_certain(told):
    """Before the seed is known: everybody of a stratum is to be drawn, and all figures say so."""
    row = told.stratum("2024Q2-food|C|food")
    more = int(row["population"]) - int(row["target"])
    assert more > 0
    on_site = verify_draw.rounded_up(int(row["on_site_ppm"]), int(row["population"]))
    counts = told.manifest["counts"]
    counts |= {"target": counts["target"] + more, "drawn": counts["drawn"] + more}
    counts["on_site"] += on_site - int(row["on_site"])
    row |= {"target": row["population"], "on_site": str(on_site)}
    _true_chances(told, row)
    told.manifest |= {"raised": told.manifest["raised"] + more, "notes": [], "version": "0.0.1"}
    _redrawn(told, SEED)


def fewer_to_draw(told):
    row = max(told.plan, key=lambda one: int(one["target"]))
    row["target"] = str(int(row["target"]) - 1)


def fewer_on_site(told):
    max(told.plan, key=lambda one: int(one["on_site"]))["on_site"] = "0"


def another_probability_of_a_stratum(told):
    told.plan[0]["inclusion_probability"] = "0.9"


def full_coverage_in_name(told):
    told.plan[-1]["full_coverage"] = "1"


def another_number_of_exempt(told):
    told.plan[0]["exempt"] = "7"


def a_stratum_twice(told):
    told.plan.insert(0, {**told.plan[0], "target": "1"})


def a_joined_stratum_by_another_name(told):
    joined = next(row for row in told.plan if not row["industry"])
    name = joined["stratum"] + "food"
    for row in told.sample:
        row["stratum"] = name if row["stratum"] == joined["stratum"] else row["stratum"]
    joined |= {"stratum": name, "industry": "food"}


# People and publication


def a_friendly_inspector(told):
    first, others = told.tables["inspectors.csv"][0], told.manifest["inspectors"]["members"]
    sent = {row["staff_id"] for row in told.tables["inspectors.csv"] if row["subject_id"] == first["subject_id"]}
    other = next(one for one in others if one["staff_id"] not in sent and one["department"] == first["department"])
    first["staff_id"] = other["staff_id"]


def another_leader(told):
    rows = told.tables["inspectors.csv"]
    rows[0]["place"], rows[1]["place"] = rows[1]["place"], rows[0]["place"]


def another_name_of_an_inspector(told):
    told.tables["inspectors.csv"][0]["name"] = "王六"


def a_recusal_struck(told):
    told.manifest["inspectors"]["recusals"] = []


def a_recusal_made_up(told):
    subject = told.drawn()["subject_id"]
    sent = next(row["staff_id"] for row in told.tables["inspectors.csv"] if row["subject_id"] == subject)
    told.manifest["inspectors"]["recusals"].append([sent, subject])


def a_member_without_certificate(told):
    told.manifest["inspectors"]["members"][1]["certificate_valid_to"] = "2024-05-01"


def a_member_of_another_office(told):
    told.manifest["inspectors"]["members"][1]["department"] = "TAX"


def a_member_twice(told):
    told.manifest["inspectors"]["members"].append(told.manifest["inspectors"]["members"][1])


def a_drawn_subject_not_published(told):
    del told.tables["publication.csv"][0]


def a_subject_published_that_was_not_drawn(told):
    row = told.waiting()
    told.tables["publication.csv"].append({**told.tables["publication.csv"][0], "subject_id": row["subject_id"]})


def another_name_published(told):
    told.tables["publication.csv"][0]["name"] = "另一公司"


def other_days_published(told):
    told.tables["publication.csv"][0]["end"] = "2024-12-31"


def one_published_twice(told):
    told.tables["publication.csv"].append(told.tables["publication.csv"][0])


def a_replaced_friend_as_if_visited(told):
    _first_closing(told, "replaced").update(standing="drawn", reason="")


def a_late_subject_not_told_at_the_end(told):
    told.tables["closing.csv"].remove(_first_closing(told, "late"))


def a_list_in_the_order_of_replacements(told):
    told.tables["closing.csv"].sort(key=lambda row: row["standing"])


def a_list_at_the_end_that_was_not_told(told):
    told.kept.add("closing")
    _first_closing(told, "late")["result"] = "发现问题"


def another_result_at_the_end(told):
    _first_closing(told, "drawn")["result"] = "发现问题"


def a_correction_that_nobody_recorded(told):
    _first_closing(told, "drawn")["corrected"] = "1"


def _first_closing(told, standing):
    return next(row for row in told.tables["closing.csv"] if row["standing"] == standing)


# Manifest and seed


def a_seed_of_another_form(told):
    _redrawn(told, "lucky")


def a_draw_before_the_day(told):
    told.manifest["drawn_on"] = "2024-04-30"


def a_seed_without_its_tickets(told):
    told.manifest["seed"] = ANOTHER


def another_count(told):
    told.manifest["counts"]["drawn"] += 1


def other_notes(told):
    told.manifest["notes"] = ["nothing to see"]


def another_rule(told):
    told.manifest["algorithm"] = "by hand"


def another_key(told):
    told.key = "f" * 64


def one_inspector_is_enough(told):
    told.task["min_inspectors"] = 1


def a_floor_that_is_not_met(told):
    told.task["min_ratio"] = 0.9


# Log


def a_replacement_out_of_turn(told):
    row = told.sample[-1]
    told.line("replaced").update(replaced_by=row["subject_id"], ticket=row["ticket"])
    told.line("replaced", register=True)["replaced_by"] = row["subject_id"]


def a_replacement_by_letter(told):
    line = told.line("replaced")
    line["mode"] = "on_site" if line["mode"] == "off_site" else "off_site"


def a_replacement_for_no_reason(told):
    _of_first_replacement(told, reason="asked for it")


def a_replacement_without_evidence(told):
    _of_first_replacement(told, evidence="")


def a_replacement_by_one_person(told):
    _of_first_replacement(told, second="李 四")


def another_reason_in_the_log_alone(told):
    told.line("replaced")["reason"] = "revoked"


def a_team_that_somebody_chose(told):
    line = next(line for line in told.log if line["what"] == "joined" and line["team"])
    line["team"] = list(reversed(line["team"]))


def a_replacement_kept_from_the_register(told):
    told.register.remove(told.line("replaced", register=True))


def a_late_subject_kept_from_the_register(told):
    told.line("joined", register=True)["subjects"] -= 1


def an_inspector_who_left_for_no_reason(told):
    told.line("left")["reason"] = told.line("left", register=True)["reason"] = "asked to"


def another_reason_of_a_leave_in_the_log_alone(told):
    told.line("left")["evidence"] = "another"


def a_friend_in_the_place_of_who_left(told):
    line = told.line("left")["teams"][0]
    sent = {*line["team"], told.line("left")["staff_id"]}
    line["comes"] = next(one["staff_id"] for one in told.manifest["inspectors"]["members"] if one["staff_id"] not in sent)


def _of_first_replacement(told, **values):
    told.line("replaced").update(values)
    told.line("replaced", register=True).update(values)


def a_late_friend_not_drawn(told):
    next(line for line in told.log if line["what"] == "joined" and line["mode"]).update(mode="", team=[])


def a_late_friend_in_a_safer_tier(told):
    told.line("joined")["tier"] = "A"


def a_late_friend_at_a_smaller_ratio(told):
    told.line("joined")["ratio_ppm"] = 1


def a_late_friend_with_a_better_ticket(told):
    told.line("joined").update(ticket="f" * 64, mode="")


def a_source_that_was_not_declared(told):
    for line in (told.line("drawn"), told.line("drawn", register=True)):
        line["seed_source"] = "dice: at home, 2024-05-01"


def a_source_that_was_not_declared_in_the_register_alone(told):
    told.line("drawn", register=True)["seed_source"] = "dice: at home, 2024-05-01"


def another_source_told_with_the_frame(told):
    told.line("published", register=True)["seed_source"] = "lottery: 双色球 2024050, 2024-05-01"


def a_frame_told_without_its_source(told):
    clocked(told)
    del told.line("published", register=True)["seed_source"]


def a_late_subject_that_is_in_the_frame_in_another_spelling(told):
    told.waiting()["subject_id"] = "K1"
    told.line("joined")["subject_id"] = "\u212a1"


def another_root_of_the_draw(told):
    told.kept.add("strata")
    told.line("drawn")["strata"] = told.line("drawn", register=True)["strata"] = "0" * 64


def another_root_of_the_draw_in_the_register_alone(told):
    told.kept.add("strata")
    told.line("drawn", register=True)["strata"] = "0" * 64


def a_second_draw(told):
    told.log.append(dict(told.line("drawn")))


# Register


def a_frame_published_after_its_draw(told):
    told.line("published", register=True)["on"] = "2024-05-02"


def a_frame_published_on_the_day_of_its_seed(told):
    told.line("published", register=True)["on"] = "2024-05-01"


def a_frame_that_was_voided(told):
    told.register.append({"what": "void", "task": told.task["id"], "frame_hash": told.manifest["frame_hash"]})


def a_voided_frame_before_whose_seed_was_known(told):
    published = dict(told.line("published", register=True))
    told.register[:0] = [published, {"what": "void", "task": told.task["id"], "on": "2024-05-01"}]


def a_draw_that_the_register_does_not_know(told):
    told.register.remove(told.line("drawn", register=True))


def two_draws_in_the_register(told):
    told.register.insert(2, dict(told.line("drawn", register=True)))


def another_root_of_late_subjects(told):
    told.kept.add("late")
    told.line("joined", register=True)["late"] = "0" * 64


def _refused(**more):
    return {"what": "draw_refused", "seed": ANOTHER, "by": "赵六", "on": "2024-05-09", **more}


def a_refused_draw_kept_from_the_register(told):
    told.log.append(_refused())


def a_refused_draw_struck_from_the_log(told):
    told.register.append(_refused(task=told.task["id"], log="0" * 64))


def another_person_of_a_refused_draw(told):
    told.log.append(_refused())
    told.register.append(_refused(task=told.task["id"], log="", by="钱七"))


def a_replacement_dated_before_its_draw(told):
    _of_first_replacement(told, on="2024-04-30")


def another_person_of_the_draw_in_the_register_alone(told):
    told.line("drawn", register=True)["by"] = "钱七"


def a_ratio_that_is_not_of_its_tier(told):
    row = max(told.plan, key=lambda one: int(one["population"]))
    row["ratio_ppm"] = str(int(row["ratio_ppm"]) - 1)


def a_log_that_ends_elsewhere(told):
    told.kept.add("log")


# Days, the machine's clock, persons


def clocked(told):
    """As if each line had been recorded on its own day."""
    for line in told.register:
        line["recorded"] = line["on"]


def results_dated_before_the_replacements(told):
    told.line("results", register=True)["on"] = "2024-05-02"


def a_frame_chosen_among_draws_by_a_void_of_long_ago(told):
    _voided_before(told, voided="2020-01-01", recorded="2024-05-02")


def a_closing_dated_after_the_clock(told):
    clocked(told)
    told.line("closed", register=True)["on"] = "2024-07-02"


def a_line_without_its_clock(told):
    clocked(told)
    del told.line("closed", register=True)["recorded"]


def open_visits_closed_by_one_person(told):
    told.line("closed", register=True)["second"] = "李　四"


def open_visits_closed_for_no_reason(told):
    told.line("closed", register=True)["reason"] = "——"


def a_void_by_one_person(told):
    _voided_before(told, voided="2024-04-30", recorded="2024-04-30")
    told.line("void", register=True)["second"] = ""


def visits_said_to_be_done(told):
    told.line("closed", register=True)["open"] = 0


def a_result_that_was_not_handed_in(told):
    _found(told, told.drawn()["subject_id"], "未发现问题")
    told.line("closed", register=True)["open"] -= 1


def a_result_counted_as_new_twice(told):
    told.line("results", register=True)["new"] += 1


def fewer_open_visits_told_with_the_results(told):
    told.line("results", register=True)["open"] = 0


def a_correction_by_one_person(told):
    _corrected(told, second="")


def a_correction_without_evidence(told):
    _corrected(told, evidence="")


def a_correction_without_a_reason(told):
    _corrected(told, reason=" ")


def _corrected(told, **values):
    """A correction of the one result that was handed in, dated the day of the closing."""
    before, at = told.line("results", register=True), len(told.register) - 1
    why = {"reason": "勾错", "evidence": "现场笔录", "by": "李四", "second": "王五"}
    subject = next(row for row in told.tables["closing.csv"] if row["inspected_on"])
    subject["corrected"] = "1"
    open_now = told.line("closed", register=True)["open"]
    body = {**before, "new": 0, "open": open_now, "on": "2024-07-01", "corrected": [subject["subject_id"]], **why, **values}
    told.register.insert(at, body)


def a_late_subject_of_another_day(told):
    told.line("joined", register=True)["on"] = "2024-05-20"


def a_late_subject_of_another_person(told):
    told.line("joined", register=True)["by"] = "钱七"


def fewer_late_subjects_drawn_in_the_register_alone(told):
    told.line("joined", register=True)["drawn"] -= 1


def a_visit_kept_whose_result_came_later(told):
    kept, closed = told.line("left")["teams"].pop()["subject_id"], told.line("closed", register=True)
    told.line("left")["kept"].append(kept)
    _found(told, kept, "未发现问题")
    closed["open"] -= 1
    later = {**told.line("results", register=True), "results": 2, "new": 1, "open": closed["open"], "on": "2024-07-01"}
    told.register.insert(len(told.register) - 1, later)


def a_visit_kept_whose_result_vanished(told):
    kept = told.line("left")["kept"]
    for row in (*told.tables["publication.csv"], *told.tables["closing.csv"]):
        if row["subject_id"] in kept:
            row |= {"inspected_on": "", "result": ""}


def a_visit_kept_by_one_who_was_not_of_the_team(told):
    line = told.line("left")
    sent = {row["subject_id"] for row in told.tables["inspectors.csv"] if row["staff_id"] == line["staff_id"]}
    line["kept"].append(next(row["subject_id"] for row in told.sample if row["drawn"] == "1" and row["subject_id"] not in sent))


def fewer_on_site_by_another_share(told):
    row = max(told.plan, key=lambda one: int(one["on_site"]))
    row["on_site_ppm"], row["on_site"] = "1", "1"


def _lines_of_an_earlier_frame(told, *kinds):
    """Put before the frame some lines of an earlier one of the task, the draw among them, of the day of its publication."""
    clocked(told)
    known = {what: told.line(what, register=True) for what in ("published", "drawn", "closed")}
    known["void"] = {"what": "void", "task": told.task["id"], "by": "王五", "second": "李四", "reason": "未抽中"}
    day = {"on": "2024-04-30", "recorded": "2024-04-30", "frame_hash": "e" * 64}
    told.register[:0] = [{**known[what], **day} for what in kinds]


def a_draw_taken_back_by_a_void(told):
    _lines_of_an_earlier_frame(told, "published", "drawn", "void")


def a_draw_taken_back_after_its_closing(told):
    _lines_of_an_earlier_frame(told, "published", "drawn", "closed", "void")


def a_draw_taken_back_by_another_frame(told):
    _lines_of_an_earlier_frame(told, "published", "drawn")


def a_frame_published_beside_another(told):
    _lines_of_an_earlier_frame(told, "published")


def a_void_of_a_frame_whose_publication_was_struck(told):
    _lines_of_an_earlier_frame(told, "void")


def a_line_of_the_log_written_anew_after_the_register(told):
    """The last line of the register is true; one before names a line that is not in the log any more."""
    told.kept.add("log")
    told.seal()
    ends = iter(told._ends)
    for line in told.register:
        if "log" in line:
            line["log"] = [next(ends) for _one in range(line.get("subjects", 1))][-1]
    told.line("replaced", register=True)["log"] = "0" * 64


def lines_of_the_register_that_name_those_of_the_log_in_another_order(told):
    a_line_of_the_log_written_anew_after_the_register(told)
    first, second = [line for line in told.register if line["what"] == "replaced"]
    logged = [end for line, end in zip(told.log, told._ends, strict=True) if line["what"] == "replaced"]
    second["log"], first["log"] = logged


def a_draw_that_names_no_line_of_the_log(told):
    told.line("drawn", register=True).pop("log")


def a_draw_after_the_replacements(told):
    line = told.line("drawn", register=True)
    told.register.remove(line)
    told.register.insert(-1, line)


def a_replacement_after_the_closing(told):
    line = told.line("closed", register=True)
    told.register.remove(line)
    told.register.insert(2, line)


def a_task_closed_twice(told):
    told.register.append(dict(told.line("closed", register=True)))


def a_line_of_a_kind_that_nobody_writes(told):
    told.register.append({**told.register[-1], "what": "unreplaced"})


def a_line_of_the_log_of_a_kind_that_nobody_writes(told):
    told.log.insert(1, {"what": "unreplaced", "on": "2024-05-01"})


def a_publication_without_its_day(told):
    told.line("published", register=True).pop("on")


def a_publication_by_nobody(told):
    told.line("published", register=True)["by"] = " "


def a_publication_told_nowhere(told):
    told.line("published", register=True)["channel"] = ""


def a_draw_by_nobody(told):
    for line in (told.line("drawn"), told.line("drawn", register=True)):
        line["by"] = ""


def a_closing_by_nobody(told):
    told.line("closed", register=True)["by"] = ""


def results_of_no_day(told):
    told.line("results", register=True)["on"] = ""


def a_void_by_nobody(told):
    _voided_before(told, voided="2024-04-29", recorded="2024-04-29")
    told.line("void", register=True)["by"] = ""


def a_replacement_as_if_taken_over(told):
    told.line("replaced", register=True)["adopted"] = True


def a_visit_before_the_draw(told):
    _found(told, _visited(told), "未发现问题", on="2024-04-30")


def a_visit_on_no_day(told):
    _found(told, _visited(told), "未发现问题", on="soon")


def a_result_in_other_words(told):
    _found(told, _visited(told), "很好")


def _visited(told):
    return next(row["subject_id"] for row in told.tables["publication.csv"] if row["inspected_on"])


def a_lottery_of_ten_outcomes(told):
    _declared(told, form="1 digits")


def a_lottery_of_one_outcome(told):
    _declared(told, form="33 of 33")


def a_witnessed_seed_of_24_bits(told):
    _declared(told, source="witnessed")


def _declared(told, **about):
    told.task["seed"] |= about
    for line in (told.line("drawn"), told.line("drawn", register=True)):
        line["seed_source"] = verify_draw.source_text(told.task["seed"])


def a_frame_without_a_source_of_its_seed(told):
    told.task["seed"] = None
    for line in (told.line("drawn"), told.line("drawn", register=True)):
        del line["seed_source"]


def _voided_before(told, *, voided, recorded):
    """An earlier frame of the task, published and voided before this one was told; all recorded when its seed was known."""
    clocked(told)
    published = told.line("published", register=True)
    earlier = {**published, "frame_hash": "e" * 64}
    void = {"what": "void", "task": told.task["id"], "frame_hash": "e" * 64, "on": voided, "recorded": recorded}
    told.register[:0] = [earlier, {**void, "by": "王五", "second": "李四", "reason": "未抽中"}]
    late = [line for line in told.register[2:] if line["recorded"] < recorded]
    for line in late:
        line["recorded"] = recorded


FOUND = {
    a_smaller_ticket: "sample.ticket",
    a_friend_spared: "sample.not_drawn",
    a_visit_that_becomes_a_letter: "sample.mode",
    a_friend_in_a_stratum_of_others: "sample.stratum",
    a_friend_in_another_trade: "sample.stratum",
    an_exemption_nobody_knows: "sample.reason",
    an_exemption_of_one_who_was_drawn: "sample.not_drawn",
    another_probability: "sample.probability",
    a_subject_in_it_twice: "frame.subject_twice",
    a_drawn_subject_left_out: "plan.population",
    more_to_draw: "sample.not_drawn",
    an_enemy_drawn_for_certain: "plan.raised",
    another_source_told_with_the_frame: "register.seed_source",
    a_frame_told_without_its_source: "register.names",
    a_late_subject_that_is_in_the_frame_in_another_spelling: "log.known",
    fewer_to_draw: "plan.target",
    fewer_on_site: "plan.on_site",
    another_probability_of_a_stratum: "plan.probability",
    full_coverage_in_name: "plan.full_coverage",
    another_number_of_exempt: "plan.exempt",
    a_stratum_twice: "plan.stratum",
    a_joined_stratum_by_another_name: "sample.stratum",
    a_friendly_inspector: "inspectors.team",
    another_leader: "inspectors.team",
    another_name_of_an_inspector: "inspectors.team",
    a_recusal_struck: "inspectors.team",
    a_recusal_made_up: "inspectors.team",
    a_member_without_certificate: "inspectors.certificate",
    a_member_of_another_office: "inspectors.department",
    a_member_twice: "inspectors.twice",
    a_drawn_subject_not_published: "publication.missing",
    a_subject_published_that_was_not_drawn: "publication.subject",
    another_name_published: "publication.subject",
    other_days_published: "publication.task",
    one_published_twice: "publication.subject",
    a_replaced_friend_as_if_visited: "closing.subject",
    a_late_subject_not_told_at_the_end: "closing.missing",
    a_list_in_the_order_of_replacements: "closing.order",
    a_list_at_the_end_that_was_not_told: "register.closing",
    another_result_at_the_end: "closing.result",
    a_correction_that_nobody_recorded: "register.corrected",
    a_seed_of_another_form: "seed.form",
    a_draw_before_the_day: "seed.day",
    a_seed_without_its_tickets: "sample.ticket",
    another_count: "manifest.counts",
    other_notes: "manifest.figures",
    another_rule: "manifest.algorithm",
    another_key: "sample.ticket",
    one_inspector_is_enough: "manifest.inspectors",
    a_floor_that_is_not_met: "plan.floor",
    a_replacement_out_of_turn: "log.turn",
    a_replacement_by_letter: "log.replacement",
    a_replacement_for_no_reason: "log.reason",
    a_replacement_without_evidence: "log.reason",
    a_replacement_by_one_person: "log.reason",
    another_reason_in_the_log_alone: "register.replaced",
    a_replacement_kept_from_the_register: "log.not_registered",
    a_late_subject_kept_from_the_register: "log.not_registered",
    an_inspector_who_left_for_no_reason: "log.leave",
    another_reason_of_a_leave_in_the_log_alone: "register.replaced",
    a_friend_in_the_place_of_who_left: "inspectors.team",
    a_team_that_somebody_chose: "inspectors.team",
    a_late_friend_not_drawn: "log.late_draw",
    a_late_friend_in_a_safer_tier: "log.late_stratum",
    a_late_friend_at_a_smaller_ratio: "log.late_ratio",
    a_late_friend_with_a_better_ticket: "log.late_draw",
    a_source_that_was_not_declared: "seed.source",
    a_source_that_was_not_declared_in_the_register_alone: "register.draw",
    another_root_of_the_draw: "log.strata",
    another_root_of_the_draw_in_the_register_alone: "register.draw",
    a_second_draw: "log.draw",
    a_frame_published_after_its_draw: "register.day",
    a_frame_published_on_the_day_of_its_seed: "register.seed_day",
    a_voided_frame_before_whose_seed_was_known: "register.seed_day",
    a_frame_that_was_voided: "register.void",
    a_draw_that_the_register_does_not_know: "register.not_drawn",
    two_draws_in_the_register: "register.draw",
    another_root_of_late_subjects: "register.late",
    a_log_that_ends_elsewhere: "register.log",
    a_refused_draw_kept_from_the_register: "log.not_registered",
    a_refused_draw_struck_from_the_log: "register.refused",
    another_person_of_a_refused_draw: "register.refused",
    a_replacement_dated_before_its_draw: "log.day",
    another_person_of_the_draw_in_the_register_alone: "register.draw",
    a_ratio_that_is_not_of_its_tier: "plan.ratio",
    results_dated_before_the_replacements: "register.day",
    a_frame_chosen_among_draws_by_a_void_of_long_ago: "register.day",
    a_draw_taken_back_by_a_void: "register.taken_back",
    a_draw_taken_back_after_its_closing: "register.taken_back",
    a_draw_taken_back_by_another_frame: "register.taken_back",
    a_frame_published_beside_another: "register.published_twice",
    a_void_of_a_frame_whose_publication_was_struck: "register.order",
    a_line_of_the_log_written_anew_after_the_register: "register.log_line",
    lines_of_the_register_that_name_those_of_the_log_in_another_order: "register.log_line",
    a_draw_that_names_no_line_of_the_log: "register.log_line",
    a_draw_after_the_replacements: "register.order",
    a_replacement_after_the_closing: "register.order",
    a_task_closed_twice: "register.order",
    a_line_of_a_kind_that_nobody_writes: "register.kind",
    a_line_of_the_log_of_a_kind_that_nobody_writes: "log.kind",
    a_publication_without_its_day: "register.names",
    a_publication_by_nobody: "register.names",
    a_publication_told_nowhere: "register.names",
    a_draw_by_nobody: "register.names",
    a_closing_by_nobody: "register.names",
    results_of_no_day: "register.names",
    a_void_by_nobody: "register.names",
    a_replacement_as_if_taken_over: "register.adopted",
    a_visit_before_the_draw: "visit.day",
    a_visit_on_no_day: "visit.day",
    a_result_in_other_words: "visit.result",
    a_lottery_of_ten_outcomes: "seed.few",
    a_lottery_of_one_outcome: "seed.few",
    a_witnessed_seed_of_24_bits: "seed.few",
    a_frame_without_a_source_of_its_seed: "seed.undeclared",
    a_closing_dated_after_the_clock: "register.future",
    a_line_without_its_clock: "register.unrecorded",
    open_visits_closed_by_one_person: "register.grounds",
    open_visits_closed_for_no_reason: "register.grounds",
    a_void_by_one_person: "register.grounds",
    visits_said_to_be_done: "register.open",
    a_result_that_was_not_handed_in: "register.closed_results",
    a_result_counted_as_new_twice: "register.results",
    fewer_open_visits_told_with_the_results: "register.results",
    a_correction_by_one_person: "register.grounds",
    a_correction_without_evidence: "register.grounds",
    a_correction_without_a_reason: "register.grounds",
    a_late_subject_of_another_day: "register.joined",
    a_late_subject_of_another_person: "register.joined",
    fewer_late_subjects_drawn_in_the_register_alone: "register.joined",
    a_visit_kept_whose_result_came_later: "log.kept",
    a_visit_kept_whose_result_vanished: "log.kept",
    a_visit_kept_by_one_who_was_not_of_the_team: "log.leave_visits",
    fewer_on_site_by_another_share: "plan.on_site_share",
}


def test_whoever_only_hashes_anew_changes_nothing(folder):
    before = {path: path.read_bytes() for path in folder.glob("*.csv")}
    forged(folder, lambda told: None)
    assert codes(folder) == set()
    assert {path: path.read_bytes() for path in folder.glob("*.csv")} == before


@pytest.mark.parametrize(("change", "code"), [pytest.param(*case, id=case[0].__name__) for case in FOUND.items()])
def test_what_the_files_contradict_is_found(folder, change, code):
    forged(folder, change)
    assert code in codes(folder)


def test_a_line_of_the_register_that_names_one_of_another_kind_is_found(folder):
    export = verify_draw.read_export(folder)
    drawn = next(line for line in export.log if line["what"] == "drawn")
    (found,) = verify_draw._registered_places(export, [{"what": "replaced", "number": 3, "log": drawn["hash"]}])
    assert found == ("register.log_line", {"line": 3})


def test_two_spellings_of_one_id_are_one_subject_twice(folder):
    """Both have one ticket and one name in the tree: one of the two rows would be under no hash."""
    export = verify_draw.read_export(folder, folder.parent.parent / "keys" / folder.name)
    twins = [export.subjects[0]._replace(subject_id=name) for name in ("K1", "\u212a1")]
    found = verify_draw.check_frame(export._replace(subjects=twins), export.manifest["frame_hash"], None)
    assert "frame.subject_twice" in {finding.code for finding in found}


# Industries apart: their ratios and shares on site are in the frame, too


@pytest.fixture(scope="module")
def apart_out(tmp_path_factory):
    """A drawn task over one industry with rules of its own and one that is covered in full; a late subject of a tier not in it."""
    out, tiers = tmp_path_factory.mktemp("apart"), a_tiers(120)
    tiers.frame.loc[tiers.frame["tier"] == "A", "tier"] = "B"
    own = rules({"D": 0.5}, on_site_share=0.4)
    policy = a_policy(each={"on_site_share": 0.6}, industry={"food": own}, full_coverage=("retail",))
    folder = drawn(out, plan_inspections(tiers, policy, task=a_task()), seed="lottery", on=dt.date(2024, 5, 1))
    late = pd.DataFrame({"subject_id": ["N001"], "name": "新设", "industry": "food", "region": "431102", "tier": "A"})
    join(folder, late, policy=policy, by="李四", on=dt.date(2024, 5, 9))
    return out


@pytest.fixture
def apart(apart_out, tmp_path):
    """Its folder in a copy."""
    return Path(shutil.copytree(apart_out, tmp_path / "out")) / "tasks" / "2024Q2-food"


def a_smaller_ratio_of_an_industry_apart(told):
    told.stratum("2024Q2-food|D|food")["ratio_ppm"] = "499999"


def a_smaller_share_on_site_of_an_industry_apart(told):
    told.stratum("2024Q2-food|D|food")["on_site_ppm"] = "399999"


def the_share_on_site_of_another_industry(told):
    told.stratum("2024Q2-food|D|food")["on_site_ppm"] = "600000"


def full_coverage_forgotten(told):
    told.stratum("2024Q2-food|D|retail")["full_coverage"] = "0"


def full_coverage_of_one_apart(told):
    told.stratum("2024Q2-food|D|food").update(full_coverage="1", ratio_ppm="1000000")


def an_edited_ratio_of_full_coverage(told):
    told.manifest["about"]["ratios"] = "edited by the planner"
    told.stratum("2024Q2-food|D|retail")["ratio_ppm"] = "500000"


def a_smaller_ratio_of_a_late_subject_apart(told):
    told.line("joined")["ratio_ppm"] = 9_999


APART = {
    a_smaller_ratio_of_an_industry_apart: "plan.ratio",
    a_smaller_share_on_site_of_an_industry_apart: "plan.on_site_share",
    the_share_on_site_of_another_industry: "plan.on_site_share",
    full_coverage_forgotten: "plan.full_coverage",
    full_coverage_of_one_apart: "plan.full_coverage",
    an_edited_ratio_of_full_coverage: "plan.full_coverage",
    a_smaller_ratio_of_a_late_subject_apart: "log.late_ratio",
}


def test_an_industry_apart_verifies(apart):
    forged(apart, lambda told: None)
    result = verify_draw.verify(apart)
    assert (result.findings, "scope.late_ratio" in {one.code for one in result.not_covered}) == ([], False)


@pytest.mark.parametrize(("change", "code"), [pytest.param(*case, id=case[0].__name__) for case in APART.items()])
def test_what_the_signed_policy_says_of_an_industry_apart_is_held_to(apart, change, code):
    forged(apart, change)
    assert code in codes(apart)


# What breaks no rule, and is to be asked about


def asked(folder):
    """The outcome, and what to ask about by code."""
    result = verify_draw.verify(folder)
    assert [finding.text for finding in result.findings] == []
    assert verify_draw.as_text(result).splitlines()[0] == f"verified, with {len(result.asked)} to ask about: 0 findings"
    assert verify_draw.as_text(result).splitlines()[-1] == f"verified; to ask about: {len(result.asked)}"
    return {one.code: one.text for one in result.asked}


#: What the task of these tests wants answers about, however sound its register is.
ALWAYS = {"ask.open", "ask.replaced", "ask.left", "ask.joined"}


def test_open_visits_replacements_and_leaves_are_asked_about_and_nothing_else_where_the_clock_is_sound(folder):
    forged(folder, clocked)
    told, forger = asked(folder), Forger.of(folder)
    assert set(told) == ALWAYS
    still, replaced, left = (forger.line(what, register=True) for what in ("closed", "replaced", "left"))
    assert f"closed on 2024-07-01 with {still['open']} visits without a result by 李四 and" in told["ask.open"]
    assert told["ask.replaced"].startswith("2 subjects were replaced: ")
    why = f"{replaced['subject_id']} → {replaced['replaced_by']} (deregistered, 注销通知书 2024-7, 李四, 王五)"
    assert why in told["ask.replaced"]
    assert told["ask.left"] == f"1 inspectors left: {left['staff_id']} (ill, 病假条 2024-3, 李四, 王五)"


def test_late_subjects_that_are_drawn_are_asked_about_with_whom_they_bar(folder):
    """Who enters them knows their tickets: whom to enter, and which inspectors are recused from them, can be chosen."""
    late = [line for line in Forger.of(folder).log if line["what"] == "joined"]
    drawn = [line for line in late if line["mode"]]
    told = asked(folder)["ask.joined"]
    assert told.startswith(f"{len(late)} subjects came later, {len(drawn)} of them drawn: {drawn[0]['subject_id']} (D, ")
    assert any(line["recused"] for line in drawn[:5]) == (" recused" in told)


def test_who_was_replaced_and_is_met_all_the_same_is_asked_about(folder):
    replaced = Forger.of(folder).line("replaced")["subject_id"]
    for result, is_asked in (("查无下落", False), ("未发现问题", True)):

        def change(told, result=result):
            clocked(told)
            _found(told, replaced, result)
            handed_in = told.line("results", register=True)
            done = sum(bool(row["inspected_on"]) for row in told.tables["closing.csv"])
            handed_in |= {"results": done, "new": done}

        forged(folder, change)
        assert ("ask.met" in asked(folder)) == is_asked
    assert asked(folder)["ask.met"] == f"closing.csv: 1 subjects were replaced, and their visits found them: {replaced}"


def a_clock_that_was_set_back(told):
    clocked(told)
    told.line("published", register=True)["recorded"] = "2024-05-02"


def a_clock_of_another_task_that_was_set_back(told):
    clocked(told)
    told.register[2:2] = [{"what": "published", "task": "another", "on": "2024-04-01", "recorded": "2024-04-01"}]


@pytest.mark.parametrize("change", [a_clock_that_was_set_back, a_clock_of_another_task_that_was_set_back])
def test_a_clock_that_fell_is_asked_about_once(folder, change):
    """An honest jump of a clock would else fail every task for good."""
    forged(folder, change)
    assert [one.code for one in verify_draw.verify(folder).asked].count("ask.clock") == 1
    assert "which clock was wrong" in asked(folder)["ask.clock"]


def test_a_clock_that_fell_below_the_last_line_about_a_task_is_not_asked_about_it(folder):
    def change(told):
        clocked(told)
        told.register.append({"what": "published", "task": "another", "on": "2024-04-01", "recorded": "2024-04-01"})

    forged(folder, change)
    assert set(asked(folder)) == ALWAYS


def test_a_trial_is_asked_about(folder):
    def change(told):
        clocked(told)
        told.line("published", register=True)["trial"] = True

    forged(folder, change)
    assert set(asked(folder)) == {*ALWAYS, "ask.trial"}


def test_a_list_at_the_end_without_a_closing_is_asked_about(folder):
    def change(told):
        clocked(told)
        told.register.remove(told.line("closed", register=True))

    forged(folder, change)
    assert set(asked(folder)) == {*ALWAYS - {"ask.open"}, "ask.unclosed"}


@pytest.mark.parametrize(("day", "is_late"), [("2024-05-02", False), ("2024-04-30", True)])
def test_a_void_after_the_seed_of_its_own_frame_was_known_is_asked_about(folder, day, is_late):
    def change(told):
        _voided_before(told, voided="2024-04-30", recorded="2024-04-30")
        told.register[0] |= {"seed_source": f"lottery: 双色球 2024048, {day}"}

    forged(folder, change)
    told = asked(folder)
    assert set(told) == {*ALWAYS, "ask.frame", *(["ask.void_late"] if is_late else [])}
    assert not is_late or "was known (lottery: 双色球 2024048, 2024-04-30)" in told["ask.void_late"]


def test_an_earlier_frame_that_was_taken_over_is_asked_about(folder):
    def change(told):
        _voided_before(told, voided="2024-04-30", recorded="2024-04-30")
        told.register[0] |= {"adopted": True, "by": "", "channel": ""}

    forged(folder, change)
    assert set(asked(folder)) == {*ALWAYS, "ask.frame", "ask.adopted"}


def test_a_publication_said_to_be_taken_over_is_asked_about(folder):
    forged(folder, lambda told: told.line("published", register=True).update(adopted=True))
    assert "ask.adopted" in asked(folder)


def test_a_frame_chosen_among_draws_is_asked_about_with_both_days_and_the_frame_before_it(folder):
    """Whoever knows the seed voids the frame and publishes another, both dated before: the clock shows it, and the earlier frame."""
    forged(folder, lambda told: _voided_before(told, voided="2024-04-30", recorded="2024-05-02"))
    told = asked(folder)
    assert set(told) == {*ALWAYS, "ask.recorded", "ask.frame", "ask.void_late"}
    assert "is dated 2024-04-30 and was recorded on 2024-05-02, when the seed was known (2024-05-01)" in told["ask.recorded"]
    for part in ("e" * 64, "published on 2024-04-30 (recorded 2024-04-30)", "voided on 2024-04-30 (recorded 2024-05-02)",
                 "by 王五 and 李四: 未抽中"):  # fmt: skip
        assert part in told["ask.frame"]


def test_an_earlier_frame_whose_void_was_struck_is_named(folder):
    forged(folder, a_frame_published_beside_another)
    (told,) = [one.text for one in verify_draw.verify(folder).findings]
    assert f"{'e' * 64}, was published on 2024-04-30 (recorded 2024-04-30) before, and not voided" in told


def test_a_corrected_result_and_a_refused_draw_are_asked_about(folder):
    def change(told):
        _corrected(told)
        clocked(told)
        a_refused_draw_made_up(told)

    forged(folder, change)
    told = asked(folder)
    assert set(told) == {*ALWAYS, "ask.corrected", "ask.refused"}
    assert "by 李四 and 王五: 勾错 (现场笔录)" in told["ask.corrected"]
    assert ANOTHER in told["ask.refused"]


def test_a_register_without_a_clock_is_asked_about(folder):
    def change(told):
        for line in told.register:
            line.pop("recorded", None)

    forged(folder, change)
    assert "line 1 and 7 more about this task do not say" in asked(folder)["ask.unrecorded"]


def test_ratios_that_the_planner_edited_are_asked_about_by_stratum(apart):
    def change(told):
        told.manifest["about"]["ratios"] = "edited by the planner"
        told.stratum("2024Q2-food|D|food")["ratio_ppm"] = "499999"
        told.manifest |= {"version": "0.0.1"}

    forged(apart, change)
    result = verify_draw.verify(apart)
    assert "plan.ratio" not in {one.code for one in result.findings}
    (told,) = [one.text for one in result.asked if one.code == "ask.ratios"]
    assert told.endswith("1 strata have another one than the policy: 2024Q2-food|D|food")


# What no file contradicts


def _redrawn(told, seed):
    """Everything as another seed gives it: tickets, who is drawn, teams, list; nothing happens after the draw."""
    told.manifest["seed"] = seed
    told.log, told.register = told.log[:1], told.register[:2]
    ids = [row["subject_id"] for row in told.sample]
    for row, ticket in zip(told.sample, tickets(ids, seed=seed, task=told.task["id"], key=told.key), strict=True):
        row |= {"ticket": "" if row["exempt_reason"] else ticket, "drawn": "0", "mode": ""}
    for stratum in told.plan:
        own = sorted((row["ticket"], at) for at, row in enumerate(told.sample) if _stays_in(row, stratum))
        for rank, (_ticket, at) in enumerate(own[: int(stratum["target"])]):
            told.sample[at] |= {"drawn": "1", "mode": "on_site" if rank < int(stratum["on_site"]) else "off_site"}
    _publish(told)
    _close(told)
    _send(told)


def _close(told):
    """The closing list as sample and log give it."""
    like = {**told.tables["closing.csv"][0], "reason": "", "inspected_on": "", "result": ""}
    listed = {row["subject_id"]: {"name": row["name"], "standing": "drawn"} for row in told.sample if row["drawn"] == "1"}
    names = {row["subject_id"]: row["name"] for row in told.sample}
    for line in told.log:
        if line["what"] == "replaced":
            listed[line["replaced_by"]] = {"name": names[line["replaced_by"]], "standing": "replacement"}
            listed[line["subject_id"]] |= {"standing": "replaced", "reason": line["reason"]}
        if line["what"] == "joined" and line["mode"]:
            listed[line["subject_id"]] = {"name": line["name"], "standing": "late"}
    found = {row["subject_id"]: {name: row[name] for name in ("inspected_on", "result")} for row in told.tables["publication.csv"]}
    rows = [{**like, "subject_id": subject, **row, **found.get(subject, {})} for subject, row in sorted(listed.items())]
    told.tables["closing.csv"] = rows


def _publish(told):
    like = told.tables["publication.csv"][0]
    drawn = [row for row in told.sample if row["drawn"] == "1"]
    told.tables["publication.csv"] = [{**like, "subject_id": row["subject_id"], "name": row["name"]} for row in drawn]


def _send(told):
    """The teams that the seed and the pool give, by the verifier itself: this forger follows every rule."""
    told.seal()
    export = verify_draw.read_export(told.folder, told.folder.parent.parent / "keys" / told.folder.name)
    staff, visits, rows = verify_draw.Staff(export), dict.fromkeys([], 0), []
    members = {one["staff_id"]: one for one in told.manifest["inspectors"]["members"]}
    for turn, one in enumerate(sorted(export.drawn, key=lambda subject: subject.own_ticket), start=1):
        for place, staff_id in enumerate(staff.team(one.subject_id, one.region, visits, turn), start=1):
            visits[staff_id] = visits.get(staff_id, 0) + 1
            told_of = {name: members[staff_id][name] for name in ("name", "department", "region", "certificate_valid_to")}
            rows.append({"task": one.task, "subject_id": one.subject_id, "place": str(place), "staff_id": staff_id, **told_of})
    told.tables["inspectors.csv"] = sorted(rows, key=lambda row: (row["subject_id"], row["place"]))


def another_seed_of_the_form(told):
    _redrawn(told, ANOTHER)


def a_friend_as_if_in_a_safer_tier(told):
    row = told.waiting("2024Q2-food|D|food")
    for stratum, by in ((told.stratum(row["stratum"]), -1), (told.stratum("2024Q2-food|C|food"), 1)):
        stratum["population"] = str(int(stratum["population"]) + by)
    row |= {"tier": "C", "stratum": "2024Q2-food|C|food"}
    for name in ("2024Q2-food|D|food", "2024Q2-food|C|food"):
        _true_chances(told, told.stratum(name))
    told.manifest |= {"notes": [], "version": "0.0.1"}


def another_policy(told):
    told.manifest["about"]["policy"]["sha256"] = "0" * 64


def another_name_everywhere(told):
    subject = told.drawn()["subject_id"]
    for row in (*told.sample, *told.tables["publication.csv"], *told.tables["closing.csv"]):
        row["name"] = "另一公司" if row["subject_id"] == subject else row["name"]


def a_lottery_declared_afterwards(told):
    told.task["seed"]["issue"] = "2024050"
    for line in (told.line("published", register=True), told.line("drawn"), told.line("drawn", register=True)):
        line["seed_source"] = verify_draw.source_text(told.task["seed"])


def a_recusal_that_changes_no_team(told):
    told.manifest["inspectors"]["recusals"] = [["P0", "S00009"], *told.manifest["inspectors"]["recusals"]]


def the_last_late_subject_forgotten(told):
    gone = [line for line in told.log if line["what"] == "joined"][-1]
    told.log.remove(gone)
    joined, closed = told.line("joined", register=True), told.line("closed", register=True)
    joined["subjects"] -= 1
    joined["drawn"] -= bool(gone["mode"])
    closed["open"] -= bool(gone["mode"])
    _close(told)


def the_last_replacement_undone(told):
    """Not easily: it is undone with what followed it."""
    told.log, told.register = told.log[:2], told.register[:3]
    _close(told)


def another_reason_of_the_list(told):
    _of_first_replacement(told, reason="revoked")
    _close(told)


def another_evidence(told):
    _of_first_replacement(told, evidence="另一份笔录")


def a_refused_draw_made_up(told):
    told.log.append(_refused())
    told.register.append(_refused(task=told.task["id"], log="", recorded=told.register[-1]["recorded"]))


def a_result_nobody_found(told):
    """Another result than was found."""
    row = next(row for row in told.tables["publication.csv"] if row["inspected_on"])
    _found(told, row["subject_id"], "发现违法违规")


def a_visit_kept_by_who_left(told):
    """It took place after the leave: its result is counted as if it had been there before."""
    kept = told.line("left")["teams"].pop()["subject_id"]
    told.line("left")["kept"].append(kept)
    _found(told, kept, "未发现问题")
    handed_in, closed = told.line("results", register=True), told.line("closed", register=True)
    handed_in |= {"results": 2, "new": 2, "open": handed_in["open"] - 1}
    closed["open"] -= 1


def _found(told, subject, result, on="2024-05-08"):
    for row in (*told.tables["publication.csv"], *told.tables["closing.csv"]):
        if row["subject_id"] == subject:
            row |= {"inspected_on": on, "result": result}


#: By forgery: what tells of it, if somebody looked or kept it, and the sentence of every report that says so.
ONLY_WITH = {
    another_seed_of_the_form: ({"outcome": SEED}, "seed.outcome", "scope.outcome"),
    a_friend_as_if_in_a_safer_tier: ("frame_hash", "frame.not_published", "scope.frame_hash"),
    another_policy: ("frame_hash", "frame.not_published", "scope.frame_hash"),
    another_name_everywhere: ("frame_hash", "frame.not_published", "scope.frame_hash"),
    a_lottery_declared_afterwards: ("frame_hash", "frame.not_published", "scope.frame_hash"),
    a_recusal_that_changes_no_team: ("frame_hash", "frame.not_published", "scope.frame_hash"),
    the_last_late_subject_forgotten: ("register_head", "register.head", "scope.register_head"),
    the_last_replacement_undone: ("log_head", "log.head", "scope.log_head"),
    another_reason_of_the_list: ("register_head", "register.head", "scope.register_head"),
    a_visit_kept_by_who_left: (None, None, "scope.kept"),
    a_result_nobody_found: (None, None, "scope.visits"),
    another_evidence: ("register_head", "register.head", "scope.changes"),
    a_refused_draw_made_up: (None, None, "scope.untold"),
}


@pytest.mark.parametrize(("change", "told"), [pytest.param(*case, id=case[0].__name__) for case in ONLY_WITH.items()])
def test_what_no_file_contradicts_is_named_and_found_by_what_was_kept(folder, change, told):
    known, code, named = told
    before = verify_draw.verify(folder)._asdict()
    forged(folder, change)
    result = verify_draw.verify(folder)
    assert [finding.text for finding in result.findings] == []
    assert named in {one.code for one in result.not_covered}
    if known is not None:
        given = known if isinstance(known, dict) else {known: before[known]}
        assert codes(folder, **given) == {code}


@pytest.mark.parametrize("known", [{}, {"outcome": SEED}])
def test_that_the_issue_was_not_out_before_its_day_and_that_no_copy_was_thrown_away_is_always_said(folder, known):
    told = {one.code: one.text for one in verify_draw.verify(folder, **known).not_covered}
    assert "lottery: 双色球 2024049, 2024-05-01 was published on that day and not before" in told["scope.seed_day"]
    assert "each with a key of its own" in told["scope.other_draws"]
    assert not any(verify_draw.is_wanting(code) for code in ("scope.seed_day", "scope.other_draws"))


def test_forty_forgeries_are_tried_and_more():
    assert len(FOUND) + len(APART) + len(ONLY_WITH) >= 90


# Numbered parts


def in_parts(folder, rows=40):
    """The same folder with its sample in numbered parts, as auditors get it."""
    parts = [compressed(part) for part in parts_of(folder / "sample.csv", rows)]
    (folder / "sample.csv").unlink()
    for number, part in enumerate(parts, start=1):
        (folder / f"sample-{number:04}.csv.gz").write_bytes(part)
    return sorted(folder.glob("sample-*.csv.gz"))


def rows_in(path):
    return gzip.decompress(path.read_bytes()).decode("utf-8-sig").splitlines(keepends=True)


def put(path, lines):
    path.write_bytes(compressed("".join(lines).encode("utf-8-sig")))


def a_part_left_out(paths):
    paths[-1].unlink()


def a_part_in_the_middle_left_out(paths):
    paths[1].unlink()


def parts_that_changed_places(paths):
    first, second = (path.read_bytes() for path in paths[:2])
    paths[0].write_bytes(second)
    paths[1].write_bytes(first)


def a_subject_in_two_parts(paths):
    put(paths[1], [*rows_in(paths[1]), rows_in(paths[0])[1]])


def a_subject_in_the_place_of_another(paths):
    head, _gone, *others = rows_in(paths[1])
    put(paths[1], [head, rows_in(paths[0])[1], *others])


def rows_out_of_order(paths):
    head, first, second, *others = rows_in(paths[0])
    put(paths[0], [head, second, first, *others])


def a_part_without_its_rows(paths):
    put(paths[1], rows_in(paths[1])[:1])


CUT = {
    a_part_left_out: "plan.population",
    a_part_in_the_middle_left_out: "file.parts",
    parts_that_changed_places: "file.changed",
    a_subject_in_two_parts: "frame.subject_twice",
    a_subject_in_the_place_of_another: "frame.subject_twice",
    rows_out_of_order: "file.changed",
    a_part_without_its_rows: "plan.population",
}


@pytest.mark.parametrize(("change", "code"), [pytest.param(*case, id=case[0].__name__) for case in CUT.items()])
def test_a_numbered_sample_that_was_changed_is_found(folder, change, code):
    paths = in_parts(folder)
    assert len(paths) > 2
    assert codes(folder) == set()
    change(paths)
    assert code in codes(folder)


def test_a_part_of_another_export_is_found(folder, tmp_path):
    """The same task published and drawn anew: another key, so other tickets, of the same subjects in the same order."""
    plan = plan_inspections(a_tiers(200), a_policy(), task=a_task())
    other = drawn(tmp_path / "other", plan, seed=SEED)
    ours, theirs = in_parts(folder), in_parts(other)
    ours[1].write_bytes(theirs[1].read_bytes())
    assert {"manifest.frame_hash", "manifest.commitments"} <= codes(folder)


@pytest.mark.parametrize("change", [a_friend_spared, a_smaller_ticket, a_subject_in_it_twice, a_drawn_subject_left_out])
def test_a_forgery_is_found_in_parts_as_in_one_file(folder, change):
    forged(folder, change)
    whole = codes(folder)
    in_parts(folder)
    assert codes(folder) == whole != set()
