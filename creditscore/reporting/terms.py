"""The columns of sheets and tables by key: what each is called and what it means."""

from __future__ import annotations

from dataclasses import dataclass

from creditscore.language import Message, Text, _, pgettext
from creditscore.vocabulary import PROPOSED, RISKIEST, TIERS


@dataclass(frozen=True)
class Term:
    """A column: its label and what it means (the data dictionary prints both)."""

    label: Message
    meaning: Text = ""


#: Columns of the workbook by key.
TERMS: dict[str, Term] = {
    "item": Term(_("Item"), _("What the line is about")),
    "content": Term(_("Content"), _("What it says")),
    "task": Term(_("Task"), _("Id of the inspection task (tasks.toml)")),
    "task_label": Term(_("Task name"), _("Name of the inspection task")),
    "check_item": Term(_("Inspection item"), _("What is inspected")),
    "department": Term(_("Department"), _("Department that inspects")),
    "joint_with": Term(_("Joint with"), _("Departments that share the visit")),
    "period": Term(_("Period"), _("First to last day of the task")),
    "subject_id": Term(_("Subject id"), _("Kept as text; practitioners by licence number")),
    "name": Term(_("Name"), _("Name of the market subject; names of practitioners are not put out")),
    "subject_type": Term(_("Subject type"), _("Enterprise, individual business, co-operative …")),
    "industry": Term(_("Industry"), _("GB/T 4754 or the project's own code")),
    "industry_label": Term(_("Industry name"), _("The name of the industry's code")),
    "region": Term(_("Region"), _("GB/T 2260 code")),
    "region_label": Term(_("Region name"), _("The name of the region's code; the code itself where no table names it")),
    "registration_authority": Term(_("Registration authority"), _("Where the subject is registered")),
    "address": Term(_("Address"), _("Registered address or place of business")),
    "stratum": Term(_("Stratum"), _("Task x tier x industry (maybe x region)")),
    "tier": Term(_("Tier"), _("The tier that holds and is drawn from; NR is not rated")),
    "raw_tier": Term(_("Proposed tier"), _("What score and rules say today; where it needs a signature, not yet in force")),
    "previous_tier": Term(_("Previous tier"), _("The tier after the run before, through NR the last one rated; blank means new")),
    "rule": Term(_("Rule"), _("Rule that set the tier; blank means the score did")),
    "population": Term(_("Subjects"), _("Subjects in the stratum")),
    "exempt": Term(_("Exempt"), _("Left before the draw: caps, recent visits")),
    "base_ratio": Term(_("Policy ratio"), _("Ratio of the tier policy")),
    "ratio": Term(_("Ratio"), _("May be edited and read back (0 to 100 %)")),
    "target": Term(_("Target"), _("Subjects x ratio, rounded up in each stratum")),
    "effective_ratio": Term(_("Ratio after rounding"), _("Target / subjects: the inclusion probability")),
    "visits_per_year": Term(_("Visits a year"), _("Visits a year at this tier")),
    "repeat_within_months": Term(_("No repeat within (months)"), _("Not drawn again within this number of months")),
    "inclusion_probability": Term(_("Inclusion probability"), _("Fixed before the draw; next year's weights")),
    "order": Term(_("No."), _("Within the task, by stratum and ticket")),
    "ticket": Term(_("Ticket (first 16)"), _("SHA-256(seed|task|id|nonce); the smallest of a stratum are drawn")),
    "score": Term(_("Score"), _("A higher score is a lower risk")),
    "incomplete_since": Term(
        _("Incomplete since"),
        _("Records that may count against the subject are refused: score and reasons may lack them"),
    ),
    "quarantined_at": Term(_("Refused row"), _("Source and row of a subject whose own row of the register was refused")),
    "reason_1": Term(_("Reason 1"), _("Characteristic that cost most against the baseline")),
    "reason_2": Term(_("Reason 2"), _("Second")),
    "reason_3": Term(_("Reason 3"), _("Third")),
    "reason_4": Term(_("Reason 4"), _("Fourth")),
    "inspectors": Term(_("Inspectors"), _("Staff ids only; at least two")),
    "week": Term(_("Week"), _("Week of the task; visits are spread by working days, a merged visit has one week")),
    "week_from": Term(_("Week from"), _("First day of the week within the task")),
    "week_to": Term(_("Week to"), _("Last day of the week within the task")),
    "workdays": Term(_("Working days"), _("By the work calendar; empty where calendar.toml lacks the notice of the year")),
    "visits": Term(pgettext("of a week", "Visits"), _("Visits planned for the week")),
    "visits_on_site": Term(_("Of these on site"), _("Visits on site")),
    "visits_off_site": Term(_("Of these off site"), _("Checks on paper or online")),
    "visits_merged": Term(_("Of these merged"), _("Visits that serve several tasks")),
    "standing": Term(_("Standing"), _("Drawn, replacement, late, or checked along with another task")),
    "replaced_by": Term(_("Replaced by"), _("The next ticket of the stratum goes in its place")),
    "mode_probability": Term(
        _("Probability of the mode"), _("Chance of being drawn for this mode: the weight of next year's label")
    ),
    "on_site": Term(_("Of these on site"), _("How many of the target are visited on site, rounded up")),
    "on_site_share": Term(_("Share on site"), _("Share of visits on site by the tier policy")),
    "staff_id": Term(_("Staff id"), _("Id only")),
    "staff_region": Term(_("Region of staff"), _("Where the inspector works")),
    "staff_visits": Term(_("Visits of the inspector"), _("Visits in which the inspector takes part")),
    "staff_leads": Term(_("Of these as leader"), _("Visits led")),
    "certificate_valid_to": Term(_("Certificate valid to"), _("Last day of the certificate")),
    "merged_with": Term(_("Merged with"), _("Tasks served by the same visit")),
    "outcome": Term(_("Outcome"), _("Choose from the list, then read back")),
    "mode": Term(_("Mode"), _("On site or off site; blank means on site")),
    "visited_on": Term(_("Visited on"), _("Day of the visit, such as 2024-05-31")),
    "found_severity": Term(_("Severity (1-10)"), _("1 is slight, 10 is grave; where a violation was found")),
    "decision": Term(_("Decision"), _("Approve or reject the entry to D")),
    "evidence": Term(_("Evidence"), _("Ids of the records behind the rule")),
    "grounds_hash": Term(_("Grounds hash"), _("Ties the decision to this sheet")),
    "of_these_proposed": Term(_("Of these D proposed"), _("Subjects proposed for D: drawn here until somebody signs")),
    "proposed": Term(_("D proposed"), _("Proposed for D and not yet signed; drawn in the tier beside")),
    "drawn_tier": Term(_("Drawn in"), _("Tier in which the subject is drawn until somebody signs")),
    "rests_on": Term(
        _("Rests on"), _("Records behind the proposed tier: the signature lasts while all of them stand with their values")
    ),
    "further_records": Term(
        _("Further records"), _("Other records that may count against it; they do not end the signature, nor new ones")
    ),
    "reviewer": Term(_("Reviewer"), _("Staff id")),
    "review_reason": Term(pgettext("of a signature", "Reason"), _("Reason of the decision; needed")),
    "reviewed_on": Term(_("Signed on"), _("Day of the decision, such as 2024-05-31")),
    "certificate": Term(pgettext("of a team", "Certificate valid to"), _("First day on which a certificate of the team ends")),
    "recusal": Term(_("Recusal"), _("Staff who may not inspect this subject")),
    "section": Term(_("Section"), _("Part of the sheet that the line belongs to")),
    "from_tier": Term(_("From tier"), _("Tier before; in the part on migration only")),
    "subjects": Term(pgettext("count", "Subjects"), _("Number of subjects")),
    "share": Term(_("Share"), _("Distribution: of the industry; migration: of the previous tier")),
    "attribute": Term(pgettext("audited", "Attribute"), _("For audit only, never scored")),
    "group": Term(_("Group"), _("Value of the attribute")),
    **{
        f"share_{tier}": Term(_("Share {tier}", tier=tier), _("Share of the group that holds tier {tier}", tier=tier))
        for tier in TIERS[:-1]
    },
    f"share_{PROPOSED}": Term(_("Share D proposed"), _("Share of the group that is proposed for D and not yet signed")),
    f"share_{RISKIEST}": Term(
        _("Share {tier}", tier=RISKIEST),
        _("Share of the group that holds tier {tier}; tiers to be signed are not in it", tier=RISKIEST),
    ),
    "share_NR": Term(_("Share NR"), _("Share of the group that is not rated")),
    "riskiest_low": Term(_("{tier} low", tier=RISKIEST), _("95 % interval (Wilson)")),
    "riskiest_high": Term(_("{tier} high", tier=RISKIEST), _("95 % interval (Wilson)")),
    "visits_per_1000": Term(_("Visits per 1,000"), _("Sum of inclusion probabilities x 1,000 / subjects")),
    "remark": Term(_("Remark"), _("Why there is no figure, and the like")),
    "table": Term(_("Table"), _("Table that was checked")),
    "check_rule": Term(_("Check"), _("What was checked or found")),
    "code": Term(_("Code"), _("Code for reference")),
    "rows": Term(_("Rows"), _("Rows concerned; in scorecards rows of the training")),
    "examples": Term(_("Examples (keys)"), _("Keys of rows, never contents")),
    "card": Term(_("Scorecard"), _("Industry of the scorecard")),
    "characteristic": Term(_("Characteristic"), _("Characteristic of the scorecard")),
    "source": Term(_("Source"), _("base, public, industry, market, self-declared")),
    "unit": Term(_("Unit"), _("Unit of the characteristic")),
    "bin": Term(_("Attribute"), _("Intervals are left-closed [a, b)")),
    "points": Term(_("Points"), _("Whole; score = constant + sum of points")),
    "weight": Term(_("Share of weight"), _("Share of the training rows, weighted")),
    "bad_rate": Term(_("Bad rate"), _("Weighted and smoothed")),
    "woe": Term(_("WoE"), _("ln(share of good / share of bad): more is safer")),
    "neutral": Term(_("Neutral"), _("Too few rows: points of the average subject")),
    "metric": Term(_("Metric"), _("Measure of the cards on data after the training period, weighted")),
    "figure": Term(_("Value"), _("Rounded as in the report")),
    "figure_low": Term(_("Interval from"), _("95 % interval (bootstrap over subjects); blank where there is none")),
    "figure_high": Term(_("Interval to"), _("95 % interval (bootstrap over subjects); blank where there is none")),
    "sheet": Term(_("Sheet"), _("Sheet that has the column")),
    "field": Term(_("Field"), _("Internal name of the column, the same in every language")),
    "own": Term(_("Header"), _("The header in the language of this workbook")),
    "meaning_own": Term(_("Meaning"), _("What the column holds, in the language of this workbook")),
    "zh": Term(_("Chinese"), _("Chinese header")),
    "en": Term(_("English"), _("English header")),
    "meaning_zh": Term(_("Meaning (Chinese)"), _("What the column holds, in Chinese")),
    "meaning_en": Term(_("Meaning (English)"), _("What the column holds")),
    "measure": Term(_("Measure"), _("What the tier policy provides for the tier")),
    "basis": Term(_("Basis"), _("Document that the measure rests on")),
}
