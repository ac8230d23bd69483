#!/usr/bin/env python3
r"""Check a drawn inspection plan from its sealed export. One file, the standard library alone, Python 3.9 or later.

Copy this file to any machine and run it on the folder of a plan:

    python verify_draw.py PLAN_FOLDER [--frame-hash HASH] [--log-head HASH] [--publication FILE] [--register FILE]
                          [--register-head HASH] [--key FILE] [--outcome TEXT] [--json]

Its exit code is 0 if the plan is verified, 1 if it is not, and 2 if a file cannot be read. It shares no code with the
program that draws: everything that program states is computed again here, by the following procedure.

The files
    manifest.json    the task, the hash of the frame, the seed, the pool of inspectors, the SHA-256 of every file
    plan.csv         one row per stratum: N subjects (population), n to draw (target), how many of them on site
    sample.csv       one row per subject of the frame, with its ticket and whether it is drawn; or in parts sample-0001.csv.gz,
                     sample-0002.csv.gz ..., each with the first line, which together are that file
    sample.sha256    one short hash per row of sample.csv
    inspectors.csv   one row per drawn subject and inspector (after the draw)
    publication.csv  the list that the public sees (after the draw); results of visits are entered in it later
    closing.csv      the list that the public sees when the task is closed: replacements and late subjects are in it
    log.jsonl        one line per event: the draw, refused second draws, replacements, late subjects
    register.jsonl   not in the folder: what happened once to all tasks of an authority; read where it lies two folders above
                     the plan's folder, or where it is named

The procedure
    1. Stratum. A subject's stratum is task|tier|industry, with |region if the task asks for strata by region. An
       unknown industry or region is written "unknown". Strata of a tier (and region) are joined where ratio_ppm x N is below
       1,000,000, with the tier's ratio_ppm in about.joining of the manifest and N without those who left, if there are two
       or more of them: their subjects are in task|tier|, with |region as above. Industries in about.joining.apart never are.
    2. Target. ratio_ppm and on_site_ppm of a stratum are those of its tier in about.joining, or in about.joining.apart of its
       industry; ratio_ppm may be another where about.ratios says that the planner edited ratios. An industry apart is covered in
       full if its ratios_ppm are all 1,000,000. n is the smaller of N and ceil(ratio_ppm x f x N / 1,000,000^2), f being the
       smallest whole number from 1,000,000 on with which all targets together reach the floor (min_ratio) and the number (target)
       that the task names. (In format 2 n is anything from f = 1,000,000 to N that reaches them.) Of these n,
       ceil(on_site_ppm x n / 1,000,000) are visited on site. The probability of each subject that stays in the frame is n / N.
    3. Frame hash, published before the seed is known. SHA-256 of three lines (UTF-8, a line feed after each): the text
       creditscore-frame/3; the manifest's "about" (task, day, policy); its "commitments" (both compact JSON, sorted keys):
       key       SHA-256 of the key, 64 hexadecimal digits that only the authority and its auditors have
       content   SHA-256 of "key|c|key". c is SHA-256 of "strata|subjects|people": of the content hashes of the rows of
                 strata and subjects, and SHA-256 of the manifest's "inspectors" as compact JSON
       people    SHA-256 of "key|p|key", p being the last of these three
       subjects  the root of the tree of the subjects' rows;  strata  that of the strata's
       A row is its fields with | between them; in a field, \\ is written for \ and \/ for |. Its name is its first field in
       Unicode NFC, its nonce SHA-256 of "key|task|name|key", its leaf SHA-256 of "nonce|row", its place SHA-256 of the name.
       Of M rows the first d digits of the places count, d being the smallest number, 1 or more, with M <= 16^(d+1). Content
       hash: SHA-256 of the groups' "digits:hash" in order with | between them, a group's hash being SHA-256 of the SHA-256 of
       its rows, in order with | between them. Tree: leaves of one place's first d digits are below one node, nodes of the
       same first d-1 digits below one, and so on to the root, which has no digits. A node is SHA-256 of "node|" and what is
       below it in order with | between it.
    4. Ticket. SHA-256 of "seed|task|subject_id|nonce" in UTF-8 and Unicode NFC, as 64 hexadecimal digits.
       The seed is written as about.task.seed of the manifest declares: groups with " + " between them; "6 of 33" is six
       numbers of equal width in rising order with a blank between them, "5 digits", "25 dice" (1 to 6), "64 hex" and "128 HEX"
       are so many signs. A lottery has at least 2^20
       outcomes, a witnessed seed 2^64. The drand beacon publishes 64 hex, that of NIST 128 HEX. No draw is dated before its day.
    5. Draw. In each stratum the n smallest tickets are drawn. As many of these as are to be visited on site (step 2),
       the smallest first, are visited on site, the others off site.
       The line of the draw in log and register has in "strata" the root of the tree of the strata after the draw, as in 3, of
       rows of name, N, n, how many on site, the last ticket that is drawn and the last on site ("" where there is none).
    6. Inspectors. Drawn subjects get their inspectors in the order of their tickets. Inspectors who are recused from
       the subject are left out. The others are put in order: staff of the subject's region first, then those with the fewest
       visits so far, then the smallest SHA-256 of "seed|task|subject_id|staff_id". The first min_inspectors of that
       order go. If both the leading department and other departments have staff for the subject, the first inspector of
       the leading department and then the first of the others are moved to the front of the order.
       Turn k, counted from 1 over all subjects that get inspectors, is across regions if ceil(share x k) > ceil(share x (k - 1)),
       share being the task's cross_region_share: then staff known to be of another region than the subject's come first.
    7. Log. Each line holds the hash of the line before it, and its own: SHA-256 of its compact JSON without the hash.
       Its day ("on") is not before those above it; that of a refused draw is free.
       The line of the draw holds the SHA-256 of manifest.json.
    8. Replacement. The subject with the smallest ticket of the stratum that is not used yet takes over the mode. Its
       inspectors are drawn as in 6, counting all visits so far. It has a reason of the list REPLACEMENT_REASONS, evidence and
       two persons. (In format 2 any reason, and the inspectors of whom it replaces, unless one of them is recused.)
       An inspector who left ("left" in the log) has a reason of LEAVE_REASONS, evidence and two persons, and goes nowhere any more.
       The visits still to be made get one who comes in that place ("teams", those with a result are in "kept"), in the order of the
       subjects' tickets: the first of the order as in 6 in which those who stay come first, of the turn that the subject had.
    9. Late subject. It is drawn if ticket < ratio x 2^256, and visited on site if ticket < ratio x on-site share x
       2^256. Its inspectors are drawn as in 6.
    10. Register. A chain of lines as in 7. Of the lines about the task after the last "void", the first ("published") holds
        the frame hash; one ("drawn") the seed, the frame hash and the SHA-256 of manifest.json; the last that has a "log"
        holds the hash of the last line of the log that is no refused draw; "log" of a line "draw_refused" is that line's hash.
        A line "joined" has in "late" the root of the tree, as in 3, of the rows of those who came then: subject_id, name,
        industry, region, tier, stratum, ticket, ratio_ppm, on_site_ppm, mode; it counts them ("subjects", "drawn"), and has
        their day and person. Days typed ("on") of a task's lines never fall, frames that were voided among them, but for
        refused draws and adopted lines. "recorded" is the day of the machine's clock: never before "on", and never missing
        below a line that has it. A task is published, then voided and published anew, or drawn; then come "replaced", "joined",
        "left", "results", and "closed" once; nothing voids or publishes what was drawn. Each line but "draw_refused" has "on"
        and, but for "results", "by"; "published" a "channel". "adopted" are "published", "drawn" and "results"
        alone, and asked about. "log"
        of "drawn", "replaced", "joined" and "left" is the hash of such a line of the log, each later there than the one before.
        Lines "void", "closed" with open visits, and "results" with "corrected" have a reason and two persons, the last one
        evidence too. "results" of a line "results" is that of the one before and "new" together; "open" is V less "results", or
        more by at most the number of those replaced, V being how many were to be visited by then. "open" of "closed" is how
        many in closing.csv are not replaced and have no result; as many as the last "results" says have one, those in "kept"
        among them, and "kept" are no more than there were results by then.
    11. Publication. It lists every drawn subject once and nobody else, with the name in sample.csv and the task's
        item, department, first and last day. closing.csv lists these and whoever came later once, by subject_id: replaced with
        the reason, replacement, late or drawn. The line "closed" of the register has its SHA-256. A visit is dated from the day of
        the draw on, and its result is one of RESULTS.

Plans of format 2 have no key. Their frame hash is SHA-256 over lines of compact JSON: the text "creditscore-frame/2", "about",
the strata by name, the subjects by subject_id; their tickets are SHA-256 of "seed|task|subject_id".

What this check cannot show is listed in NOT_COVERED and is part of every report. What breaks no rule and yet wants an answer is
listed in ASK: the report names it, and its outcome and exit code do not depend on it.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import io
import json
import os
import re
import sys
import unicodedata
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import comb
from pathlib import Path
from typing import Any, NamedTuple

PLAN_FORMAT, PLAN_FORMAT_2 = "creditscore-plan/3", "creditscore-plan/2"
FRAME_FORMAT, FRAME_FORMAT_2 = "creditscore-frame/3", "creditscore-frame/2"
ALGORITHM = (
    "sha256(seed|task|subject_id|nonce), nonce sha256(key|task|subject_id|key), n smallest per stratum, "
    "of these the on_site smallest on site, v3"
)
ALGORITHM_2 = "sha256(seed|task|subject_id), n smallest per stratum, of these the on_site smallest on site, v2"
#: What the hash of a frame of format 3 covers beside the manifest's "about"; that of a draft covers the content alone.
COMMITMENTS = ("content", "key", "people", "strata", "subjects")
#: The version of the drawing program whose notes in the manifest this file can compute again, word for word.
NOTES_VERSION = "0.1.0"

#: The columns and reasons below are copied from the program that draws, on purpose: this file shares no code with it.
#: A test of that program compares the copies with the originals.
SAMPLE_COLUMNS = (
    "task", "subject_id", "name", "industry", "region", "tier", "stratum", "inclusion_probability", "ticket", "drawn",
    "mode", "exempt_reason", "merged_with",
)  # fmt: skip
PLAN_COLUMNS = (
    "task", "stratum", "tier", "industry", "region", "population", "ratio_ppm", "target", "on_site_ppm", "on_site",
    "inclusion_probability", "full_coverage", "exempt",
)  # fmt: skip
INSPECTOR_COLUMNS = ("task", "subject_id", "place", "staff_id", "name", "department", "region", "certificate_valid_to")
PUBLICATION_COLUMNS = (
    "task", "subject_id", "name", "item", "department", "start", "end", "inspected_on", "result", "published_on",
    "format",
)  # fmt: skip
CLOSING = "closing.csv"
CLOSING_COLUMNS = (
    "task", "subject_id", "name", "item", "department", "start", "end", "standing", "reason", "inspected_on", "result",
    "corrected", "format",
)  # fmt: skip
#: Why a subject may leave a frame before the draw.
REASONS = ("deregistered", "annual_cap", "repeat")
#: Why a drawn subject may be replaced.
REPLACEMENT_REASONS = ("deregistered", "revoked", "moved_away", "not_found", "closed_down", "registered_twice")
#: Why an inspector may leave after the draw.
LEAVE_REASONS = ("ill", "on_leave", "transferred", "left_service", "certificate_lost", "recused")
#: What a visit may have found, in the words of the published lists.
RESULTS = ("未发现问题", "发现违法违规", "查无下落", "已关闭或注销", "不配合检查")
#: Those of visits at which nobody was met.
NOT_MET = ("查无下落", "已关闭或注销")
#: How many outcomes the source of a seed has at least: of fewer, an insider tries keys until each outcome pleases.
FEWEST_OUTCOMES = {"witnessed": 2**64, "lottery": 2**20}
UNKNOWN = "unknown"
ON_SITE, OFF_SITE = "on_site", "off_site"
MILLION = 1_000_000
TICKETS = 16**64
#: What the first line of a log holds in place of the hash of the line before it.
START = "0" * 64
#: The fewest inspectors that may visit a subject.
FEWEST_INSPECTORS = 2
KINDS_OF_LINES = ("drawn", "draw_refused", "replaced", "joined", "left")
#: The lines of the register about a task, each with what it must name.
REGISTERED: dict[str, tuple[str, ...]] = {
    "published": ("on", "by", "channel"), "void": ("on", "by"), "drawn": ("on", "by"), "draw_refused": (), "results": ("on",),
    **dict.fromkeys(("replaced", "joined", "left", "closed"), ("on", "by")),
}  # fmt: skip
#: The life of a task in the register: its state after a line, and the lines that may follow in each state.
STATE_AFTER = {"published": "published", "void": "draft", "drawn": "drawn", "closed": "closed"}
MAY_FOLLOW: dict[str, tuple[str, ...]] = {
    "draft": ("published",), "published": ("void", "drawn"), "drawn": ("replaced", "joined", "left", "results", "closed"),
    "closed": (),
}  # fmt: skip


def _(sentence: str) -> str:
    """Mark a sentence for translation and return it unchanged; this file itself speaks English only."""
    return sentence


#: The sentences of findings, by code. The values of a finding are put in the place of ``{name}``.
MESSAGES = {
    "file.missing": _("{file}: expected a file (got nothing)"),
    "file.unreadable": _("{file}: cannot be read ({why})"),
    "file.encoding": _("{file}: expected UTF-8"),
    "file.json": _("{file}: expected JSON, each key once"),
    "file.columns": _("{file}: expected the columns {columns}"),
    "file.cells": _("{file} line {line}: expected {expected} cells (got {got})"),
    "file.csv": _("{file} line {line}: cannot be read as CSV ({why})"),
    "file.changed": _("{file}: its SHA-256 is not that of the manifest"),
    "file.parts": _("sample.csv: expected the file, or parts sample-0001.csv.gz, sample-0002.csv.gz … without a gap, not both"),
    "file.undrawn": _("{file}: expected no such file, since the plan is not drawn"),
    "manifest.format": _("manifest.json: format: expected {expected!r}"),
    "manifest.key": _("manifest.json: {key}: expected {expected}"),
    "manifest.algorithm": _("manifest.json: algorithm: expected {expected!r}"),
    "manifest.frame_hash": _("manifest.json: frame_hash is not that of task, targets and subjects in plan.csv and sample.csv"),
    "manifest.commitments": _("manifest.json: commitments: {name} is not that of the files"),
    "key.text": _("{file}: expected a key, 64 hexadecimal digits"),
    "key.other": _("{file}: not the key whose hash was published with the frame"),
    "seed.form": _("manifest.json: seed: {source} is written as {form}, and this is not"),
    "seed.day": _("manifest.json: drawn_on: the seed became known on {day}, after this draw"),
    "seed.source": _("{where}: seed_source is not {source}, which the frame declares"),
    "seed.outcome": _("manifest.json: seed is not what its source published"),
    "seed.undeclared": _("manifest.json: about.task.seed: expected the source of the seed (got nothing)"),
    "seed.few": _("manifest.json: about.task.seed: {form} has {outcomes:,} outcomes, a {source} needs at least {fewest:,}"),
    "manifest.counts": _("manifest.json: counts: {name} is {said}, the files hold {counted}"),
    "manifest.figures": _("manifest.json: {name} is not what plan.csv gives"),
    "manifest.files": _("manifest.json: files: expected the SHA-256 of {file}"),
    "manifest.inspectors": _("manifest.json: min_inspectors: expected at least {expected} (got {got})"),
    "ticket.part": _("{where}: {what}: expected a text that is not empty, without '|' and control characters"),
    "frame.subject_twice": _("{where}: expected each subject once (got {subject} twice)"),
    "frame.not_published": _("frame_hash: the frame is not the published one"),
    "plan.number": _("plan.csv line {line}: expected whole numbers in {columns}"),
    "plan.stratum": _("plan.csv line {line}: {stratum} occurs twice, or is not the stratum of its task, tier, industry and region"),
    "plan.probability": _("plan.csv line {line}: the inclusion probability of {stratum} is not n/N"),
    "plan.exempt": _("plan.csv line {line}: {said} left {stratum}, sample.csv has {counted}"),
    "plan.ratio": _("plan.csv line {line}: the ratio of {stratum} is not that of its tier or industry in the manifest"),
    "plan.on_site_share": _(
        "plan.csv line {line}: the share on site of {stratum} is not that of its tier or industry in the manifest"
    ),
    "plan.full_coverage": _(
        "plan.csv line {line}: {stratum} is said to be covered in full, or not to be, other than in the manifest, or its ratio is"
        " not 1,000,000 ppm"
    ),
    "plan.population": _("plan.csv: {stratum}: population is {said}, sample.csv has {counted}"),
    "plan.target": _("plan.csv: {stratum}: target {target} is not between {needed} (its ratio, rounded up) and the population"),
    "plan.raised": _(
        "plan.csv: {stratum}: target {target} is not {expected}, which its ratio and the task's floor and number give by one factor"
    ),
    "plan.on_site": _("plan.csv: {stratum}: on_site {on_site} is not its share of {target}, rounded up"),
    "plan.floor": _("plan.csv: {total:,} of {population:,} are less than {percent:g} %: {needed:,} are needed"),
    "plan.named_target": _("plan.csv: {total:,} are less than the {named:,} that the task names"),
    "sample.count": _("sample.csv: has {counted:,} subjects, {written:,} were written"),
    "sample.written": _("{where}: the line of {subject} is not one that was written"),
    "sample.ticket": _("{where}: ticket of {subject} is not SHA-256(seed|task|subject), in format 3 with its nonce behind"),
    "sample.exempt": _("{where}: {subject} has a ticket or is drawn, and left the frame"),
    "sample.undrawn": _("{where}: {subject} has a ticket or is drawn, and nothing is drawn yet"),
    "sample.stratum": _("{where}: {subject} is in a stratum that is not its own ({stratum})"),
    "sample.reason": _("{where}: {subject} left the frame for a reason that is none of {reasons}"),
    "sample.probability": _("{where}: inclusion probability of {subject} is not n/N of its stratum"),
    "sample.drawn": _("{where}: {subject} is marked as drawn, its ticket is number {rank} and {target} are drawn"),
    "sample.not_drawn": _("{where}: {subject} is marked as not drawn, its ticket is number {rank} and {target} are drawn"),
    "sample.mode": _("{where}: {subject}: its ticket says {expected}, the line {said}"),
    "publication.subject": _("{where}: {subject} is not drawn, is listed twice or has another name than in sample.csv"),
    "publication.task": _("{where}: item, department, days or format of {subject} are not those of the task"),
    "publication.missing": _("{file}: {subject} is drawn and not listed"),
    "closing.subject": _(
        "{where}: {subject} was not to be visited, or has another name, standing, reason or format than in the plan and its log"
    ),
    "closing.result": _("{where}: day or result of {subject} is another than in publication.csv"),
    "visit.day": _("{where}: the visit of {subject} is dated {day}: expected a day from that of the draw on, {drawn_on}"),
    "visit.result": _("{where}: the result of {subject} is none of {results}"),
    "closing.order": _("closing.csv: expected each subject once, by subject_id"),
    "closing.missing": _("closing.csv: {subject} was drawn or came later, and is not listed"),
    "inspectors.no_staff": _("inspectors.csv: names inspectors, and the draw had no staff"),
    "inspectors.certificate": _("manifest.json: inspectors: the certificate of {staff} does not cover the task"),
    "inspectors.department": _("manifest.json: inspectors: the department of {staff} is not one of the task"),
    "inspectors.twice": _("manifest.json: inspectors: expected each member of staff once (got {staff} twice)"),
    "inspectors.too_few": _("{where}: inspectors of {subject}: expected at least {expected} who may go (got {got})"),
    "inspectors.team": _("{where}: the inspectors of {subject} are not those that the seed gives"),
    "log.cut": _("log.jsonl line {line}: expected a whole line (it has no end: the writing was interrupted)"),
    "log.json": _("log.jsonl line {line}: expected a JSON object with a hash, each key once"),
    "log.order": _("log.jsonl line {line}: does not follow the line before it: a line was removed, added or moved"),
    "log.hash": _("log.jsonl line {line}: its hash is not that of its content: the line was changed"),
    "log.kind": _("{where}: records {what}, which no such log holds"),
    "log.head": _("log.jsonl: the line whose hash was kept is not there: lines were cut off or written anew"),
    "log.undrawn": _("{where}: records a draw, and the plan is not drawn"),
    "log.draw": _("{where}: says another seed, frame or day than the manifest, or another draw than the first"),
    "log.strata": _("{where}: strata is not the root of the last tickets of the strata"),
    "log.manifest": _("{where}: manifest.json is not the one that was sealed when the draw was logged"),
    "log.not_visited": _("{where}: {subject} is not to be inspected"),
    "log.turn": _("{where}: {subject} is not the next ticket of the stratum of {replaced}"),
    "log.replacement": _("{where}: ticket, mode or stratum of {subject} is not its own"),
    "log.reason": _("{where}: {subject} was replaced without a reason of the list, its evidence, or a second person"),
    "log.leave": _(
        "{where}: {staff} left without a reason of the list, its evidence, or a second person, or was not among those who may go"
    ),
    "log.leave_visits": _("{where}: teams and kept are not the visits of {staff}"),
    "log.kept": _("{where}: {staff} kept visits that had no result then, as register.jsonl or closing.csv says"),
    "log.known": _("{where}: {subject} has a ticket already"),
    "log.late_stratum": _("{where}: {subject} is in a stratum that is not its own ({stratum})"),
    "log.late_ratio": _("{where}: the ratio or the share on site is not that of stratum {stratum}, or of its tier in the manifest"),
    "log.not_registered": _("{where}: register.jsonl has no line about it"),
    "log.day": _("{where}: its day is before that of an earlier line, {day}"),
    "register.chain": _("register.jsonl line {line}: does not continue the chain: a line was changed, removed, added or cut off"),
    "register.head": _("register.jsonl: the line whose hash was kept is not there: lines were cut off or written anew"),
    "register.published": _("register.jsonl: does not say that this frame was published"),
    "register.void": _("register.jsonl line {line}: the frame of this task was voided"),
    "register.not_drawn": _("register.jsonl: does not say that this frame was drawn"),
    "register.drawn": _("register.jsonl line {line}: this frame was drawn; this folder is a copy or a backup from before the draw"),
    "register.draw": _(
        "register.jsonl line {line}: says another seed, source, frame, root, manifest, person or day than this folder"
    ),
    "register.seed_day": _(
        "register.jsonl line {line}: the frame was published, or the one before it voided, when its seed was known already ({day})"
    ),
    "register.seed_source": _("register.jsonl line {line}: names another source of the seed than the frame"),
    "register.closing": _("register.jsonl line {line}: closing.csv is not the list that was told when the task was closed"),
    "register.corrected": _("register.jsonl line {line}: closing.csv names other corrections than the lines about results"),
    "register.replaced": _("register.jsonl line {line}: says another replacement or leave, reason or person than the log"),
    "register.refused": _("register.jsonl line {line}: the log has no such refused draw, or another seed, person or day"),
    "register.day": _("register.jsonl line {line}: its day is before that of an earlier line about the task, {day}"),
    "register.future": _("register.jsonl line {line}: its day, {on}, is after the one on which it was recorded, {recorded}"),
    "register.taken_back": _(
        "register.jsonl line {line}: {what}, and an earlier frame of this task was drawn: no draw is taken back"
    ),
    "register.published_twice": _(
        "register.jsonl line {line}: another frame of this task, {frame_hash}, was published on {on} (recorded {recorded}) before,"
        " and not voided"
    ),
    "register.order": _("register.jsonl line {line}: {what} does not follow on what the lines before say of the task ({state})"),
    "register.kind": _("register.jsonl line {line}: {what}: no such line is written about a task"),
    "register.names": _("register.jsonl line {line}: {what}: expected {names} (got nothing)"),
    "register.adopted": _("register.jsonl line {line}: said to be taken over from an older layout, which had no such lines"),
    "register.log_line": _(
        "register.jsonl line {line}: the log has no line of this hash and kind, or it stands before that of an earlier line"
    ),
    "register.unrecorded": _("register.jsonl line {line}: does not say on which day it was recorded, and a line above it does"),
    "register.grounds": _("register.jsonl line {line}: {what} without its reason, its evidence, or a second person"),
    "register.open": _("register.jsonl line {line}: says {said} visits without a result, closing.csv has {counted}"),
    "register.results": _("register.jsonl line {line}: results, new or open do not follow from the lines before it"),
    "register.closed_results": _("register.jsonl line {line}: {said} results were handed in, closing.csv has {counted}"),
    "register.joined": _("register.jsonl line {line}: says another day or person, or another number of late subjects than the log"),
    "register.late": _("register.jsonl line {line}: late is not the root of the rows of the subjects that came then"),
    "register.log": _("log.jsonl: does not end with the line named in register.jsonl line {line}: it was cut off or written anew"),
    "log.late_draw": _("{where}: {subject} is not drawn, or not left out, as its ticket says"),
}

#: What holds where a part of the check finds nothing, by code, in the order of the page.
HOLDS = {
    "holds.undrawn": _("Nothing is drawn yet, and each subject is in the stratum of its tier, industry and region."),
    "holds.draw": _("Draw: each ticket, who is drawn and who is visited on site is what seed, key and strata give."),
    "holds.frame": _("Frame: the files are those that the frame hash covers, and each subject is in it once."),
    "holds.strata": _(
        "Strata: names, N, n and the part on site follow from ratios, small ones are joined, floor and number are reached."
    ),
    "holds.seed": _("Seed: it has the form of its declared source, and the draw is not dated before its day."),
    "holds.people": _("Inspectors: each team is the one that the seed and the pool give."),
    "holds.log": _("After the draw: the log is a whole chain; replacements, late subjects and leave follow their rules."),
    "holds.lists": _("Lists: they name who is drawn, and at the task's end who came later, and nobody else."),
    "holds.register": _("Register: it is a whole chain, and says the same of frame, draw, replacements and late subjects."),
    "holds.manifest": _("Manifest: counts and figures are those of the files, and each file is the one that was sealed."),
}

#: What the export cannot prove, by code. A sentence says so where the person who runs the check can close the gap.
NOT_COVERED = {
    "scope.subjects": _(
        "That the frame holds all subjects that it should and nobody else, each in its right tier, industry and region, and that"
        " those who left it had the reason given: compare with the registers."
    ),
    "scope.policy": _(
        "That ratios and shares on site in the manifest (about.joining) are those of the signed policy: compare them with the"
        " file, whose SHA-256 stands there."
    ),
    "scope.seed": _("That the seed came from the announced source, and that nobody knew it when the frame hash was published."),
    "scope.seed_day": _(
        "That {source} was published on that day and not before: an issue that was out already can be declared for a later day."
        " Look up on which day its source published it."
    ),
    "scope.other_draws": _(
        "That no copies of the frame were made, each with a key of its own, and the one kept whose draw pleased: it is the key that"
        " an insider varies, not the seed. Only the year's published list of tasks and the frame hash told before the day of the"
        " seed show it."
    ),
    "scope.parallel": _(
        "That there was no second task over the same subjects, and no frame that was published and left undrawn, to choose among"
        " the draws: compare with the year's published list of tasks."
    ),
    "scope.staff": _(
        "That the pool of inspectors is complete and its regions, departments, certificates and recusals are true,"
        " and that the names beside the staff ids are theirs."
    ),
    "scope.visits": _("That visits took place and results are true; results are entered after the draw and are not sealed."),
    "scope.inputs": _(
        "That what the frame was made of is true: tiers, industries, exemptions, ratios, shares on site, inspectors and recusals"
        " are fixed by the frame hash, not proved."
    ),
    "scope.changes": _(
        "That the reason of a replacement or a leave, its evidence and its second person are real, and that every late subject was"
        " logged."
    ),
    "scope.untold": _(
        "Anything in log and register that nobody outside was told: whoever may write both can drop, add or change replacements,"
        " late subjects, leave, refused draws, voids, frames and days. Tell or deposit the register's head after each line;"
        " --log-head and --register-head compare them."
    ),
    "scope.clock": _(
        "That days are true: people type those of the lines, and whoever administers the machine can set back the clock that gives"
        " the day on which a line was recorded."
    ),
    "scope.frame_hash": _("That the frame is the one that was published before the draw: give the published hash."),
    "scope.log_head": _("Lines that were cut off the end of the log, or a log that was written anew: give a head that was kept."),
    "scope.register": _("That the frame was published and drawn once only: give the register of the authority, register.jsonl."),
    "scope.register_head": _(
        "A register that was written anew, cut off, or put back from an older backup, together with this folder: give a head"
        " that was kept."
    ),
    "scope.outcome": _(
        "That the seed is what {source} published: a made-up one of the right form is not found without it; give what was published"
        " (--outcome)."
    ),
    "scope.key": _(
        "That tickets, strata, subjects and inspectors are those that the published hash seals: give the key, which auditors get"
        " with the export; without it nobody can compute a ticket."
    ),
    "scope.publication": _("That the list that was published is publication.csv of this folder: give the published file."),
    "scope.not_drawn": _("Anything about the draw: the plan is not drawn yet."),
    "scope.notes": _("The notes of the manifest: they are in the words of version {version}, this file knows those of {known}."),
    "scope.late_ratio": _(
        "log.jsonl line {line}: the ratio of {subject}: its stratum is not in the frame, compare with the policy."
    ),
    "scope.kept": _("log.jsonl line {line}: that the visits which {staff} kept took place before {staff} left."),
    "scope.log_kind": _("log.jsonl line {line}: what it records ({what}): this file does not know such lines."),
}

#: What breaks no rule, but wants an answer of those who drew, by code.
ASK = {
    "ask.recorded": _(
        "register.jsonl line {line}: the publication of the frame is dated {on} and was recorded on {recorded}, when the seed was"
        " known ({day}): who was told the frame hash before, and where?"
    ),
    "ask.unrecorded": _(
        "register.jsonl line {line} and {more} more about this task do not say on which day they were recorded: are they of an"
        " older version?"
    ),
    "ask.frame": _(
        "register.jsonl line {line}: an earlier frame of this task, {frame_hash}, was published on {on} (recorded {recorded}) and"
        " voided on {voided} (recorded {void_recorded}) by {by} and {second}: {reason}"
    ),
    "ask.void_late": _(
        "register.jsonl line {line}: frame {frame_hash} was voided on {voided} (recorded {void_recorded}), when its own seed was"
        " known ({source}): who was drawn by it?"
    ),
    "ask.clock": _(
        "register.jsonl line {line}: recorded on {recorded}, the line above it on {earlier}: which clock was wrong, and why?"
    ),
    "ask.adopted": _("register.jsonl line {line}: said to be taken over from an older layout; its day cannot be checked"),
    "ask.trial": _("register.jsonl line {line}: the frame was published as a trial, from cards that nobody had signed"),
    "ask.replaced": _("{count} subjects were replaced: {told}"),
    "ask.joined": _("{count} subjects came later, {drawn} of them drawn: {told}"),
    "ask.met": _("closing.csv: {count} subjects were replaced, and their visits found them: {subjects}"),
    "ask.left": _("{count} inspectors left: {told}"),
    "ask.unclosed": _("closing.csv is there, and register.jsonl does not say that the task was closed: was it told?"),
    "ask.ratios": _("plan.csv: the planner edited ratios; {count} strata have another one than the policy: {strata}"),
    "ask.refused": _(
        "register.jsonl line {line}: another draw was asked for on {on} (recorded {recorded}) by {by}, and refused; with the seed"
        " {seed}"
    ),
    "ask.open": _("register.jsonl line {line}: closed on {on} with {open} visits without a result by {by} and {second}: {reason}"),
    "ask.corrected": _(
        "register.jsonl line {line}: {count} results were corrected on {on} by {by} and {second}: {reason} ({evidence}): {subjects}"
    ),
}


class Finding(NamedTuple):
    """One sentence of the page: a code of MESSAGES, HOLDS, NOT_COVERED or ASK, and the values for it."""

    code: str
    values: dict[str, Any]

    @property
    def template(self) -> str:
        """The English sentence with ``{name}`` where values go."""
        return {**MESSAGES, **HOLDS, **NOT_COVERED, **ASK}[self.code]

    @property
    def shown(self) -> dict[str, Any]:
        """The values in a form that is safe to print on a terminal."""
        return {name: _printable(value) for name, value in self.values.items()}

    @property
    def text(self) -> str:
        """The English sentence with its values."""
        return self.template.format(**self.shown)


class Result(NamedTuple):
    """The outcome of a check.

    Attributes:
        readable: Whether all files could be read.
        findings: What is wrong; empty if nothing is.
        not_covered: What this check could not show.
        subjects: How many subjects ``sample.csv`` lists, with those who left the frame.
        drawn: How many of them are marked as drawn.
        frame_hash: The hash of the frame, computed from the files. Publish it before the draw.
        seed: The seed; None before the draw.
        log_head: The hash of the last line of the log, 64 zeros without a line. Keep it, and give it to later checks.
        register_head: The same of the register; empty where none was read.
        held: What holds, a sentence for each part of the check in which nothing is wrong.
        asked: What to ask about: it breaks no rule, and the outcome does not depend on it.
    """

    readable: bool
    findings: list[Finding]
    not_covered: list[Finding]
    subjects: int = 0
    drawn: int = 0
    frame_hash: str = ""
    seed: str | None = None
    log_head: str = START
    register_head: str = ""
    held: Sequence[Finding] = ()
    asked: Sequence[Finding] = ()

    @property
    def outcome(self) -> str:
        """``verified``, ``verified_without_key`` (no ticket of the draw was computed), ``not_verified`` or ``not_readable``."""
        if not self.readable:
            return "not_readable"
        if self.findings:
            return "not_verified"
        blind = self.seed is not None and any(limit.code == "scope.key" for limit in self.not_covered)
        return "verified_without_key" if blind else "verified"


class Unreadable(Exception):
    """A file cannot be read, so nothing can be said about its content; ``finding`` says which one and why."""

    def __init__(self, code: str, **values: Any) -> None:
        self.finding = Finding(code, values)
        super().__init__(self.finding.text)


class Stratum(NamedTuple):
    """A row of ``plan.csv``. ``line`` is the number of its line, ``name`` its column ``stratum``.

    ``population``, ``target`` and ``on_site`` are numbers of subjects; ``probability`` is the text in the file.
    """

    line: int
    task: str
    name: str
    tier: str
    industry: str
    region: str
    population: int
    ratio_ppm: int
    target: int
    on_site_ppm: int
    on_site: int
    probability: str
    full_coverage: bool
    exempt: int


class Subject(NamedTuple):
    """A row of ``sample.csv``. ``line`` is the number of its line.

    ``own_ticket`` is the ticket computed here (empty before the draw), ``ticket`` the one in the file.
    """

    line: int
    own_ticket: str
    task: str
    subject_id: str
    name: str
    industry: str
    region: str
    tier: str
    stratum: str
    probability: str
    ticket: str
    drawn: str
    mode: str
    exempt_reason: str
    merged_with: str

    @property
    def cells(self) -> list[str]:
        """The cells of the line, as they are in the file."""
        return [str(cell) for cell in self[2:]]

    @property
    def where(self) -> str:
        """The file and the number of the line, as in messages."""
        return f"sample.csv line {self.line}"


class Member(NamedTuple):
    """An inspector of the pool. ``certificate_valid_to`` is the last valid day, as YYYY-MM-DD; ``name`` is empty in format 2."""

    staff_id: str
    region: str
    department: str
    certificate_valid_to: str
    name: str = ""


class Pool(NamedTuple):
    """The inspectors who may be sent. ``recusals`` are pairs (staff_id, subject_id): this inspector may not go there."""

    members: list[Member]
    recusals: set[tuple[str, str]]


class Export(NamedTuple):
    """The content of a plan folder.

    ``queues`` holds, by stratum, the subjects that stayed in the frame, smallest ticket first. ``line_hashes`` is the
    content of ``sample.sha256``. ``log`` ends before the first line that breaks the chain of hashes; ``log_break`` is
    the finding about that line, or None. ``pool`` is None if the manifest names no inspectors.
    """

    folder: Path
    manifest: dict[str, Any]
    task: dict[str, Any]
    strata: list[Stratum]
    subjects: list[Subject]
    queues: dict[str, list[Subject]]
    line_hashes: list[str]
    pool: Pool | None
    log: list[dict[str, Any]]
    log_break: Finding | None
    key: str = ""

    @property
    def version(self) -> int:
        """The number of the format."""
        return 2 if self.manifest["format"] == PLAN_FORMAT_2 else 3

    @property
    def blind(self) -> bool:
        """Whether tickets cannot be computed, because the key is not at hand."""
        return self.version > 2 and not self.key

    @property
    def source(self) -> dict[str, Any] | None:
        """The source of the seed that the frame declares; None for frames in memory and of format 2."""
        declared: dict[str, Any] | None = self.task.get("seed") if self.version > 2 else None
        return declared

    @property
    def tickets(self) -> Tickets:
        """The tickets under the seed of this plan."""
        return Tickets(self.seed or "", self.task["id"], self.key)

    @property
    def seed(self) -> str | None:
        """The seed; None before the draw."""
        seed: str | None = self.manifest["seed"]
        return seed

    @property
    def drawn(self) -> list[Subject]:
        """The subjects that are marked as drawn, in the order of ``sample.csv``."""
        return [subject for subject in self.subjects if subject.drawn == "1"]

    @property
    def names(self) -> dict[tuple[str, str, str], str]:
        """The stratum of each cell that has subjects."""
        cells = [(cell_of(self.task, one.tier, one.industry, one.region), one.exempt_reason) for one in self.subjects]
        sizes = Counter(cell for cell, reason in cells if not reason)
        joined = joined_cells(self.manifest["about"], {cell: sizes[cell] for cell, _reason in cells})
        return {cell: stratum_of(self.task, *cell, joined=cell in joined) for cell, _reason in cells}

    def sum_of(self, column: str) -> int:
        """The sum of a number column of ``plan.csv`` over all strata."""
        return sum(getattr(stratum, column) for stratum in self.strata)


# The check, part by part in the order of its page


class Kept(NamedTuple):
    """What the person who runs the check knows from elsewhere; None for what is not at hand.

    Attributes:
        frame_hash: The frame hash that was published before the draw.
        log_head: The log head that an earlier check printed.
        publication: The list as it was published; it is checked beside the one in the folder.
        register: The register of the authority; by default the file two folders above the plan's, if it is there.
        register_head: The register head that an earlier check printed, or that was published.
        key: The file of the key of the frame; by default the one in the folder keys two folders above, if it is there.
        outcome: What the source of the seed published.
    """

    frame_hash: str | None = None
    log_head: str | None = None
    publication: str | os.PathLike[str] | None = None
    register: str | os.PathLike[str] | None = None
    register_head: str | None = None
    key: str | os.PathLike[str] | None = None
    outcome: str | None = None


def verify(
    folder: str | os.PathLike[str],
    *,
    frame_hash: str | None = None,
    log_head: str | None = None,
    publication: str | os.PathLike[str] | None = None,
    register: str | os.PathLike[str] | None = None,
    register_head: str | None = None,
    key: str | os.PathLike[str] | None = None,
    outcome: str | None = None,
) -> Result:
    """Check the folder of a plan, drawn or not; the other arguments are those of :class:`Kept`.

    A file that cannot be read is a finding in the result, not an exception.
    """
    root = Path(folder)
    out = root.resolve().parent.parent
    beside = [path if path.is_file() else None for path in (out / "register.jsonl", out / "keys" / root.resolve().name)]
    known = Kept(frame_hash, log_head, publication, register or beside[0], register_head, key or beside[1], outcome)
    try:
        export = read_export(root, known.key)
    except Unreadable as error:
        return Result(False, [error.finding], _not_covered(None, known))
    readable, findings, held, digest = True, list[Finding](), list[Finding](), hash_of_frame(export)
    lines, broken = list[dict[str, Any]](), None
    try:
        if known.register is not None:
            lines, broken = read_register(Path(known.register))
        for name, found in _sections(export, digest, known, lines, broken):
            findings += found
            held += [] if found or name in _unproved(export) else [_finding(f"holds.{name}")]
    except Unreadable as error:
        readable = False
        findings.append(error.finding)
    heads = export.log[-1]["hash"] if export.log else START, lines[-1]["hash"] if lines else ""
    scope, counts = _not_covered(export, known), (len(export.subjects), len(export.drawn))
    return Result(readable, findings, scope, *counts, digest, export.seed, *heads, held, [*to_ask_about(export, lines)])


def _sections(
    export: Export, digest: str, known: Kept, register: Sequence[dict[str, Any]], broken: Finding | None
) -> Iterator[tuple[str, list[Finding]]]:
    """The parts of the check in the order of the page, each with what it found; the names are those of HOLDS."""
    of_lines: dict[int, Finding] = {}
    for line, finding in check_sample(export):
        of_lines.setdefault(line, finding)
    lines = [of_lines[line] for line in sorted(of_lines)]
    if export.seed is None:
        yield "undrawn", [*lines, *check_source(export), *check_nothing_is_drawn(export), *check_head(export, known.log_head)]
    else:
        yield "draw", lines
    yield "frame", [*check_frame(export, digest, known.frame_hash), *check_commitments(export, str(known.key))]
    yield "strata", [*check_strata(export), *check_targets(export)]
    if export.seed is not None:
        yield "seed", [*check_source(export), *check_seed(export, known.outcome)]
        yield "people", [*check_inspectors(export)]
        yield "log", [*check_log(export), *check_head(export, known.log_head)]
        yield "lists", [*check_publications(export, known.publication), *check_closing(export)]
    if known.register is not None:
        yield "register", [*([broken] if broken else []), *check_register(export, register, known.register_head)]
    if not of_lines:  # a changed line changes counts and hashes of files, too: that would only repeat it
        yield "manifest", [*check_counts(export), *check_figures(export), *check_files(export)]


def _unproved(export: Export) -> set[str]:
    """Parts of which no finding proves nothing: without its key a frame is taken as it is, and without staff nobody is sent."""
    blind = {"draw", "frame"} if export.blind and export.seed is not None else set()
    return blind | ({"people"} if export.pool is None else set()) | (set() if export.source else {"seed"})


# Draw: tickets, and who is drawn


def check_sample(export: Export) -> Iterator[tuple[int, Finding]]:
    """Findings about lines of ``sample.csv``, each with the number of its line, the most specific ones first."""
    for check in (_tickets, _strata_of_subjects, _ranks, _written_lines):
        for subject, code, values in check(export):
            yield subject.line, Finding(code, {"where": subject.where, "subject": subject.subject_id, **values})


#: A finding about a subject before file and line are added: who, code, further values.
SubjectFinding = tuple[Subject, str, dict[str, Any]]


def _tickets(export: Export) -> Iterator[SubjectFinding]:
    for subject in export.subjects:
        if not _fits_ticket(subject.subject_id):
            yield subject, "ticket.part", {"what": "subject_id"}
        elif export.seed is None:
            if subject.ticket or subject.mode or subject.drawn:
                yield subject, "sample.undrawn", {}
        elif subject.exempt_reason:
            if subject.ticket or subject.mode or subject.drawn != "0":
                yield subject, "sample.exempt", {}
        elif subject.ticket != subject.own_ticket or (export.blind and not _SHA256.fullmatch(subject.ticket)):
            yield subject, "sample.ticket", {}


def _strata_of_subjects(export: Export) -> Iterator[SubjectFinding]:
    chances = {stratum.name: chance(stratum) for stratum in export.strata}
    names = export.names
    for subject in export.subjects:
        own = names[cell_of(export.task, subject.tier, subject.industry, subject.region)]
        if subject.stratum != own or own not in chances or subject.task != export.task["id"]:
            yield subject, "sample.stratum", {"stratum": subject.stratum}
        elif subject.exempt_reason not in ("", *REASONS):
            yield subject, "sample.reason", {"reasons": ", ".join(REASONS)}
        elif subject.probability != ("0.0" if subject.exempt_reason else chances[own]):
            yield subject, "sample.probability", {}


def _ranks(export: Export) -> Iterator[SubjectFinding]:
    """Who is drawn and how, by tickets computed here: a changed ticket does not accuse its neighbours."""
    if export.seed is None:
        return
    numbers = {stratum.name: (stratum.target, stratum.on_site) for stratum in export.strata}
    for name, queue in export.queues.items():
        target, on_site = numbers.get(name, (0, 0))
        for rank, subject in enumerate(queue, start=1):
            if subject.drawn != ("1" if rank <= target else "0"):
                code = "sample.drawn" if subject.drawn == "1" else "sample.not_drawn"
                yield subject, code, {"rank": rank, "target": target}
            mode = "" if rank > target else ON_SITE if rank <= on_site else OFF_SITE
            if subject.mode != mode:
                yield subject, "sample.mode", {"expected": mode or "no visit", "said": subject.mode or "no visit"}


def _written_lines(export: Export) -> Iterator[SubjectFinding]:
    written = set(export.line_hashes)
    for subject in export.subjects if written else ():
        if line_hash(subject.cells) not in written:
            yield subject, "sample.written", {}


def check_nothing_is_drawn(export: Export) -> Iterator[Finding]:
    """A plan that is not drawn has no files and no log of a draw."""
    for name in ("inspectors.csv", "publication.csv"):
        if (export.folder / name).exists():
            yield _finding("file.undrawn", file=name)
    for line in export.log:
        if _text(line, "what") in KINDS_OF_LINES:
            yield _finding("log.undrawn", where=_line_of(line))
    if export.log_break:
        yield export.log_break


# Frame: what was published before the seed


def check_frame(export: Export, digest: str, published: str | None) -> Iterator[Finding]:
    """The frame's hash against the manifest and the published one; parts of tickets; subjects that occur twice."""
    manifest, written = export.manifest, len(export.line_hashes)
    if written and written != len(export.subjects):
        yield _finding("sample.count", counted=len(export.subjects), written=written)
    for subject, count in Counter(_nfc(subject.subject_id) for subject in export.subjects).items():
        if count > 1:
            yield _finding("frame.subject_twice", where="sample.csv", subject=subject)
    if digest != manifest["frame_hash"]:
        yield _finding("manifest.frame_hash")
    if published is not None and digest != published.strip().lower():
        yield _finding("frame.not_published")
    algorithm = ALGORITHM_2 if export.version == 2 else ALGORITHM
    if manifest["algorithm"] != algorithm:
        yield _finding("manifest.algorithm", expected=algorithm)
    for what, text in (("seed", export.seed), ("task", export.task["id"])):
        if text is not None and not _fits_ticket(text):
            yield _finding("ticket.part", where="manifest.json", what=what)
    if export.task["min_inspectors"] < FEWEST_INSPECTORS:
        yield _finding("manifest.inspectors", expected=FEWEST_INSPECTORS, got=export.task["min_inspectors"])


def check_commitments(export: Export, file: str) -> Iterator[Finding]:
    """The key, and what the frame hash covers: the content of a draft; of a published frame what its key seals."""
    if export.version == 2:
        return
    said, is_draft = export.manifest["commitments"], "key" not in export.manifest["commitments"]
    names = ("content",) if is_draft and export.seed is None else COMMITMENTS
    if set(said) != set(names):
        yield _finding("manifest.commitments", name=", ".join(sorted(set(said) ^ set(names))))
    elif export.key and sha256(export.key) != said["key"]:
        yield _finding("key.other", file=file)
    elif export.key or is_draft:
        found = commitments_of(export)
        yield from (_finding("manifest.commitments", name=name) for name in names if said[name] != found[name])


# Strata: N, n and how many on site


def check_strata(export: Export) -> Iterator[Finding]:
    """Lines of ``plan.csv``: each stratum once and under its own name, n/N, and how many left it."""
    left = Counter(subject.stratum for subject in export.subjects if subject.exempt_reason)
    names = set[str]()
    for stratum in export.strata:
        line, name = stratum.line, stratum.name
        parts = (stratum.tier, stratum.industry, stratum.region)
        own = [stratum_of(export.task, *parts, joined=joined) for joined in (False, not stratum.industry)]
        if _nfc(name) in names or name not in own or stratum.task != export.task["id"]:
            yield _finding("plan.stratum", line=line, stratum=name)
        elif stratum.probability != chance(stratum):
            yield _finding("plan.probability", line=line, stratum=name)
        elif stratum.exempt != left[name]:
            yield _finding("plan.exempt", line=line, stratum=name, said=stratum.exempt, counted=left[name])
        else:
            yield from (_finding(code, line=line, stratum=name) for code in _against_policy(export, stratum))
        names.add(_nfc(name))


def _against_policy(export: Export, stratum: Stratum) -> Iterator[str]:
    """Codes for ratio, share on site and full coverage of a stratum; a planner may edit ratios, but for full coverage."""
    about = export.manifest["about"]
    ratio, share = rule_of(about, stratum.tier, stratum.industry) or (stratum.ratio_ppm, stratum.on_site_ppm)
    if stratum.ratio_ppm != ratio and "ratios" not in about:
        yield "plan.ratio"
    if stratum.on_site_ppm != share:
        yield "plan.on_site_share"
    apart = about.get("joining", {}).get("apart", {}).get(stratum.industry)
    in_full = stratum.full_coverage if "joining" not in about else bool(apart) and {*apart["ratios_ppm"].values()} == {MILLION}
    if stratum.full_coverage != in_full or (in_full and stratum.ratio_ppm != MILLION):
        yield "plan.full_coverage"


def check_targets(export: Export) -> Iterator[Finding]:
    """Populations, targets and on-site parts of ``plan.csv``, and the floor and the number that the task names."""
    for stratum, expected in zip(export.strata, targets_of(export)):
        name, target, size = stratum.name, stratum.target, len(export.queues.get(stratum.name, ()))
        if size != stratum.population:
            yield _finding("plan.population", stratum=name, said=stratum.population, counted=size)
        needed = rounded_up(stratum.ratio_ppm, stratum.population)
        if not needed <= target <= stratum.population:
            yield _finding("plan.target", stratum=name, target=target, needed=needed)
        elif target != expected and export.version > 2:
            yield _finding("plan.raised", stratum=name, target=target, expected=expected)
        if stratum.on_site != rounded_up(stratum.on_site_ppm, target):
            yield _finding("plan.on_site", stratum=name, on_site=stratum.on_site, target=target)
    total, needed, named = export.sum_of("target"), needed_by_floor(export), export.task["target"]
    if total < needed:
        percent = export.task["min_ratio"] * 100
        yield _finding("plan.floor", total=total, population=export.sum_of("population"), percent=percent, needed=needed)
    if named is not None and total < named:
        yield _finding("plan.named_target", total=total, named=named)


# Seed: form, day, source


def check_source(export: Export) -> Iterator[Finding]:
    """A frame that was published declares the source of its seed, and that source has outcomes enough."""
    declared, is_public = export.source, export.seed is not None or "key" in export.manifest.get("commitments", ())
    if declared is None:
        yield from [_finding("seed.undeclared")] if export.version > 2 and is_public else []
        return
    fewest, outcomes = FEWEST_OUTCOMES.get(declared["source"], 0), outcomes_of(declared["form"])
    if outcomes < fewest:
        about = {"form": declared["form"], "source": declared["source"]}
        yield _finding("seed.few", **about, outcomes=outcomes, fewest=fewest)


def check_seed(export: Export, outcome: str | None) -> Iterator[Finding]:
    """The seed against the source that the frame declares, and against what that source published where somebody looked."""
    declared, seed = export.source, export.seed or ""
    if outcome is not None and outcome.strip() != seed:
        yield _finding("seed.outcome")
    if declared is None:
        return
    form = FORMS.get(declared["source"], declared["form"])
    if not fits_form(form, seed):
        yield _finding("seed.form", source=source_text(declared), form=form)
    if (export.manifest["drawn_on"] or "") < declared["day"]:
        yield _finding("seed.day", day=declared["day"])
    for line in export.log:
        if _text(line, "what") == "drawn" and _text(line, "seed_source") != source_text(declared):
            yield _finding("seed.source", where=_line_of(line), source=source_text(declared))


# Inspectors


def check_inspectors(export: Export) -> Iterator[Finding]:
    """``inspectors.csv`` against the teams that the seed and the manifest's pool give; in format 2 names are free."""
    task, pool, rows = export.task, export.pool, read_inspectors(export.folder)
    if pool is None:
        if rows:
            yield _finding("inspectors.no_staff")
        return
    yield from _pool(task, pool)
    known, teams = {member.staff_id: member for member in pool.members}, dict[str, list[str]]()
    staff, visits = Staff(export), Counter[str]()
    for turn, subject in enumerate(sorted(export.drawn, key=lambda one: (one.ticket, one.subject_id, one.region)), start=1):
        team = staff.team(subject.subject_id, subject.region, visits, turn)
        if len(team) < task["min_inspectors"]:
            yield staff.too_few("inspectors.csv", subject.subject_id, team)
            return
        teams[subject.subject_id] = team
        visits.update(team)
    for name in sorted(set(teams) | set(rows)):
        listed = [(row.task, row.place, row.member(named=export.version > 2)) for row in rows.get(name, ())]
        if listed != [(task["id"], str(place), known[one]) for place, one in enumerate(teams.get(name, ()), start=1)]:
            where = f"inspectors.csv line {rows[name][0].line}" if name in rows else "inspectors.csv"
            yield _finding("inspectors.team", where=where, subject=name)


def _pool(task: Mapping[str, Any], pool: Pool) -> Iterator[Finding]:
    """Everybody in the pool may go: once, of a department of the task, with a certificate to its last day."""
    departments, ids = {"", task["department"], *task["joint_with"]}, set[str]()
    for member in pool.members:
        if member.staff_id in ids:
            yield _finding("inspectors.twice", staff=member.staff_id)
        if not _DAY.fullmatch(member.certificate_valid_to) or member.certificate_valid_to < task["end"]:
            yield _finding("inspectors.certificate", staff=member.staff_id)
        if member.department not in departments:
            yield _finding("inspectors.department", staff=member.staff_id)
        ids.add(member.staff_id)


def _later_teams(export: Export) -> Iterator[Finding]:
    """Who was sent to a late subject, to one that replaced another, or in the place of who left, after all visits until then."""
    sent = Sent(export)
    for line in export.log:
        what, where = _text(line, "what"), _line_of(line)
        if what == "left":
            yield from _leave(sent, line)
            continue
        team, expected = _texts(line, "team"), sent.expected(line)
        subject = _text(line, "replaced_by" if what == "replaced" else "subject_id")
        if expected is not None and export.pool and len(expected) < export.task["min_inspectors"]:
            yield sent.staff.too_few(where, subject, expected)
        elif expected is not None and line.get("team") != expected:
            yield _finding("inspectors.team", where=where, subject=subject)
        sent.send(line, subject, team)


def _leave(sent: Sent, line: Mapping[str, Any]) -> Iterator[Finding]:
    """One who left: on what grounds, from which visits, and who comes there."""
    where, left = _line_of(line), _text(line, "staff_id")
    if not _has_grounds(line) or left not in sent.staff.may_go:
        yield _finding("log.leave", where=where, staff=left)
    teams = {_text(one, "subject_id"): one for one in line.get("teams") or () if isinstance(one, dict)}
    kept = _texts(line, "kept")
    if sorted([*teams, *kept]) != sorted(sent.visits_of(left)):
        yield _finding("log.leave_visits", where=where, staff=left)
    sent.staff.may_go.discard(left)
    for subject in sorted(set(teams) & set(sent.teams), key=sent.ticket_of):
        team = _texts(teams[subject], "team")
        expected = sent.in_place_of(left, subject)
        comes = [one for one in expected if one not in sent.teams[subject]]
        if team != expected or [teams[subject].get("comes")] != comes:
            yield _finding("inspectors.team", where=where, subject=subject)
        sent.visits.update(comes)
        sent.teams[subject] = team


# After the draw: replacements, late subjects


def check_log(export: Export) -> Iterator[Finding]:
    """The log of a drawn plan; after a replacement out of turn the later replacements are not judged."""
    if export.log_break:
        yield export.log_break
    unknown = [line for line in export.log if export.version > 2 and _text(line, "what") not in KINDS_OF_LINES]
    yield from (_finding("log.kind", where=_line_of(line), what=_text(line, "what")) for line in unknown)
    yield from _logged_draw(export)
    yield from _days(export) if export.version > 2 else ()
    yield from _replacements(export, [line for line in export.log if _text(line, "what") == "replaced"])
    yield from _late_subjects(export, [line for line in export.log if _text(line, "what") == "joined"])
    yield from _later_teams(export)


def _logged_draw(export: Export) -> Iterator[Finding]:
    manifest, draws = export.manifest, [line for line in export.log if _text(line, "what") == "drawn"]
    sealed = (export.seed, manifest["frame_hash"], manifest["drawn_on"])
    for line in draws:
        if (line.get("seed"), line.get("frame_hash"), line.get("on")) != sealed or len(draws) > 1:
            yield _finding("log.draw", where=_line_of(line))
        elif line.get("manifest") != file_hash(export.folder / "manifest.json"):
            yield _finding("log.manifest", where=_line_of(line))
        if export.key and line.get("strata") != root_after_draw(export):
            yield _finding("log.strata", where=_line_of(line))


def _days(export: Export) -> Iterator[Finding]:
    """No line is dated before one above it; a refused draw has the day that was asked for."""
    latest = ""
    for line in export.log:
        day = "" if _text(line, "what") == "draw_refused" else _text(line, "on")
        if day and day < latest:
            yield _finding("log.day", where=_line_of(line), day=latest)
        latest = max(latest, day)


def _replacements(export: Export, lines: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Each replacement is the next ticket of the stratum, and takes over the mode of whom it replaces."""
    strata = {subject.subject_id: subject.stratum for subject in export.subjects}
    modes = {subject.subject_id: subject.mode for subject in export.drawn}
    waiting = {name: iter([one for one in queue if one.drawn != "1"]) for name, queue in export.queues.items()}
    gone = set[str]()
    for line in lines:
        where, replaced, came = _line_of(line), _text(line, "subject_id"), _text(line, "replaced_by")
        if export.version > 2 and not _has_grounds(line):
            yield _finding("log.reason", where=where, subject=replaced)
        if replaced in gone or not modes.get(replaced):
            yield _finding("log.not_visited", where=where, subject=replaced)
        stratum = strata.get(replaced, "")
        following = next(waiting.get(stratum, iter(())), None)
        if following is None or following.subject_id != came:
            yield _finding("log.turn", where=where, subject=came, replaced=replaced)
            return
        logged = (line.get("mode"), line.get("ticket"), line.get("stratum"))
        if logged != (modes.get(replaced), following.own_ticket, stratum):
            yield _finding("log.replacement", where=where, subject=came)
        gone.add(replaced)
        modes[came] = _text(line, "mode")


def _has_grounds(line: Mapping[str, Any]) -> bool:
    """Whether a replacement, or the leave of an inspector, has a reason of the list, evidence, and two persons."""
    reasons = LEAVE_REASONS if _text(line, "what") == "left" else REPLACEMENT_REASONS
    return _text(line, "reason") in reasons and _is_answered_for(line, "evidence")


def _is_answered_for(line: Mapping[str, Any], *texts: str) -> bool:
    """Whether two persons answer for a line, and its texts say something; names are compared by letters and digits alone."""
    people = {_letters(line, name) for name in ("by", "second")}
    return len(people - {""}) == 2 and all(_letters(line, name) for name in texts)


def _letters(line: Mapping[str, Any], key: str) -> str:
    return "".join(one for one in unicodedata.normalize("NFKC", _text(line, key)).casefold() if one.isalnum())


def _late_subjects(export: Export, lines: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    known, strata = {_nfc(one.subject_id) for one in export.subjects}, {one.name: one for one in export.strata}
    tickets, about = export.tickets, export.manifest["about"]
    for line in lines:
        where, subject, stratum = _line_of(line), _text(line, "subject_id"), _text(line, "stratum")
        if _nfc(subject) in known:
            yield _finding("log.known", where=where, subject=subject)
        if not _fits_ticket(subject):
            yield _finding("ticket.part", where=where, what="subject_id")
        known.add(_nfc(subject))
        if stratum != stratum_of_late(export, _text(line, "tier"), _text(line, "industry"), _text(line, "region")):
            yield _finding("log.late_stratum", where=where, subject=subject, stratum=stratum)
        ratio, share, own = _ppm(line, "ratio_ppm"), _ppm(line, "on_site_ppm"), strata.get(stratum)
        rule = (own.ratio_ppm, own.on_site_ppm) if own else rule_of(about, _text(line, "tier"), _text(line, "industry"))
        if ratio is None or share is None or (rule and rule != (ratio, share)):
            yield _finding("log.late_ratio", where=where, stratum=stratum)
        ticket = tickets.of(subject) if not export.blind else _ticket_said(line)
        if line.get("ticket") != ticket or line.get("mode") != mode_of_late(ticket, ratio or 0, share or 0):
            yield _finding("log.late_draw", where=where, subject=subject)


def check_head(export: Export, kept: str | None) -> Iterator[Finding]:
    """The line whose hash somebody kept is still in the log."""
    head = START if kept is None else kept.strip().lower()
    if head != START and head not in {line["hash"] for line in export.log}:
        yield _finding("log.head")


# Lists that the public sees


def check_publications(export: Export, other: str | os.PathLike[str] | None) -> Iterator[Finding]:
    """The published list: the one in the folder, and another one where the caller names it."""
    inside = export.folder / "publication.csv"
    if other is None or inside.is_file():
        yield from _publication(export, inside, "publication.csv")
    if other is not None:
        yield from _publication(export, Path(other), str(other))


def _publication(export: Export, path: Path, label: str) -> Iterator[Finding]:
    """Each drawn subject once, as the sealed plan says; results are free."""
    task, names = export.task, {subject.subject_id: subject.name for subject in export.drawn}
    about, listed = [task["item"], task["department"], task["start"], task["end"]], set[str]()
    if export.version > 2:
        about.append(PLAN_FORMAT)
    for line, cells in read_csv(path, PUBLICATION_COLUMNS if export.version > 2 else PUBLICATION_COLUMNS[:-1], label):
        of_task, subject, name, *details = [*cells[:7], *cells[10:]]
        where = f"{label} line {line}"
        if subject in listed or names.get(subject) != name or of_task != task["id"]:
            yield _finding("publication.subject", where=where, subject=subject)
        elif details != about:
            yield _finding("publication.task", where=where, subject=subject)
        listed.add(subject)
    for subject in sorted(set(names) - listed):
        yield _finding("publication.missing", file=label, subject=subject)


def _visit(export: Export, where: str, subject: str, day: str, result: str) -> Iterator[Finding]:
    """A visit took place on a day from that of the draw on, and its result is one of the list."""
    drawn_on = export.manifest["drawn_on"] or ""
    if export.version == 2 or not (day or result):
        return
    if not _DAY.fullmatch(day) or day < drawn_on:
        yield _finding("visit.day", where=where, subject=subject, day=day or "-", drawn_on=drawn_on)
    if result not in RESULTS:
        yield _finding("visit.result", where=where, subject=subject, results=", ".join(RESULTS))


def check_closing(export: Export) -> Iterator[Finding]:
    """The list at the task's end, where the task was closed: everybody who was drawn or came later, as log and sample say."""
    path, about = export.folder / CLOSING, [export.task[name] for name in ("item", "department", "start", "end")]
    if not path.is_file():
        return
    expected, results, listed = _standings(export), _published_results(export), list[str]()
    format_of_plan = export.manifest["format"]
    for line, cells in read_csv(path, CLOSING_COLUMNS, CLOSING):
        subject, where = cells[1], f"{CLOSING} line {line}"
        name, *standing = expected.get(subject, ("",))
        if [cells[0], *cells[2:9], cells[12]] != [export.task["id"], name, *about, *standing, format_of_plan]:
            yield _finding("closing.subject", where=where, subject=subject)
        if results.get(subject, cells[9:11]) != cells[9:11]:
            yield _finding("closing.result", where=where, subject=subject)
        yield from _visit(export, where, subject, *cells[9:11])
        listed.append(subject)
    if listed != sorted(set(listed)):
        yield _finding("closing.order")
    yield from (_finding("closing.missing", subject=subject) for subject in sorted(expected.keys() - set(listed)))


def _published_results(export: Export) -> dict[str, list[str]]:
    """Day and result of each subject of the list of the draw."""
    columns = PUBLICATION_COLUMNS if export.version > 2 else PUBLICATION_COLUMNS[:-1]
    return {cells[1]: cells[7:9] for _line, cells in read_csv(export.folder / "publication.csv", columns, "publication.csv")}


def _standings(export: Export) -> dict[str, tuple[str, str, str]]:
    """By subject its name, how it came on the list, and why it left it."""
    names, found = {one.subject_id: one.name for one in export.subjects}, dict[str, tuple[str, str, str]]()
    found |= {one.subject_id: (one.name, "drawn", "") for one in export.drawn}
    for line in export.log:
        what, subject, came = (_text(line, key) for key in ("what", "subject_id", "replaced_by"))
        if what == "joined" and line.get("mode"):
            found[subject] = (_text(line, "name"), "late", "")
        elif what == "replaced":
            found[came] = (names.get(came, ""), "replacement", "")
            found[subject] = (names.get(subject, ""), "replaced", _text(line, "reason"))
    return found


# Register: what happened once


def check_register(export: Export, lines: Sequence[dict[str, Any]], kept: str | None) -> Iterator[Finding]:
    """The frame, its draw and the end of its log as the register knows them; the line whose hash was kept is still there."""
    if kept is not None and kept.strip().lower() not in {START, *(line["hash"] for line in lines)}:
        yield _finding("register.head")
    yield from _clock(lines)
    own = [line for line in lines if line.get("task") == export.task["id"]]
    current = since_published(own)
    judged = own if export.version > 2 else [line for line in current if _is_judged(line)]
    yield from _registered_order(own, whole=export.version > 2)
    yield from _registered_names(own) if export.version > 2 else ()
    yield from _registered_days(judged)
    yield from _registered_grounds(judged)
    if current and _text(current[0], "what") == "void":
        yield _finding("register.void", line=current[0]["number"])
        return
    if not current or current[0].get("frame_hash") != export.manifest["frame_hash"]:
        yield _finding("register.published")
        return
    if "seed_source" in current[0] and (export.source is None or current[0]["seed_source"] != source_text(export.source)):
        yield _finding("register.seed_source", line=current[0]["number"])
    yield from _told_in_time(export, [*(line for line in own if _text(line, "what") == "void"), current[0]])
    draws = [line for line in current if _text(line, "what") == "drawn"]
    if export.seed is None:
        yield from (_finding("register.drawn", line=line["number"]) for line in draws[:1])
        return
    yield from _registered_draw(export, draws)
    yield from _registered_log(export, current)
    if export.version > 2:
        yield from _registered_results(export, current)
    yield from _registered_closing(export, current)


def since_published(own: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines about a task from the last ``published`` or ``void`` on."""
    starts = [at for at, line in enumerate(own) if _text(line, "what") in ("published", "void")]
    return list(own[starts[-1] if starts else 0 :])


def _is_judged(line: Mapping[str, Any]) -> bool:
    """Whether a line about a plan of format 2 is held to its day and grounds: earlier versions took any day, and one person."""
    return bool(_text(line, "recorded")) or _text(line, "what") in ("published", "drawn")


def _clock(lines: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """The days on which lines were recorded, of all tasks: once there they are in every line."""
    is_there = False
    for line in lines:
        is_there = is_there or "recorded" in line
        if is_there and not _DAY.fullmatch(_text(line, "recorded")):
            yield _finding("register.unrecorded", line=line["number"])


def _registered_order(own: Sequence[Mapping[str, Any]], *, whole: bool) -> Iterator[Finding]:
    """The life of a task, earlier frames among it: published, voided and published anew or drawn, visited, closed.

    Where it is not the ``whole`` of it, as in format 2: that no draw was taken back, and no frame published beside another.
    """
    state, published = "draft", dict[str, Any]()
    for line in own:
        number, what = line["number"], _text(line, "what")
        if what in ("published", "void") and state in ("drawn", "closed"):
            yield _finding("register.taken_back", line=number, what=what)
        elif what == "published" == state:
            before = {name: _said(published, name) for name in ("frame_hash", "on", "recorded")}
            yield _finding("register.published_twice", line=number, **before)
        elif whole and what in REGISTERED and what not in (*MAY_FOLLOW[state], "draw_refused"):
            yield _finding("register.order", line=number, what=what, state=state)
        state = STATE_AFTER.get(what, state)
        published = dict(line) if what == "published" else published


#: What is taken over from an older layout: a frame, its draw and its results.
TAKEN_OVER = ("published", "drawn", "results")


def _registered_names(own: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Each line about a task is of a known kind, and names its day and who answers for it, unless it was taken over."""
    for line in own:
        number, what = line["number"], _text(line, "what")
        needs = (*REGISTERED.get(what, ()), *(["seed_source"] if what == "published" and _text(line, "recorded") else []))
        lacking = [name for name in needs if not _text(line, name).strip()]
        if what not in REGISTERED:
            yield _finding("register.kind", line=number, what=what)
        elif line.get("adopted") and what not in TAKEN_OVER:
            yield _finding("register.adopted", line=number)
        elif lacking and not line.get("adopted"):
            yield _finding("register.names", line=number, what=what, names=", ".join(lacking))


def _registered_days(own: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Days that were typed: none is before that of an earlier line about the task, none after its line was recorded."""
    latest = ""
    for line in own:
        on, recorded = _text(line, "on"), _text(line, "recorded")
        if _text(line, "what") == "draw_refused" or line.get("adopted"):
            continue
        if on and on < latest:
            yield _finding("register.day", line=line["number"], day=latest)
        if recorded and on > recorded:
            yield _finding("register.future", line=line["number"], on=on, recorded=recorded)
        latest = max(latest, on)


def _registered_grounds(own: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Two persons answer for a void, a closing with open visits, and a correction of results, with what it rests on."""
    for line in own:
        what = _text(line, "what")
        needs = {"void": ["reason"], "closed": ["reason"], "results": ["reason", "evidence"]}.get(what)
        applies = {"closed": _count(line, "open") != 0, "results": "corrected" in line}.get(what, True)
        if needs and applies and not _is_answered_for(line, *needs):
            yield _finding("register.grounds", line=line["number"], what=what)


def _told_in_time(export: Export, lines: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """The seed became known after the frame was told, and after every earlier frame of the task was voided."""
    day = export.source["day"] if export.source else ""
    for line in lines:
        if day and _text(line, "on") >= day:
            yield _finding("register.seed_day", line=line["number"], day=day)


def _registered_draw(export: Export, draws: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """The one draw in the register is that of this folder."""
    if not draws:
        yield _finding("register.not_drawn")
    logged: dict[str, Any] = next((line for line in export.log if _text(line, "what") == "drawn"), {})
    for line in draws:
        own = (export.seed, export.manifest["frame_hash"], file_hash(export.folder / "manifest.json"))
        told = (line.get("seed"), line.get("frame_hash"), line.get("manifest"))
        shared = ("seed_source", "strata", "on", "by") if export.version > 2 else ()
        same = told == own and all(line.get(name) == logged.get(name) for name in shared)
        if not same or len(draws) > 1:
            yield _finding("register.draw", line=line["number"])


def _registered_log(export: Export, current: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """The log ends where the register says, and tells the same replacements and late subjects."""
    yield from _registered_refusals(export, [line for line in current if _text(line, "what") == "draw_refused"])
    ends = [line for line in current if _text(line, "log") and _text(line, "what") != "draw_refused"]
    lasting = [line["hash"] for line in export.log if _text(line, "what") != "draw_refused"]
    if ends and ends[-1]["log"] not in lasting[-1:] and not ends[-1].get("adopted"):
        yield _finding("register.log", line=ends[-1]["number"])
        return
    if export.version > 2:
        yield from _registered_places(export, current)
        yield from _registered_replacements(export, [line for line in current if _text(line, "what") in ("replaced", "left")])
    yield from _registered_late(export, [line for line in current if _text(line, "what") == "joined"])


def _registered_places(export: Export, current: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Each line of the register names its own in the log, and they stand there in the same order."""
    places, latest = {line["hash"]: (at, _text(line, "what")) for at, line in enumerate(export.log)}, -1
    for line in current:
        what = _text(line, "what")
        if "log" not in line and (what == "draw_refused" or what not in KINDS_OF_LINES):
            continue
        at, kind = places.get(_text(line, "log"), (-1, ""))
        if at <= latest or kind != what:
            yield _finding("register.log_line", line=line["number"])
        latest = max(latest, at)


def _registered_refusals(export: Export, lines: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Log and register tell the same refused draws; one that was asked of an older folder stands in the register alone."""
    logged = {line["hash"]: line for line in export.log if _text(line, "what") == "draw_refused"}
    for line in (line for line in lines if "log" in line):
        one: Mapping[str, Any] = logged.pop(_text(line, "log"), {})
        if not one or any(one.get(name) != line.get(name) for name in ("seed", "by", "on")):
            yield _finding("register.refused", line=line["number"])
    yield from (_finding("log.not_registered", where=_line_of(line)) for line in logged.values() if export.version > 2)


#: What log and register both say of a replacement, and of an inspector who left.
REPLACED_KEYS = ("what", "subject_id", "replaced_by", "staff_id", "reason", "evidence", "by", "second", "on")


def _registered_replacements(export: Export, lines: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    logged = [line for line in export.log if _text(line, "what") in ("replaced", "left")]
    for at, line in enumerate(lines):
        told = [line.get(name) for name in REPLACED_KEYS]
        if told not in [[one.get(name) for name in REPLACED_KEYS] for one in logged[at : at + 1]]:
            yield _finding("register.replaced", line=line["number"])
    yield from (_finding("log.not_registered", where=_line_of(line)) for line in logged[len(lines) :])


LATE_KEYS = ("subject_id", "name", "industry", "region", "tier", "stratum", "ticket", "ratio_ppm", "on_site_ppm", "mode")


def _registered_late(export: Export, lines: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Late subjects that came together as their line of the register has them: how many, day, person, and the root of the rows."""
    joined = [line for line in export.log if _text(line, "what") == "joined"]
    for line in lines:
        number = line.get("subjects")
        together, joined = (joined[:number], joined[number:]) if isinstance(number, int) else ([], joined)
        told = (number, line.get("drawn"), {(line.get("on"), line.get("by"))})
        said = (len(together), sum(bool(one.get("mode")) for one in together), {(one.get("on"), one.get("by")) for one in together})
        if export.version > 2 and told != said:
            yield _finding("register.joined", line=line["number"])
        rows = {_nfc(_text(one, "subject_id")): canonical_row([one.get(name, "") for name in LATE_KEYS]) for one in together}
        if export.key and line.get("late") != root_of(rows, export.key, _nfc(export.task["id"])):
            yield _finding("register.late", line=line["number"])
    yield from (_finding("log.not_registered", where=_line_of(line)) for line in joined if export.version > 2)


def _registered_results(export: Export, lines: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """The counts of results, line by line, against who was to be visited by then; and visits that who left had made by then."""
    to_visit, replaced, results, kept = len(export.drawn), 0, 0, set[str]()
    left = iter([line for line in export.log if _text(line, "what") == "left"])
    for line in lines:
        what = _text(line, "what")
        replaced += what == "replaced"
        if what == "joined":
            to_visit += _count(line, "drawn")
        elif what == "left":
            logged: Mapping[str, Any] = next(left, {})
            kept |= set(_texts(logged, "kept"))
            if logged and len(kept) > results:
                yield _finding("log.kept", where=_line_of(logged), staff=_text(logged, "staff_id"))
        elif what == "results":
            number, new, still = (_count(line, name) for name in ("results", "new", "open"))
            if number != results + new or new < 0 or not max(0, to_visit - number) <= still <= to_visit - number + replaced:
                yield _finding("register.results", line=line["number"])
            results = number


def _registered_closing(export: Export, lines: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """The list at the task's end is the one that was told when the task was closed; the first closings had none."""
    handed_in = [line for line in lines if _text(line, "what") == "results"]
    corrected = {one for line in handed_in for one in _texts(line, "corrected")}
    for line in (line for line in lines if _text(line, "what") == "closed" and ("closing" in line or export.version > 2)):
        if line.get("closing") != file_hash(export.folder / CLOSING):
            yield _finding("register.closing", line=line["number"])
        rows = [dict(zip(CLOSING_COLUMNS, cells)) for _line, cells in read_csv(export.folder / CLOSING, CLOSING_COLUMNS, CLOSING)]
        if {row["subject_id"] for row in rows if row["corrected"]} != corrected & {row["subject_id"] for row in rows}:
            yield _finding("register.corrected", line=line["number"])
        if export.version > 2:
            yield from _closing_counts(export, line, rows, _count(handed_in[-1], "results") if handed_in else 0)


def _closing_counts(
    export: Export, closed: Mapping[str, Any], rows: Sequence[Mapping[str, str]], handed_in: int
) -> Iterator[Finding]:
    """How many visits are open and how many have a result; those that who left kept have one."""
    still = sum(row["standing"] != "replaced" and not row["inspected_on"] for row in rows)
    done = {row["subject_id"] for row in rows if row["inspected_on"]}
    if closed.get("open") != still:
        yield _finding("register.open", line=closed["number"], said=closed.get("open"), counted=still)
    if handed_in != len(done):
        yield _finding("register.closed_results", line=closed["number"], said=handed_in, counted=len(done))
    for line in export.log:
        if _text(line, "what") == "left" and not done.issuperset(_texts(line, "kept")):
            yield _finding("log.kept", where=_line_of(line), staff=_text(line, "staff_id"))


# What to ask about


def to_ask_about(export: Export, register: Sequence[dict[str, Any]]) -> Iterator[Finding]:
    """What breaks no rule, but wants an answer: ways to choose a draw that the files show, and decisions after it."""
    own = [line for line in register if line.get("task") == export.task["id"]]
    current = since_published(own)
    yield from _edited_ratios(export)
    yield from _recorded(export, own)
    yield from _clock_set_back(register, own[-1]["number"] if own else 0)
    yield from _earlier_frames(own)
    yield from _left_and_replaced(current)
    yield from _came_later(export)
    yield from _replaced_and_met(export)
    if register and (export.folder / CLOSING).is_file() and "closed" not in {_text(line, "what") for line in current}:
        yield _finding("ask.unclosed")
    for line in own:
        what = _text(line, "what")
        if what == "draw_refused":
            day = _text(line, "on") or _said(line, "recorded")
            yield _asked("ask.refused", line, "recorded", "by", "seed", on=day)
        elif what == "closed" and line.get("open"):
            yield _asked("ask.open", line, "on", "by", "second", "reason", open=line["open"])
        elif what == "results" and "corrected" in line:
            subjects = _texts(line, "corrected")
            about = {"count": len(subjects), "subjects": _first(subjects)}
            yield _asked("ask.corrected", line, "on", "by", "second", "reason", "evidence", **about)
        elif what == "published" and line.get("trial") and line in current:
            yield _asked("ask.trial", line)


def _asked(code: str, line: Mapping[str, Any], *names: str, **values: Any) -> Finding:
    """A question about a line of the register, with some of its texts."""
    return _finding(code, line=line["number"], **{name: _said(line, name) for name in names}, **values)


def _said(line: Mapping[str, Any], key: str) -> str:
    return _text(line, key) or "-"


def _clock_set_back(register: Sequence[Mapping[str, Any]], last: int) -> Iterator[Finding]:
    """Lines that were recorded on an earlier day than the line above, as far as the task has lines there or below (``last``)."""
    for at, line in enumerate(register[1:last]):
        before = _text(register[at], "recorded")
        if _text(line, "recorded") < before:
            yield _asked("ask.clock", line, "recorded", earlier=before)


def _earlier_frames(own: Sequence[dict[str, Any]]) -> Iterator[Finding]:
    """Frames of the task that were published and voided, and those whose own seed was known by then."""
    published: Mapping[str, Any] = {}
    for line in own:
        if _text(line, "what") == "void":
            before = {"on": _said(published, "on"), "recorded": _said(published, "recorded")}
            void = {"voided": _said(line, "on"), "void_recorded": _said(line, "recorded"), "frame_hash": _said(line, "frame_hash")}
            yield _asked("ask.frame", line, "by", "second", "reason", **before, **void)
            source = _text(published, "seed_source")
            if source and max(_text(line, "on"), _text(line, "recorded")) >= source[-10:]:
                yield _asked("ask.void_late", line, source=source, **void)
        if line.get("adopted") and _text(line, "what") in TAKEN_OVER:
            yield _asked("ask.adopted", line)
        published = line if _text(line, "what") == "published" else {} if _text(line, "what") == "void" else published


def _left_and_replaced(current: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """How many subjects were replaced and inspectors left, and for the first few whom it is about, why, and who said so."""
    for what in ("replaced", "left"):
        lines = [line for line in current if _text(line, "what") == what]
        told = []
        for line in lines:
            about = ", ".join(_said(line, name) for name in ("reason", "evidence", "by", "second"))
            whom = f"{_said(line, 'subject_id')} → {_said(line, 'replaced_by')}" if what == "replaced" else _said(line, "staff_id")
            told.append(f"{whom} ({about})")
        if lines:
            yield _finding(f"ask.{what}", count=len(lines), told=_first(told, "; "))


def _came_later(export: Export) -> Iterator[Finding]:
    """How many late subjects were entered, and of the drawn ones in which tier, whom they barred, and who entered them."""
    lines = [line for line in export.log if _text(line, "what") == "joined"]
    told = []
    for line in (line for line in lines if line.get("mode")):
        barred = [f"{', '.join(_texts(line, 'recused'))} recused"] if _texts(line, "recused") else []
        told.append(f"{_said(line, 'subject_id')} ({', '.join([_said(line, 'tier'), *barred, _said(line, 'by')])})")
    if lines:
        yield _finding("ask.joined", count=len(lines), drawn=len(told), told=_first(told, "; ") or "-")


def _replaced_and_met(export: Export) -> Iterator[Finding]:
    """Who was replaced and has the result of a visit at which somebody was met, in the list at the task's end."""
    if export.version == 2 or not (export.folder / CLOSING).is_file():
        return
    try:
        rows = [dict(zip(CLOSING_COLUMNS, cells)) for _line, cells in read_csv(export.folder / CLOSING, CLOSING_COLUMNS, CLOSING)]
    except Unreadable:  # a finding already
        return
    met = [row["subject_id"] for row in rows if row["standing"] == "replaced" and row["result"] not in ("", *NOT_MET)]
    if met:
        yield _finding("ask.met", count=len(met), subjects=_first(met))


def _edited_ratios(export: Export) -> Iterator[Finding]:
    """The strata whose ratio is not that of the policy, where the planner edited ratios."""
    about = export.manifest["about"]
    rules = [(one, rule_of(about, one.tier, one.industry)) for one in export.strata]
    edited = [one.name for one, rule in rules if rule and one.ratio_ppm != rule[0]]
    if "ratios" in about and edited:
        yield _finding("ask.ratios", count=len(edited), strata=_first(edited))


def _recorded(export: Export, own: Sequence[dict[str, Any]]) -> Iterator[Finding]:
    """Whether the frame was recorded when the seed was known, and whether lines lack the day on which they were recorded."""
    for line in since_published(own)[:1] if export.source else ():
        if _text(line, "what") == "published" and _text(line, "recorded") >= export.task["seed"]["day"]:
            yield _asked("ask.recorded", line, "on", "recorded", day=export.task["seed"]["day"])
    lacking = [line["number"] for line in own if not _text(line, "recorded")]
    if lacking and export.version > 2:
        yield _finding("ask.unrecorded", line=lacking[0], more=len(lacking) - 1)


def _first(names: Sequence[str], between: str = ", ") -> str:
    """The first few of some names, for a sentence."""
    return between.join([*names[:5], *(["…"] if len(names) > 5 else [])])


# Manifest: counts, figures, files


def check_counts(export: Export) -> Iterator[Finding]:
    """The counts of the manifest against ``plan.csv`` and ``sample.csv``."""
    reasons = Counter(subject.exempt_reason for subject in export.subjects if subject.exempt_reason)
    counted: dict[str, Any] = {name: export.sum_of(name) for name in ("population", "target", "on_site")}
    counted |= {"subjects": len(export.subjects), "exempt": dict(reasons), "strata": len(export.strata)}
    if export.seed is not None:
        counted["drawn"] = len(export.drawn)
    stated = export.manifest["counts"]
    for name in sorted(counted.keys() | stated.keys()):
        if counted.get(name) != stated.get(name):
            yield _finding("manifest.counts", name=name, said=stated.get(name), counted=counted.get(name))


def check_figures(export: Export) -> Iterator[Finding]:
    """``overshoot`` and ``raised`` of the manifest, and its notes if they are in the words that this file knows."""
    overshoot, raised = visits_by_rounding(export)
    tells_apart = "raised" in export.manifest
    expected: dict[str, Any] = {"overshoot": overshoot, "raised": raised} if tells_apart else {"overshoot": overshoot + raised}
    if export.manifest["version"] == NOTES_VERSION and tells_apart:
        expected["notes"] = notes(export)
    for name, value in expected.items():
        if export.manifest[name] != value:
            yield _finding("manifest.figures", name=name)


def check_files(export: Export) -> Iterator[Finding]:
    """The SHA-256 of each file; results are entered in the publication later, so its rows are checked instead."""
    hashes = export.manifest["files"]
    needed = ["plan.csv", "sample.csv", *(["inspectors.csv", "publication.csv"] if export.seed is not None else [])]
    for name in needed:
        if name not in hashes:
            yield _finding("manifest.files", file=name)
    for name, sealed in sorted(hashes.items()):
        if name != "publication.csv" and _hash_there(export.folder, name) != sealed:
            yield _finding("file.changed", file=name)


def _hash_there(folder: Path, name: str) -> str:
    """The SHA-256 of a file of the folder; nothing where there is none of that name."""
    path = folder / name
    if name == "sample.csv":
        return sample_hash(folder)
    return file_hash(path) if path.parent == folder and path.is_file() else ""


# The formulas


def rounded_up(ratio_ppm: int, size: int) -> int:
    """``ceil(ratio_ppm x size / 1,000,000)`` in whole numbers."""
    return -(-ratio_ppm * size // MILLION)


def chance(stratum: Stratum) -> str:
    """The probability n / N of a stratum as it is printed: the shortest decimal that reads back as the same double."""
    return repr(stratum.target / stratum.population if stratum.population else 0.0)


def stratum_of(task: Mapping[str, Any], tier: str, industry: str, region: str, *, joined: bool = False) -> str:
    """The name of the stratum to which such a subject belongs: that of its industry, or the one of joined strata."""
    name = f"{task['id']}|{tier}|{'' if joined else industry or UNKNOWN}"
    return f"{name}|{region or UNKNOWN}" if task["by_region"] else name


def cell_of(task: Mapping[str, Any], tier: str, industry: str, region: str) -> tuple[str, str, str]:
    """What is drawn alike before small strata are joined; the region is empty where regions are not apart."""
    return tier, industry or UNKNOWN, (region or UNKNOWN) if task["by_region"] else ""


def rule_of(about: Mapping[str, Any], tier: str, industry: str) -> tuple[int | None, int | None] | None:
    """Ratio and share on site of a tier in an industry, by the signed policy; None in a frame that does not say it."""
    joining = about.get("joining")
    if joining is None:
        return None
    rules = joining["apart"].get(industry, joining)
    return rules["ratios_ppm"].get(tier), rules["on_site_ppm"].get(tier)


def joined_cells(about: Mapping[str, Any], sizes: Mapping[tuple[str, str, str], int]) -> set[tuple[str, str, str]]:
    """The cells that are joined with others of their tier and region; none in a frame of before there was such a rule."""
    joining = about.get("joining")
    if joining is None:
        return set()
    ratios, apart = joining["ratios_ppm"], joining["apart"]
    small = [cell for cell, size in sizes.items() if cell[1] not in apart and ratios.get(cell[0], MILLION) * size < MILLION]
    together = Counter((tier, region) for tier, _industry, region in small)
    return {cell for cell in small if together[cell[0], cell[2]] > 1}


def stratum_of_late(export: Export, tier: str, industry: str, region: str) -> str:
    """The stratum of a subject that came after the frame: its own where there is one, else the joined one of its tier."""
    known = {stratum.name for stratum in export.strata}
    own, joined = (stratum_of(export.task, tier, industry, region, joined=together) for together in (False, True))
    joining = export.manifest["about"].get("joining")
    may_join = joining is not None and (industry or UNKNOWN) not in joining["apart"]
    return joined if own not in known and joined in known and may_join else own


class Tickets:
    """Tickets under one seed, task and key: SHA-256 of ``seed|task|subject_id|nonce`` in NFC; without a key those of format 2."""

    def __init__(self, seed: str, task: str, key: str = "") -> None:
        self._start = hashlib.sha256(f"{_nfc(seed)}|{_nfc(task)}|".encode())
        self._task, self._key = _nfc(task), key

    def of(self, subject: str) -> str:
        """The ticket of a subject."""
        return self.of_text(f"{subject}|{nonce_of(subject, self._key, self._task)}" if self._key else subject)

    def of_text(self, text: str) -> str:
        """The same hash with another end: the rank of ``subject_id|staff_id``."""
        digest = self._start.copy()
        digest.update(_nfc(text).encode())
        return digest.hexdigest()


def nonce_of(name: str, key: str, task: str) -> str:
    """The nonce of a subject, or of a stratum by its name."""
    return sha256(f"{key}|{task}|{_nfc(name)}|{key}")


def sha256(text: str) -> str:
    """SHA-256 of a text in UTF-8, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def root_after_draw(export: Export) -> str:
    """The root of the tree of the strata with their last tickets."""
    rows = {}
    for one in export.strata:
        queue = [subject.own_ticket for subject in export.queues.get(one.name, ())]
        last, on_site = (queue[min(number, len(queue)) - 1] if number and queue else "" for number in (one.target, one.on_site))
        rows[_nfc(one.name)] = canonical_row((one.name, one.population, one.target, one.on_site, last, on_site))
    return root_of(rows, export.key, _nfc(export.task["id"]))


#: How the beacons write what they publish.
FORMS = {"drand": "64 hex", "nist": "128 HEX"}
_SIGNS = {"digits": "0123456789", "dice": "123456", "hex": "0123456789abcdef", "HEX": "0123456789ABCDEF"}
_BALLS, _PLACES = re.compile("([1-9][0-9]{0,2}) of ([1-9][0-9]{0,2})"), re.compile("([1-9][0-9]{0,2}) (digits|dice|hex|HEX)")


def source_text(declared: Mapping[str, Any]) -> str:
    """The source, its issue and day in one line."""
    return f"{declared['source']}: {declared['name']} {declared['issue']}, {declared['day']}"


def fits_form(form: str, seed: str) -> bool:
    """Whether a seed is written in a form."""
    forms, parts = form.split(" + "), seed.split(" + ")
    return len(forms) == len(parts) and all(_fits_group(group, part) for group, part in zip(forms, parts))


def _fits_group(form: str, text: str) -> bool:
    places, balls = _PLACES.fullmatch(form), _BALLS.fullmatch(form)
    if places:
        return len(text) == int(places[1]) and set(text) <= set(_SIGNS[places[2]])
    if not balls:
        return False
    numbers, width = text.split(" "), len(balls[2])
    if not all(re.fullmatch("[0-9]+", one) and len(one) == width and 1 <= int(one) <= int(balls[2]) for one in numbers):
        return False
    return len(numbers) == int(balls[1]) and numbers == sorted(set(numbers))


def outcomes_of(form: str) -> int:
    """How many seeds can be written in a form; 0 if it is none."""
    number = 1
    for group in form.split(" + "):
        places, balls = _PLACES.fullmatch(group), _BALLS.fullmatch(group)
        signs = len(_SIGNS[places[2]]) ** int(places[1]) if places else 0
        number *= comb(int(balls[2]), int(balls[1])) if balls else signs
    return number


def mode_of_late(ticket: str, ratio_ppm: int, on_site_ppm: int) -> str:
    """``on_site``, ``off_site`` or ``""`` (not drawn) for a late subject, by its ticket as a number below 2^256."""
    number = int(ticket, 16)
    if number * MILLION >= ratio_ppm * TICKETS:
        return ""
    return ON_SITE if number * MILLION**2 < ratio_ppm * on_site_ppm * TICKETS else OFF_SITE


def hash_of_frame(export: Export) -> str:
    """The SHA-256 of the frame: of its task and policy, and of its rows or, in format 3, of the commitments to them."""
    about = export.manifest["about"]
    if export.version > 2:
        said = export.manifest["commitments"]
        committed = commitments_of(export) if "key" not in said or (export.key and sha256(export.key) == said["key"]) else said
        return sha256(f"{FRAME_FORMAT}\n{canonical(about).decode()}\n{canonical(committed).decode()}\n")
    digest = hashlib.sha256()
    for head in (FRAME_FORMAT_2, about, *sorted(_stratum_row(one) for one in export.strata)):
        digest.update(canonical(head) + b"\n")
    for row in sorted((_subject_row(one) for one in export.subjects), key=lambda row: row[0]):
        digest.update(canonical(row) + b"\n")
    return digest.hexdigest()


def _stratum_row(one: Stratum) -> tuple[Any, ...]:
    return (
        one.name, one.tier, one.industry, one.region, one.population, one.target, one.ratio_ppm, one.on_site, one.on_site_ppm,
        one.full_coverage, one.exempt,
    )  # fmt: skip


def _subject_row(one: Subject) -> tuple[str, ...]:
    return (one.subject_id, one.name, one.industry, one.region, one.tier, one.stratum, one.exempt_reason, one.merged_with)


def commitments_of(export: Export) -> dict[str, str]:
    """What the frame hash of format 3 covers, of the files: the content alone of a draft, which has no key."""
    key, task = export.key, _nfc(export.task["id"])
    strata = {_nfc(one.name): canonical_row(_stratum_row(one)) for one in export.strata}
    subjects = {_nfc(one.subject_id): canonical_row(_subject_row(one)) for one in export.subjects}
    people = json_hash(export.manifest["inspectors"])
    content = sha256("|".join((content_of(strata), content_of(subjects), people)))
    if not key:
        return {"content": content}
    return {
        "content": sha256(f"{key}|{content}|{key}"),
        "key": sha256(key),
        "people": sha256(f"{key}|{people}|{key}"),
        "strata": root_of(strata, key, task),
        "subjects": root_of(subjects, key, task),
    }


def canonical_row(values: Sequence[Any]) -> str:
    """A row as one text: ``|`` between its fields, a backslash before what would be read otherwise."""
    texts = (str(int(value)) if isinstance(value, bool) else str(value) for value in values)
    return "|".join(text.replace("\\", "\\\\").replace("|", "\\/") for text in texts)


def grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Hashes by their place, each list in order."""
    groups: dict[str, list[str]] = defaultdict(list)
    for place, value in pairs:
        groups[place].append(value)
    return {place: sorted(values) for place, values in sorted(groups.items())}


def digits_for(count: int) -> int:
    """By how many digits of their places that many rows are put together."""
    digits = 1
    while count > 16 ** (digits + 1):
        digits += 1
    return digits


def content_of(rows: Mapping[str, str]) -> str:
    """The content hash of rows by their names."""
    digits = digits_for(len(rows))
    groups = grouped((sha256(name)[:digits], sha256(row)) for name, row in rows.items())
    return sha256("|".join(f"{place}:{sha256('|'.join(hashes))}" for place, hashes in groups.items()))


def root_of(rows: Mapping[str, str], key: str, task: str) -> str:
    """The root of the tree of rows by their names."""
    digits = digits_for(len(rows))
    level = [(sha256(name)[:digits], sha256(f"{nonce_of(name, key, task)}|{row}")) for name, row in rows.items()]
    while True:
        nodes = {place: sha256("node|" + "|".join(below)) for place, below in grouped(level).items()}
        if not digits:
            return nodes.get("", sha256("node|"))
        digits -= 1
        level = [(place[:digits], node) for place, node in nodes.items()]


def line_hash(cells: Sequence[str]) -> str:
    """The short hash of a row in ``sample.sha256``: 16 digits of the SHA-256 of its cells as a JSON list."""
    return hashlib.sha256(_SPACED.encode(cells).encode()).hexdigest()[:16]


def file_hash(path: Path) -> str:
    """The SHA-256 of the bytes of a file.

    Raises:
        Unreadable: The file is missing or cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            for piece in iter(lambda: stream.read(1 << 20), b""):
                digest.update(piece)
    except OSError as error:
        raise _unreadable(path.name, error) from None
    return digest.hexdigest()


_COMPACT = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
_SPACED = json.JSONEncoder(ensure_ascii=False)


def canonical(value: Any) -> bytes:
    """Compact JSON in UTF-8: sorted keys, no spaces."""
    return _COMPACT.encode(value).encode()


def json_hash(value: Any) -> str:
    """SHA-256 of compact JSON."""
    return hashlib.sha256(canonical(value)).hexdigest()


def needed_by_floor(export: Export) -> int:
    """How many subjects must be drawn for the floor (min_ratio) of the task; 0 if it has none."""
    floor = export.task["min_ratio"]
    return 0 if floor is None else rounded_up(round(floor * MILLION), export.sum_of("population"))


def targets_of(export: Export) -> list[int]:
    """How many to draw in each stratum: its ratio, raised by the smallest factor that gives the task's floor and number."""
    at_least = max(needed_by_floor(export), export.task["target"] or 0)

    def scaled(factor: int) -> list[int]:
        exact = ((one.ratio_ppm * one.population * factor, one.population) for one in export.strata)
        return [min(size, -(-number // MILLION**2)) for number, size in exact]

    low, high = MILLION, MILLION**2
    if sum(scaled(low)) >= at_least:
        return scaled(low)
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if sum(scaled(middle)) >= at_least else (middle, high)
    return scaled(high)


def visits_by_rounding(export: Export) -> tuple[int, int]:
    """Visits that rounding up in every stratum adds, and visits beyond that for the task's floor or number."""
    rounded = sum(rounded_up(one.ratio_ppm, one.population) for one in export.strata)
    exact = sum(one.ratio_ppm * one.population for one in export.strata)
    return rounded - -(-exact // MILLION), export.sum_of("target") - rounded


def notes(export: Export) -> list[str]:
    """The notes for the planner, in the words of the program that draws."""
    task, about, total = export.task, export.manifest["about"], export.sum_of("target")
    overshoot, raised = visits_by_rounding(export)
    empty = [one.name for one in export.strata if one.population == 0]
    lone = [one.name for one in export.strata if one.population == 1 and one.ratio_ppm < MILLION] if "joining" in about else []
    fallen = inversions(export)
    effective = about["policy"]["effective"]
    notes = [
        (overshoot, f"{total:,} visits; {overshoot:,} of them by rounding up per stratum"),
        (raised, f"{total:,} visits; {raised:,} of them beyond the ratios, for the number or floor that the task names"),
        (
            task["capacity"] is not None and total > task["capacity"],
            f"{total:,} visits are more than the capacity of {task['capacity'] or 0:,}",
        ),
        *((True, text) for text in fallen),
        (lone, f"{len(lone)} strata hold one subject, which is drawn each time whatever its ratio: {', '.join(lone[:5])}"),
        (empty, f"{len(empty)} strata are empty after exemptions: {', '.join(empty[:5])}"),
        (effective > about["as_of"], f"the policy is effective only on {effective}"),
    ]
    return [text for applies, text in notes if applies]


#: From the lowest risk to the highest; NR is not rated, and never drawn less than B.
TIERS, NOT_RATED, PRESUMED = ("A", "B", "C", "D"), "NR", "B"


def inversions(export: Export) -> list[str]:
    """The notes about ratios that fall from a tier to the next riskier one of an industry, for want of halves of a visit."""
    if "joining" not in export.manifest["about"]:
        return []
    rows, places = {one.name: one for one in export.strata}, dict[tuple[str, str], dict[str, Stratum]]()
    for (tier, industry, region), name in export.names.items():
        if name in rows and rows[name].population:
            places.setdefault((industry, region), {})[tier] = rows[name]
    found = dict[tuple[str, str], str]()
    for (industry, _region), present in sorted(places.items()):
        rated = [tier for tier in TIERS if tier in present]
        pairs = [(low, rated[at]) for at, low in enumerate(rated[:-1], start=1)]
        below = [tier for tier in TIERS[: TIERS.index(PRESUMED) + 1] if tier in present]
        if NOT_RATED in present and below:
            pairs.append((below[-1], NOT_RATED))
        for low, high in pairs:
            safer, riskier = present[low], present[high]
            if safer.target * riskier.population > riskier.target * safer.population:
                found.setdefault((safer.name, riskier.name), _inversion(industry, safer, riskier))
    return list(found.values())


def _inversion(industry: str, safer: Stratum, riskier: Stratum) -> str:
    more = -(-safer.target * riskier.population // safer.population) - riskier.target
    low, high = (
        f"{one.tier} {one.target / one.population * 100:.2f} % ({one.target:,} of {one.population:,})" for one in (safer, riskier)
    )
    return f"rounding draws {low} above {high} in {industry}: {more:,} more visits would keep the order"


def crosses(task: Mapping[str, Any], turn: int) -> bool:
    """Whether staff of other regions come first at a turn; see step 6."""
    share = round(task["cross_region_share"] * MILLION)
    return rounded_up(share, turn) > rounded_up(share, turn - 1)


class Staff:
    """Draws teams of inspectors from the pool of an export. Without a pool every team is empty."""

    def __init__(self, export: Export) -> None:
        self._task, self._pool = export.task, export.pool or Pool([], set())
        self._tickets = export.tickets
        self.may_go = {one.staff_id for one in self._pool.members}

    def team(
        self, subject: str, region: str, visits: Mapping[str, int], turn: int, recused: Sequence[str] = (),
        stays: Sequence[str] = (),
    ) -> list[str]:  # fmt: skip
        """The staff ids for a subject, the leader first; shorter than ``min_inspectors`` if too few may go."""
        free = [one for one in self._pool.members if not self.apart([one.staff_id], subject, recused)]
        late = {"", region} if crosses(self._task, turn) else {one.region for one in free} - {region}
        first = {one: place - len(stays) for place, one in enumerate(stays)}
        order = sorted(free, key=lambda one: (first.get(one.staff_id, 0), one.region in late, *self._rank(one, subject, visits)))
        lead = [one for one in order if one.department in ("", self._task["department"])]
        others = [one for one in order if one.department not in ("", self._task["department"])]
        head = [lead[0], others[0]] if lead and others else []
        return [one.staff_id for one in [*head, *(one for one in order if one not in head)]][: self._task["min_inspectors"]]

    def too_few(self, where: str, subject: str, team: Sequence[str]) -> Finding:
        """The finding that a team is not complete."""
        return _finding("inspectors.too_few", where=where, subject=subject, expected=self._task["min_inspectors"], got=len(team))

    def apart(self, team: Sequence[str], subject: str, recused: Sequence[str]) -> bool:
        """Whether one of a team may not go to a subject."""
        return any(one in recused or one not in self.may_go or (one, subject) in self._pool.recusals for one in team)

    def _rank(self, member: Member, subject: str, visits: Mapping[str, int]) -> tuple[int, str, str]:
        return visits.get(member.staff_id, 0), self._tickets.of_text(f"{subject}|{member.staff_id}"), member.staff_id


class Sent:
    """Who was sent to whom up to a line of the log."""

    def __init__(self, export: Export) -> None:
        self.staff = Staff(export)
        drawn = sorted(export.drawn, key=lambda one: (one.ticket, one.subject_id, one.region))
        self._places = {one.subject_id: (one.ticket, one.region) for one in export.subjects}
        self._old = export.version == 2
        self._recused = dict[str, list[str]]()
        self._gone = set[str]()
        self.teams = {subject: [row.staff_id for row in team] for subject, team in read_inspectors(export.folder).items()}
        self._turns = {one.subject_id: turn for turn, one in enumerate((one for one in drawn if one.subject_id in self.teams), 1)}
        self.visits = Counter(one for team in self.teams.values() for one in team)

    def expected(self, line: Mapping[str, Any]) -> list[str] | None:
        """The team that the subject of a line gets; None where nobody is to be visited."""
        turn, what = len(self._turns) + 1, _text(line, "what")
        if what == "replaced":
            subject, before = _text(line, "replaced_by"), self.teams.get(_text(line, "subject_id"), []) if self._old else []
            keeps = before and not self.staff.apart(before, subject, ())
            return before if keeps else self.staff.team(subject, self._places.get(subject, ("", ""))[1], self.visits, turn)
        if what == "joined" and line.get("mode"):
            return self.staff.team(_text(line, "subject_id"), _text(line, "region"), self.visits, turn, _texts(line, "recused"))
        return None

    def send(self, line: Mapping[str, Any], subject: str, team: list[str]) -> None:
        """Send the team of a line."""
        if _text(line, "what") == "replaced":
            self._gone.add(_text(line, "subject_id"))
        elif _text(line, "what") == "joined":
            self._places.setdefault(subject, (_text(line, "ticket"), _text(line, "region")))
            self._recused[subject] = _texts(line, "recused")
        if team:
            self.teams[subject], self._turns[subject] = team, len(self._turns) + 1
            self.visits.update(team)

    def ticket_of(self, subject: str) -> tuple[str, str]:
        """What the order of subjects goes by."""
        return self._places.get(subject, ("", ""))[0], subject

    def visits_of(self, staff: str) -> list[str]:
        """The subjects to which somebody goes, but for those that others replaced."""
        return [subject for subject, team in self.teams.items() if staff in team and subject not in self._gone]

    def in_place_of(self, left: str, subject: str) -> list[str]:
        """The team of a subject once somebody left it."""
        stays = [one for one in self.teams[subject] if one != left]
        region, turn = self._places.get(subject, ("", ""))[1], self._turns.get(subject, 0)
        return self.staff.team(subject, region, self.visits, turn, self._recused.get(subject, ()), stays)


# Reading


def read_export(folder: Path, key_file: str | os.PathLike[str] | None = None) -> Export:
    """The files of a plan folder, and the key of its frame.

    Raises:
        Unreadable: ``manifest.json``, ``plan.csv`` or ``sample.csv`` cannot be read.
    """
    manifest = read_manifest(folder / "manifest.json")
    task, inspectors = {**TASK_DEFAULTS, **manifest["about"]["task"]}, manifest["inspectors"]
    strata = list(read_strata(folder))
    sealed = "key" in manifest.get("commitments", ())
    key = read_key(Path(key_file)) if key_file is not None and sealed else ""
    blind = manifest["format"] != PLAN_FORMAT_2 and not key
    tickets = None if manifest["seed"] is None or blind else Tickets(manifest["seed"], task["id"], key)
    subjects = list(read_subjects(folder, tickets, blind=blind and manifest["seed"] is not None))
    queues: dict[str, list[Subject]] = defaultdict(list)
    for subject in subjects:
        if not subject.exempt_reason:
            queues[subject.stratum].append(subject)
    for queue in queues.values():
        queue.sort(key=lambda one: one.own_ticket)
    hashes = folder / "sample.sha256"
    line_hashes = _bytes(hashes).decode("ascii", "replace").split() if hashes.is_file() else []
    pool = None if inspectors is None else _read_pool(inspectors, named=manifest["format"] == PLAN_FORMAT)
    return Export(folder, manifest, task, strata, subjects, queues, line_hashes, pool, *read_log(folder / "log.jsonl"), key)


_SHA256 = re.compile("[0-9a-f]{64}")


def read_key(path: Path) -> str:
    """The key of a frame.

    Raises:
        Unreadable: The file is missing or holds something else.
    """
    text = _bytes(path).decode("ascii", "replace").strip()
    if not _SHA256.fullmatch(text):
        raise Unreadable("key.text", file=path.name)
    return text


#: Keys of the manifest that are used here, with the types that each may have.
MANIFEST_KEYS: dict[str, tuple[type, ...]] = {
    "version": (str,), "algorithm": (str,), "frame_hash": (str,), "about": (dict,), "about.as_of": (str,),
    "about.policy": (dict,), "about.policy.effective": (str,), "about.task": (dict,), "about.task.id": (str,),
    "about.task.item": (str,), "about.task.department": (str,), "about.task.joint_with": (list,), "about.task.start": (str,),
    "about.task.end": (str,), "about.task.by_region": (bool,), "about.task.capacity": (int, type(None)),
    "about.task.min_inspectors": (int,), "about.task.min_ratio": (float, int, type(None)),
    "about.task.cross_region_share": (float, int),
    "about.task.target": (int, type(None)), "counts": (dict,), "overshoot": (int,), "raised": (int,), "notes": (list,),
    "seed": (str, type(None)), "drawn_on": (str, type(None)), "inspectors": (dict, type(None)), "files": (dict,),
}  # fmt: skip
DAYS = ("about.as_of", "about.policy.effective", "about.task.start", "about.task.end")
#: The values of keys that a task may lack: the first plans of this format did not have all of them.
TASK_DEFAULTS: dict[str, Any] = {
    "joint_with": [], "capacity": None, "min_ratio": None, "target": None, "cross_region_share": 0,
}  # fmt: skip
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest, with a value of the right type under each of MANIFEST_KEYS.

    ``raised`` may be missing: the first plans of this format counted those visits in ``overshoot``.

    Raises:
        Unreadable: The file is missing, is not such a manifest, or a key is missing or has a wrong value.
    """
    document = _json(_bytes(path), path.name)
    if not isinstance(document, dict) or document.get("format") not in (PLAN_FORMAT, PLAN_FORMAT_2):
        raise Unreadable("manifest.format", expected=PLAN_FORMAT)
    defaults = {f"about.task.{name}": value for name, value in TASK_DEFAULTS.items()}
    for key, types in MANIFEST_KEYS.items():
        value = _at(document, key, defaults.get(key, Unreadable))
        if type(value) not in types and not (key == "raised" and value is Unreadable):
            expected = " or ".join("nothing" if one is type(None) else one.__name__ for one in types)
            raise Unreadable("manifest.key", key=key, expected=expected)
    committed = document.get("commitments", {})
    _refuse_source(document["about"]["task"].get("seed"))
    if not isinstance(committed, dict) or ("commitments" in document) != (document["format"] == PLAN_FORMAT):
        raise Unreadable("manifest.key", key="commitments", expected="hashes by name, in format 3")
    for key in DAYS:
        if not _DAY.fullmatch(_at(document, key, "")):
            raise Unreadable("manifest.key", key=key, expected="a day (YYYY-MM-DD)")
    for key, values in (
        ("about.task.joint_with", _at(document, "about.task.joint_with", [])),
        ("files", list(document["files"].values())),
    ):
        if not all(isinstance(value, str) for value in values):
            raise Unreadable("manifest.key", key=key, expected="texts")
    if "joining" in document["about"]:
        _refuse_joining(document["about"]["joining"])
    for key in ("about.task.min_ratio", "about.task.cross_region_share"):
        if not 0 <= (_at(document, key, None) or 0) <= 1:
            raise Unreadable("manifest.key", key=key, expected="a share between 0 and 1")
    return document


def _refuse_source(declared: Any) -> None:
    """Refuse a source of the seed whose parts are of another kind than expected."""
    parts = ("source", "name", "issue", "form", "day")
    sound = declared is None or (isinstance(declared, dict) and all(isinstance(declared.get(name), str) for name in parts))
    if not sound:
        raise Unreadable("manifest.key", key="about.task.seed", expected=", ".join(parts))


def _refuse_joining(joining: Any) -> None:
    """Refuse a rule of joining whose parts are of another kind than expected."""
    apart = joining.get("apart") if isinstance(joining, dict) else None
    rules = [joining, *apart.values()] if isinstance(apart, dict) else [None]
    if not all(_are_numbers(one, name) for one in rules for name in ("ratios_ppm", "on_site_ppm")):
        raise Unreadable("manifest.key", key="about.joining", expected="ratios_ppm, on_site_ppm, and the same by industry in apart")


def _are_numbers(rules: Any, name: str) -> bool:
    """Whether there are whole numbers by tier under a name."""
    by_tier = rules.get(name) if isinstance(rules, dict) else None
    return isinstance(by_tier, dict) and all(type(number) is int for number in by_tier.values())


def _at(document: Any, key: str, otherwise: Any) -> Any:
    """The value under ``a.b.c``."""
    for step in key.split("."):
        if step not in document:
            return otherwise
        document = document[step]
    return document


def _read_pool(document: Mapping[str, Any], *, named: bool) -> Pool:
    """The pool; ``named``: with the names of its members, which the hash of format 2 does not cover."""
    try:
        texts = [{name: _str(one.get(name, "")) for name in Member._fields} for one in document["members"]]
        members = [Member(**(one if named else {**one, "name": ""})) for one in texts]
        recusals = {(_str(staff), _str(subject)) for staff, subject in document["recusals"]}
    except (AttributeError, KeyError, TypeError, ValueError):
        raise Unreadable("manifest.key", key="inspectors", expected="members and recusals") from None
    return Pool(members, recusals)


_WHOLE = re.compile("0|[1-9][0-9]{0,11}", re.ASCII)
_NUMBERS = ("population", "target", "ratio_ppm", "on_site", "on_site_ppm", "exempt")


def read_strata(folder: Path) -> Iterator[Stratum]:
    """The rows of ``plan.csv``, in the order of the file.

    Raises:
        Unreadable: The file cannot be read, or a number in it is not a whole number.
    """
    for line, cells in read_csv(folder / "plan.csv", PLAN_COLUMNS, "plan.csv"):
        row: dict[str, Any] = dict(zip(PLAN_COLUMNS, cells))
        if not all(_WHOLE.fullmatch(row[name]) for name in _NUMBERS) or row["full_coverage"] not in ("0", "1"):
            raise Unreadable("plan.number", line=line, columns=", ".join(_NUMBERS))
        row.update({name: int(row[name]) for name in _NUMBERS}, full_coverage=row["full_coverage"] == "1")
        yield Stratum(line, *row.values())


def read_subjects(folder: Path, tickets: Tickets | None, *, blind: bool = False) -> Iterator[Subject]:
    """The rows of ``sample.csv``, in the order of the file. Blind, without the key, their tickets are taken as they are.

    Equal texts are kept in memory once, since most columns repeat a few values.

    Raises:
        Unreadable: The file cannot be read.
    """
    for line, cells in read_parts(sample_files(folder), SAMPLE_COLUMNS, "sample.csv"):
        subject_id, name, ticket = cells[1], cells[2], cells[8]
        own = tickets.of(subject_id) if tickets else ticket if blind else ""
        shared = [sys.intern(cell) for cell in cells]
        shared[1], shared[2], shared[8] = subject_id, name, own if ticket == own else ticket
        yield Subject(line, own, *shared)


class InspectorRow(NamedTuple):
    """A row of ``inspectors.csv``; ``until`` is its column ``certificate_valid_to``."""

    line: int
    task: str
    subject_id: str
    place: str
    staff_id: str
    name: str
    department: str
    region: str
    until: str

    def member(self, *, named: bool) -> Member:
        """Whom the row names, as the pool of its format knows them."""
        return Member(self.staff_id, self.region, self.department, self.until, self.name if named else "")


def read_inspectors(folder: Path) -> dict[str, list[InspectorRow]]:
    """The rows of ``inspectors.csv`` by subject_id, in the order of the file.

    Raises:
        Unreadable: The file cannot be read.
    """
    rows: dict[str, list[InspectorRow]] = defaultdict(list)
    for line, cells in read_csv(folder / "inspectors.csv", INSPECTOR_COLUMNS, "inspectors.csv"):
        rows[cells[1]].append(InspectorRow(line, *cells))
    return dict(rows)


def read_csv(path: Path, columns: Sequence[str], label: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV file, read one by one: the number of the line on which each ends, and its cells.

    A cell that a spreadsheet could take for a formula was written with ``'`` before it; this sign is removed.

    Raises:
        Unreadable: The file is missing, is not UTF-8 or CSV, has other columns, or a row has another number of cells.
    """
    yield from read_parts([path], columns, label)


def read_parts(paths: Sequence[Path], columns: Sequence[str], label: str) -> Iterator[tuple[int, list[str]]]:
    """The same of a CSV file in parts, each with the columns in its first line; lines are counted as if it were in one piece.

    Raises:
        Unreadable: See :func:`read_csv`; or a compressed part is not whole.
    """
    line = 0
    try:
        for number, path in enumerate(paths):
            before = line - bool(number)
            with opened(path) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as stream:
                reader = csv.reader(stream)
                if next(reader, None) != list(columns):
                    raise Unreadable("file.columns", file=label, columns=", ".join(columns))
                for cells in reader:
                    line = before + reader.line_num
                    if len(cells) != len(columns):
                        raise Unreadable("file.cells", file=label, line=line, expected=len(columns), got=len(cells))
                    yield line, [cell[1:] if cell[:1] == "'" else cell for cell in cells]
    except UnicodeDecodeError:
        raise Unreadable("file.encoding", file=label) from None
    except csv.Error as error:  # Python before 3.11 reads no NUL character: use a later one for such a file
        raise Unreadable("file.csv", file=label, line=line + 1, why=str(error)) from None
    except (EOFError, zlib.error) as error:
        raise Unreadable("file.unreadable", file=label, why=str(error)) from None
    except OSError as error:
        raise _unreadable(label, error) from None


_PART = re.compile("sample-([0-9]{4})[.]csv[.]gz")


def sample_files(folder: Path) -> list[Path]:
    """``sample.csv``, or the numbered, compressed parts of it.

    Raises:
        Unreadable: Both are there, or a number is missing.
    """
    whole = folder / "sample.csv"
    parts = sorted(path for path in folder.glob("sample-*") if _PART.fullmatch(path.name))
    if not parts:
        return [whole]
    if whole.exists() or [path.name for path in parts] != [f"sample-{at:04}.csv.gz" for at in range(1, len(parts) + 1)]:
        raise Unreadable("file.parts")
    return parts


def sample_hash(folder: Path) -> str:
    """The SHA-256 of ``sample.csv``; of its parts put together, the first line of the first one alone.

    Raises:
        Unreadable: A file is missing or cannot be read, or a part has another first line.
    """
    digest, columns = hashlib.sha256(), b""
    for path in sample_files(folder):
        try:
            with opened(path) as stream:
                first = stream.readline()
                if columns and first != columns:
                    raise Unreadable("file.columns", file=path.name, columns=", ".join(SAMPLE_COLUMNS))
                digest.update(b"" if columns else first)
                columns = first
                for piece in iter(lambda: stream.read(1 << 20), b""):
                    digest.update(piece)
        except (EOFError, zlib.error) as error:
            raise Unreadable("file.unreadable", file=path.name, why=str(error)) from None
        except OSError as error:
            raise _unreadable(path.name, error) from None
    return digest.hexdigest()


def opened(path: Path) -> Any:
    """A file, or the content of a compressed one."""
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def read_log(path: Path) -> tuple[list[dict[str, Any]], Finding | None]:
    """The lines of the log before the first one that breaks the chain, and the finding about that one (None: no break)."""
    lines: list[dict[str, Any]] = []
    if not path.exists():
        return lines, None
    *pieces, rest = _bytes(path).split(b"\n")
    for number, piece in enumerate(pieces, start=1):
        line, previous = _log_line(piece), lines[-1]["hash"] if lines else START
        if line is None:
            return lines, _finding("log.json", line=number)
        if type(line.get("number")) is not int or line["number"] != number or line.get("previous") != previous:
            return lines, _finding("log.order", line=number)
        content = {key: value for key, value in line.items() if key != "hash"}
        if json_hash(content) != line["hash"]:
            return lines, _finding("log.hash", line=number)
        lines.append(line)
    return lines, _finding("log.cut", line=len(pieces) + 1) if rest else None


def read_register(path: Path) -> tuple[list[dict[str, Any]], Finding | None]:
    """The lines of a register before the first one that breaks the chain, and the finding about that one (None: no break)."""
    lines, broken = read_log(path)
    return lines, None if broken is None else _finding("register.chain", line=len(lines) + 1)


def _log_line(piece: bytes) -> dict[str, Any] | None:
    try:
        line = _json(piece, "log.jsonl")
    except Unreadable:
        return None
    return line if isinstance(line, dict) and isinstance(line.get("hash"), str) else None


def _json(content: bytes, label: str) -> Any:
    """A JSON value; a key that occurs twice is refused, because readers differ in which one they take."""
    try:
        value = json.loads(content.decode("utf-8"), object_pairs_hook=_each_key_once, parse_constant=_refuse)
        canonical(value)  # a text with half a character cannot be written as UTF-8
    except (ValueError, RecursionError):
        raise Unreadable("file.json", file=label) from None
    return value


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _value in pairs}) != len(pairs):
        raise ValueError("a key occurs twice")
    return dict(pairs)


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path.name, error) from None


def _unreadable(label: str, error: OSError) -> Unreadable:
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return Unreadable("file.missing", file=label)
    return Unreadable("file.unreadable", file=label, why=error.strerror or type(error).__name__)


# Small helpers


def _finding(code: str, **values: Any) -> Finding:
    return Finding(code, values)


def _nfc(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _fits_ticket(text: str) -> bool:
    """Whether a text can be part of a ticket: with ``|`` in it two different triples could give one text."""
    plain = text.isprintable() or not any(unicodedata.category(one) == "Cc" for one in text)
    return bool(text.strip()) and "|" not in text and plain


def _printable(value: Any) -> Any:
    """A value for a message: a text of a forged file shall not write lines of its own on the screen."""
    return value if not isinstance(value, str) or value.isprintable() else ascii(value)


def _str(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("expected a text")
    return value


def _text(line: Mapping[str, Any], key: str) -> str:
    value = line.get(key)
    return value if isinstance(value, str) else ""


def _texts(line: Mapping[str, Any], key: str) -> list[str]:
    value = line.get(key)
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _ppm(line: Mapping[str, Any], key: str) -> int | None:
    return line[key] if 0 <= _count(line, key) <= MILLION else None


def _count(line: Mapping[str, Any], key: str) -> int:
    """A whole number of a line; -1 where there is none."""
    value = line.get(key)
    return value if type(value) is int else -1


def _ticket_said(line: Mapping[str, Any]) -> str:
    """The ticket of a line, where it has the form of one."""
    ticket = _text(line, "ticket")
    return ticket if _SHA256.fullmatch(ticket) else "f" * 64


def _line_of(line: Mapping[str, Any]) -> str:
    return f"log.jsonl line {line['number']}"


# The report


def _not_covered(export: Export | None, known: Kept) -> list[Finding]:
    """What this check says nothing about: always, and for want of what the caller could have named."""
    declared = export.source if export else None
    always = ["subjects", "policy", "inputs", "seed_day" if declared else "seed", "other_draws", "parallel", "staff", "visits"]
    always += ["changes", "untold", "clock"]
    lacking = [name for name, value in known._asdict().items() if value is None]
    if export is not None and "key" not in export.manifest.get("commitments", ()):
        lacking = [name for name in lacking if name != "key"]  # a draft, or format 2: there is no key
    codes = [*always, *lacking]
    if declared is None or (export and export.seed is None):
        codes = [code for code in codes if code != "outcome"]
    about = {name: {"source": source_text(declared)} for name in ("outcome", "seed_day")} if declared else {}
    scope = [_finding(f"scope.{code}", **about.get(code, {})) for code in codes]
    if export is None:
        return scope
    if export.seed is None:
        scope.append(_finding("scope.not_drawn"))
    version = export.manifest["version"]
    if version != NOTES_VERSION or "raised" not in export.manifest:
        scope.append(_finding("scope.notes", version=version, known=NOTES_VERSION))
    strata = {stratum.name for stratum in export.strata}
    for line in export.log:
        what, number = _text(line, "what"), line["number"]
        if what not in KINDS_OF_LINES and export.version == 2:
            scope.append(_finding("scope.log_kind", line=number, what=what))
        elif what == "left" and line.get("kept"):
            scope.append(_finding("scope.kept", line=number, staff=_text(line, "staff_id")))
        elif what == "joined" and _text(line, "stratum") not in strata and "joining" not in export.manifest["about"]:
            scope.append(_finding("scope.late_ratio", line=number, subject=_text(line, "subject_id")))
    return scope


# A firm's own proof


class Told(NamedTuple):
    """What a firm was told, beside its proof; None for what it did not hear.

    Attributes:
        frame_hash: The hash that was published before the seed was known.
        draw_root: The root that was told with the draw.
        late_root: For a subject that came later: the root in its line of the register.
        outcome: What the source of the seed published.
    """

    frame_hash: str | None = None
    draw_root: str | None = None
    late_root: str | None = None
    outcome: str | None = None


def check_proof(
    proof: Any,
    frame_hash: str | None = None,
    draw_root: str | None = None,
    late_root: str | None = None,
    outcome: str | None = None,
) -> list[str]:
    """What is wrong with a firm's own proof, one line each; none if it holds.

    Args:
        proof: The document that the authority gave to the firm.
        frame_hash: The hash that was published before the seed was known.
        draw_root: The root that was told with the draw.
        late_root: For a subject that came later: the root in its line of the register.
        outcome: What the source of the seed published.
    """
    told = Told(frame_hash, draw_root, late_root, outcome)
    try:
        return [text for holds, text in _steps(proof, told) if not holds]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return ["the document is none of a proof"]


def _steps(proof: Any, told: Told) -> Iterator[tuple[bool, str]]:
    frame_hash, draw_root, late_root, _outcome = told
    frame, task, subject = proof["frame"], proof["task"], proof["subject_id"]
    about, committed = frame["about"], frame["commitments"]
    own = sha256(f"{FRAME_FORMAT}\n{canonical(about).decode()}\n{canonical(committed).decode()}\n")
    yield own == frame["hash"], "frame: hash is not that of about and commitments"
    yield frame_hash is None or own == frame_hash.strip().lower(), "frame: hash is not the published one"
    yield about["task"]["id"] == task, "frame: about is that of another task"
    draw = proof.get("draw")
    yield draw_root is None or bool(draw), "draw: the proof says nothing of it, and a root was told"
    yield late_root is None or "late" in proof, "late: the proof is none of a subject that came later, and a root was told"
    yield from _seed_steps(about["task"].get("seed"), draw, told.outcome)
    if "late" in proof:
        row, leaf = _fields(proof["late"]["row"]), proof["late"]
        yield row[0] == subject, "late: the row is that of another subject"
        yield _climb(leaf) == leaf["register"]["root"], "late: the path does not lead to the root in the register"
        yield late_root is None or leaf["register"]["root"] == late_root.strip().lower(), "late: root is not the one that was told"
        yield leaf["ticket"] == row[6] == _own_ticket(draw["seed"], task, subject, leaf["nonce"]), "late: the ticket is another"
        yield row[9] == mode_of_late(row[6], int(row[7]), int(row[8])), "late: drawn or not otherwise than the ticket says"
        yield draw["drawn"] == bool(row[9]), "draw: drawn is not what the row says"
        yield _is_of_policy(about, row[4], row[2], row[7:9]), "late: ratio or share on site is not that of the frame's policy"
        return
    row, stratum = _fields(proof["subject"]["row"]), _fields(proof["stratum"]["row"])
    yield row[0] == subject, "subject: the row is that of another subject"
    yield _climb(proof["subject"]) == committed["subjects"], "subject: the path does not lead to the published root"
    yield _climb(proof["stratum"]) == committed["strata"], "stratum: the path does not lead to the published root"
    yield row[5] == stratum[0] and row[4] == stratum[1], "stratum: it is not that of the subject"
    ratio_and_share, size, target, on_site = (stratum[6], stratum[8]), *(int(stratum[at]) for at in (4, 5, 7))
    yield (
        _is_of_policy(about, row[4], stratum[2], ratio_and_share),
        "stratum: ratio or share on site is not that of the frame's policy",
    )
    yield rounded_up(int(stratum[6]), size) <= target <= size, "stratum: n is less than its ratio gives, or more than N"
    yield on_site == rounded_up(int(stratum[8]), target), "stratum: the number on site is not its share of n"
    if draw:
        after = _fields(draw["stratum"]["row"])
        yield _climb(draw["stratum"]) == draw["root"], "draw: the path of the stratum does not lead to the root"
        yield draw_root is None or draw["root"] == draw_root.strip().lower(), "draw: root is not the one that was told"
        yield [after[0], *after[1:4]] == [stratum[0], stratum[4], stratum[5], stratum[7]], "draw: n or N of the stratum is another"
        yield draw["ticket"] == _own_ticket(draw["seed"], task, subject, proof["subject"]["nonce"]), "draw: the ticket is another"
        yield draw["drawn"] == (not row[6] and draw["ticket"] <= after[4]), "draw: drawn or not otherwise than the tickets say"


def _is_of_policy(about: Mapping[str, Any], tier: str, industry: str, said: Sequence[str]) -> bool:
    """Whether a ratio and a share on site are those that a frame states; a planner may have edited ratios, and it says so."""
    ratio, share = (int(one) for one in said)
    rule = rule_of(about, tier, industry) or (ratio, share)
    return share == rule[1] and (ratio == rule[0] or "ratios" in about)


def _seed_steps(declared: Any, draw: Any, outcome: str | None) -> Iterator[tuple[bool, str]]:
    """The seed of a proof against the source that its frame declares, and against what that source published."""
    yield outcome is None or bool(draw), "draw: the proof says nothing of it, and what the source published was told"
    yield bool(declared), "frame: about declares no source of the seed"
    if draw and declared:
        yield (
            fits_form(FORMS.get(declared["source"], declared["form"]), draw["seed"]),
            "draw: the seed is not written as its source does",
        )
        yield outcome is None or draw["seed"] == outcome.strip(), "draw: the seed is not what its source published"


def _own_ticket(seed: str, task: str, subject: str, nonce: str) -> str:
    return sha256("|".join((_nfc(seed), _nfc(task), _nfc(subject), nonce)))


def _fields(row: str) -> list[str]:
    """The fields of a canonical row."""
    return [re.sub(r"\\(.)", lambda found: "|" if found[1] == "/" else found[1], one) for one in row.split("|")]


def _climb(leaf: Mapping[str, Any]) -> str:
    """The root to which a row, its nonce and its path lead."""
    node = sha256(f"{leaf['nonce']}|{leaf['row']}")
    for siblings in leaf["path"]:
        node = sha256("node|" + "|".join(sorted([*siblings, node])))
    return node


def as_text(result: Result) -> str:
    """The report for people, one page: what holds, fails, is to be asked about, cannot be known, could be checked with more."""
    to_ask = f", with {len(result.asked)} to ask about" if result.asked else ""
    lines = [f"{result.outcome.replace('_', ' ')}{to_ask}: {len(result.findings)} findings"]
    if result.readable:
        state = "not drawn yet" if result.seed is None else f'{result.drawn:,} drawn with the seed "{_printable(result.seed)}"'
        lines.append(f"  {result.subjects:,} subjects, {state}")
        lines += [f"  frame hash     {result.frame_hash}", f"  log head       {result.log_head}"]
        lines += [f"  register head  {result.register_head}"] * bool(result.register_head)
    lines += [HEADINGS[0], *(f"  {part.text}" for part in result.held)] if result.held else []
    lines += ["fails:", *(f"  {finding.code}: {finding.text}" for finding in result.findings)] if result.findings else []
    lines += [HEADINGS[1], *(f"  {one.text}" for one in result.asked)] if result.asked else []
    for heading, wanting in zip(LIMITS, (False, True)):
        limits = [limit for limit in result.not_covered if is_wanting(limit.code) == wanting]
        lines += [heading, *(f"  {limit.text}" for limit in limits)] if limits else []
    return "\n".join([*lines, f"{result.outcome.replace('_', ' ')}; to ask about: {len(result.asked)}"])


#: Above what holds, and above what breaks no rule and wants an answer.
HEADINGS = (_("holds:"), _("what to ask about:"))
#: Above what no file shows, and above what was not checked because the caller did not name it.
LIMITS = (_("nobody can know from these files:"), _("not checked, for want of what is named:"))


def is_wanting(code: str) -> bool:
    """Whether a limit is there only because the caller did not name what would close it."""
    return code in {f"scope.{name}" for name in Kept._fields}


def as_json(result: Result) -> str:
    """The report for programs: each finding with its code, message, template and values."""
    listed = {name: [_as_dict(one) for one in getattr(result, name)] for name in ("held", "findings", "asked", "not_covered")}
    rest = {name: getattr(result, name) for name in ("subjects", "drawn", "frame_hash", "seed", "log_head", "register_head")}
    return json.dumps({"outcome": result.outcome, **rest, **listed}, indent=2)


def _as_dict(finding: Finding) -> dict[str, Any]:
    return {"code": finding.code, "message": finding.text, "template": finding.template, "values": finding.values}


#: What a firm cannot see from its own proof.
NOT_IN_A_PROOF = (
    "That every stratum is complete, and that the tier, ratio and stratum of the row are right: auditors with the key check the"
    " first, the register and the signed policy show the rest."
)


#: What a firm sees only where somebody looks it up.
TO_COMPARE = 'give --outcome: somebody must compare the seed "{seed}" with what {source} published'


def _main_of_proof(path: str, told: Told) -> int:
    try:
        proof = _json(_bytes(Path(path)), path)
    except Unreadable as error:
        sys.stdout.write(f"{error}\n")
        return 2
    wrong, is_late = check_proof(proof, *told), isinstance(proof, dict) and "late" in proof
    roots = ("late-root", told.late_root) if is_late else ("draw-root", told.draw_root)
    draw = {} if wrong else proof.get("draw") or {}
    drawn = "drawn" if draw.get("drawn") else "not drawn" if draw else "not drawn yet"
    lines = wrong or [f"the proof holds: {_printable(proof['subject_id'])} is {drawn}"]
    lines += [f"not covered: give --{name}" for name, said in (("frame-hash", told.frame_hash), roots) if said is None]
    if draw and told.outcome is None:
        source = source_text(proof["frame"]["about"]["task"]["seed"])
        lines.append("not covered: " + TO_COMPARE.format(seed=_printable(draw["seed"]), source=_printable(source)))
    lines += [LIMITS[0], f"  {NOT_IN_A_PROOF}"]
    if draw:
        limit = _finding("scope.seed_day", source=source_text(proof["frame"]["about"]["task"]["seed"]))
        lines.append(f"  {limit.text}")
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if wrong else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check; the exit code is 0 (verified, maybe without the key), 1 (not verified) or 2 (not readable)."""
    parser = argparse.ArgumentParser(description="Check a drawn inspection plan from its sealed export.")
    parser.add_argument("folder", metavar="PLAN_FOLDER", help="or, with --proof, the file of a firm's own proof")
    parser.add_argument("--proof", action="store_true", help="check a firm's own proof, against --frame-hash and --draw-root")
    parser.add_argument("--late-root", metavar="HASH", help="with --proof of a late subject: the root in its line of the register")
    parser.add_argument("--draw-root", metavar="HASH", help="with --proof: the root that was told with the draw")
    parser.add_argument("--frame-hash", metavar="HASH", help="the hash of the frame that was published before the draw")
    parser.add_argument("--log-head", "--head", dest="head", metavar="HASH", help="the log head that an earlier check printed")
    parser.add_argument("--publication", metavar="FILE", help="the published list, if it is not the one in the folder")
    parser.add_argument("--register", metavar="FILE", help="the register of the authority, if it does not lie two folders above")
    parser.add_argument("--register-head", metavar="HASH", help="the head of the register that an earlier check printed")
    parser.add_argument(
        "--key", metavar="FILE", help="the key of the frame, if it does not lie in the folder keys two folders above"
    )
    parser.add_argument("--outcome", metavar="TEXT", help="what the source of the seed published, as somebody found who looked")
    parser.add_argument("--json", action="store_true", help="report as JSON")
    given = parser.parse_args(arguments)
    if given.proof:
        return _main_of_proof(given.folder, Told(given.frame_hash, given.draw_root, given.late_root, given.outcome))
    result = verify(
        given.folder, frame_hash=given.frame_hash, log_head=given.head, publication=given.publication, register=given.register,
        register_head=given.register_head, key=given.key, outcome=given.outcome,
    )  # fmt: skip
    report = as_json(result) if given.json else as_text(result)
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(report.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    return {"verified": 0, "verified_without_key": 0, "not_verified": 1, "not_readable": 2}[result.outcome]


if __name__ == "__main__":
    sys.exit(main())
