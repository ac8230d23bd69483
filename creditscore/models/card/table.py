"""A scorecard as people print it: one row per attribute, columns named as scorecard users know them."""

from typing import Literal

import pandas as pd

from creditscore.config.base import Language
from creditscore.errors import DataError
from creditscore.models.card.attribute import Attribute, Characteristic
from creditscore.models.card.data import Card

_COLUMNS = {
    "variable": ("Variable", "变量名称"),
    "label": ("Label", "变量含义"),
    "source": ("Source", "数据来源"),
    "bin_id": ("Bin id", "分箱序号"),
    "bin": ("Bin", "变量分箱"),
    "count": ("Count", "样本总数"),
    "share": ("Count (%)", "样本占比"),
    "bad_rate": ("Event rate", "坏样本率"),
    "woe": ("WoE", "分档WOE值"),
    "neutral": ("Neutral", "中性"),
    "coefficient": ("Coefficient", "系数"),
    "iv": ("IV", "指标IV值"),
    "points": ("Points", "对应分数"),
}
_SUMMARY = ("variable", "label", "bin", "points")
_SOURCES_ZH = {"base": "基础", "public": "公共", "industry": "行业", "market": "市场", "self_declared": "自主申报"}
_KINDS_ZH = {"missing": "缺失值", "other": "其他"}
_KINDS_EN = {"missing": "Missing", "other": "Other"}


def table(card: Card, *, style: Literal["summary", "detailed"] = "summary", lang: Language = "en") -> pd.DataFrame:
    """One row for the constant, then one per attribute in the card's order.

    ``summary``: variable, label, bin, points. ``detailed`` adds source, bin number, rows (unweighted),
    share of weight, event rate (weighted, smoothed), WoE (ln good share / bad share: more is safer),
    coefficient and information value.

    Raises:
        DataError: when the style or the language is not one of those.
    """
    if style not in ("summary", "detailed") or lang not in ("en", "zh"):
        raise DataError(f"table: expected style summary or detailed and lang en or zh (got {style!r}, {lang!r})")
    rows = [_constant(card, lang)] + [
        _row(one, number, a, lang) for one in card.characteristics for number, a in enumerate(one.attributes)
    ]
    chosen = _SUMMARY if style == "summary" else tuple(_COLUMNS)
    frame = pd.DataFrame(rows, columns=list(_COLUMNS)).astype({"points": "int64", "count": "Int64", "bin_id": "Int64"})
    return frame[list(chosen)].rename(columns={key: names[lang == "zh"] for key, names in _COLUMNS.items()})


def bin_label(attribute: Attribute, lang: Language) -> str:
    """The label of an attribute; Missing and Other in the language asked for."""
    return (_KINDS_ZH if lang == "zh" else _KINDS_EN).get(attribute.kind, attribute.label)


def _constant(card: Card, lang: Language) -> dict[str, object]:
    zh = lang == "zh"
    return {"variable": "基础分" if zh else "base", "label": "基础分" if zh else "Constant", "bin": "", "points": card.constant}


def _row(one: Characteristic, number: int, attribute: Attribute, lang: Language) -> dict[str, object]:
    return {
        "variable": one.name,
        "label": one.label.text(lang),
        "source": _SOURCES_ZH[one.source] if lang == "zh" else one.source,
        "bin_id": number,
        "bin": bin_label(attribute, lang),
        "count": attribute.rows,
        "share": attribute.weight,
        "bad_rate": attribute.bad_rate,
        "woe": attribute.woe,
        "neutral": attribute.neutral,
        "coefficient": one.coefficient,
        "iv": one.information_value,
        "points": attribute.points,
    }
