"""A verifier of drawn tasks that was written from ``docs/draw.md`` alone, without a look at the product's code.

It shares nothing with ``verify_draw.py`` but the page. Where the two disagree, one of them or the page is wrong.
"""

import csv
import hashlib
import json
import re
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path

DIGITS = {"digits": "0123456789", "dice": "123456", "hex": "0123456789abcdef", "HEX": "0123456789ABCDEF"}
REASONS = {"deregistered", "revoked", "moved_away", "not_found", "closed_down", "registered_twice"}
LEAVES = {"ill", "on_leave", "transferred", "left_service", "certificate_lost", "recused"}
SUBJECT = ("subject_id", "name", "industry", "region", "tier", "stratum", "exempt_reason", "merged_with")
STRATUM = (
    "stratum", "tier", "industry", "region", "population", "target", "ratio_ppm", "on_site", "on_site_ppm", "full_coverage",
    "exempt",
)  # fmt: skip
LATE = ("subject_id", "name", "industry", "region", "tier", "stratum", "ticket", "ratio_ppm", "on_site_ppm", "mode")


def h(text):
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def nfc(text):
    return unicodedata.normalize("NFC", text)


def word(text):
    """The letters and digits of a text, in which names are compared."""
    return "".join(one for one in unicodedata.normalize("NFKC", text).casefold() if one.isalnum())


def compact(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def row_of(fields):
    return "|".join(str(one).replace("\\", "\\\\").replace("|", "\\/") for one in fields)


def digits_of(count):
    d = 1
    while count > 16 ** (d + 1):
        d += 1
    return d


def content_hash(rows):
    d, groups = digits_of(len(rows)), defaultdict(list)
    for name, row in rows.items():
        groups[h(name)[:d]].append(h(row))
    return h("|".join(sorted(f"{place}:{h('|'.join(sorted(own)))}" for place, own in groups.items())))


def root_hash(leaves):
    """The tree from the top: a node's hash by those below it."""
    d = digits_of(len(leaves))
    places = {name: h(name)[:d] for name in leaves}

    def node(prefix):
        own = [leaf for name, leaf in leaves.items() if places[name].startswith(prefix)]
        if len(prefix) == d:
            return h("node|" + "|".join(sorted(own)))
        below = {places[name][: len(prefix) + 1] for name in leaves if places[name].startswith(prefix)}
        return h("node|" + "|".join(sorted(node(one) for one in below)))

    return node("")


def table(path):
    """A CSV file; the quote before what a spreadsheet could take for a formula is no part of the value."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return [{name: cell.removeprefix("'") for name, cell in row.items()} for row in csv.DictReader(stream)]


def chain(path):
    """The lines of a log or register, after a check of each hash."""
    lines, previous = [], "0" * 64
    for number, text in enumerate(path.read_text("utf-8").splitlines(), start=1):
        line = json.loads(text)
        own = h(compact({name: value for name, value in line.items() if name != "hash"}))
        if (line["number"], line["previous"], line["hash"]) != (number, previous, own):
            raise ValueError(f"{path.name} line {number}: broken chain")
        previous = line["hash"]
        lines.append(line)
    return lines


def of_form(form, seed):
    groups, texts = form.split(" + "), seed.split(" + ")
    return len(groups) == len(texts) and all(of_group(group, text) for group, text in zip(groups, texts, strict=True))


def of_group(group, text):
    if " of " in group:
        many, most = group.split(" of ")
        wanted = sorted({int(one) for one in text.split(" ")})
        return (
            len(wanted) == int(many)
            and wanted[0] >= 1
            and wanted[-1] <= int(most)
            and text == " ".join(str(one).zfill(len(most)) for one in wanted)
        )
    many, kind = group.split(" ")
    return re.fullmatch(f"[{DIGITS[kind]}]{{{many}}}", text) is not None


class Folder:
    """A drawn task of format 3 with its key and its register."""

    def __init__(self, folder, key, register):
        self.folder, self.key = Path(folder), Path(key).read_text("ascii").strip()
        self.manifest = json.loads((self.folder / "manifest.json").read_text("utf-8"))
        self.about = self.manifest["about"]
        self.task, self.seed = self.about["task"], self.manifest["seed"]
        self.plan, self.sample = table(self.folder / "plan.csv"), table(self.folder / "sample.csv")
        self.sent, self.published = table(self.folder / "inspectors.csv"), table(self.folder / "publication.csv")
        self.log, self.register = chain(self.folder / "log.jsonl"), chain(Path(register))
        self.wrong = []

    def must(self, holds, what):
        if not holds:
            self.wrong.append(what)

    def nonce(self, name):
        return h("|".join((self.key, self.task["id"], nfc(name), self.key)))

    def ticket(self, subject):
        return h("|".join((self.seed, self.task["id"], nfc(subject), self.nonce(subject))))

    def root(self, rows):
        return root_hash({name: h(f"{self.nonce(name)}|{row}") for name, row in rows.items()})

    def check(self):
        for part in ("frame", "strata", "seed_text", "draw", "people", "replaced", "late", "told", "lines", "counts", "files"):
            getattr(self, f"check_{part}")()
        return self.wrong

    def check_frame(self):
        strata = {nfc(row["stratum"]): row_of(row[name] for name in STRATUM) for row in self.plan}
        subjects = {nfc(row["subject_id"]): row_of(row[name] for name in SUBJECT) for row in self.sample}
        people = h(compact(self.manifest["inspectors"]))
        content = h("|".join((content_hash(strata), content_hash(subjects), people)))
        own = {
            "key": h(self.key),
            "content": h(f"{self.key}|{content}|{self.key}"),
            "people": h(f"{self.key}|{people}|{self.key}"),
            "subjects": self.root(subjects),
            "strata": self.root(strata),
        }
        self.must(own == self.manifest["commitments"], "commitments")
        lines = ("creditscore-frame/3", compact(self.about), compact(own))
        self.must(h("".join(f"{line}\n" for line in lines)) == self.manifest["frame_hash"], "frame hash")
        self.must(len(subjects) == len(self.sample), "a subject twice")

    def cell(self, row):
        """Tier, industry and region as they stand in the name of a stratum."""
        region = (row["region"] or "unknown") if self.task["by_region"] else None
        return row["tier"], row["industry"] or "unknown", region

    def name(self, cell, joined=False):
        tier, industry, region = cell
        return "|".join([self.task["id"], tier, "" if joined else industry, *([region] if region is not None else [])])

    def check_strata(self):
        cells = [self.cell(row) for row in self.sample]
        stay = Counter(cell for cell, row in zip(cells, self.sample, strict=True) if not row["exempt_reason"])
        joining = self.about["joining"]
        small = {
            cell for cell in set(cells)
            if cell[1] not in joining["apart"] and joining["ratios_ppm"][cell[0]] * stay[cell] < 1_000_000
        }  # fmt: skip
        many = Counter((cell[0], cell[2]) for cell in small)
        sizes = Counter()
        for cell, row in zip(cells, self.sample, strict=True):
            own = self.name(cell, joined=cell in small and many[cell[0], cell[2]] > 1)
            self.must(row["stratum"] == own, f"stratum of {row['subject_id']}")
            sizes[own] += not row["exempt_reason"]
        total = 0
        for row in self.plan:
            n, size = int(row["target"]), int(row["population"])
            total += n
            self.must(size == sizes[row["stratum"]], f"population of {row['stratum']}")
            self.must(int(row["on_site"]) == -(-int(row["on_site_ppm"]) * n // 10**6), f"on site of {row['stratum']}")
            self.check_policy(row)
        floor = self.task["min_ratio"]
        least = 0 if floor is None else -(-round(floor * 10**6) * sum(sizes.values()) // 10**6)
        least = max(least, self.task["target"] or 0)
        self.must(total >= least, "floor, or number that the task names")
        # The smallest factor from 10^6 on with which all reach what the task asks for.
        low, high = 10**6, 10**12
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if sum(self.raised(middle)) >= least else (middle + 1, high)
        for row, n in zip(self.plan, self.raised(low), strict=True):
            self.must(int(row["target"]) == n, f"target of {row['stratum']}")

    def raised(self, factor):
        """The targets of all strata by their ratios and a factor in millionths."""
        rows = ((int(row["ratio_ppm"]), int(row["population"])) for row in self.plan)
        return [min(size, -(-ratio * factor * size // 10**12)) for ratio, size in rows]

    def policy(self, tier, industry):
        """Ratio and share on site that the signed policy has for a tier in an industry."""
        rules = self.about["joining"]["apart"].get(industry, self.about["joining"])
        return rules["ratios_ppm"][tier], rules["on_site_ppm"][tier]

    def check_policy(self, row):
        name, (ratio, share) = row["stratum"], self.policy(row["tier"], row["industry"])
        self.must("ratios" in self.about or int(row["ratio_ppm"]) == ratio, f"ratio of {name}")
        self.must(int(row["on_site_ppm"]) == share, f"share on site of {name}")
        apart = self.about["joining"]["apart"].get(row["industry"], {"ratios_ppm": {"A": 0}})
        full = set(apart["ratios_ppm"].values()) == {10**6}
        self.must((row["full_coverage"] == "1") == full, f"full coverage of {name}")
        self.must(not full or row["ratio_ppm"] == "1000000", f"edited ratio of {name}, which is covered in full")

    def check_seed_text(self):
        source = self.task["seed"]
        form = {"drand": "64 hex", "nist": "128 HEX"}.get(source["source"], source["form"])
        self.must(of_form(form, self.seed), "form of the seed")
        self.must(self.manifest["drawn_on"] >= source["day"], "day of the draw")
        drawn = next(line for line in self.log if line["what"] == "drawn")
        text = f"{source['source']}: {source['name']} {source['issue']}, {source['day']}"
        self.must(drawn["seed_source"] == text, "source of the seed")

    def check_draw(self):
        queues, rows = defaultdict(list), {}
        for row in self.sample:
            if not row["exempt_reason"]:
                queues[row["stratum"]].append((self.ticket(row["subject_id"]), row))
        for one in self.plan:
            queue = sorted(queues[one["stratum"]], key=lambda pair: pair[0])
            n, on_site = int(one["target"]), int(one["on_site"])
            for rank, (ticket, row) in enumerate(queue):
                mode = "on_site" if rank < on_site else "off_site" if rank < n else ""
                found = (row["ticket"], row["drawn"], row["mode"], float(row["inclusion_probability"]))
                self.must(found == (ticket, "1" if rank < n else "0", mode, n / len(queue)), f"draw of {row['subject_id']}")
            last = queue[n - 1][0] if n else ""
            last_on_site = queue[on_site - 1][0] if on_site else ""
            rows[nfc(one["stratum"])] = row_of((one["stratum"], len(queue), n, on_site, last, last_on_site))
        self.queues, self.draw_root = queues, self.root(rows)

    def team(self, subject, region, turn, recused=(), stay=()):
        """Who goes to a subject at a turn, after the visits so far; ``stay`` are those of its team who go on."""
        share = round(self.task["cross_region_share"] * 10**6)
        across = -(-share * turn // 10**6) > -(-share * (turn - 1) // 10**6)
        pool = self.manifest["inspectors"]
        apart = {staff for staff, other in pool["recusals"] if other == subject} | set(recused) | self.left
        order = sorted(
            (one for one in pool["members"] if one["staff_id"] not in apart),
            key=lambda one: (
                one["staff_id"] not in stay,
                one["region"] in ("", region) if across else one["region"] != region,
                self.visits[one["staff_id"]],
                h("|".join((self.seed, self.task["id"], nfc(subject), nfc(one["staff_id"])))),
            ),
        )
        lead = [one for one in order if one["department"] in ("", self.task["department"])]
        others = [one for one in order if one not in lead]
        head = [lead[0], others[0]] if lead and others else []
        return [*head, *(one for one in order if one not in head)][: self.task["min_inspectors"]]

    def sent_to(self, subject, region, ticket, recused=()):
        """The next turn."""
        turn = len(self.teams) + 1
        team = self.team(subject, region, turn, recused)
        ids = [one["staff_id"] for one in team]
        self.visits.update(ids)
        self.teams[subject] = {"team": ids, "turn": turn, "region": region, "ticket": ticket, "recused": recused}
        return team

    def check_people(self):
        self.visits, self.teams, self.left, expected = Counter(), {}, set(), {}
        drawn = sorted((row for row in self.sample if row["drawn"] == "1"), key=lambda row: row["ticket"])
        for row in drawn:
            for place, one in enumerate(self.sent_to(row["subject_id"], row["region"], row["ticket"]), start=1):
                expected[row["subject_id"], str(place)] = one
        keys = ("staff_id", "name", "department", "region", "certificate_valid_to")
        sent = {(row["subject_id"], row["place"]): {name: row[name] for name in keys} for row in self.sent}
        self.must(sent == expected, "inspectors")

    def later_team(self, line, subject, region, recused=()):
        own = [one["staff_id"] for one in self.sent_to(subject, region, line["ticket"], recused)]
        self.must(line["team"] == own, f"team of {subject}")

    def check_leave(self, line, gone):
        staff, teams = line["staff_id"], {one["subject_id"]: one for one in line["teams"]}
        self.must(line["reason"] in LEAVES and line["evidence"] and line["by"] != line["second"], f"leave of {staff}")
        theirs = {subject for subject, sent in self.teams.items() if staff in sent["team"] and subject not in gone}
        self.must({*teams, *line["kept"]} == theirs, f"visits of {staff}")
        self.left.add(staff)
        for subject in sorted(teams.keys() & theirs, key=lambda one: self.teams[one]["ticket"]):
            sent = self.teams[subject]
            stay = [one for one in sent["team"] if one != staff]
            team = [one["staff_id"] for one in self.team(subject, sent["region"], sent["turn"], sent["recused"], stay)]
            comes = [one for one in team if one not in stay]
            self.must((teams[subject]["team"], [teams[subject]["comes"]]) == (team, comes), f"stand-in of {staff} at {subject}")
            self.visits.update(comes)
            sent["team"] = team

    def check_replaced(self):
        """And the teams of late subjects, since all visits count in the order of the log."""
        rows = {row["subject_id"]: row for row in self.sample}
        modes, used = {row["subject_id"]: row["mode"] for row in self.sample if row["drawn"] == "1"}, set()
        waiting = {
            name: [row["subject_id"] for _ticket, row in sorted(queue, key=lambda pair: pair[0]) if row["drawn"] == "0"]
            for name, queue in self.queues.items()
        }
        for line in self.log:
            if line["what"] == "joined" and line["mode"]:
                self.later_team(line, line["subject_id"], line["region"], line["recused"])
            if line["what"] == "left":
                self.check_leave(line, used)
            if line["what"] != "replaced":
                continue
            gone, came = line["subject_id"], line["replaced_by"]
            self.must(gone in modes and gone not in used, f"{gone} is replaced and was not to be visited")
            self.must(waiting[rows[gone]["stratum"]][:1] == [came], f"{came} is not the next")
            waiting[rows[gone]["stratum"]] = waiting[rows[gone]["stratum"]][1:]
            self.must((line["mode"], line["ticket"]) == (modes.get(gone), self.ticket(came)), f"mode or ticket of {came}")
            self.must(line["reason"] in REASONS and line["evidence"] and line["by"] != line["second"], f"reason for {gone}")
            used.add(gone)
            modes[came] = line["mode"]
            self.later_team(line, came, rows[came]["region"])

    def check_late(self):
        known, strata = {row["subject_id"] for row in self.sample}, {row["stratum"]: row for row in self.plan}
        for line in (line for line in self.log if line["what"] == "joined"):
            subject, ticket = line["subject_id"], self.ticket(line["subject_id"])
            self.must(subject not in known, f"{subject} has a ticket already")
            known.add(subject)
            cell = self.cell(line)
            own, joined = self.name(cell), self.name(cell, joined=True)
            may_join = own not in strata and joined in strata and cell[1] not in self.about["joining"]["apart"]
            self.must(line["stratum"] == (joined if may_join else own), f"stratum of {subject}")
            number, ratio, share = int(ticket, 16), line["ratio_ppm"], line["on_site_ppm"]
            row = strata.get(line["stratum"])
            rule = (int(row["ratio_ppm"]), int(row["on_site_ppm"])) if row else self.policy(line["tier"], line["industry"])
            self.must((ratio, share) == rule, f"ratio of {subject}")
            drawn, on_site = number * 10**6 < ratio * 2**256, number * 10**12 < ratio * share * 2**256
            mode = "on_site" if on_site else "off_site" if drawn else ""
            self.must((line["ticket"], line["mode"]) == (ticket, mode), f"ticket or mode of {subject}")

    def check_told(self):
        """The register, and the list that the public has."""
        own = [line for line in self.register if line.get("task") == self.task["id"]]
        start = max(at for at, line in enumerate(own) if line["what"] == "published")
        self.must(not any(line["what"] == "void" for line in own[start:]), "voided")
        published, *later = own[start:]
        self.must(published["frame_hash"] == self.manifest["frame_hash"], "register: frame hash")
        self.must(published["on"] < self.task["seed"]["day"], "register: published when the seed was known")
        sealed = hashlib.sha256((self.folder / "manifest.json").read_bytes()).hexdigest()
        (drawn,) = [line for line in later if line["what"] == "drawn"]
        logged = next(line for line in self.log if line["what"] == "drawn")
        for line in (drawn, logged):
            told = (line["seed"], line["frame_hash"], line["manifest"], line["strata"], line["on"])
            expected = (self.seed, self.manifest["frame_hash"], sealed, self.draw_root, self.manifest["drawn_on"])
            self.must(told == expected, "the line of the draw")
        joined = [line for line in self.log if line["what"] == "joined"]
        for line in (line for line in later if line["what"] == "joined"):
            together, joined = joined[: line["subjects"]], joined[line["subjects"] :]
            rows = {nfc(one["subject_id"]): row_of(one[name] for name in LATE) for one in together}
            self.must(line["late"] == self.root(rows), "root of late subjects")
            self.must(len(together) == line["subjects"], "number of late subjects")
            self.must(line["drawn"] == sum(one["mode"] != "" for one in together), "number of late subjects drawn")
            self.must({(one["on"], one["by"]) for one in together} == {(line["on"], line["by"])}, "day or person of late subjects")
        names = {row["subject_id"]: row["name"] for row in self.sample if row["drawn"] == "1"}
        self.must([row["subject_id"] for row in self.published] == sorted(names), "publication: who is listed")
        for row in self.published:
            about = (self.task[name] for name in ("item", "department", "start", "end"))
            expected = (names.get(row["subject_id"]), *about, self.manifest["format"])
            told = tuple(row[name] for name in ("name", "item", "department", "start", "end", "format"))
            self.must(told == expected, f"publication: {row['subject_id']}")

    def check_lines(self):
        """Days, reasons and persons in the register."""
        day = ""
        for line in self.register:
            recorded = line.get("recorded", "")
            what = line["what"]
            if line.get("task") != self.task["id"] or what == "draw_refused" or line.get("adopted"):
                continue
            self.must(day <= line["on"] <= (recorded or line["on"]), f"register line {line['number']}: day")
            day = line["on"]
            if what == "void" or (what == "closed" and line["open"]) or "corrected" in line:
                texts = [line["reason"], *([line["evidence"]] if what == "results" else [])]
                self.must(all(word(text) for text in texts), f"register line {line['number']}: reason or evidence")
                self.must(len({word(line["by"]), word(line["second"])} - {""}) == 2, f"register line {line['number']}: persons")

    def check_counts(self):
        """Results, open visits, and visits that who left had made."""
        start = max(at for at, line in enumerate(self.register) if line["what"] == "published" and line["task"] == self.task["id"])
        own = [line for line in self.register[start:] if line.get("task") == self.task["id"]]
        v, r, done, kept = len(self.published), 0, 0, set()
        left = [line for line in self.log if line["what"] == "left"]
        for line in own:
            v += line["drawn"] if line["what"] == "joined" else 0
            r += line["what"] == "replaced"
            if line["what"] == "left":
                kept |= set(left.pop(0)["kept"])
                self.must(len(kept) <= done, "visits kept that had no result")
            if line["what"] == "results":
                self.must(line["results"] == done + line["new"], "results and new")
                done = line["results"]
                self.must(max(0, v - done) <= line["open"] <= v - done + r, "open visits")
        for line in own:
            if line["what"] == "closed":
                rows = table(self.folder / "closing.csv")
                found = {row["subject_id"] for row in rows if row["inspected_on"]}
                still = [row for row in rows if row["standing"] != "replaced" and not row["inspected_on"]]
                self.must((line["open"], done) == (len(still), len(found)), "open visits and results at the closing")
                self.must(kept <= found, "visits kept whose result is not told")

    def check_files(self):
        sums = [h(json.dumps(list(row.values()), ensure_ascii=False))[:16] for row in self.sample]
        self.must((self.folder / "sample.sha256").read_text("ascii").split() == sums, "sample.sha256")
        for name, sealed in self.manifest["files"].items():
            if name != "publication.csv":  # results are entered in it
                self.must(hashlib.sha256((self.folder / name).read_bytes()).hexdigest() == sealed, name)


def wrong_in(folder, *, key, register):
    """What is wrong with a drawn task, one line each; none if nothing is."""
    return Folder(folder, key, register).check()


def wrong_in_proof(proof):
    """What is wrong with a firm's own proof."""
    frame, task, subject = proof["frame"], proof["task"], proof["subject_id"]
    lines = ("creditscore-frame/3", compact(frame["about"]), compact(frame["commitments"]))
    steps = {"frame hash": h("".join(f"{line}\n" for line in lines)) == frame["hash"]}

    def climbed(leaf):
        node = h(f"{leaf['nonce']}|{leaf['row']}")
        for others in leaf["path"]:
            node = h("node|" + "|".join(sorted([*others, node])))
        return node

    if "late" in proof:
        late = proof["late"]
        steps["late row"] = climbed(late) == late["register"]["root"]
        nonce, ticket = late["nonce"], late["ticket"]
    else:
        steps["row"] = climbed(proof["subject"]) == frame["commitments"]["subjects"]
        steps["stratum"] = climbed(proof["stratum"]) == frame["commitments"]["strata"]
        after = proof["draw"]["stratum"]
        steps["draw root"] = climbed(after) == proof["draw"]["root"]
        nonce, ticket = proof["subject"]["nonce"], proof["draw"]["ticket"]
        steps["drawn"] = proof["draw"]["drawn"] == (ticket <= after["row"].split("|")[-2])
    steps["ticket"] = h("|".join((proof["draw"]["seed"], task, nfc(subject), nonce))) == ticket
    return [name for name, holds in steps.items() if not holds]
