"""A firm's own proof holds, tells nothing of another firm, and every change of it is found."""

import copy
import datetime as dt
import itertools
import json
import subprocess
import sys

import pandas as pd
import pytest
from support.plans import a_policy, a_task, a_tiers
from support.seeds import numbers
from support.tasks import KEY, draw_folder, join, published

from creditscore import storage
from creditscore.errors import DrawError
from creditscore.inspection import verify_draw
from creditscore.inspection.plan import DrawnPlan, plan_inspections
from creditscore.inspection.proofs import own_proof
from creditscore.inspection.register import Register
from creditscore.inspection.task_folder import TaskFolder
from creditscore.inspection.verify import verify_plan
from creditscore.language import Words
from creditscore.reporting.proof_page import proof_html, proof_text


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    """A drawn task with late subjects."""
    out = tmp_path_factory.mktemp("out")
    tiers = a_tiers(300)
    names = pd.DataFrame({"subject_id": tiers.frame["subject_id"], "name": ["a|b\\c/", *(f"公司{at}" for at in range(299))]})
    folder = published(out, plan_inspections(tiers, a_policy(), task=a_task(), subjects=names))
    draw_folder(folder, seed="s")
    late = pd.DataFrame(
        {"subject_id": [f"L{at}" for at in range(9)], "name": "新店", "industry": "food", "region": "", "tier": "D"}
    )
    for at in (0, 4):
        join(folder, late.iloc[at : at + 4], policy=a_policy(), by="李四", on=dt.date(2024, 5, 9))
    assert verify_plan(folder).findings == ()
    return TaskFolder.opened(folder)


def told(task):
    register = Register.of(task.out)
    return {"frame_hash": register.published(task.task)["frame_hash"], "draw_root": register.drawn(task.task)["strata"]}


def test_every_subject_has_a_proof_that_holds_and_says_what_the_list_says(task):
    sample = DrawnPlan.from_folder(task.path).sample.set_index("subject_id")
    for subject in [*sample.index[:12], *sample.index[sample["drawn"]][:6], "L0", "L3", "L7"]:
        proof = json.loads(json.dumps(own_proof(task, subject)))
        assert verify_draw.check_proof(proof, **told(task)) == []
        assert subject.startswith("L") or proof["draw"]["drawn"] == sample.loc[subject, "drawn"]


def test_a_proof_holds_nothing_of_another_firm(task):
    sample = DrawnPlan.from_folder(task.path).sample.set_index("subject_id")
    own = "S00017"
    text = json.dumps(own_proof(task, own), ensure_ascii=False)
    assert KEY not in text
    for subject, row in sample.drop(own).iterrows():
        assert subject not in text
        last = row["drawn"] and row["stratum"] == sample.loc[own, "stratum"]
        assert pd.isna(row["ticket"]) or row["ticket"] not in text or last


def leaves_of(node, path=()):
    """Every text and number of a document, by its path."""
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from leaves_of(value, (*path, key))
    elif node is not None:
        yield path, node


def changed(proof, path, value):
    other = copy.deepcopy(proof)
    node = other
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return other


@pytest.mark.parametrize("subject", ["S00000", "S00017", "L0"])
def test_every_change_of_a_proof_is_found(task, subject):
    proof = json.loads(json.dumps(own_proof(task, subject)))
    told_too = [("late", "register", "number"), ("late", "register", "on")]  # where to look it up
    for path, value in leaves_of(proof):
        if "columns" in path or path == ("format",) or path in told_too:
            continue
        other = not value if isinstance(value, bool) else value + 1 if isinstance(value, int | float) else value + "x"
        if subject == "L0" and path == ("late", "register", "root"):
            continue
        assert verify_draw.check_proof(changed(proof, path, other), **told(task)), path


def test_a_forged_proof_needs_another_published_hash(task):
    """An authority that proves another tier to a firm has to tell another frame hash than the published one."""
    proof = own_proof(task, "S00017")
    proof["frame"]["commitments"] = {**proof["frame"]["commitments"], "subjects": "0" * 64}
    about, committed = proof["frame"]["about"], proof["frame"]["commitments"]
    lines = (verify_draw.FRAME_FORMAT, verify_draw.canonical(about).decode(), verify_draw.canonical(committed).decode())
    proof["frame"]["hash"] = verify_draw.sha256("".join(f"{line}\n" for line in lines))
    assert "frame: hash is not the published one" in verify_draw.check_proof(proof, **told(task))


def test_a_proof_is_held_to_a_source_of_the_seed_and_to_a_draw_where_an_outcome_is_told(task):
    proof = own_proof(task, "S00017")
    about = proof["frame"]["about"]
    beacon = {"source": "drand", "name": "quicknet", "issue": "7", "form": "", "day": "2024-05-01"}
    for seed, of_form in (("ab" * 32, True), ("ab" * 31, False)):
        drawn = {**proof, "frame": {**proof["frame"], "about": {**about, "task": {**about["task"], "seed": beacon}}}}
        drawn["draw"] = {**proof["draw"], "seed": seed}
        assert ("draw: the seed is not written as its source does" not in verify_draw.check_proof(drawn)) is of_form
    undrawn = {name: value for name, value in proof.items() if name != "draw"}
    assert verify_draw.check_proof(undrawn) == []
    fault = "draw: the proof says nothing of it, and what the source published was told"
    assert verify_draw.check_proof(undrawn, outcome=proof["draw"]["seed"]) == [fault]
    undeclared = {**undrawn, "frame": {**proof["frame"], "about": {**about, "task": {**about["task"], "seed": None}}}}
    assert "frame: about declares no source of the seed" in verify_draw.check_proof(undeclared)


def _with_field(leaf, at, value):
    """A leaf whose row has another field, and the root to which it leads then."""
    fields = leaf["row"].split("|")
    fields[at] = str(value)
    leaf["row"] = "|".join(fields)
    return verify_draw._climb(leaf)


@pytest.mark.parametrize(
    ("at", "value", "fault"),
    [
        (5, 0, "stratum: n is less than its ratio gives, or more than N"),
        (5, 10**6, "stratum: n is less than its ratio gives, or more than N"),
        (6, 1, "stratum: ratio or share on site is not that of the frame's policy"),
        (7, 0, "stratum: the number on site is not its share of n"),
        (8, 1, "stratum: ratio or share on site is not that of the frame's policy"),
    ],
)
def test_a_frame_whose_strata_are_not_of_its_policy_is_found_by_a_firm(task, at, value, fault):
    """Whoever seals a frame writes its strata: a firm can hold its own to the ratios that the same frame states."""
    proof = own_proof(task, "S00017")
    proof["frame"]["commitments"] = {**proof["frame"]["commitments"], "strata": _with_field(proof["stratum"], at, value)}
    assert fault in verify_draw.check_proof(proof)


@pytest.mark.parametrize("at", [7, 8])
def test_a_late_subject_drawn_at_another_ratio_than_the_policys_finds_it(task, at):
    proof = own_proof(task, "L0")
    proof["late"]["register"]["root"] = _with_field(proof["late"], at, 1)
    assert "late: ratio or share on site is not that of the frame's policy" in verify_draw.check_proof(proof)


def test_a_ratio_that_the_planner_edited_is_no_fault_of_a_proof(task):
    proof = own_proof(task, "S00017")
    proof["frame"]["about"] = {**proof["frame"]["about"], "ratios": "edited by the planner"}
    _with_field(proof["stratum"], 6, 1)
    assert not [one for one in verify_draw.check_proof(proof) if "ratio or share" in one]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_page_shows_each_hash_under_its_text(task, lang):
    proof, words = own_proof(task, "S00000"), Words.of(lang)
    lines = [line.strip() for line in proof_text(proof, words).splitlines()]
    pairs = [(text, line[2:]) for text, line in itertools.pairwise(lines) if line.startswith("= ")]
    for text, digest in pairs[1:]:  # the first is of three lines
        assert verify_draw.sha256(text) == digest
    assert {proof["frame"]["commitments"]["subjects"], proof["draw"]["root"], proof["draw"]["ticket"]} <= {one for _, one in pairs}
    assert proof["draw"]["ticket"] in proof_html(proof, words)


def test_the_verifier_checks_a_proof_alone(task, tmp_path):
    path = tmp_path / "proof.json"
    path.write_text(json.dumps(own_proof(task, "S00017")), "utf-8")
    command = [sys.executable, "-I", "-S", verify_draw.__file__, str(path), "--proof"]
    said = subprocess.run([*command, "--frame-hash", told(task)["frame_hash"]], capture_output=True, text=True, check=False)
    assert said.returncode == 0
    assert said.stdout.startswith("the proof holds: S00017 is ")
    assert "not covered: give --draw-root" in said.stdout
    assert "That every stratum is complete" in said.stdout
    assert subprocess.run([*command, "--frame-hash", "0" * 64], capture_output=True, check=False).returncode == 1
    path.write_text("[]", "utf-8")
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1


def test_a_proof_with_a_seed_of_another_form_fails(task):
    proof = json.loads(json.dumps(own_proof(task, "S00017")))
    seed, nonce = "lucky", proof["subject"]["nonce"]
    ticket = verify_draw.sha256(f"{seed}|{proof['task']}|S00017|{nonce}")
    last = proof["draw"]["stratum"]["row"].split("|")[4]
    proof["draw"] |= {"seed": seed, "ticket": ticket, "drawn": ticket <= last}
    assert verify_draw.check_proof(proof, **told(task)) == ["draw: the seed is not written as its source does"]


def test_a_proof_with_a_made_up_seed_is_found_by_what_the_source_published(task, tmp_path):
    """Whoever makes the proof may look for a seed of the right form that draws an enemy."""
    proof = json.loads(json.dumps(own_proof(task, "S00017")))
    true_seed, last = proof["draw"]["seed"], proof["draw"]["stratum"]["row"].split("|")[4]
    for seed in map(numbers, map(str, itertools.count())):
        ticket = verify_draw.sha256(f"{seed}|{proof['task']}|S00017|{proof['subject']['nonce']}")
        if ticket <= last and seed != true_seed:
            break
    proof["draw"] |= {"seed": seed, "ticket": ticket, "drawn": True}
    assert verify_draw.check_proof(proof, **told(task)) == []
    assert verify_draw.check_proof(proof, **told(task), outcome=true_seed) == ["draw: the seed is not what its source published"]
    path = tmp_path / "proof.json"
    path.write_text(json.dumps(proof), "utf-8")
    command = [sys.executable, "-I", "-S", verify_draw.__file__, str(path), "--proof"]
    alone = subprocess.run(command, capture_output=True, text=True, check=False)
    assert alone.returncode == 0
    assert f'not covered: give --outcome: somebody must compare the seed "{seed}" with what lottery: 双色球 2024049' in alone.stdout
    assert subprocess.run([*command, "--outcome", true_seed], capture_output=True, check=False).returncode == 1


@pytest.mark.parametrize(("lang", "said"), [("zh", "请将“{}”与 lottery: 双色球 2024049"), ("en", 'compare "{}" with what lottery')])
def test_the_page_says_that_somebody_must_compare_the_seed(task, lang, said):
    proof = own_proof(task, "S00017")
    assert said.format(proof["draw"]["seed"]) in proof_text(proof, Words.of(lang))


def test_a_late_subject_compares_the_root_in_the_register(task):
    root = next(line["late"] for line in Register.of(task.out).of_task(task.task) if line["what"] == "joined")
    proof = own_proof(task, "L0")
    assert verify_draw.check_proof(proof, late_root=root) == []
    assert verify_draw.check_proof(proof, late_root="0" * 64) == ["late: root is not the one that was told"]


def test_nobody_is_proved_without_the_key_or_outside_of_the_frame(task):
    with pytest.raises(DrawError, match="is not in its frame, and did not come later"):
        own_proof(task, "S99999")
    key = task.out / "keys" / task.task
    kept = key.read_bytes()
    key.unlink()
    try:
        with pytest.raises(DrawError, match="expected the key"):
            own_proof(task, "S00017")
    finally:
        key.write_bytes(kept)


def test_before_the_draw_the_row_and_the_stratum_are_proved(tmp_path):
    folder = published(tmp_path, plan_inspections(a_tiers(40), a_policy(), task=a_task()))
    proof = own_proof(TaskFolder.opened(folder), "S00003")
    assert "draw" not in proof
    assert verify_draw.check_proof(proof, Register.of(tmp_path).published("2024Q2-food")["frame_hash"]) == []
    assert verify_draw.check_proof(proof, draw_root="0" * 64) == ["draw: the proof says nothing of it, and a root was told"]
    assert [text.split(":")[0] for text in verify_draw.check_proof(proof, late_root="0" * 64)] == ["late"]


def test_another_root_of_those_who_came_later_is_found(task, tmp_path):
    lines = [dict(line) for line in Register.of(task.out).lines]
    bodies = [{key: line[key] for key in line if key not in ("number", "previous", "hash")} for line in lines]
    joined = next(body for body in bodies if body["what"] == "joined")
    joined["late"] = "0" * 64
    storage.append_chain(tmp_path / "register.jsonl", bodies)
    found = verify_draw.verify(task.path, register=tmp_path / "register.jsonl").findings
    assert [one.code for one in found] == ["register.late"]
