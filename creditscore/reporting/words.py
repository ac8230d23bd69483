"""The words for codes in Chinese and English: tiers, states, sources, outcomes, units."""

from creditscore.config.spec import Label, Language


def say(zh: str, en: str) -> Label:
    """A label of two words, short to write."""
    return Label(zh=zh, en=en)


#: What is not known of a subject.
UNKNOWN = say("（未知）", "(unknown)")
TIERS: dict[str, Label] = {
    "A": say("A 风险低", "A low risk"),
    "B": say("B 风险一般", "B ordinary risk"),
    "C": say("C 风险较高", "C raised risk"),
    "D": say("D 风险高", "D high risk"),
    "NR": say("NR 未评", "NR not rated"),
}
SOURCES: dict[str, Label] = {
    "base": say("基础", "Base"),
    "public": say("公共信用", "Public"),
    "industry": say("行业信用", "Industry"),
    "market": say("市场信用", "Market"),
    "self_declared": say("自主申报", "Self-declared"),
}
SUBJECT_TYPES: dict[str, Label] = {
    "enterprise": say("企业", "Enterprise"),
    "individual_business": say("个体工商户", "Individual business"),
    "co_operative": say("农民专业合作社", "Co-operative"),
    "government": say("政府机关", "Government"),
    "institution": say("事业单位", "Institution"),
    "practitioner": say("执业人员", "Practitioner"),
}
GROUPS: dict[str, Label] = {
    "subject_type": say("主体类型", "Subject type"),
    "size_class": say("规模", "Size class"),
    "region": say("区划", "Region"),
    "ownership": say("所有制", "Ownership"),
    "unknown": say("未知", "Unknown"),
}
SIZES: dict[str, Label] = {
    "large": say("大型", "Large"),
    "medium": say("中型", "Medium"),
    "small": say("小型", "Small"),
    "micro": say("微型", "Micro"),
}
OWNERSHIPS: dict[str, Label] = {
    "state": say("国有", "State"),
    "collective": say("集体", "Collective"),
    "private": say("民营", "Private"),
    "foreign": say("外资", "Foreign"),
}
#: Words of gradings; a grade without words stands for itself.
GRADES: dict[str, Label] = {
    "优": say("优", "优 excellent"),
    "良": say("良", "良 good"),
    "中": say("中", "中 fair"),
    "差": say("差", "差 poor"),
    "excellent": say("优秀", "excellent"),
    "good": say("良好", "good"),
    "pass": say("合格", "pass"),
    "fail": say("不合格", "fail"),
}
#: Features keep ratios in millionths; they are printed as ratios.
PARTS_PER_MILLION = "ppm"
UNITS: dict[str, Label] = {
    "records": say("条", "records"),
    "days": say("天", "days"),
    "months": say("个月", "months"),
    "departments": say("个部门", "departments"),
    "points": say("分", "points"),
    "grade": say("等级", "grade"),
    "yuan": say("元", "yuan"),
    "text": say("文字", "text"),
    "0 or 1": say("是否（1 为是）", "0 or 1"),
    "severity 1-10": say("严重程度 1–10", "severity 1-10"),
    "severity 1-6": say("严重程度 1–6", "severity 1-6"),
    PARTS_PER_MILLION: say("比值", "ratio"),
}
PURPOSES: dict[str, Label] = {
    "supervision": say("信用监管（分配抽查力量）", "Supervision: where inspections go"),
    "financing": say("融资", "Financing"),
    "bidding": say("招标投标", "Bidding"),
}
#: First words of the facts on the first sheet.
FACTS: dict[str, Label] = {
    "config": say("配置", "configuration"),
    "policy": say("分级政策", "policy"),
    "catalogue": say("信息目录版次", "catalogue edition"),
    "codes": say("代码标准", "standards of codes"),
    "input": say("输入", "input"),
    "version": say("软件版本", "version of"),
    "scorecard": say("评分卡", "scorecard"),
}
#: Parts of the row equation of a table.
ARRIVALS: dict[str, Label] = {
    "arrived": say("收到", "arrived"),
    "kept": say("= 采用", "= kept"),
    "quarantined": say("+ 隔离", "+ quarantined"),
    "collapsed": say("+ 合并的重复行", "+ collapsed duplicates"),
}
OUTCOMES: dict[str, Label] = {
    "none": say("未发现问题", "none"),
    "violation": say("发现违法违规", "violation"),
    "not_found": say("查无下落", "not_found"),
    "closed": say("已关闭或注销", "closed"),
    "refused": say("不配合检查", "refused"),
}
MODES: dict[str, Label] = {"on_site": say("实地", "on_site"), "off_site": say("非现场", "off_site")}
STANDINGS: dict[str, Label] = {
    "drawn": say("抽中", "drawn"),
    "replacement": say("递补", "replacement"),
    "late": say("后增", "late"),
    "also": say("一并检查", "checked along"),
}
DECISIONS: dict[str, Label] = {"approve": say("同意", "approve"), "reject": say("不同意", "reject")}
#: What decided a tier, where no record did: by ``vocabulary.ReasonKind``.
RULES: dict[str, Label] = {
    "cut": say("按分数", "by score"),
    "not_rated": say("信息不足，未评", "not rated: too little is known"),
    "new_subject": say("登记时间短，未评", "not rated: registered too recently"),
    "dispute": say("异议处理中，等级不变", "objection open: tier unchanged"),
    "stability": say("升级条件观察期内", "waiting to rise: the better score must last"),
    "override_ended": say("原规则依据已失效", "the record behind an earlier rule no longer counts"),
    "review_rejected": say("签批不同意", "a reviewer did not approve"),
}
#: Why a visit or a subject did not train.
LEFT_OUT: dict[str, Label] = {
    "not drawn at random": say("不是随机抽取", "Not drawn at random"),
    "other trigger": say("其他来源的检查", "Other trigger"),
    "not on_site": say("非现场检查", "Not on site"),
    "not off_site": say("现场检查", "Not off site"),
    "outcome excluded": say("没有结论（未找到、关门、拒检）", "No outcome: not found, closed, refused"),
    "no inclusion probability": say("抽取概率未知", "No inclusion probability"),
    "not of the scored population on the day before": say("当时不属于评分对象", "Not of the scored population on the day before"),
    "left before it was observed long enough": say("观察期未满即退出", "Left before it was observed long enough"),
}
#: Why a row of the register is not scored.
OUT_OF_SCOPE: dict[str, Label] = {
    "deregistered": say("已注销", "Deregistered"),
    "revoked": say("已吊销", "Revoked"),
    "government": say("政府机关，不评", "Government body: never scored"),
    "institution": say("事业单位，不评", "Public institution: never scored"),
    "practitioner": say("从业人员，另行评价", "Practitioner: a project of its own"),
    "not_yet_known": say("当日尚未获知", "Not yet known that day"),
    "not_yet_registered": say("当日尚未登记", "Not yet registered that day"),
    "older_version": say("主体的旧版本", "Older version of a subject"),
}
RIVALS: dict[str, Label] = {
    "lightgbm": say("LightGBM（同样的单调方向）", "LightGBM, the card's trends"),
    "logistic": say("逻辑回归", "Logistic regression"),
    "optbinning": say("optbinning 默认评分卡（不加权）", "optbinning's default card, no weights"),
}
#: Cells of the swap set.
CELLS: dict[str, Label] = {
    "both": say("两者都选", "Both"),
    "only_ours": say("仅评分卡", "The card only"),
    "only_theirs": say("仅对照模型", "The challenger only"),
    "neither": say("都不选", "Neither"),
}
#: Metrics that count something.
COUNTS = frozenset({"n", "events", "effective_size"})
METRICS: dict[str, Label] = {
    "n": say("行数", "Rows"),
    "rows": say("行数", "Rows"),
    "events": say("违规数", "Bads"),
    "bads": say("违规数", "Bads"),
    "effective_size": say("有效样本量", "Effective size"),
    "effective_cases": say("有效违规数", "Effective cases"),
    "auc": say("AUC（区分能力）", "AUC"),
    "within_group_auc": say("行业内 AUC", "AUC within industry"),
    "within_inspector_auc": say("同一检查人员内 AUC", "AUC within inspector"),
    "challenger_auc": say("对照模型 AUC（LightGBM）", "Challenger AUC (LightGBM)"),
    "model": say("模型", "Model"),
    "auc_minus_rival": say("本卡 AUC 减该模型", "AUC of the card less its"),
    "auc_minus_challenger": say("本卡 AUC 减对照模型", "AUC less the challenger's"),
    "visits": say("计划检查", "Visits"),
    "visits_per_subject": say("户均检查", "Visits per subject"),
    "past_visits": say("过去随机检查", "Past random visits"),
    "effective_visits": say("有效检查数", "Effective visits"),
    "rate": say("违规率", "Rate of violations"),
    "expected": say("预计发现", "Expected to find"),
    "low": say("下限", "Low"),
    "high": say("上限", "High"),
    "share_found": say("发现占比", "Share found"),
    "extrapolated": say("外推", "Extrapolated"),
    "excluded_share": say("无结论占比", "Share without outcome"),
    "psi": say("PSI", "PSI"),
    "critical": say("临界值", "Critical value"),
    "points_shift": say("分值变动", "Shift in points"),
    "name": say("指标", "Characteristic"),
    "feature": say("特征", "Feature"),
    "attribute": say("审计属性", "Audited attribute"),
    "association": say("关联度", "Association"),
    "groups": say("组数", "Groups"),
    "tenth": say("十分位", "Tenth"),
    "gini": say("基尼系数", "Gini"),
    "ks": say("KS", "KS"),
    "brier": say("Brier 分数", "Brier score"),
    "log_loss": say("对数损失", "Log loss"),
    "calibration_slope": say("校准斜率", "Calibration slope"),
    "calibration_intercept": say("校准截距", "Calibration intercept"),
    "observed_expected": say("实际/预期", "Observed / expected"),
    "observed_rate": say("实际违规率", "Observed rate"),
    "mean_predicted": say("预期违规率", "Expected rate"),
    "parent": say("上级", "Parent"),
    "own_weight_attributes": say("自身数据份额（分箱）", "Own data (attributes)"),
    "own_weight_intercept": say("自身数据份额（截距）", "Own data (intercept)"),
    "intercept_own": say("自身截距", "Own intercept"),
    "intercept_parent": say("上级截距", "Parent's intercept"),
    "intercept_used": say("采用截距", "Intercept used"),
    "bad_rate_used": say("采用违规率", "Bad rate used"),
}
#: Figures that are shares and are printed as percents.
PERCENTS = frozenset({"observed_rate", "mean_predicted", "bad_rate_used", "own_weight_attributes", "own_weight_intercept"})
#: Sections of the check-up.
SECTIONS: dict[str, Label] = {
    "rows": say("体检：行数", "Check-up: rows"),
    "refused": say("体检：拒收", "Check-up: refused"),
    "source": say("体检：来源", "Check-up: sources"),
    "refused_value": say("体检：拒收的值", "Check-up: values refused"),
    "unmapped": say("体检：未见类别", "Check-up: unseen words"),
    "identity": say("体检：主体代码", "Check-up: codes"),
    "malformed": say("体检：不合格记录", "Check-up: malformed"),
    "supplier": say("体检：提供单位", "Check-up: suppliers"),
    "gate": say("体检：目录准入", "Check-up: gate of the catalogue"),
    "expired": say("体检：到期停用", "Check-up: expired"),
    "calendar": say("体检：工作日历", "Check-up: work calendar"),
    "publicity": say("体检：两系统核对", "Check-up: two systems"),
    "drift": say("体检：与上次比", "Check-up: against the run before"),
    "normalised": say("体检：规范化", "Check-up: normalised"),
    "future": say("体检：晚于当日", "Check-up: after the day"),
    "coverage": say("体检：覆盖", "Check-up: coverage"),
    "late": say("体检：逾期报送", "Check-up: late"),
    "missing": say("体检：漏报", "Check-up: missing"),
    "repair": say("体检：修复", "Check-up: repair"),
}


def text_of(table: dict[str, Label], key: object, lang: Language) -> str:
    """The word for a key in one language; a key without a word stands for itself, a missing one is empty."""
    if key is None or key != key:  # NaN
        return ""
    found = table.get(str(key))
    return str(key) if found is None else found.text(lang)
